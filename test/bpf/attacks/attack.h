// SPDX-License-Identifier: MIT
//
// What the programs of this folder share. Each tries to be accepted though it may not run, or stands
// beside such a one and may; test/bpf/score.sh attacks compares the verdicts with these tags.
#pragma once

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf_experimental.h"
#include "bpf_misc.h"

#define REFUSED __attribute__((btf_decl_tag("comment:test_expect_failure")))
#define ACCEPTED __attribute__((btf_decl_tag("comment:test_expect_success")))
#define ASSEMBLY __attribute__((naked))
#define FUNCTION static __attribute__((naked, noinline, used))

char _license[] SEC("license") = "GPL";
