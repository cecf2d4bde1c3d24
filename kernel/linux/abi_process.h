// SPDX-License-Identifier: MIT
//
// Processes, limits, identities and scheduling as programs lay them out (x86-64).
#pragma once

#include <cstdint>

#include "kernel/linux/abi_time.h"

namespace gyre::linux::abi {

struct Rusage {
    Timeval user, system;
    int64_t most_resident_kib, shared_kib, data_kib, stack_kib;
    int64_t minor_faults, major_faults, swaps, blocks_in, blocks_out, messages_sent, messages_received, signals;
    int64_t voluntary_switches, involuntary_switches;
};
static_assert(sizeof(Rusage) == 144);

struct Rlimit {
    uint64_t current, most;
};
static_assert(sizeof(Rlimit) == 16);

struct Utsname {
    char system[65], node[65], release[65], version[65], machine[65], domain[65];
};
static_assert(sizeof(Utsname) == 390);

struct Sysinfo {
    int64_t uptime;
    uint64_t loads[3];
    uint64_t total_ram, free_ram, shared_ram, buffer_ram, total_swap, free_swap;
    uint16_t processes, padding;
    uint32_t padding2;
    uint64_t total_high, free_high;
    uint32_t unit;
    uint32_t padding3;
};
static_assert(sizeof(Sysinfo) == 112);

struct CapHeader {
    uint32_t version;
    int32_t pid;
};
static_assert(sizeof(CapHeader) == 8);
struct CapData {
    uint32_t effective, permitted, inheritable;
};
static_assert(sizeof(CapData) == 12);

struct SchedAttr {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t utilization_min, utilization_max;
};
static_assert(sizeof(SchedAttr) == 56);

struct CloneArguments {  // struct clone_args, version 2 (88 bytes)
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
static_assert(sizeof(CloneArguments) == 88);

struct RobustList {  // struct robust_list_head
    uint64_t first;
    int64_t futex_offset;
    uint64_t pending;
};
static_assert(sizeof(RobustList) == 24);

struct RestartableSequence {  // struct rseq, the 32 bytes every version has
    uint32_t cpu_at_start;
    uint32_t cpu;
    uint64_t critical_section;
    uint32_t flags;
    uint32_t node;
    uint32_t concurrency_id;
    uint32_t padding;
};
static_assert(sizeof(RestartableSequence) == 32);

struct CriticalSection {  // struct rseq_cs
    uint32_t version, flags;
    uint64_t start, length, abort;
};
static_assert(sizeof(CriticalSection) == 32);

}  // namespace gyre::linux::abi
