// SPDX-License-Identifier: MIT
//
// arch_prctl(2): the bases of fs and gs, for programs (and C libraries) that do not use wrfsbase. Leaves out CPUID
// faulting, which no processor here has, and the shadow stack.
#include "call_handlers.h"
#include "kernel/arch/contract.h"
#include "kernel/linux/context.h"

namespace gyre::linux {

CallResult sys_arch_prctl(CallContext&, int option, uint64_t argument) {
    constexpr int kSetGs = 0x1001, kSetFs = 0x1002, kGetFs = 0x1003, kGetGs = 0x1004, kGetCpuid = 0x1011,
                  kSetCpuid = 0x1012;
    switch (option) {
        case kSetFs:
            if (argument >= kUserEnd) return fail(Error::NotPermitted);
            arch::set_user_fs_base(argument);
            return 0;
        case kSetGs:
            if (argument >= kUserEnd) return fail(Error::NotPermitted);
            arch::set_user_gs_base(argument);
            return 0;
        case kGetFs: TRY_VOID(UserOut<uint64_t>(argument).write(arch::user_fs_base())); return 0;
        case kGetGs: TRY_VOID(UserOut<uint64_t>(argument).write(arch::user_gs_base())); return 0;
        case kGetCpuid: return 1;
        case kSetCpuid: return fail(Error::NoDevice);
        default: return fail(Error::InvalidArgument);
    }
}

}  // namespace gyre::linux
