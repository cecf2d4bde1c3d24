#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The borders between folders (doc/README.md): what each may include of this tree. An include that a rule does not name fails.
set -u
cd "${GYRE_ROOT:-$(dirname "$0")/..}" || exit 1
number=0
echo "TAP version 13"

# may FOLDER... : PATTERN...   what files of the folders may include, as extended regular expressions of the path's beginning
may() {
    folders='' allowed='^$'
    while [ "$1" != : ]; do folders="$folders $1"; shift; done
    shift
    for pattern in "$@"; do allowed="$allowed|^$pattern"; done
    number=$((number + 1))
    # shellcheck disable=SC2086  # folders, word by word
    find $folders -type f | grep -E '\.(h|hpp|c|cpp|S)$' | grep -v -e '_test\.cpp$' -e '\.mod\.c$' | xargs grep -nE '^ *# *include "[a-z]+/' > "$work/all"
    # file:line:#include "path" -> keep those whose path no pattern matches
    awk -F'"' -v allowed="$allowed" '$2 !~ allowed' "$work/all" > "$work/bad"
    if [ -s "$work/bad" ] || [ ! -s "$work/all" ]; then
        echo "not ok $number -$folders"
        [ -s "$work/all" ] || echo "# no include was found: the rule looks at nothing"
        sed 's/^/# /' "$work/bad"
    else
        echo "ok $number -$folders"
    fi
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

may lib/base : lib/base/
may lib/cpio lib/elf : lib/base/ lib/cpio/ lib/elf/
may lib/bpf : lib/base/ lib/bpf/
may boot : boot/ lib/base/ kernel/memory/types.h
# The kernel's floor knows nothing of files, terminals, devices and Linux, but for where it meets them by design: the first
# output, the tables of ACPI, and the ways in.
may kernel/log kernel/sync kernel/object kernel/memory kernel/schedule kernel/random kernel/arch : \
    lib/ boot/ kernel/log/ kernel/sync/ kernel/object/ kernel/memory/ kernel/schedule/ kernel/random/ kernel/arch/ \
    kernel/test/ kernel/command_line.h kernel/driver/early_serial.h kernel/driver/acpi/acpi.h kernel/linux/dispatch.h kernel/linux/exception.h
may kernel : lib/base/ lib/cpio/ lib/elf/ boot/ abi/ kernel/
may ksvc : abi/ lib/ ksvc/ test/ring/
may module : abi/
may cli : abi/ lib/ ksvc/ cli/ kernel/memory/types.h
may user : user/ abi/ lib/
echo "1..$number"
