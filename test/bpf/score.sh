#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The kernel's own verifier tests as an oracle. The source comes from Debian's linux-source package, is
# unpacked into the build directory and stays out of the tree.
#   score.sh cases|objects|attacks|kernel-cases|kernel-objects|kernel-programs|bench-objects|fuzz [SECONDS [SEED]]
# cases: test_verifier of 6.1; objects: progs/verifier_*.c of 6.12; attacks: our own; kernel-...: the same programs, but
# the running kernel's verdict is the expected one (needs bpf(2)); kernel-programs: all other selftests
# that compile. bench-objects: makes the objects that `gyre bench bpf` times. fuzz: random programs.
set -u
mode=$1
here=$(cd "$(dirname "$0")" && pwd)
build=${GYRE_BUILD:-build}
case $build in /*) ;; *) build=$(pwd)/$build ;; esac
score=${BPF_SCORE_DIR:-$build/host/test/bpf}
[ "$mode" = fuzz ] && exec "$score/bpf_differential_fuzz" --seconds "${2:-60}" ${3:+--seed "$3"}
case $mode in
cases | kernel-cases) version=6.1 ;;
objects | attacks | kernel-objects | kernel-programs | bench-objects) version=6.12 ;;
*) echo "usage: $0 cases|objects|attacks|kernel-cases|kernel-objects|kernel-programs|bench-objects" >&2; exit 2 ;;
esac
work=$build/bpf/linux-$version
source=$work/source
tests=$source/tools/testing/selftests/bpf

fail() {
    echo "TAP version 13"
    echo "not ok 1 - the kernel's tests can be prepared"
    echo "# $1"
    [ -s "$work/log" ] && tail -5 "$work/log" | sed 's/^/# /'
    echo "1..1"
    exit 1
}

unpack() {
    [ -e "$work/unpacked" ] && return
    rm -rf "$work" && mkdir -p "$source" || fail "no place for the source"
    (cd "$work" && apt-get download "linux-source-$version") > "$work/log" 2>&1 || fail "linux-source-$version cannot be downloaded"
    dpkg-deb -x "$work"/linux-source-*.deb "$work/package" || fail "the package cannot be unpacked"
    top=linux-source-$version
    tar -C "$source" --strip-components=1 -xJf "$work/package/usr/src/$top.tar.xz" "$top/tools" "$top/include" "$top/kernel/bpf" \
        "$top/scripts" 2>> "$work/log" || fail "the source cannot be unpacked"
    rm -rf "$work/package" "$work"/*.deb
    touch "$work/unpacked"
}

# test_verifier, compiled so that it writes its cases down instead of loading them.
make_cases() {
    [ "$work/cases" -nt "$here/selftest_dump.c" ] && return
    {
        echo '#ifdef FILL_ARRAY'
        (cd "$tests/verifier" && for file in *.c; do echo "#include \"$file\""; done)
        echo '#endif'
    } > "$tests/verifier/tests.h"
    (cd "$tests" && gcc -w -D_GNU_SOURCE -I. -I"$source/tools/include" -I"$source/tools/include/uapi" -I"$source/tools/lib" \
        -idirafter /usr/include "$here/selftest_dump.c" cap_helpers.c testing_helpers.c -o "$work/dump" -lbpf -lelf -lz -lcap) \
        > "$work/log" 2>&1 || fail "test_verifier cannot be compiled"
    "$work/dump" "$work/cases.new" > "$work/log" 2>&1 || fail "the cases cannot be written"
    mv "$work/cases.new" "$work/cases"
}

# What programs include: the running kernel's types and the helpers of the source.
make_headers() {
    [ -e "$work/include/done" ] && return
    rm -rf "$work/include"
    mkdir -p "$work/include/bpf"
    [ -r /sys/kernel/btf/vmlinux ] || fail "this kernel has no BTF to make vmlinux.h from"
    PATH=$PATH:/usr/sbin bpftool btf dump file /sys/kernel/btf/vmlinux format c > "$work/include/vmlinux.h" 2> "$work/log" || fail "vmlinux.h cannot be made"
    python3 "$source/scripts/bpf_doc.py" --header --file "$source/tools/include/uapi/linux/bpf.h" > "$work/include/bpf/bpf_helper_defs.h" \
        2> "$work/log" || fail "the helpers' header cannot be made"
    cp "$work/include/bpf/bpf_helper_defs.h" "$work/include/"
    cp "$source"/tools/lib/bpf/*.h "$work/include/bpf/"
    touch "$work/include/done"
}

# compile FOLDER SOURCES...: each to FOLDER/name.o; what cannot be compiled is listed in FOLDER/broken.
compile() {
    folder=$1
    shift
    rm -rf "$folder" && mkdir -p "$folder"
    clang_include=$(clang-19 -print-resource-dir)/include
    export work source tests clang_include folder
    printf '%s\n' "$@" | xargs -P2 -n1 sh -c '
        name=$(basename "$1" .c)
        clang-19 -g -O2 -w -Werror=implicit-function-declaration --target=bpf -mcpu=v3 -std=gnu11 -fno-strict-aliasing \
            -D__TARGET_ARCH_x86 -DENABLE_ATOMICS_TESTS -I"$work/include" -I"$tests" -I"$tests/progs" -I"$source/tools/include/uapi" \
            -I"$source/tools/testing/selftests/usr/include" -idirafter "$clang_include" -idirafter /usr/include \
            -idirafter /usr/include/x86_64-linux-gnu -c "$1" -o "$folder/$name.o" 2> "$folder/$name.err" ||
            echo "$name" >> "$folder/broken"' sh
}

make_objects() {
    [ -e "$work/objects/done" ] && return
    make_headers
    compile "$work/objects" "$tests"/progs/verifier_*.c
    [ -e "$work/objects/broken" ] && fail "clang cannot compile $(tr '\n' ' ' < "$work/objects/broken")"
    touch "$work/objects/done"
}

# Every other program of the selftests; some need kernels that are newer or older than this one.
make_programs() {
    [ -e "$work/programs/done" ] && return
    make_headers
    compile "$work/programs" $(ls "$tests"/progs/*.c | grep -v '/verifier_')
    touch "$work/programs/done"
}

make_bench_objects() {
    [ -e "$work/bench/done" ] && return
    make_headers
    set --
    for name in loop1 loop3 test_verif_scale1 test_verif_scale2 test_verif_scale3 pyperf600_nounroll pyperf180 strobemeta; do
        set -- "$@" "$tests/progs/$name.c"
    done
    compile "$work/bench" "$@"
    [ -e "$work/bench/broken" ] && fail "clang cannot compile $(tr '\n' ' ' < "$work/bench/broken")"
    touch "$work/bench/done"
}

unpack
case $mode in
cases) make_cases; exec "$score/bpf_case_score" "$work/cases" --skip "$here/skip-6.1.txt" ;;
kernel-cases) make_cases; exec "$score/bpf_case_score" "$work/cases" --kernel ;;
objects) make_objects; exec "$score/bpf_object_score" --run 20 --skip "$here/skip-6.12.txt" "$work"/objects/verifier_*.o ;;
kernel-programs)
    make_programs
    exec "$score/bpf_object_score" --kernel --skip "$here/skip-kernel-6.12.txt" "$work"/programs/*.o ;;
bench-objects) make_bench_objects ;;
attacks)
    make_headers
    if [ -z "$(find "$work/attacks/done" -newer "$(ls -t "$here"/attacks/* | head -1)" 2> /dev/null)" ]; then
        compile "$work/attacks" "$here"/attacks/*.c
        [ -e "$work/attacks/broken" ] && fail "clang cannot compile $(tr '\n' ' ' < "$work/attacks/broken")"
        touch "$work/attacks/done"
    fi
    exec "$score/bpf_object_score" "$work"/attacks/*.o ;;
kernel-objects) make_objects; exec "$score/bpf_object_score" --kernel --skip "$here/skip-kernel-6.12.txt" "$work"/objects/verifier_*.o ;;
esac
