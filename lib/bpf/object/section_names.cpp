// SPDX-License-Identifier: MIT
//
// Section names and the program types they stand for: as libbpf documents them, else by their beginning.
#include "lib/bpf/object/object.h"

namespace gyre::bpf {
namespace {

using P = ProgramType;
using A = AttachType;

struct Row {
    const char* name;  // a trailing '+': with or without a target behind a slash
    P type;
    A attach = A::CgroupInetIngress;
    bool is_sleepable = false;
};

constexpr Row kRows[] = {
    {"socket", P::SocketFilter}, {"sk_reuseport/migrate", P::SkReuseport, A::SkReuseportSelectOrMigrate},
    {"sk_reuseport", P::SkReuseport, A::SkReuseportSelect},
    {"kprobe.multi+", P::Kprobe, A::TraceKprobeMulti},
    {"kretprobe.multi+", P::Kprobe, A::TraceKprobeMulti},
    {"kprobe.session+", P::Kprobe, A::TraceKprobeSession},
    {"uprobe.multi.s+", P::Kprobe, A::TraceUprobeMulti, true},
    {"uprobe.multi+", P::Kprobe, A::TraceUprobeMulti},
    {"uretprobe.multi.s+", P::Kprobe, A::TraceUprobeMulti, true},
    {"uretprobe.multi+", P::Kprobe, A::TraceUprobeMulti},
    {"kprobe+", P::Kprobe}, {"kretprobe+", P::Kprobe}, {"uprobe.s+", P::Kprobe, A{}, true},
    {"uretprobe.s+", P::Kprobe, A{}, true}, {"uprobe+", P::Kprobe}, {"uretprobe+", P::Kprobe},
    {"ksyscall+", P::Kprobe}, {"kretsyscall+", P::Kprobe}, {"usdt.s+", P::Kprobe, A{}, true},
    {"usdt+", P::Kprobe},
    {"tc/ingress", P::SchedCls, A::TcxIngress}, {"tc/egress", P::SchedCls, A::TcxEgress},
    {"tcx/ingress", P::SchedCls, A::TcxIngress}, {"tcx/egress", P::SchedCls, A::TcxEgress},
    {"netkit/primary", P::SchedCls, A::NetkitPrimary}, {"netkit/peer", P::SchedCls, A::NetkitPeer},
    {"tc", P::SchedCls}, {"classifier", P::SchedCls}, {"action", P::SchedAct},
    {"tracepoint+", P::Tracepoint}, {"tp_btf.s+", P::Tracing, A::TraceRawTp, true},
    {"tp_btf+", P::Tracing, A::TraceRawTp}, {"tp+", P::Tracepoint},
    {"raw_tracepoint.w+", P::RawTracepointWritable}, {"raw_tp.w+", P::RawTracepointWritable},
    {"raw_tracepoint+", P::RawTracepoint}, {"raw_tp+", P::RawTracepoint},
    {"fentry.s+", P::Tracing, A::TraceFentry, true}, {"fentry+", P::Tracing, A::TraceFentry},
    {"fmod_ret.s+", P::Tracing, A::ModifyReturn, true}, {"fmod_ret+", P::Tracing, A::ModifyReturn},
    {"fexit.s+", P::Tracing, A::TraceFexit, true}, {"fexit+", P::Tracing, A::TraceFexit},
    {"freplace+", P::Extension}, {"lsm.s+", P::Lsm, A::LsmMac, true},
    {"lsm_cgroup+", P::Lsm, A::LsmCgroup}, {"lsm+", P::Lsm, A::LsmMac},
    {"iter.s+", P::Tracing, A::TraceIter, true}, {"iter+", P::Tracing, A::TraceIter},
    {"syscall", P::Syscall, A{}, true}, {"xdp.frags/devmap", P::Xdp, A::XdpDevmap},
    {"xdp/devmap", P::Xdp, A::XdpDevmap}, {"xdp.frags/cpumap", P::Xdp, A::XdpCpumap},
    {"xdp/cpumap", P::Xdp, A::XdpCpumap}, {"xdp.frags", P::Xdp, A::Xdp}, {"xdp", P::Xdp, A::Xdp},
    {"perf_event", P::PerfEvent, A::PerfEvent}, {"lwt_in", P::LwtIn}, {"lwt_out", P::LwtOut},
    {"lwt_xmit", P::LwtXmit}, {"lwt_seg6local", P::LwtSeg6local},
    {"sockops", P::SockOps, A::CgroupSockOps},
    {"sk_skb/stream_parser", P::SkSkb, A::SkSkbStreamParser},
    {"sk_skb/stream_verdict", P::SkSkb, A::SkSkbStreamVerdict},
    {"sk_skb/verdict", P::SkSkb, A::SkSkbVerdict}, {"sk_skb", P::SkSkb},
    {"sk_msg", P::SkMsg, A::SkMsgVerdict}, {"lirc_mode2", P::LircMode2, A::LircMode2},
    {"flow_dissector", P::FlowDissector, A::FlowDissector},
    {"cgroup_skb/ingress", P::CgroupSkb, A::CgroupInetIngress},
    {"cgroup_skb/egress", P::CgroupSkb, A::CgroupInetEgress}, {"cgroup/skb", P::CgroupSkb},
    {"cgroup/sock_create", P::CgroupSock, A::CgroupInetSockCreate},
    {"cgroup/sock_release", P::CgroupSock, A::CgroupInetSockRelease},
    {"cgroup/sock", P::CgroupSock, A::CgroupInetSockCreate},
    {"cgroup/post_bind4", P::CgroupSock, A::CgroupInet4PostBind},
    {"cgroup/post_bind6", P::CgroupSock, A::CgroupInet6PostBind},
    {"cgroup/bind4", P::CgroupSockAddr, A::CgroupInet4Bind},
    {"cgroup/bind6", P::CgroupSockAddr, A::CgroupInet6Bind},
    {"cgroup/connect4", P::CgroupSockAddr, A::CgroupInet4Connect},
    {"cgroup/connect6", P::CgroupSockAddr, A::CgroupInet6Connect},
    {"cgroup/connect_unix", P::CgroupSockAddr, A::CgroupUnixConnect},
    {"cgroup/sendmsg4", P::CgroupSockAddr, A::CgroupUdp4Sendmsg},
    {"cgroup/sendmsg6", P::CgroupSockAddr, A::CgroupUdp6Sendmsg},
    {"cgroup/sendmsg_unix", P::CgroupSockAddr, A::CgroupUnixSendmsg},
    {"cgroup/recvmsg4", P::CgroupSockAddr, A::CgroupUdp4Recvmsg},
    {"cgroup/recvmsg6", P::CgroupSockAddr, A::CgroupUdp6Recvmsg},
    {"cgroup/recvmsg_unix", P::CgroupSockAddr, A::CgroupUnixRecvmsg},
    {"cgroup/getpeername4", P::CgroupSockAddr, A::CgroupInet4Getpeername},
    {"cgroup/getpeername6", P::CgroupSockAddr, A::CgroupInet6Getpeername},
    {"cgroup/getpeername_unix", P::CgroupSockAddr, A::CgroupUnixGetpeername},
    {"cgroup/getsockname4", P::CgroupSockAddr, A::CgroupInet4Getsockname},
    {"cgroup/getsockname6", P::CgroupSockAddr, A::CgroupInet6Getsockname},
    {"cgroup/getsockname_unix", P::CgroupSockAddr, A::CgroupUnixGetsockname},
    {"cgroup/sysctl", P::CgroupSysctl, A::CgroupSysctl},
    {"cgroup/getsockopt", P::CgroupSockopt, A::CgroupGetsockopt},
    {"cgroup/setsockopt", P::CgroupSockopt, A::CgroupSetsockopt},
    {"cgroup/dev", P::CgroupDevice, A::CgroupDevice},
    {"struct_ops.s+", P::StructOps, A::StructOps, true}, {"struct_ops+", P::StructOps, A::StructOps},
    {"sk_lookup", P::SkLookup, A::SkLookup}, {"netfilter", P::Netfilter, A::Netfilter},
};

std::string_view plain_name(const Row& row) {
    std::string_view name = row.name;
    return name.ends_with('+') ? name.substr(0, name.size() - 1) : name;
}

SectionType type_of(const Row& row, std::string_view target) {
    return {row.type, row.attach, row.is_sleepable, std::string(target)};
}

// As libbpf has it: the whole name, or a name that takes a target with one behind a slash.
const Row* find_exactly(std::string_view section) {
    for (const Row& row : kRows) {
        std::string_view name = plain_name(row);
        bool takes_target = name.size() != std::string_view(row.name).size();
        bool has_target = section.size() > name.size() && section.starts_with(name) &&
                          section[name.size()] == '/';
        if (section == name || (takes_target && has_target)) {
            return &row;
        }
    }
    return nullptr;
}

// As other loaders and libbpf before 1.0 have it: the longest name that the section begins with, where
// something that is no letter follows ("tc/tail", "xdp_drop", "socket1").
const Row* find_beginning(std::string_view section) {
    const Row* best = nullptr;
    for (const Row& row : kRows) {
        std::string_view name = plain_name(row);
        if (!section.starts_with(name) || section.size() == name.size()) {
            continue;
        }
        char next = section[name.size()];
        bool is_apart = next == '/' || next == '_' || (next >= '0' && next <= '9');
        if (is_apart && (best == nullptr || plain_name(*best).size() < name.size())) {
            best = &row;
        }
    }
    return best;
}

}  // namespace

SectionType section_type(std::string_view section) {
    if (!section.empty() && section[0] == '?') {
        section.remove_prefix(1);
    }
    if (const Row* row = find_exactly(section)) {
        std::string_view name = plain_name(*row);
        return type_of(*row, section.size() > name.size() ? section.substr(name.size() + 1) : "");
    }
    if (const Row* row = find_beginning(section)) {
        return type_of(*row, "");
    }
    return {};
}

}  // namespace gyre::bpf
