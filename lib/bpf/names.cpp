// SPDX-License-Identifier: MIT
//
// Names of kinds and problems, for people and for JSON.
#include "lib/bpf/environment.h"
#include "lib/bpf/state.h"
#include "lib/bpf/verifier.h"

namespace gyre::bpf {

const char* map_type_name(MapType type) {
    static constexpr const char* kNames[] = {
        "unspecified", "hash", "array", "prog_array", "perf_event_array", "percpu_hash",
        "percpu_array", "stack_trace", "cgroup_array", "lru_hash", "lru_percpu_hash", "lpm_trie",
        "array_of_maps", "hash_of_maps", "devmap", "sockmap", "cpumap", "xskmap", "sockhash",
        "cgroup_storage", "reuseport_sockarray", "percpu_cgroup_storage", "queue", "stack",
        "sk_storage", "devmap_hash", "struct_ops", "ringbuf", "inode_storage", "task_storage",
        "bloom_filter", "user_ringbuf", "cgrp_storage", "arena"};
    size_t index = static_cast<size_t>(type);
    return index < sizeof(kNames) / sizeof(kNames[0]) ? kNames[index] : "unknown";
}

const char* kind_name(Kind kind) {
    switch (kind) {
        case Kind::Uninitialized: return "nothing that was written";
        case Kind::Scalar: return "a number";
        case Kind::Context: return "the context";
        case Kind::ConstMap: return "a map";
        case Kind::MapValue: return "a map value";
        case Kind::MapKey: return "a map key";
        case Kind::Stack: return "the stack";
        case Kind::Packet: return "the packet";
        case Kind::PacketMeta: return "the packet's metadata";
        case Kind::PacketEnd: return "the packet's end";
        case Kind::FlowKeys: return "flow keys";
        case Kind::Socket: return "a socket";
        case Kind::SockCommon: return "a sock_common";
        case Kind::TcpSock: return "a tcp_sock";
        case Kind::XdpSock: return "an xdp_sock";
        case Kind::TpBuffer: return "a tracepoint buffer";
        case Kind::BtfObject: return "a kernel object";
        case Kind::Memory: return "a block of memory";
        case Kind::Buffer: return "a buffer";
        case Kind::Function: return "a function";
        case Kind::Dynptr: return "a dynptr";
        case Kind::Iterator: return "an iterator";
        case Kind::Arena: return "an arena pointer";
        case Kind::IrqFlag: return "an interrupt flag";
    }
    return "?";
}

namespace {

const char* problem_hint(Problem problem) {
    switch (problem) {
        case Problem::OutOfBounds:
            return "Compare the offset or size with its limit just before the access, as an "
                   "unsigned number, on every path. If the compiler removed the check as "
                   "redundant, hide the value from it with an empty asm or a volatile copy.";
        case Problem::NullPointer:
            return "Test the pointer for null on the way to this instruction and return if it is.";
        case Problem::UnreadableRegister:
            return "Set the variable on every path. Calls destroy r1 to r5; keep values in "
                   "variables of your own.";
        case Problem::UninitializedStack:
            return "Initialize the whole structure, padding included, for example with = {}.";
        case Problem::ReferenceLeak:
            return "Release what was acquired on every path, error paths included.";
        case Problem::InfiniteLoop:
            return "Give the loop a counter with a constant bound, or use bpf_loop or an iterator "
                   "(bpf_for, bpf_repeat).";
        case Problem::TooComplex:
            return "Bound long loops by a small constant, or turn them into bpf_loop or iterators "
                   "(bpf_for, bpf_repeat); move parts into global functions, which are looked at once.";
        case Problem::StackTooDeep:
            return "Move large variables into a map, or make the functions share less stack.";
        case Problem::PointerArithmetic:
            return "Compute the offset as a bounded number first, then add it to the pointer once.";
        case Problem::BadContextAccess:
            return "Use the context's members by the names of the structure, each whole. Most may only "
                   "be read; which ones may be written depends on the program's type.";
        case Problem::BadHelper:
            return "Use another program type, or a helper that this type offers.";
        case Problem::BadReturnValue:
            return "Return one of the values that this program type defines.";
        case Problem::LockRule:
            return "Between lock and unlock only touch the protected data; unlock on every path.";
        case Problem::SleepRule:
            return "Mark the program sleepable (a section name with \".s\") or use a helper that "
                   "does not sleep.";
        default: return "";
    }
}

bool has_origin(const Report& report, OriginKind kind) {
    for (u32 i = 0; i < report.origin_count; i++) {
        if (report.origins[i].kind == kind) {
            return true;
        }
    }
    return false;
}

// The nearest comparison let negative numbers pass.
bool is_signed_bound(const Report& report) {
    for (u32 i = 0; i < report.origin_count; i++) {
        if (report.origins[i].kind == OriginKind::Compared) {
            return report.origins[i].value == Kind::Scalar && report.origins[i].smin < 0;
        }
    }
    return false;
}

}  // namespace

// Whether where the access goes, or how far, is decided by a number that is not always the same.
bool varies(const Report& report) {
    for (u32 i = 0; i < report.origin_count; i++) {
        const Origin& o = report.origins[i];
        const bool has_value = o.kind == OriginKind::Computed || o.kind == OriginKind::Moved ||
                               o.kind == OriginKind::Loaded || o.kind == OriginKind::Returned ||
                               o.kind == OriginKind::Compared;
        if (o.kind == OriginKind::Repeated || (has_value && o.umin != o.umax)) {
            return true;
        }
    }
    return false;
}

// What lies outside is known already, so a comparison would not mend it.
const char* fixed_bounds_hint(const Report& report) {
    if (report.register_number == kFramePointer) {
        return "The variables of this function need more than the 512 bytes of a stack: keep large ones "
               "in the value of a per-CPU array map.";
    }
    const Kind kind = report.origin_count != 0 ? report.origins[0].value : Kind::Uninitialized;
    if (kind == Kind::Packet || kind == Kind::PacketMeta) {
        return "Just before the access: if (pointer + size > data_end) return, with the very pointer and "
               "size of the access; in a loop in each round.";
    }
    return "Nothing is unknown of this access: the memory is smaller than the code takes it for, or the "
           "access begins elsewhere. Compare the types and sizes of both.";
}

const char* hint(const Report& report) {
    bool is_bound = report.problem == Problem::OutOfBounds || report.problem == Problem::PointerArithmetic;
    if (has_origin(report, OriginKind::Invalidated) || has_origin(report, OriginKind::NotTheEnd)) {
        return "Load both data and data_end from the context again after the call, and compare again.";
    }
    if (has_origin(report, OriginKind::Released)) {
        return "Do what is to be done with it before that call, or copy what is needed later into "
               "variables first.";
    }
    if (has_origin(report, OriginKind::Parameter) && report.problem == Problem::NullPointer) {
        return "A global function is verified by itself, for every caller: test its pointers for null, "
               "tag them __arg_nonnull (Linux 6.8), or make the function static.";
    }
    if (is_bound && is_signed_bound(report)) {
        return "The comparison is signed, so negative numbers pass it: use an unsigned type, or test "
               "for less than zero, too.";
    }
    if (report.problem == Problem::OutOfBounds && !varies(report) &&
        (report.origin_count != 0 || report.register_number == kFramePointer)) {
        return fixed_bounds_hint(report);
    }
    if (report.problem == Problem::BadRegisterUse && has_origin(report, OriginKind::Loaded) &&
        report.register_number >= 0) {
        return "A number is no address that may be followed. If it is one of the kernel's memory, read "
               "there with bpf_probe_read_kernel or BPF_CORE_READ, of a user's with bpf_probe_read_user.";
    }
    return problem_hint(report.problem);
}

const char* problem_name(Problem problem) {
    switch (problem) {
        case Problem::None: return "none";
        case Problem::BadEncoding: return "bad-encoding";
        case Problem::BadControlFlow: return "bad-control-flow";
        case Problem::UnreadableRegister: return "unreadable-register";
        case Problem::BadRegisterUse: return "bad-register-use";
        case Problem::PointerArithmetic: return "pointer-arithmetic";
        case Problem::OutOfBounds: return "out-of-bounds";
        case Problem::Misaligned: return "misaligned";
        case Problem::BadContextAccess: return "bad-context-access";
        case Problem::UninitializedStack: return "uninitialized-stack";
        case Problem::NullPointer: return "null-pointer";
        case Problem::ReadOnly: return "read-only";
        case Problem::BadHelper: return "bad-helper";
        case Problem::BadArgument: return "bad-argument";
        case Problem::BadReturnValue: return "bad-return-value";
        case Problem::ReferenceLeak: return "reference-leak";
        case Problem::BadReference: return "bad-reference";
        case Problem::LockRule: return "lock-rule";
        case Problem::SleepRule: return "sleep-rule";
        case Problem::StackTooDeep: return "stack-too-deep";
        case Problem::TooManyFrames: return "too-many-frames";
        case Problem::InfiniteLoop: return "infinite-loop";
        case Problem::TooComplex: return "too-complex";
        case Problem::OutOfMemory: return "out-of-memory";
        case Problem::NotSupported: return "not-supported";
        case Problem::BadType: return "bad-type";
    }
    return "?";
}

}  // namespace gyre::bpf
