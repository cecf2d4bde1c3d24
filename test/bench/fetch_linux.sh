#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Debian's kernel for comparison: downloaded and unpacked, never installed. Prints the path of its image.
#   fetch_linux.sh DIRECTORY [VERSION-PREFIX]      (6.12 by default)
set -eu
directory=$1
version=${2:-6.12}
image=$(find "$directory" -path '*/boot/vmlinuz-'"$version"'*' 2> /dev/null | head -n 1)
if [ -z "$image" ]; then
    name=$(apt-cache search --names-only "^linux-image-${version}[0-9.+-]*.*cloud-amd64\$" | cut -d' ' -f1 |
        grep -v -e dbg -e unsigned | sort -V | tail -n 1)
    if [ -z "$name" ]; then
        echo "no package linux-image-$version...-cloud-amd64 in this machine's apt sources" >&2
        echo "(Debian 12 has it in bookworm-backports and bookworm-security; try: apt-get update)" >&2
        exit 1
    fi
    mkdir -p "$directory"
    (cd "$directory" && apt-get download -q "$name" > download.log 2>&1) || { cat "$directory/download.log" >&2; exit 1; }
    dpkg-deb -x "$directory"/linux-image-"$version"*.deb "$directory"
    rm -f "$directory"/linux-image-"$version"*.deb
    image=$(find "$directory" -path '*/boot/vmlinuz-'"$version"'*' | head -n 1)
fi
echo "$image"
