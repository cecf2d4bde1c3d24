// SPDX-License-Identifier: MIT
//
// Linux's tables for the verifier: helpers, who may call them, contexts, program types.
#pragma once

#include "lib/bpf/environment.h"

namespace gyre::bpf::linux_tables {

extern const HelperPrototype kHelperPrototypes[];
extern const size_t kHelperPrototypeCount;
extern const HelperSet kBaseHelpers;
extern const HelperSet kTraceCommonHelpers;
extern const HelperSet kKprobeHelpers;
extern const HelperSet kTpHelpers;
extern const HelperSet kPeHelpers;
extern const HelperSet kRawTpHelpers;
extern const HelperSet kIterHelpers;
extern const HelperSet kTracingHelpers;
extern const HelperSet kCgroupCommonHelpers;
extern const HelperSet kLsmHelpers;
extern const HelperSet kSyscallHelpers;
extern const HelperSet kCgroupCurrentHelpers;
extern const HelperSet kCgroupDevHelpers;
extern const HelperSet kSysctlHelpers;
extern const HelperSet kCgSockoptHelpers;
extern const HelperSet kNfHelpers;
extern const HelperSet kSockFilterHelpers;
extern const HelperSet kSkBaseHelpers;
extern const HelperSet kSockAddrHelpers;
extern const HelperSet kSkFilterHelpers;
extern const HelperSet kCgSkbHelpers;
extern const HelperSet kTcClsActHelpers;
extern const HelperSet kXdpHelpers;
extern const HelperSet kSockOpsHelpers;
extern const HelperSet kSkMsgHelpers;
extern const HelperSet kSkSkbHelpers;
extern const HelperSet kFlowDissectorHelpers;
extern const HelperSet kLwtOutHelpers;
extern const HelperSet kLwtInHelpers;
extern const HelperSet kLwtXmitHelpers;
extern const HelperSet kLwtSeg6localHelpers;
extern const HelperSet kSkReuseportHelpers;
extern const HelperSet kSkLookupHelpers;
extern const HelperSet kIterTcpHelpers;
extern const HelperSet kSchedExtHelpers;
extern const HelperSet kTcpCaHelpers;

// The environment of a target. Of a Linux kernel: `kernel_btf` may be null, then programs that need it
// are refused. The target `gyre` has no types (lib/bpf/gyre/place.h).
Environment environment(const Target& target, const Btf* kernel_btf);
// "linux-6.1", "linux-6.12", "linux-6.18", "gyre"; null for an unknown name.
const Target* find_target(const char* name);

}  // namespace gyre::bpf::linux_tables
