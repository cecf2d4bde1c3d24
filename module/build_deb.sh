#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# build_deb.sh FILE: packs the module's source for DKMS into a .deb.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$here/dkms.conf")
source=$work/root/usr/src/ksvc-$version
mkdir -p "$source/abi/ksvc"
cp "$here"/Kbuild "$here"/Makefile "$here"/dkms.conf "$here"/*.c "$here"/*.h "$source/"
cp "$here/../abi/ksvc/ksvc.h" "$source/abi/ksvc/"
mkdir -p "$work/root/DEBIAN"
cp "$here/debian/control" "$work/root/DEBIAN/"
for script in postinst prerm; do install -m 755 "$here/debian/$script" "$work/root/DEBIAN/$script"; done
chmod -R u+rwX,go+rX,go-w "$work/root"
dpkg-deb --root-owner-group --build "$work/root" "$1" >/dev/null
