// SPDX-License-Identifier: MIT
//
// Making tasks: what clone(2), clone3(2), fork(2) and vfork(2) all come down to.
#pragma once

#include "kernel/linux/context.h"

namespace gyre::linux {

namespace clone_flag {
constexpr uint64_t kExitSignal = 0xff, kMemory = 0x100, kFilesystem = 0x200, kFiles = 0x400, kHandlers = 0x800,
                   kPidfd = 0x1000, kPtrace = 0x2000, kVfork = 0x4000, kParent = 0x8000, kThread = 0x10000,
                   kNewMounts = 0x20000, kSystemVSemaphores = 0x40000, kSetTls = 0x80000, kParentSetTid = 0x100000,
                   kChildClearTid = 0x200000, kDetached = 0x400000, kUntraced = 0x800000, kChildSetTid = 0x1000000,
                   kNewCgroup = 0x2000000, kNewNames = 0x4000000, kNewIpc = 0x8000000, kNewUser = 0x10000000,
                   kNewPids = 0x20000000, kNewNet = 0x40000000, kIo = 0x80000000;
constexpr uint64_t kClearHandlers = 0x100000000, kIntoCgroup = 0x200000000, kNewTime = 0x80;  // clone3 (time: unshare)
constexpr uint64_t kNamespaces =
    kNewMounts | kNewCgroup | kNewNames | kNewIpc | kNewUser | kNewPids | kNewNet;
}  // namespace clone_flag

struct CloneRequest {
    uint64_t flags = 0;       // clone_flag, without the exit signal
    int exit_signal = 0;
    uint64_t stack = 0;       // the child's stack pointer; 0: the parent's
    uint64_t tls = 0;
    uint64_t pidfd = 0, parent_tid = 0, child_tid = 0;  // where in the program's memory
};

// Errors as clone(2).
CallResult clone_task(CallContext& context, const CloneRequest& request);

// The way of a new task (or init) to user mode through its trap frame. Interrupts on.
[[noreturn]] void enter_user_mode();

}  // namespace gyre::linux
