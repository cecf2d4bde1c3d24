// SPDX-License-Identifier: MIT
//
// See history.h.
#include "lib/bpf/linux/history.h"

#include <string_view>

namespace gyre::bpf::linux_tables {
namespace {

using P = ProgramType;
constexpr u64 on(P type) { return u64{1} << static_cast<u32>(type); }

constexpr u64 kTracingTypes = on(P::Kprobe) | on(P::Tracepoint) | on(P::PerfEvent) |
                              on(P::RawTracepoint) | on(P::RawTracepointWritable) | on(P::Tracing) |
                              on(P::Lsm) | on(P::Syscall);
constexpr u64 kCgroupTypes = on(P::CgroupSock) | on(P::CgroupDevice) | on(P::CgroupSockAddr) |
                             on(P::CgroupSysctl) | on(P::CgroupSockopt);
constexpr u64 kSkBuffTypes = on(P::SchedCls) | on(P::SchedAct) | on(P::LwtIn) | on(P::LwtOut) |
                             on(P::LwtXmit) | on(P::LwtSeg6local);
constexpr u64 kCookieTypes = on(P::SockOps) | on(P::SkMsg) | kCgroupTypes;  // had a cookie before

// A helper that programs of all types but `earlier` may call since that version only.
struct Widening {
    u16 helper;
    u16 since;
    u64 earlier;
};

constexpr Widening kWidenings[] = {
    {14, 610, kTracingTypes | kCgroupTypes | on(P::SkMsg)},          // get_current_pid_tgid
    {15, 616, kTracingTypes | kCgroupTypes | on(P::SkMsg)},          // get_current_uid_gid
    {16, 616, kTracingTypes | kCgroupTypes},                         // get_current_comm
    {17, 616, kSkBuffTypes | kCgroupTypes | on(P::SkMsg)},           // get_cgroup_classid
    {22, 616, kTracingTypes},                                        // perf_event_read
    {37, 616, kTracingTypes | kCgroupTypes},                         // current_task_under_cgroup
    {55, 616, kTracingTypes},                                        // perf_event_read_value
    {80, 604, kTracingTypes | kCgroupTypes | on(P::SkMsg)},          // get_current_cgroup_id
    {109, 616, kTracingTypes},                                       // send_signal
    {117, 616, kTracingTypes},                                       // send_signal_thread
    {120, 610, kTracingTypes},                                       // get_ns_current_pid_tgid
    {122, 615, kCookieTypes},                                        // get_netns_cookie
    {123, 604, kTracingTypes | kCgroupTypes | on(P::SkMsg)},         // ..._ancestor_cgroup_id
    {141, 616, kTracingTypes},                                       // get_task_stack
    {148, 616, kTracingTypes},                                       // copy_from_user
    {156, 616, kTracingTypes},                                       // task_storage_get
    {157, 616, kTracingTypes},                                       // task_storage_delete
    {176, 616, kTracingTypes},                                       // get_branch_snapshot
    {180, 616, kTracingTypes},                                       // find_vma
    {191, 616, kTracingTypes},                                       // copy_from_user_task
    {210, 602, 0},                                                   // cgrp_storage_get
    {211, 602, 0},                                                   // cgrp_storage_delete
};

u16 alu_since(const Insn& insn) {
    const u8 op = insn.op();
    const bool is_wide = insn.insn_class() == kClassAlu64;
    const bool is_register = insn.uses_register_source();
    if (op == kNeg) {
        return is_register ? kNever : 0;
    }
    if (op == kEnd) {
        return !is_wide ? u16{0} : is_register ? kNever : u16{606};
    }
    if (op > kEnd) {
        return kNever;
    }
    const bool casts = op == kMov && is_wide && is_register && insn.off == 1;
    return casts ? u16{609} : insn.off != 0 ? u16{606} : u16{0};
}

u16 jump_since(const Insn& insn) {
    const u8 op = insn.op();
    const bool is_wide = insn.insn_class() == kClassJmp;
    const bool is_register = insn.uses_register_source();
    if (op == kJa) {
        return is_register ? kNever : is_wide ? u16{0} : u16{606};
    }
    if (op == kJcond) {
        return is_wide && !is_register ? u16{609} : kNever;
    }
    if (op == kCall || op == kExit) {
        return is_wide && !is_register ? u16{0} : kNever;
    }
    return op <= kJsle ? u16{0} : kNever;
}

}  // namespace

u16 helper_since(u32 id, ProgramType type) {
    for (const Widening& w : kWidenings) {
        if (w.helper == id && (w.earlier & on(type)) == 0) {
            return w.since;
        }
    }
    if (id == 17 && (on(type) & kTracingTypes) != 0) {
        return 616;
    }
    // Cookies of attachments: kprobes and their like since 5.15, raw tracepoints since 6.10.
    const bool is_raw = type == P::RawTracepoint || type == P::RawTracepointWritable;
    return id == 174 && is_raw ? u16{610} : id == 37 && (on(type) & kCgroupTypes) ? u16{612}
           : id == 120 && ((on(type) & kCgroupTypes) || type == P::SkMsg)         ? u16{610}
                                                                                  : u16{0};
}

u16 program_type_since(ProgramType type) { return type == P::Netfilter ? 604 : 0; }

u16 attach_type_since(AttachType attach) {
    using A = AttachType;
    switch (attach) {
        case A::StructOps: return 0;  // 6.1 has no such type but attaches all the same
        case A::Netfilter: return 604;
        case A::TcxIngress: case A::TcxEgress: case A::TraceUprobeMulti: return 606;
        case A::CgroupUnixConnect: case A::CgroupUnixSendmsg: case A::CgroupUnixRecvmsg:
        case A::CgroupUnixGetpeername: case A::CgroupUnixGetsockname: case A::NetkitPrimary:
        case A::NetkitPeer: return 607;
        case A::TraceKprobeSession: return 610;
        default: return 0;
    }
}

u16 map_type_since(MapType type) {
    return type == MapType::CgrpStorage ? 602 : type == MapType::Arena ? 609 : 0;
}

u16 field_since(FieldKind kind) {
    switch (kind) {
        case FieldKind::ListHead: case FieldKind::ListNode: return 602;
        case FieldKind::RbRoot: case FieldKind::RbNode: return 603;
        case FieldKind::Refcount: return 604;
        case FieldKind::KptrPercpu: return 607;
        case FieldKind::Workqueue: return 610;
        case FieldKind::Uptr: return 613;
        case FieldKind::ResSpinLock: return 615;
        case FieldKind::TaskWork: return 618;
        default: return 0;
    }
}

u16 argument_tag_since(std::string_view tag) {
    if (tag == "arg:ctx" || tag == "arg:nonnull") {
        return 608;
    }
    if (tag == "arg:trusted" || tag == "arg:nullable" || tag == "arg:arena") {
        return 609;
    }
    return tag == "arg:untrusted" ? 617 : 0;
}

u16 instruction_since(const Insn& insn) {
    switch (insn.insn_class()) {
        case kClassAlu: case kClassAlu64: return alu_since(insn);
        case kClassJmp: case kClassJmp32: return jump_since(insn);
        case kClassLd: {
            const bool is_packet = insn.mode() == kModeAbs || insn.mode() == kModeInd;
            return is_ld_imm64(insn) || (is_packet && insn.size_bits() != kSizeDw) ? 0 : kNever;
        }
        case kClassLdx:
            if (insn.mode() == kModeMemSx) {
                return insn.size_bits() != kSizeDw ? 606 : kNever;
            }
            return insn.mode() == kModeMem ? 0 : kNever;
        case kClassSt: return insn.mode() == kModeMem ? 0 : kNever;
        default: {
            if (insn.mode() != kModeAtomic) {
                return insn.mode() == kModeMem ? 0 : kNever;
            }
            const bool is_ordered =
                insn.imm == kAtomicLoadAcquire || insn.imm == kAtomicStoreRelease;
            const bool is_sized = insn.size_bits() == kSizeW || insn.size_bits() == kSizeDw;
            return is_ordered || !is_sized ? 615 : 0;
        }
    }
}

const char* instruction_name(u16 since, const Insn& insn) {
    switch (since) {
        case 606:
            return insn.insn_class() == kClassLdx                       ? "a sign-extending load"
                   : insn.insn_class() == kClassJmp32                   ? "a jump of 32 bits"
                   : insn.op() == kEnd                                  ? "bswap"
                   : insn.op() == kMov                                  ? "a sign-extending move"
                   : insn.op() == kDiv || insn.op() == kMod             ? "a signed division"
                                                                        : "instruction set 4";
        case 609: return insn.op() == kJcond ? "may_goto" : "a cast between address spaces";
        case 615: return "an atomic load or store";
        default: return "the instruction";
    }
}

}  // namespace gyre::bpf::linux_tables
