// SPDX-License-Identifier: MIT
//
// The memory side of the out-of-memory policy: asking whoever knows the programs, waiting for what a dying one gives back.
#include "kernel/memory/out_of_memory.h"

#include <atomic>

#include "kernel/memory/memory.h"
#include "kernel/memory/page.h"
#include "kernel/schedule/thread.h"

namespace gyre::memory {

namespace {
constinit std::atomic<OutOfMemoryHandler> handler{nullptr};
constexpr int64_t kRetryWaitNs = 5'000'000;
}  // namespace

void set_out_of_memory_handler(OutOfMemoryHandler new_handler) { handler.store(new_handler, std::memory_order_release); }

bool wait_for_memory(AddressSpace& offender) {
    // A failure that was injected, or one that is over by now, is no reason to end anybody.
    if (!page_allocator::is_short()) return true;
    const OutOfMemoryHandler decide = handler.load(std::memory_order_acquire);
    if (!decide || decide(offender) == OutOfMemoryDecision::KillOffender) return false;
    // Interrupted or not, the next try decides.
    (void)Thread::sleep_until(Patience::until_ns(arch::clock_now_ns() + kRetryWaitNs).uninterruptible());
    return true;
}

}  // namespace gyre::memory
