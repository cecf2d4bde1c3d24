// SPDX-License-Identifier: MIT
//
// See wall_clock.h. The first to ask reads the machine's clock.
#include "kernel/linux/wall_clock.h"

#include <atomic>

#include "kernel/arch/contract.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/timer_file.h"
#include "kernel/linux/futex.h"
#include "kernel/linux/interval_timers.h"
#include "kernel/schedule/wait_queue.h"
#include "kernel/vdso/vdso.h"

namespace gyre {
namespace {

constexpr int64_t kUnknown = INT64_MIN;
constinit std::atomic<int64_t> g_offset_ns{kUnknown};
constinit std::atomic<uint64_t> g_set_count{0};
constinit WaitQueue g_sleepers;   // until moments of the realtime clock

int64_t find_offset() {
    int64_t expected = kUnknown;
    const int64_t offset_ns = arch::clock_boot_realtime_ns();
    if (!g_offset_ns.compare_exchange_strong(expected, offset_ns, std::memory_order_relaxed)) return expected;
    return offset_ns;
}

}  // namespace

int64_t time::realtime_offset_ns() {
    const int64_t offset_ns = g_offset_ns.load(std::memory_order_relaxed);
    return offset_ns != kUnknown ? offset_ns : find_offset();
}

void time::set_realtime_ns(int64_t now_ns) {
    const int64_t offset_ns = now_ns - arch::clock_now_ns();
    g_offset_ns.store(offset_ns, std::memory_order_relaxed);
    vdso::set_realtime_offset(offset_ns);
    g_set_count.fetch_add(1, std::memory_order_seq_cst);
    g_sleepers.wake_all();
    timer_files_clock_was_set();
    linux::futexes_clock_was_set();
    linux::posix_timers_clock_was_set();
}

uint64_t time::set_count() { return g_set_count.load(std::memory_order_seq_cst); }

Status time::sleep_until_realtime_ns(int64_t moment_ns) {
    for (;;) {
        const uint64_t count = set_count();
        const int64_t monotonic_ns = moment_ns - realtime_offset_ns();
        if (monotonic_ns <= arch::clock_now_ns()) return {};
        const Status slept =
            g_sleepers.wait(Patience::until_ns(monotonic_ns), [&] { return set_count() != count; });
        if (!slept && slept.error() != Error::TimedOut) return slept;
    }
}

int64_t wall_clock_ns() { return arch::clock_now_ns() + time::realtime_offset_ns(); }

}  // namespace gyre
