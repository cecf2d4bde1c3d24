#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Command lines that are wrong: each is answered with what was wrong and what is allowed, by status 2 and nothing on the
# standard output; and the commands that are programs of their own are still commands. No machine is started.
set -u
gyre=${GYRE:-gyre}
number=0
echo "TAP version 13"

# wrong WHAT HINT ARGUMENTS...: `gyre ARGUMENTS` says WHAT, and HINT as what helps.
wrong() {
    what=$1 hint=$2
    shift 2
    number=$((number + 1))
    said=$("$gyre" "$@" 2>&1 > /dev/null < /dev/null)
    status=$?
    if [ "$status" = 2 ] && [ "$said" = "gyre: error: $what
      $hint" ]; then
        echo "ok $number - gyre $*"
    else
        echo "not ok $number - gyre $*"
        echo "# status $status"
        echo "$said" | sed 's/^/# /'
    fi
}

# shows PATTERN ARGUMENTS...: `gyre ARGUMENTS` succeeds and prints it.
shows() {
    pattern=$1
    shift
    number=$((number + 1))
    if "$gyre" "$@" 2> /dev/null < /dev/null | grep -q -e "$pattern"; then
        echo "ok $number - gyre $*"
    else
        echo "not ok $number - gyre $*"
        echo "# no '$pattern' in its output"
    fi
}

wrong "'rnu' is not a command of gyre" "Did you mean 'run'?" rnu
wrong "'nonsense' is not a command of gyre" "'gyre --help' lists the commands." nonsense
wrong "'nonsense' is not a command of gyre" "'gyre --help' lists the commands." help nonsense
wrong "gyre has no option '--nonsense'" "'gyre --help' says what there is." --nonsense
wrong "gyre run has no option '--cpu'" "Did you mean '--cpus'?" run --cpu 2
wrong "gyre run has no option '--nonsense'" "'gyre run --help' says what there is." run --nonsense=3
wrong "gyre run has no option '-x'" "'gyre run --help' says what there is." run -x
wrong "gyre run takes no './a.out'" "The program comes after '--': gyre run [OPTIONS] -- PROGRAM ARGUMENTS" run ./a.out
wrong "gyre version takes no 'x'" "'gyre version --help' says what there is." version x
wrong "--cpus needs a value" "Write --cpus N, where N is a whole number from 1 to 64." run --cpus
wrong "--cpus needs a value" "Write --cpus N, where N is a whole number from 1 to 64." run --cpus= -- true
wrong "'99' is no value for --cpus" "It takes a whole number from 1 to 64; 'gyre run --help' says what there is." run --cpus 99
wrong "'two' is no value for --cpus" "It takes a whole number from 1 to 64; 'gyre run --help' says what there is." run --cpus two
wrong "'-5' is no value for --timeout" "It takes a whole number, 0 or more; 'gyre run --help' says what there is." run --timeout -5
wrong "'/nowhere' is no value for --kernel" "It takes the name of a file that exists; 'gyre run --help' says what there is." run --kernel /nowhere
wrong "--add needs a value" "Write --add HOST[:GUEST]; 'gyre run --help' says what there is." run --add
wrong "there is no '/nowhere' to add" "--add takes a file or folder of this machine." run --no-build --add /nowhere -- true
wrong "'=x' has no name" "Write --env NAME=VALUE, or --env NAME to pass your own value on." run --no-build --env =x -- true
wrong "'3X' is no size of memory" "Write 64M, 512M, 4G and the like." run --memory 3X
wrong "there is no machine 'pc'" "Machines are q35 and microvm." run --machine pc
wrong "--no-build is a switch and takes no value" "Write --no-build alone, or leave it out." run --no-build=maybe
wrong "--host and --kernel exclude each other" "Give one of them." build --host --kernel
wrong "--case was given 2 times" "Give it once." test --case a --case b
wrong "gyre coverage needs a command after it" "It is one of: syscall." coverage
wrong "gyre bpf needs a command after it" "It is one of: verify, dis, cfg, stats, run, compare." bpf
wrong "'verfy' is not a command of gyre bpf" "Did you mean 'verify'?" bpf verfy
wrong "gyre bpf verify needs FILE: A BPF object, as clang -target bpf makes it" "'gyre bpf verify --help' says what there is." bpf verify
wrong "gyre bpf verify takes no 'b.o'" "'gyre bpf verify --help' says what there is." bpf verify a.o b.o
wrong "'x' is no target" "Targets are linux-6.1, linux-6.12, linux-6.18 and gyre." bpf verify --target x a.o
wrong "no suite matches" "'gyre test --list --all' shows every suite." test --filter nothing-of-that-name
wrong "these run only when asked for with --all: bpf_kernel_cases" "Add --all." test --filter bpf_kernel_cases
wrong "gyre bench has no option '--round'" "'gyre bench --help' says what there is." bench --round 3
wrong "gyre bench rings has no option '--round'" "Did you mean '--rounds'?" bench rings --round 3
wrong "'0' is no value for --rounds" "It takes a whole number from 1 to 1000; 'gyre bench rings --help' says what there is." bench rings --rounds 0
shows "Verify BPF programs" --help
shows "^  verify " bpf --help
shows "Usage: gyre bpf verify .* FILE" help bpf verify
shows "Usage: gyre bpf verify .* FILE" --help bpf verify
shows "^  rings " help bench
shows "^    rings " --help-all
shows "^    verify " --help-all
echo "1..$number"
