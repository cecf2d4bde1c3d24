// SPDX-License-Identifier: MIT
//
// What the programs of this folder share: the verdict that is expected, written into the object as
// declaration tags that test/bpf/object_score.cpp reads. `REFUSED(WORDS)`: the words stand in the
// refusal. `SINCE(VERSION)`: targets before refuse it and name that version, those from it on accept.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define ACCEPTED __attribute__((btf_decl_tag("comment:test_expect_success")))
#define REFUSED(words)                                              \
    __attribute__((btf_decl_tag("comment:test_expect_failure")))    \
    __attribute__((btf_decl_tag("comment:gyre_says=" words)))
#define SINCE(version) __attribute__((btf_decl_tag("comment:gyre_since=" version)))

#ifndef LICENSE
#define LICENSE "GPL"
#endif
char _license[] SEC("license") = LICENSE;
