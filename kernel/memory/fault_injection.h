// SPDX-License-Identifier: MIT
//
// Makes a chosen allocation of a chosen thread fail, so that tests walk the paths that memory running out opens.
// The armed thread is told in memory.h (fail_allocation); here is the question that every allocation asks.
#pragma once

#include <atomic>
#include <cstdint>

namespace gyre {
class Thread;
namespace fault_injection {

inline constinit std::atomic<const Thread*> armed_thread{nullptr};
bool is_due_slow();
// How many allocations have failed this way since the start of the machine.
uint64_t injected_count();
inline bool is_due() { return armed_thread.load(std::memory_order_relaxed) != nullptr && is_due_slow(); }

}  // namespace fault_injection
}  // namespace gyre
