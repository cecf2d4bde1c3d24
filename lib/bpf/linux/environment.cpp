// SPDX-License-Identifier: MIT
//
// Linux's program types put together: context, helpers, packets. And the targets by name.
#include <string_view>

#include "lib/bpf/gyre/place.h"
#include "lib/bpf/linux/layouts.h"
#include "lib/bpf/linux/linux.h"

namespace gyre::bpf::linux_tables {
namespace {

// In the order of ProgramType: name, helpers, context, packets readable, writable, LD_ABS allowed.
constexpr ProgramRules kRules[kProgramTypeCount] = {
    {"unspecified", nullptr, nullptr, false, false, false},
    {"socket_filter", &kSkFilterHelpers, &kSocketFilterContext, false, false, true},
    {"kprobe", &kKprobeHelpers, &kPtRegsContext, false, false, false},
    {"sched_cls", &kTcClsActHelpers, &kClassifierContext, true, true, true},
    {"sched_act", &kTcClsActHelpers, &kClassifierContext, true, true, true},
    {"tracepoint", &kTpHelpers, &kTracepointContext, false, false, false},
    {"xdp", &kXdpHelpers, &kXdpContext, true, true, false},
    {"perf_event", &kPeHelpers, &kPerfEventContext, false, false, false},
    {"cgroup_skb", &kCgSkbHelpers, &kCgroupSkbContext, true, false, false},
    {"cgroup_sock", &kSockFilterHelpers, &kSockContext, false, false, false},
    {"lwt_in", &kLwtInHelpers, &kLwtContext, true, false, false},
    {"lwt_out", &kLwtOutHelpers, &kLwtContext, true, false, false},
    {"lwt_xmit", &kLwtXmitHelpers, &kLwtContext, true, true, false},
    {"sock_ops", &kSockOpsHelpers, &kSockOpsContext, false, false, false},
    {"sk_skb", &kSkSkbHelpers, &kStreamContext, true, true, false},
    {"cgroup_device", &kCgroupDevHelpers, &kDeviceContext, false, false, false},
    {"sk_msg", &kSkMsgHelpers, &kSkMsgContext, true, true, false},
    {"raw_tracepoint", &kRawTpHelpers, &kRawTracepointContext, false, false, false},
    {"cgroup_sock_addr", &kSockAddrHelpers, &kSockAddrContext, false, false, false},
    {"lwt_seg6local", &kLwtSeg6localHelpers, &kLwtContext, true, false, false},
    {"lirc_mode2", &kBaseHelpers, nullptr, false, false, false},
    {"sk_reuseport", &kSkReuseportHelpers, &kReuseportContext, true, false, false},
    {"flow_dissector", &kFlowDissectorHelpers, &kDissectorContext, true, false, false},
    {"cgroup_sysctl", &kSysctlHelpers, &kSysctlContext, false, false, false},
    {"raw_tracepoint_writable", &kRawTpHelpers, &kRawTracepointWritableContext, false, false,
     false},
    {"cgroup_sockopt", &kCgSockoptHelpers, &kSockoptContext, true, true, false},
    {"tracing", &kTracingHelpers, &kBtfContext, false, false, false},
    {"struct_ops", &kTcpCaHelpers, &kBtfContext, false, false, false},
    {"ext", nullptr, nullptr, false, false, false},
    {"lsm", &kLsmHelpers, &kBtfContext, false, false, false},
    {"sk_lookup", &kSkLookupHelpers, &kSkLookupContext, false, false, false},
    {"syscall", &kSyscallHelpers, &kSyscallContext, false, false, false},
    {"netfilter", &kNfHelpers, &kNetfilterContext, false, false, false},
};

constexpr Target kTargets[] = {
    {"linux-6.1", 601, true, 32},
    {"linux-6.12", 612, true, 16},
    {"linux-6.18", 618, true, 16},
    {.name = "gyre", .version = 618, .is_linux = false},
};

}  // namespace

Environment environment(const Target& target, const Btf* kernel_btf) {
    if (!target.is_linux) {
        return gyre_place::environment(target);
    }
    return {target, {kHelperPrototypes, kHelperPrototypeCount}, kRules, kernel_btf, ~u64{0}, {}};
}

const Target* find_target(const char* name) {
    for (const Target& target : kTargets) {
        if (std::string_view(target.name) == name) {
            return &target;
        }
    }
    return nullptr;
}

}  // namespace gyre::bpf::linux_tables
