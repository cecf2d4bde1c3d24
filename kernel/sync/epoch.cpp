// SPDX-License-Identifier: MIT
//
// See epoch.h. What is retired gathers in one list; a kernel thread takes the list when it has grown or has waited long
// enough, lets every CPU pass a quiescent state, and reclaims. Gathering keeps the cost of the thread away from
// the paths that retire.
#include "kernel/sync/epoch.h"

#include "kernel/arch/contract.h"
#include "kernel/schedule/cpu.h"
#include "kernel/schedule/thread.h"
#include "kernel/schedule/timer.h"
#include "kernel/sync/lock_order.h"
#include "kernel/sync/spin_lock.h"

namespace gyre::epoch {
namespace {

constexpr uint32_t kBatch = 128;               // this many retired nodes wake the reclaimer at once
constexpr int64_t kGatherNs = 50'000'000;      // fewer wait at most so long
constexpr int64_t kGracePollNs = 1'000'000;

void wake_reclaimer(Timer&);

struct State {
    SpinLock lock{LockRank::Epoch};
    Node* retired = nullptr;
    uint32_t retired_count = 0;
    bool is_timer_wanted = false;
    WaitQueue reclaimer;
    WaitQueue synchronizers;
    std::atomic<uint64_t> batches_started{0};
    std::atomic<uint64_t> batches_done{0};
    std::atomic<bool> is_due{false};
    std::atomic<bool> is_arming{false};
    Timer timer{&wake_reclaimer};
};
State g_state;

void wake_reclaimer(Timer&) {
    g_state.is_due.store(true, std::memory_order_release);
    g_state.reclaimer.wake_all();
}

// A timer is armed by one CPU at a time; when two want to, one is enough.
void arm_timer() {
    if (g_state.is_arming.exchange(true, std::memory_order_acquire)) return;
    g_state.timer.arm(arch::clock_now_ns() + kGatherNs);
    g_state.is_arming.store(false, std::memory_order_release);
}

// Every CPU but this one passes a quiescent state (this one does by sleeping here).
void wait_for_grace() {
    uint64_t seen[kMaxCpus];
    const uint32_t count = online_cpu_count();
    for (uint32_t i = 0; i < count; ++i) seen[i] = cpu_by_number(i).epoch.load(std::memory_order_acquire);
    for (uint32_t i = 0; i < count; ++i) {
        Cpu& cpu = cpu_by_number(i);
        while (cpu.epoch.load(std::memory_order_acquire) == seen[i]) {
            if (&cpu != &arch::this_cpu() && !cpu.must_reschedule.exchange(true, std::memory_order_acq_rel))
                arch::send_ipi(i, arch::IpiKind::Reschedule);
            (void)Thread::sleep_until(
                Patience::until_ns(arch::clock_now_ns() + kGracePollNs).uninterruptible());
        }
    }
}

void run_reclaimer(void*) {
    for (;;) {
        (void)g_state.reclaimer.wait(Patience::forever().uninterruptible(), [] {
            return g_state.is_due.exchange(false, std::memory_order_acq_rel);
        });
        Node* batch;
        {
            SpinGuard guard(g_state.lock);
            batch = g_state.retired;
            g_state.retired = nullptr;
            g_state.retired_count = 0;
            g_state.is_timer_wanted = false;
            g_state.batches_started.fetch_add(1, std::memory_order_relaxed);
        }
        wait_for_grace();
        while (batch) {
            Node* next = batch->next;
            batch->reclaim(batch);
            batch = next;
        }
        g_state.batches_done.store(g_state.batches_started.load(std::memory_order_relaxed),
                                   std::memory_order_release);
        g_state.synchronizers.wake_all();
    }
}

}  // namespace

void retire(Node& node, void (*reclaim)(Node*)) {
    node.reclaim = reclaim;
    bool is_full, must_arm;
    {
        SpinGuard guard(g_state.lock);
        node.next = g_state.retired;
        g_state.retired = &node;
        is_full = ++g_state.retired_count == kBatch;
        must_arm = !g_state.is_timer_wanted;
        g_state.is_timer_wanted = true;
    }
    if (is_full)
        wake_reclaimer(g_state.timer);
    else if (must_arm)
        arm_timer();
}

void synchronize() {
    lock_order::assert_may_sleep();
    // A batch that starts from now on covers everything retired before; the one under way may not.
    const uint64_t wanted = g_state.batches_started.load(std::memory_order_acquire) + 1;
    wake_reclaimer(g_state.timer);
    (void)g_state.synchronizers.wait(Patience::forever().uninterruptible(), [wanted] {
        return g_state.batches_done.load(std::memory_order_acquire) >= wanted;
    });
}

void quiescent_state() {
    std::atomic<uint64_t>& epoch = arch::this_cpu().epoch;
    epoch.store(epoch.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

void start_reclaimer() {
    Result<Ref<Thread>> thread = Thread::create({.name = "epoch", .entry = &run_reclaimer});
    if (!thread) __builtin_trap();  // at boot only
    (*thread)->start();
}

}  // namespace gyre::epoch
