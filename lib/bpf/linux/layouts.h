// SPDX-License-Identifier: MIT
//
// The context layouts of contexts.cpp, by name.
#pragma once

#include "lib/bpf/environment.h"

namespace gyre::bpf::linux_tables {

extern const ContextLayout kSocketFilterContext, kCgroupSkbContext, kLwtContext, kClassifierContext,
    kStreamContext, kDissectorContext, kXdpContext, kSockContext, kSockAddrContext, kSockOpsContext,
    kSkMsgContext, kReuseportContext, kSkLookupContext, kDeviceContext, kSysctlContext,
    kSockoptContext, kPtRegsContext, kTracepointContext, kPerfEventContext, kRawTracepointContext,
    kRawTracepointWritableContext, kSyscallContext, kNetfilterContext, kBtfContext, kSocketView,
    kSockCommonView, kTcpSockView, kXdpSockView;

}  // namespace gyre::bpf::linux_tables
