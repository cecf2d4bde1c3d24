// SPDX-License-Identifier: MIT
//
// Section names and the program types they stand for, as libbpf documents them.
#include "lib/bpf/object/object.h"

namespace gyre::bpf {
namespace {

using P = ProgramType;
using A = AttachType;

struct Row {
    const char* name;  // a trailing '/' takes a target, '+' with or without one
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

}  // namespace

SectionType section_type(std::string_view section) {
    if (!section.empty() && section[0] == '?') {
        section.remove_prefix(1);
    }
    for (const Row& row : kRows) {
        std::string_view name = row.name;
        bool takes_target = name.back() == '+';
        if (takes_target) {
            name.remove_suffix(1);
        }
        bool is_whole = section == name;
        bool has_target = section.size() > name.size() && section.substr(0, name.size()) == name &&
                          section[name.size()] == '/';
        if (!is_whole && !(takes_target && has_target)) {
            continue;
        }
        SectionType t{row.type, row.attach, row.is_sleepable, {}};
        if (has_target) {
            t.target = std::string(section.substr(name.size() + 1));
        }
        return t;
    }
    return {};
}

}  // namespace gyre::bpf
