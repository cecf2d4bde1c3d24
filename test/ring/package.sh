#!/bin/bash
# SPDX-License-Identifier: MIT
#
# package.sh: builds the .deb, installs it with dpkg into a copy-on-write root above this machine's
# (nothing of it stays), lets DKMS build and install the module for both of Debian's kernels, looks
# at what came of it, and removes the package again. Needs root and overlayfs. Prints TAP.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
if [ "${1:-}" != inside ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    "$root/module/build_deb.sh" "$work/ksvc-dkms.deb" || exit 1
    versions=
    for series in 6.1 6.12; do
        versions="$versions $("$root/test/ring/fetch_kernels.sh" "$series")" || exit 1
    done
    # shellcheck disable=SC2086
    unshare --mount "$0" inside "$work" $versions
    exit
fi
work=$2
shift 2
mount --make-rprivate /
mkdir "$work/over" "$work/root"
# The upper layer lies in memory: an overlay does not take another overlay's folder for that.
mount -t tmpfs -o size=1g none "$work/over" &&
    mkdir "$work/over/upper" "$work/over/work" &&
    mount -t overlay -o "lowerdir=/,upperdir=$work/over/upper,workdir=$work/over/work" none "$work/root" &&
    cp "$work/ksvc-dkms.deb" "$work/root/tmp/" &&
    for folder in proc sys dev; do mount --rbind "/$folder" "$work/root/$folder"; done ||
    { echo "1..0 # SKIP no overlay can be mounted here"; exit 0; }
within() { chroot "$work/root" "$@"; }
count=0 failures=0
echo "TAP version 13"
check() { # name, then a command
    local name=$1
    shift
    count=$((count + 1))
    if "$@" >"$work/reason" 2>&1; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name"
        tail -30 "$work/reason" | sed 's/^/# /'
        failures=$((failures + 1))
    fi
}
module_of() { within find "/lib/modules/$1" "/var/lib/dkms/ksvc/3.0.0/$1" -name 'ksvc.ko*' 2>/dev/null | head -1; }
is_for() { within modinfo -F vermagic "$(module_of "$1")" | grep -q "^$1 "; }
is_gone() { [ -z "$(within find /usr/src/ksvc-3.0.0 /var/lib/dkms/ksvc -type f 2>/dev/null)" ]; }

check "dpkg installs the package" within dpkg -i /tmp/ksvc-dkms.deb
check "DKMS knows it" sh -c "chroot '$work/root' dkms status -m ksvc | grep -q 'ksvc/3.0.0'"
for version in "$@"; do
    check "DKMS builds for $version" within dkms build --force -m ksvc -v 3.0.0 -k "$version"
    check "DKMS installs for $version" within dkms install --force -m ksvc -v 3.0.0 -k "$version"
    check "what it installed is for $version" is_for "$version"
done
check "the package can be installed again" within dpkg -i /tmp/ksvc-dkms.deb
check "dpkg removes the package" within dpkg -P ksvc-dkms
check "nothing is left" is_gone
echo "1..$count"
[ "$failures" = 0 ]
