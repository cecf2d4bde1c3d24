#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fetch_kernels.sh SERIES: makes sure that Debian's cloud kernel of that series (6.1 or 6.12) lies
# unpacked in build/module/kernels and that its headers are installed, and prints its version. The
# kernel is downloaded and unpacked, never installed. What is there is not fetched again, so only
# the first run needs the network; without it the script says so and fails.
set -eu
series=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$root/build/module/kernels
mkdir -p "$folder"
cd "$folder"

for version in $(ls -d "$series".*-cloud-amd64 2>/dev/null | sort -rV); do
    if [ -e "$version/boot/vmlinuz-$version" ] && [ -d "/usr/src/linux-headers-$version" ]; then
        echo "$version"
        exit 0
    fi
done

fail() {
    echo "fetch_kernels.sh: $1 (is there a network, and is 'apt-get update' recent?)" >&2
    exit 1
}
case $series in
6.1) package=linux-image-cloud-amd64 ;;
*) package=linux-image-$series-cloud-amd64 ;;
esac
# What the meta-package depends on is the newest kernel of the series.
image=$(apt-cache depends "$package" 2>/dev/null |
    sed -n 's/^ *Depends: \(linux-image-[0-9].*-cloud-amd64\)$/\1/p' | head -1)
[ -n "$image" ] || fail "apt knows no $package"
version=${image#linux-image-}
if [ ! -d "/usr/src/linux-headers-$version" ]; then
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends \
        "linux-headers-$version" >&2 || fail "cannot install linux-headers-$version"
fi
if [ ! -e "$version/boot/vmlinuz-$version" ]; then
    apt-get download "$image" >&2 || fail "cannot download $image"
    rm -rf "$version.new"
    dpkg-deb -x "$image"_*.deb "$version.new"
    rm -rf "$version"
    mv "$version.new" "$version"
    rm -f "$image"_*.deb
fi
echo "$version"
