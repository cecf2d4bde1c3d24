// SPDX-License-Identifier: MIT
//
// LINKED and DRAIN, kept by the library itself: a chain may cross tiers, and io_uring's own links
// break at a short read, where the contract says "succeeds (>= 0)". What has neither flag never
// comes here unless a barrier stands before it.
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "ksvc/tier.h"

namespace ksvc {

inline constexpr uint64_t kOrderBit = 1ull << 63;
// In an entry's flags: it was cancelled before it started. What a program sets there is refused.
inline constexpr uint32_t kCancelledFlag = 1u << 31;

// One entry, or a chain of which each runs only after the one before.
struct OrderUnit {
    std::vector<Entry> entries;
    size_t next = 0;         // the one that runs is entries[next - 1]
    bool is_barrier = false;  // one of the entries has DRAIN: nothing behind overtakes
    bool is_parked = false;   // the next entry has DRAIN and waits for what came before the unit
    bool is_cancelled = false;
    bool is_active = false;

    const Entry& current() const { return entries[next - 1]; }
    size_t waiting_count() const { return entries.size() - next; }
    bool starts_with_drain() const { return (entries.front().flags & KSVC_ENTRY_DRAIN) != 0; }
};

class Order {
public:
    // Not 0 while entries must queue here behind others.
    uint32_t is_holding() const { return holding_; }
    bool is_waiting() const { return !queue_.empty() || parked_ != kNone; }
    uint32_t held_count() const { return held_; }

    void add(const Entry& entry) {
        building_.entries.push_back(entry);
        building_.is_barrier |= (entry.flags & KSVC_ENTRY_DRAIN) != 0;
        ++held_;
        if ((entry.flags & KSVC_ENTRY_LINKED) == 0) close_unit();
        refresh();
    }
    // A chain that is open when the program flushes ends there, as in io_uring.
    void end_group() {
        if (building_.entries.empty()) return;
        close_unit();
        refresh();
    }
    // The next unit that may run now; `is_idle`: nothing is running.
    bool take(bool is_idle, OrderUnit& unit) {
        if (queue_.empty() || is_barrier_up_ || (queue_.front().starts_with_drain() && !is_idle)) return false;
        unit = std::move(queue_.front());
        queue_.pop_front();
        held_ -= static_cast<uint32_t>(unit.entries.size());
        is_barrier_up_ = unit.is_barrier;
        refresh();
        return true;
    }

    // ---- units that run and need more than their corr_id ---------------------------------------

    uint64_t activate(OrderUnit&& unit) {
        if (free_.empty()) {
            free_.push_back(static_cast<uint32_t>(active_.size()));
            active_.emplace_back();
        }
        const uint32_t index = free_.back();
        free_.pop_back();
        active_[index] = std::move(unit);
        active_[index].is_active = true;
        held_ += static_cast<uint32_t>(active_[index].waiting_count());
        return kOrderBit | index;
    }
    OrderUnit& unit(uint64_t token) { return active_[static_cast<uint32_t>(token)]; }
    // The next entry of the chain, or nullptr.
    const Entry* advance(OrderUnit& unit) {
        if (unit.next == unit.entries.size()) return nullptr;
        --held_;
        return &unit.entries[unit.next++];
    }
    // DRAIN in the middle of a chain: there can be one such at a time, for nothing overtakes it.
    bool park(uint64_t token, OrderUnit& unit) {
        if (unit.next == unit.entries.size() || (unit.entries[unit.next].flags & KSVC_ENTRY_DRAIN) == 0) return false;
        unit.is_parked = true;
        parked_ = token;
        return true;
    }
    // The unit that may go on now, or nullptr.
    OrderUnit* unpark(bool is_idle, uint64_t& token) {
        if (parked_ == kNone || !is_idle) return nullptr;
        token = std::exchange(parked_, kNone);
        OrderUnit& waiting = unit(token);
        waiting.is_parked = false;
        return &waiting;
    }
    void retire(uint64_t token) {
        OrderUnit& done = unit(token);
        if (done.is_barrier) is_barrier_up_ = false;
        held_ -= static_cast<uint32_t>(done.waiting_count());
        done = {};
        free_.push_back(static_cast<uint32_t>(token));
        refresh();
    }

    // Marks entries that have not started; calls `running(token)` for active ones that have.
    template <class F>
    unsigned cancel(uint64_t corr_id, F&& running) {
        unsigned marked = 0;
        const auto mark = [&](OrderUnit& unit) {
            for (size_t i = unit.next; i < unit.entries.size(); ++i) {
                if (unit.entries[i].corr_id != corr_id || (unit.entries[i].flags & kCancelledFlag)) continue;
                unit.entries[i].flags |= kCancelledFlag;
                ++marked;
            }
        };
        for (OrderUnit& unit : queue_) mark(unit);
        mark(building_);
        for (size_t i = 0; i < active_.size(); ++i) {
            if (!active_[i].is_active) continue;
            mark(active_[i]);
            if (active_[i].next == 0 || active_[i].is_parked || active_[i].current().corr_id != corr_id) continue;
            active_[i].is_cancelled = true;
            running(kOrderBit | i);
        }
        return marked;
    }

private:
    void close_unit() {
        queue_.push_back(std::move(building_));
        building_ = {};
    }
    void refresh() { holding_ = !queue_.empty() || !building_.entries.empty() || is_barrier_up_; }

    static constexpr uint64_t kNone = ~0ull;

    uint32_t held_ = 0;
    uint32_t holding_ = 0;
    bool is_barrier_up_ = false;
    uint64_t parked_ = kNone;
    OrderUnit building_;
    std::deque<OrderUnit> queue_;
    std::deque<OrderUnit> active_;
    std::vector<uint32_t> free_;
};

}  // namespace ksvc
