#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs every line of commands.txt with the shell and the applets of one busybox, each in an empty folder
# of its own, and prints what it wrote (output and errors together) and its status, framed by lines that
# begin with "@@@". The same script runs on Linux and on Gyre.
#   run.sh COMMANDS WORKSPACE [FIRST LAST]
commands=$1
work=$2
first=${3:-1}
last=${4:-100000}
busybox=/bin/busybox

$busybox rm -rf "$work"
$busybox mkdir -p "$work/bin"
for applet in $($busybox --list); do $busybox ln -s $busybox "$work/bin/$applet"; done
export PATH="$work/bin" HOME=/ LC_ALL=C TERM=dumb PS4='+ '
unset ENV
umask 022

number=0
while IFS= read -r line; do
    number=$((number + 1))
    [ "$number" -ge "$first" ] && [ "$number" -le "$last" ] || continue
    mkdir "$work/here"
    cd "$work/here" || exit 1
    echo "@@@ $number $line"
    timeout -s KILL 60 sh -c "$line" > ../output 2>&1 < /dev/null
    status=$?
    cat ../output
    echo
    echo "@@@ status $status"
    cd "$work" || exit 1
    chmod 755 here
    rm -rf here output
done < "$commands"
echo "@@@ end"
