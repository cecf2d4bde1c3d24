// SPDX-License-Identifier: MIT
//
// See run_queue.h.
#include "kernel/schedule/run_queue.h"

namespace gyre {
namespace {

// A woken thread may be this far behind the queue: it runs soon, but cannot claim the time it slept.
constexpr uint64_t kWakeLeadNs = kFairSliceNs / 2;

// 1024 * 1.25^-nice, rounded as Linux's sched_prio_to_weight documents it in sched(7)'s nice section.
constexpr std::array<uint32_t, 40> kWeights = [] {
    std::array<uint32_t, 40> weights{};
    uint64_t up = uint64_t{1024} << 20, down = uint64_t{1024} << 20;
    weights[20] = 1024;
    for (int level = 1; level <= 20; ++level) {
        up = up * 5 / 4;
        if (level <= 20) weights[static_cast<size_t>(20 - level)] = static_cast<uint32_t>(up >> 20);
        down = down * 4 / 5;
        if (level < 20) weights[static_cast<size_t>(20 + level)] = static_cast<uint32_t>(down >> 20);
    }
    return weights;
}();

bool is_realtime(const ScheduleParameters& parameters) {
    return parameters.policy == SchedulePolicy::Fifo || parameters.policy == SchedulePolicy::RoundRobin;
}

}  // namespace

uint32_t weight_of(const ScheduleParameters& parameters) {
    if (parameters.policy == SchedulePolicy::Idle) return kIdlePolicyWeight;
    return kWeights[static_cast<size_t>(parameters.nice + 20)];
}

uint32_t RunQueue::highest_priority() const {
    if (realtime_bitmap_[1]) return 127 - static_cast<uint32_t>(std::countl_zero(realtime_bitmap_[1]));
    return 63 - static_cast<uint32_t>(std::countl_zero(realtime_bitmap_[0]));
}

void RunQueue::insert(Thread& thread) {
    ++waiting_;
    thread.is_queued_ = true;
    if (is_realtime(thread.parameters_)) {
        const uint32_t priority = thread.parameters_.realtime_priority;
        // A preempted FIFO thread keeps its place at the head; one whose slice ended or that yielded goes last.
        if (thread.parameters_.policy == SchedulePolicy::Fifo && thread.is_on_cpu_.load(std::memory_order_relaxed) &&
            thread.slice_end_ns_ != 0)
            realtime_[priority].push_front(thread);
        else
            realtime_[priority].push_back(thread);
        realtime_bitmap_[priority / 64] |= uint64_t{1} << (priority % 64);
    } else {
        fair_.insert(thread);
    }
}

void RunQueue::insert_woken(Thread& thread) {
    const uint64_t floor =
        least_virtual_runtime_ns_ > kWakeLeadNs ? least_virtual_runtime_ns_ - kWakeLeadNs : 0;
    if (thread.virtual_runtime_ns_ < floor) thread.virtual_runtime_ns_ = floor;
    insert(thread);
}

void RunQueue::remove(Thread& thread) {
    --waiting_;
    thread.is_queued_ = false;
    if (thread.realtime_hook.is_linked()) {
        // By the list it is in: the parameters may have changed since.
        for (uint32_t word = 0; word < 2; ++word)
            for (uint64_t bits = realtime_bitmap_[word]; bits; bits &= bits - 1) {
                const uint32_t priority = word * 64 + static_cast<uint32_t>(std::countr_zero(bits));
                for (Thread& queued : realtime_[priority])
                    if (&queued == &thread) {
                        realtime_[priority].erase(RealtimeList::s_iterator_to(thread));
                        if (realtime_[priority].empty()) realtime_bitmap_[word] &= ~(uint64_t{1} << (priority % 64));
                        return;
                    }
            }
    } else {
        fair_.erase(FairTree::s_iterator_to(thread));
    }
}

Thread* RunQueue::take_next() {
    if (waiting_ == 0) return nullptr;
    Thread* next;
    if (realtime_bitmap_[0] | realtime_bitmap_[1]) {
        const uint32_t priority = highest_priority();
        next = &realtime_[priority].front();
        realtime_[priority].pop_front();
        if (realtime_[priority].empty()) realtime_bitmap_[priority / 64] &= ~(uint64_t{1} << (priority % 64));
    } else {
        next = &*fair_.begin();
        fair_.erase(fair_.begin());
        note_least(next->virtual_runtime_ns_);
    }
    --waiting_;
    next->is_queued_ = false;
    return next;
}

Thread* RunQueue::take_for(uint32_t cpu) {
    const auto may_take = [cpu](const Thread& thread) {
        return thread.affinity_.contains(cpu) && !thread.is_on_cpu_.load(std::memory_order_acquire);
    };
    for (uint32_t word = 2; word-- > 0;)
        for (uint64_t bits = realtime_bitmap_[word]; bits; bits &= bits - 1)
            for (Thread& thread : realtime_[word * 64 + static_cast<uint32_t>(std::countr_zero(bits))])
                if (may_take(thread)) {
                    remove(thread);
                    return &thread;
                }
    for (Thread& thread : fair_)
        if (may_take(thread)) {
            remove(thread);
            return &thread;
        }
    return nullptr;
}

void RunQueue::charge(Thread& running, int64_t now_ns) {
    const int64_t ran_ns = now_ns - running.running_since_ns_;
    running.running_since_ns_ = now_ns;
    if (ran_ns <= 0 || is_realtime(running.parameters_)) return;
    const uint32_t weight = weight_of(running.parameters_);
    running.virtual_runtime_ns_ += weight == kNiceZeroWeight
                                       ? static_cast<uint64_t>(ran_ns)
                                       : static_cast<uint64_t>(ran_ns) * kNiceZeroWeight / weight;
}

bool RunQueue::should_preempt(const Thread& candidate, const Thread& running) const {
    const bool is_candidate_realtime = is_realtime(candidate.parameters_);
    const bool is_running_realtime = is_realtime(running.parameters_);
    if (is_candidate_realtime != is_running_realtime) return is_candidate_realtime;
    if (is_candidate_realtime)
        return candidate.parameters_.realtime_priority > running.parameters_.realtime_priority;
    if (candidate.parameters_.policy == SchedulePolicy::Idle && running.parameters_.policy != SchedulePolicy::Idle)
        return false;
    return running.virtual_runtime_ns_ > candidate.virtual_runtime_ns_ + kWakePreemptionNs;
}

bool RunQueue::has_rival(const Thread& running) const {
    if (waiting_ == 0) return false;
    const bool is_realtime_waiting = (realtime_bitmap_[0] | realtime_bitmap_[1]) != 0;
    if (!is_realtime(running.parameters_)) return true;
    if (!is_realtime_waiting) return false;
    const uint32_t highest = highest_priority();
    if (highest > running.parameters_.realtime_priority) return true;
    return highest == running.parameters_.realtime_priority &&
           running.parameters_.policy == SchedulePolicy::RoundRobin;
}

}  // namespace gyre
