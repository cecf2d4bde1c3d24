// SPDX-License-Identifier: MIT
//
// What a program of each type may read from and write to its context (uapi/linux/bpf.h), byte range
// by byte range. A range that is not mentioned falls back to the base layout, else is closed.
// Contexts made of arguments (tracing) or described by BTF are marked by their style.
#include "lib/bpf/linux/layouts.h"

namespace gyre::bpf::linux_tables {
namespace {

using R = ContextResult;

constexpr u64 bit(AttachType a) { return u64{1} << static_cast<u32>(a); }
constexpr u8 kClosed = 0;

// struct __sk_buff
constexpr ContextField kSkBuffRead[] = {
    {0, 48, kNarrow},      {48, 68, kAnySize},    {68, 76, kNarrow},
    {76, 80, kWord},       {80, 84, kWord},       {84, 92, kNarrow},
    {92, 100, kWord},      {100, 132, kWord},     {132, 140, kNarrow},
    {140, 144, kWord},     {144, 152, kClosed},   {152, 160, kEight},
    {160, 168, kNarrow},   {168, 176, kEight, R::SockCommonOrNull},
    {176, 180, kNarrow},   {180, 184, kClosed},   {184, 192, kEight},
};
const ContextLayout kSkBuff = {.read = kSkBuffRead, .write = {}, .size = 192};

constexpr ContextField kFilterRead[] = {
    {72, 84, kClosed}, {88, 140, kClosed}, {140, 144, kClosed}, {152, 164, kClosed},
    {184, 192, kClosed},
};
constexpr ContextField kControlWrite[] = {{48, 68, kAnySize}};
constexpr ContextField kCgroupRead[] = {
    {72, 76, kClosed}, {140, 144, kClosed}, {160, 164, kClosed}, {76, 80, kWord, R::Packet},
    {80, 84, kWord, R::PacketEnd},
};
constexpr ContextField kCgroupWrite[] = {
    {8, 12, kWord}, {32, 36, kWord}, {48, 68, kAnySize}, {152, 160, kEight}};
constexpr ContextField kTunnelRead[] = {
    {72, 76, kClosed},  {88, 140, kClosed},  {140, 144, kClosed}, {152, 164, kClosed},
    {184, 192, kClosed}, {76, 80, kWord, R::Packet}, {80, 84, kWord, R::PacketEnd},
};
constexpr ContextField kTunnelWrite[] = {{8, 12, kWord}, {32, 36, kWord}, {48, 68, kAnySize}};
constexpr ContextField kClassifierRead[] = {
    {76, 80, kWord, R::Packet}, {140, 144, kWord, R::PacketMeta}, {80, 84, kWord, R::PacketEnd},
    {88, 140, kClosed}, {180, 181, kOne},
};
constexpr ContextField kClassifierWrite[] = {
    {4, 8, kClosed},   {8, 16, kWord},  {32, 36, kWord}, {44, 48, kWord},
    {48, 68, kAnySize}, {72, 76, kWord}, {152, 160, kEight},
};
constexpr ContextField kStreamRead[] = {
    {72, 76, kClosed},  {140, 144, kClosed}, {152, 164, kClosed}, {184, 192, kClosed},
    {8, 12, kClosed},   {76, 80, kWord, R::Packet}, {80, 84, kWord, R::PacketEnd},
};
constexpr ContextField kStreamWrite[] = {{32, 36, kWord}, {44, 48, kWord}};
constexpr ContextField kDissectorRead[] = {
    {76, 80, kWord, R::Packet}, {80, 84, kWord, R::PacketEnd}, {144, 152, kEight, R::FlowKeys}};

// struct xdp_md
constexpr ContextField kXdpRead[] = {
    {0, 4, kWord, R::Packet}, {4, 8, kWord, R::PacketEnd}, {8, 12, kWord, R::PacketMeta},
    {12, 20, kWord},          {20, 24, kWord, R::Scalar, bit(AttachType::XdpDevmap)},
};

// struct bpf_sock
constexpr u64 kSockWhole =
    bit(AttachType::CgroupInetSockCreate) | bit(AttachType::CgroupInetSockRelease);
constexpr u64 kPostBind4 = bit(AttachType::CgroupInet4PostBind);
constexpr u64 kPostBind6 = bit(AttachType::CgroupInet6PostBind);
constexpr ContextField kSockContextRead[] = {
    {0, 4, kWord, R::Scalar, kSockWhole},  {4, 16, kNarrow},
    {16, 24, kWord, R::Scalar, kSockWhole}, {24, 28, kNarrow, R::Scalar, kPostBind4},
    {28, 44, kNarrow, R::Scalar, kPostBind6},
    {44, 48, kNarrow, R::Scalar, kPostBind4 | kPostBind6},
    {48, 50, kOne | kTwo | kFour}, {52, 80, kNarrow},
};
constexpr ContextField kSockContextWrite[] = {
    {0, 4, kWord, R::Scalar, kSockWhole}, {16, 24, kWord, R::Scalar, kSockWhole}};

// struct bpf_sock_addr
constexpr u64 kAddress4 =
    bit(AttachType::CgroupInet4Bind) | bit(AttachType::CgroupInet4Connect) |
    bit(AttachType::CgroupInet4Getpeername) | bit(AttachType::CgroupInet4Getsockname) |
    bit(AttachType::CgroupUdp4Sendmsg) | bit(AttachType::CgroupUdp4Recvmsg);
constexpr u64 kAddress6 =
    bit(AttachType::CgroupInet6Bind) | bit(AttachType::CgroupInet6Connect) |
    bit(AttachType::CgroupInet6Getpeername) | bit(AttachType::CgroupInet6Getsockname) |
    bit(AttachType::CgroupUdp6Sendmsg) | bit(AttachType::CgroupUdp6Recvmsg);
constexpr u64 kSend4 = bit(AttachType::CgroupUdp4Sendmsg);
constexpr u64 kSend6 = bit(AttachType::CgroupUdp6Sendmsg);
constexpr ContextField kSockAddrRead[] = {
    {0, 4, kWord},
    {4, 8, kNarrow, R::Scalar, kAddress4},
    {8, 24, kAnySize, R::Scalar, kAddress6},
    {24, 28, kNarrow},
    {28, 40, kWord},
    {40, 44, kNarrow, R::Scalar, kSend4},
    {44, 60, kAnySize, R::Scalar, kSend6},
    {64, 72, kEight, R::Socket},
};
constexpr ContextField kSockAddrWrite[] = {
    {4, 8, kWord, R::Scalar, kAddress4},   {8, 24, kWord | kEight, R::Scalar, kAddress6},
    {24, 28, kWord},                       {40, 44, kWord, R::Scalar, kSend4},
    {44, 60, kWord | kEight, R::Scalar, kSend6},
};

// struct bpf_sock_ops
constexpr ContextField kSockOpsRead[] = {
    {0, 168, kWord},        {168, 184, kEight},
    {184, 192, kEight, R::SocketOrNull}, {192, 200, kEight, R::Packet},
    {200, 208, kEight, R::PacketEnd}, {208, 212, kWord}, {212, 216, kNarrow},
    {216, 224, kEight},
};
constexpr ContextField kSockOpsWrite[] = {{4, 8, kWord}, {164, 168, kWord}};

// struct sk_msg_md
constexpr ContextField kSkMsgRead[] = {
    {0, 8, kEight, R::Packet}, {8, 16, kEight, R::PacketEnd}, {16, 72, kWord},
    {72, 80, kEight, R::Socket},
};

// struct sk_reuseport_md
constexpr ContextField kReuseportRead[] = {
    {0, 8, kEight, R::Packet}, {8, 16, kEight, R::PacketEnd}, {16, 20, kNarrow},
    {20, 24, kTwo | kFour},    {24, 32, kNarrow},             {32, 36, kWord},
    {40, 48, kEight, R::Socket}, {48, 56, kEight, R::SockCommonOrNull},
};

// struct bpf_sk_lookup
constexpr ContextField kSkLookupRead[] = {
    {0, 8, kEight, R::SocketOrNull}, {8, 36, kNarrow}, {36, 38, kOne | kTwo | kFour}, {38, 40, kOne | kTwo},
    {40, 68, kNarrow},
};

// struct bpf_cgroup_dev_ctx, bpf_sysctl, bpf_sockopt
constexpr ContextField kDeviceRead[] = {{0, 4, kNarrow}, {4, 12, kWord}};
constexpr ContextField kSysctlRead[] = {{0, 8, kNarrow}};
constexpr ContextField kSysctlWrite[] = {{4, 8, kWord}};
constexpr ContextField kSockoptRead[] = {
    {0, 8, kEight, R::Socket}, {8, 16, kEight, R::Packet}, {16, 24, kEight, R::PacketEnd},
    {24, 36, kWord}, {36, 40, kWord, R::Scalar, bit(AttachType::CgroupGetsockopt)},
};
constexpr ContextField kSockoptWrite[] = {
    {24, 32, kWord, R::Scalar, bit(AttachType::CgroupSetsockopt)}, {32, 36, kWord},
    {36, 40, kWord, R::Scalar, bit(AttachType::CgroupGetsockopt)},
};

constexpr u16 kPtRegsSize = 168;
constexpr ContextField kPtRegsRead[] = {{0, kPtRegsSize, kAnySize}};
constexpr ContextField kTracepointRead[] = {{8, 2048, kAnySize}};
constexpr ContextField kPerfEventRead[] = {
    {0, kPtRegsSize, kEight}, {kPtRegsSize, kPtRegsSize + 16, kAnySize}};
constexpr ContextField kArgumentsRead[] = {{0, 96, kAnySize}};
constexpr ContextField kWritableRead[] = {{0, 8, kEight, R::TpBuffer}, {8, 96, kAnySize}};
constexpr ContextField kSyscallRead[] = {{0, 0xffff, kAnySize}};
constexpr ContextField kNetfilterRead[] = {
    {0, 8, kEight, R::NetfilterState}, {8, 16, kEight, R::SkBuff}};

constexpr ContextLayout skb(std::span<const ContextField> read,
                            std::span<const ContextField> write) {
    return {.read = read, .write = write, .base = &kSkBuff, .size = 192,
            .kernel_type = "sk_buff", .user_type = "__sk_buff"};
}
constexpr ContextLayout fields(std::span<const ContextField> read,
                               std::span<const ContextField> write, u32 size,
                               const char* kernel_type, const char* user_type) {
    return {.read = read, .write = write, .size = size, .kernel_type = kernel_type,
            .user_type = user_type};
}

}  // namespace

const ContextLayout kSocketFilterContext = skb(kFilterRead, kControlWrite);
const ContextLayout kCgroupSkbContext = skb(kCgroupRead, kCgroupWrite);
const ContextLayout kLwtContext = skb(kTunnelRead, kTunnelWrite);
const ContextLayout kClassifierContext = skb(kClassifierRead, kClassifierWrite);
const ContextLayout kStreamContext = skb(kStreamRead, kStreamWrite);
const ContextLayout kDissectorContext =
    fields(kDissectorRead, {}, 192, "bpf_flow_dissector", "__sk_buff");
const ContextLayout kXdpContext = fields(kXdpRead, {}, 24, "xdp_buff", "xdp_md");
const ContextLayout kSockContext =
    fields(kSockContextRead, kSockContextWrite, 80, "sock", "bpf_sock");
const ContextLayout kSockAddrContext =
    fields(kSockAddrRead, kSockAddrWrite, 72, "bpf_sock_addr_kern", "bpf_sock_addr");
const ContextLayout kSockOpsContext =
    fields(kSockOpsRead, kSockOpsWrite, 224, "bpf_sock_ops_kern", "bpf_sock_ops");
const ContextLayout kSkMsgContext = fields(kSkMsgRead, {}, 80, "sk_msg", "sk_msg_md");
const ContextLayout kReuseportContext =
    fields(kReuseportRead, {}, 56, "sk_reuseport_kern", "sk_reuseport_md");
const ContextLayout kSkLookupContext =
    fields(kSkLookupRead, {}, 72, "bpf_sk_lookup_kern", "bpf_sk_lookup");
const ContextLayout kDeviceContext =
    fields(kDeviceRead, {}, 12, "bpf_cgroup_dev_ctx", "bpf_cgroup_dev_ctx");
const ContextLayout kSysctlContext =
    fields(kSysctlRead, kSysctlWrite, 8, "bpf_sysctl_kern", "bpf_sysctl");
const ContextLayout kSockoptContext =
    fields(kSockoptRead, kSockoptWrite, 40, "bpf_sockopt_kern", "bpf_sockopt");
const ContextLayout kPtRegsContext =
    fields(kPtRegsRead, {}, kPtRegsSize, "pt_regs", "bpf_user_pt_regs_t");
const ContextLayout kTracepointContext = fields(kTracepointRead, {}, 2048, "u64", "u64");
const ContextLayout kPerfEventContext =
    fields(kPerfEventRead, {}, kPtRegsSize + 16, "bpf_perf_event_data_kern",
           "bpf_perf_event_data");
const ContextLayout kRawTracepointContext =
    fields(kArgumentsRead, {}, 96, "u64", "bpf_raw_tracepoint_args");
const ContextLayout kRawTracepointWritableContext =
    fields(kWritableRead, {}, 96, "u64", "bpf_raw_tracepoint_args");
const ContextLayout kSyscallContext = {
    .read = kSyscallRead, .write = kSyscallRead, .style = ContextStyle::Any, .size = 0xffff,
    .kernel_type = "void", .user_type = "void"};
const ContextLayout kNetfilterContext =
    fields(kNetfilterRead, {}, 16, "bpf_nf_ctx", "bpf_nf_ctx");
const ContextLayout kBtfContext = {.read = {}, .write = {}, .style = ContextStyle::Btf, .size = 96,
                                   .kernel_type = "u64", .user_type = "void"};

// What a pointer to a socket shows: the rows of struct bpf_sock, bpf_tcp_sock, bpf_xdp_sock.
constexpr ContextField kSocketRead[] = {
    {0, 4, kWord}, {4, 16, kNarrow}, {16, 24, kWord}, {24, 48, kNarrow},
    {48, 50, kOne | kTwo | kFour}, {52, 80, kNarrow},
};
constexpr ContextField kSockCommonRead[] = {
    {0, 4, kWord}, {4, 8, kNarrow}, {24, 48, kNarrow}, {48, 50, kOne | kTwo | kFour},
    {52, 80, kNarrow},
};
constexpr ContextField kTcpSockRead[] = {{0, 80, kWord}, {80, 96, kEight}, {96, 112, kWord}};
constexpr ContextField kXdpSockRead[] = {{0, 4, kWord}};
const ContextLayout kSocketView = fields(kSocketRead, {}, 80, nullptr, nullptr);
const ContextLayout kSockCommonView = fields(kSockCommonRead, {}, 80, nullptr, nullptr);
const ContextLayout kTcpSockView = fields(kTcpSockRead, {}, 112, nullptr, nullptr);
const ContextLayout kXdpSockView = fields(kXdpSockRead, {}, 4, nullptr, nullptr);

}  // namespace gyre::bpf::linux_tables
