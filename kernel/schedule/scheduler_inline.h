// SPDX-License-Identifier: MIT
//
// The inline half of scheduler.h.
#pragma once

namespace gyre {

inline bool must_leave_slowly() {
    const Cpu& cpu = arch::this_cpu();
    return cpu.must_reschedule.load(std::memory_order_relaxed) || cpu.current->interruptions() != 0;
}

}  // namespace gyre
