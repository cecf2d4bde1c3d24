#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What `gyre run` promises: streams apart and binary-clean, exit statuses, files of the host, clear failures.
# Arguments are further options for `gyre run`.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
number=0
extra="$*"
echo "TAP version 13"

run() {
    # shellcheck disable=SC2086  # options, word by word
    "${GYRE:-gyre}" run --no-build --timeout 100 $extra "$@"
}

# check NAME WANTED-STATUS [WANTED-OUTPUT]; compares with $status, and with the file out.
check() {
    number=$((number + 1))
    if [ "$status" != "$2" ]; then
        echo "not ok $number - $1"
        echo "# status $status instead of $2"
        head -c 2000 out err | sed 's/^/# /'
    elif [ $# = 3 ] && [ "$(cat out)" != "$3" ]; then
        echo "not ok $number - $1"
        echo "# wanted: $3"
        head -c 2000 out err | sed 's/^/# /'
    else
        echo "ok $number - $1"
    fi
}

run -- echo hello > out 2> err; status=$?
check "output" 0 hello
[ -s err ]; status=$?
check "nothing on the standard error" 1

run -- sh -c 'echo out; echo err >&2; exit 7' > out 2> err; status=$?
check "output alone" 7 out
cp err out
check "errors alone" 7 err

run -- sh -c 'kill -9 $$' > out 2> err; status=$?
check "killed by a signal" 137
run -- nosuchprogram > out 2> err; status=$?
check "no such program" 127 ""
grep -q "nosuchprogram" err; status=$?
check "the error names it" 0
run -- /etc/passwd > out 2> err; status=$?
check "no program" 126

head -c 10485760 /dev/urandom > random
sha256sum < random > want
run -- sha256sum < random > out 2> err; status=$?
check "10 MiB of input, binary-clean" 0 "$(cat want)"
run -- cat < random 2> err | sha256sum > out; status=$?
check "10 MiB through it, binary-clean" 0 "$(cat want)"
run -- cat < /dev/null > out 2> err; status=$?
check "empty input ends" 0 ""
printf 'no newline' | run -- cat > out 2> err; status=$?
check "no newline is added" 0 "no newline"
[ "$(wc -c < out)" = 10 ]; status=$?
check "not a byte more" 0
run -- sh -c 'sleep 1; echo done' < random > out 2> err; status=$?
check "input that nobody reads" 0 "done"
run -- sh -c 'cat; echo $?' > out 2> err <&-; status=$?
check "a closed input is an empty one" 0 0
run -- sh -c 'echo out; echo err >&2; exit 6' 2> out <&- >&-; status=$?
check "a closed output loses nothing else" 6 err
echo 'echo from the input; exit 3' | run > out 2> err; status=$?
check "a shell without a terminal" 3 "from the input"
run -- yes 2> err | head -n 1 > out; status=$?
check "the reader goes away" 0 y

run --env A=b --env "C=d e" -- sh -c 'echo $A-$C' > out 2> err; status=$?
check "environment" 0 "b-d e"
run -- sh -c 'echo $#: "$0" "$@"' zero 'a  b' '' '*' > out 2> err; status=$?
check "arguments stay as they are" 0 '3: zero a  b  *'

printf '#!/bin/sh\necho script $1 in $(pwd)\n' > script
chmod +x script
run -- ./script arg > out 2> err; status=$?
check "a script of the host, in its folder" 0 "script arg in $work"
mkdir -p tree/inner
echo content > tree/inner/file
ln -s inner/file tree/link
mkfifo tree/fifo
run --memory 32M -- sh -c 'tail /dev/zero; echo $?' > out 2> err; status=$?
grep -q -e "Bad address" err && status=1
check "a program that reads more than there is memory is killed" 0 137
run --memory 64M -- sh -c 'dd if=/dev/zero of=/tmp/fill bs=64k 2> /dev/null; echo $?; rm /tmp/fill; echo lives' > out 2> err; status=$?
check "a full root is an error of the write" 0 "1
lives"
run --memory 32M -- sh -c '(i=0; while : > /tmp/$i; do i=$((i + 1)); done); rm -r /tmp; echo lives' > out 2> err; status=$?
grep -q "No space left" err || status=1
check "a root of too many files is an error, too" 0 lives
run --add tree -- cat tree/link > out 2> err; status=$?
check "a tree of the host" 0 content
run --add tree:/data -- sh -c '[ -p /data/fifo ] && cat /data/inner/file' > out 2> err; status=$?
check "a tree at another place" 0 content
mkdir bin
cp /bin/busybox bin/busybox
run -- bin/busybox echo carried > out 2> err; status=$?
check "a program of the host" 0 carried
cp "$(command -v sh)" dynamic
run -- ./dynamic -c true > out 2> err; status=$?
grep -q -e dynamically err && found=yes
check "a dynamic program is refused with a reason" 126
[ "${found-}" = yes ]; status=$?
check "the reason is said" 0
run --add dynamic:/dynamic -- /dynamic -c true > out 2> err; status=$?
check "a dynamic program that --add brings, too" 126

: > out
(until grep -q ready out; do sleep 0.2; done; kill -INT "$(cat pid)") &
sh -c 'echo $$ > pid; exec "$@"' sh "${GYRE:-gyre}" run --no-build --timeout 100 $extra -- \
    sh -c 'trap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.1; done' > out 2> err; status=$?
wait
check "Ctrl-C reaches the program" 9 "ready
caught"
run --timeout 3 -- sleep 1000 > out 2> err; status=$?
check "--timeout ends the machine, with timeout's status" 124
log=$(sed -n 's/.*log is in //p' err)
[ -f "$log" ]; status=$?
check "the log is kept and named" 0
rm -f "$log"
: > out
(until grep -q ready out; do sleep 0.2; done; kill -STOP "$(cat qemu-pid)") &
run --timeout 100 --hang-timeout 10 --qemu -pidfile --qemu "$PWD/qemu-pid" -- sh -c 'echo ready; sleep 1000' > out 2> err; status=$?
wait
check "a machine that does not answer" 125 ready
log=$(sed -n 's/.*log is in //p' err)
grep -q "the machine hangs" err && [ -f "$log" ] && ! kill -0 "$(cat qemu-pid)" 2> /dev/null; status=$?
check "it is called hung, its log is kept, and QEMU is gone" 0
rm -f "$log"
: > out
(until grep -q ready out; do sleep 0.2; done; kill -STOP "$(cat pid)"; sleep 8; kill -CONT "$(cat pid)") &
sh -c 'echo $$ > pid; exec "$@"' sh "${GYRE:-gyre}" run --no-build --timeout 100 --hang-timeout 6 $extra -- \
    sh -c 'echo ready; sleep 9; echo done' > out 2> err; status=$?
wait
check "gyre itself stopped for a while is no hang" 0 "ready
done"
run --kernel-args rdinit=/nonexistent -- true > out 2> err; status=$?
check "a panic" 125 ""
grep -q "the kernel panicked: .*nonexistent" err; status=$?
check "the panic's reason is said" 0
log=$(sed -n 's/.*log is in //p' err)
grep -q "Kernel panic" "$log" && grep -q Backtrace "$log"; status=$?
check "the log has the panic and a backtrace" 0
rm -f "$log"
run --memory nonsense -- true > out 2> err; status=$?
check "a wrong value for an option" 2 ""
run --qemu -no-such-option -- true > out 2> err; status=$?
check "a wrong option for QEMU" 125
"${GYRE:-gyre}" rnu > out 2> err; status=$?
check "a command that does not exist" 2
"${GYRE:-gyre}" run --cpu 2 > out 2> err; status=$?
check "an option that does not exist" 2 ""
grep -q "no option '--cpu'" err && grep -q "'--cpus'" err; status=$?
check "the one that is meant is said" 0
"${GYRE:-gyre}" --version > out 2> err; status=$?
grep -q "^gyre " out || status=1
check "--version" 0
"${GYRE:-gyre}" help run > out 2> err; status=$?
grep -q -e --memory out || status=1
check "help COMMAND" 0
run -- poweroff -f > out 2> err; status=$?
check "poweroff -f" 0
run -- sh -c 'echo last words; exec poweroff -f' > out 2> err; status=$?
check "output before poweroff is not lost" 0 "last words"
echo "1..$number"
