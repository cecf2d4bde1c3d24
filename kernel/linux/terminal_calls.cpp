// SPDX-License-Identifier: MIT
//
// vhangup(2). All else about terminals is ioctl(2).
#include "call_handlers.h"
#include "kernel/tty/job_control.h"

namespace gyre::linux {

CallResult sys_vhangup(CallContext& context) {
    if (!context.credentials().has(Capability::SysTtyConfig)) return fail(Error::NotPermitted);
    if (const Ref<Terminal> terminal = tty::controlling_terminal(context.process)) terminal->hang_up();
    return 0;
}

}  // namespace gyre::linux
