// SPDX-License-Identifier: MIT
//
// The slower half of Instance: the choice of the way, order, workers' mail, sleeping. Included by
// instance.h only.
#pragma once

#include <sys/syscall.h>

#include <csignal>

namespace ksvc {

#define KSVC_INSTANCE                                                                                  \
    template <SyscallRouter Router, IoBackend Backend, WorkerPool Pool, Notifier Notify,               \
              CompletionSink Sink, BufferProvider Buffers, SharedPage Page>
#define KSVC_INSTANCE_NAME Instance<Router, Backend, Pool, Notify, Sink, Buffers, Page>

KSVC_INSTANCE
bool KSVC_INSTANCE_NAME::submit_slowly(const Entry& entry) {
    revoke();
    if (accepted() >= sink_.capacity()) return false;
    if ((entry.flags | order_.is_holding()) != 0 || entry.corr_id >= kTokenLimit) {
        submit_with_care(entry);
    } else {
        ++running_;
        submit_plain(entry);
    }
    grant();
    return true;
}

KSVC_INSTANCE
void KSVC_INSTANCE_NAME::submit_plain(const Entry& entry) {
    if (router_.route(entry) == Tier::Kernel && backend_.start(entry, entry.corr_id) == Start::Started) return;
    start(entry, entry.corr_id);
}

KSVC_INSTANCE
void KSVC_INSTANCE_NAME::submit_with_care(const Entry& entry) {
    is_mixed_ = true;
    Entry held = entry;
    // The library's own mark becomes another flag that nobody knows, so that start() refuses it.
    if (held.flags & kCancelledFlag) held.flags = (held.flags & ~kCancelledFlag) | kCancelledFlag >> 1;
    order_.add(held);
    pump();
}

KSVC_INSTANCE
void KSVC_INSTANCE_NAME::pump() {
    revoke();
    while (!blocked_.empty()) {
        const Pending pending = blocked_.front();
        if (pending.entry.flags & kCancelledFlag) {
            blocked_.pop_front();
            answer(pending.token, -ECANCELED);
            continue;
        }
        const Start started = backend_.start(pending.entry, pending.token);
        if (started == Start::Full) break;
        blocked_.pop_front();
        if (started == Start::Unfit) start_by(router_.below(pending.entry), pending.entry, pending.token);
    }
    uint64_t token;
    while (OrderUnit* parked = order_.unpark(running() == 0, token)) {
        const Entry next = *order_.advance(*parked);
        ++running_;
        start(next, token);
    }
    OrderUnit unit;
    while (order_.take(running() == 0, unit)) run_unit(std::move(unit));
}

KSVC_INSTANCE
void KSVC_INSTANCE_NAME::run_unit(OrderUnit&& unit) {
    const Entry first = unit.entries.front();
    ++running_;
    if (unit.entries.size() == 1 && (first.flags & ~KSVC_ENTRY_OUTSIDE) == 0 && first.corr_id < kTokenLimit)
        return start(first, first.corr_id);
    unit.next = 1;
    if (first.flags & KSVC_ENTRY_MULTI) ++multi_running_;
    start(first, order_.activate(std::move(unit)));
}

KSVC_INSTANCE
void KSVC_INSTANCE_NAME::start(const Entry& entry, uint64_t token) {
    is_mixed_ = true;
    revoke();
    if (entry.flags != 0) [[unlikely]] {
        if (entry.flags & kCancelledFlag) return answer(token, -ECANCELED);
        const bool is_multi_call = entry.syscall_nr == SYS_accept || entry.syscall_nr == SYS_accept4 ||
                                   entry.syscall_nr == SYS_poll;
        if ((entry.flags & ~KSVC_ENTRY_FLAGS_KNOWN) || ((entry.flags & KSVC_ENTRY_MULTI) && !is_multi_call))
            return answer(token, -EINVAL);
    }
    Tier tier = router_.route(entry);
    if ((entry.flags & KSVC_ENTRY_OUTSIDE) && (tier == Tier::Kernel || tier == Tier::SharedPage)) tier = Tier::Pool;
    if (tier == Tier::Kernel) [[likely]] {
        Start started = backend_.start(entry, token);
        if (started == Start::Full) [[unlikely]] {
            (void)backend_.flush();
            started = backend_.start(entry, token);
        }
        if (started == Start::Started) return;
        if (started == Start::Full) return blocked_.push_back({entry, token});
        tier = router_.below(entry);
    }
    start_by(tier, entry, token);
}

KSVC_INSTANCE
void KSVC_INSTANCE_NAME::start_by(Tier tier, const Entry& entry, uint64_t token) {
    if (tier == Tier::SharedPage) {
        if (const auto known = page_.answer(entry)) return answer(token, *known);
        tier = router_.below(entry);
    }
    if (tier == Tier::Pool) {
        if constexpr (Backend::kRunsPoolTier) {
            Entry outside = entry;
            outside.flags |= KSVC_ENTRY_OUTSIDE;
            const Start started = backend_.start(outside, token);
            if (started == Start::Full) blocked_.push_back({outside, token});
            if (started != Start::Unfit) return;
        } else {
            ++pool_running_;
            if (pool_.run(entry, token, inbox_)) return;
            --pool_running_;
            return answer(token, -EAGAIN);  // not one thread can be had: as clone(2) says it
        }
    }
    answer(token, tier == Tier::Trap ? trap(entry) : -ENOSYS);
}

KSVC_INSTANCE
void KSVC_INSTANCE_NAME::deliver_ordered(uint64_t token, int64_t result, uint32_t flags) {
    OrderUnit& unit = order_.unit(token);
    const Entry entry = unit.current();
    if (flags & KSVC_COMPLETION_MORE) return put(entry.corr_id, result, flags);
    if ((entry.flags & KSVC_ENTRY_MULTI) && result >= 0 && !unit.is_cancelled && !Backend::kRunsPoolTier) {
        // One shot of many: by a worker, or a multishot operation that the kernel has ended early.
        put(entry.corr_id, result, KSVC_COMPLETION_MORE);
        return start(entry, token);
    }
    if (entry.flags & KSVC_ENTRY_MULTI) --multi_running_;
    --running_;
    if (result >= 0) {
        if (order_.park(token, unit)) return put(entry.corr_id, result, flags);  // pump() goes on
        if (const Entry* next = order_.advance(unit)) {
            const Entry successor = *next;
            ++running_;
            put(entry.corr_id, result, flags);
            return start(successor, token);
        }
    }
    std::vector<Entry> cut(unit.entries.begin() + static_cast<ptrdiff_t>(unit.next), unit.entries.end());
    order_.retire(token);
    put(entry.corr_id, result, flags);
    for (const Entry& left : cut) put(left.corr_id, -ECANCELED, 0);
}

KSVC_INSTANCE
void KSVC_INSTANCE_NAME::collect_instant() {
    // Delivering may answer more at once (a chain of loads): until none is left, without recursion.
    while (!instant_.empty()) {
        std::vector<Letter> letters;
        letters.swap(instant_);
        for (const Letter& letter : letters) deliver(letter.token, letter.result, 0);
    }
}

KSVC_INSTANCE
void KSVC_INSTANCE_NAME::collect_inbox() {
    std::vector<Letter> letters = std::move(letters_);
    letters.clear();
    {
        std::lock_guard guard(inbox_.lock);
        letters.swap(inbox_.mail);
        inbox_.has_mail.store(false);
    }
    for (const Letter& letter : letters) {
        const bool is_interim = (letter.token & kOrderBit) && letter.result >= 0 &&
                                (order_.unit(letter.token).current().flags & KSVC_ENTRY_MULTI);
        if (is_interim && !Sink::kIsDirect && !has_room_for_interim()) {
            std::lock_guard guard(inbox_.lock);  // back pressure: it waits here
            inbox_.mail.push_back(letter);
            inbox_.has_mail.store(true);
            continue;
        }
        --pool_running_;
        if (letter.signal != 0) [[unlikely]] std::raise(letter.signal);
        deliver(letter.token, letter.result, 0);
    }
    letters_ = std::move(letters);
}

KSVC_INSTANCE
Result<unsigned> KSVC_INSTANCE_NAME::cancel(uint64_t corr_id) {
    unsigned reached = 0;
    bool is_out_of_reach = false;
    const auto cancel_running = [&](uint64_t token) {
        for (Pending& pending : blocked_) {
            if (pending.token != token) continue;
            pending.entry.flags |= kCancelledFlag;
            ++reached;
        }
        const unsigned taken = pool_.cancel(token, inbox_);
        pool_running_ -= taken;
        for (unsigned i = 0; i < taken; ++i) answer(token, -ECANCELED);
        reached += taken;
        const auto in_kernel = backend_.cancel(token);
        if (in_kernel) reached += *in_kernel;
        else if (in_kernel.error() == std::errc::connection_already_in_progress) is_out_of_reach = true;
    };
    std::erase_if(blocked_, [&](const Pending& pending) {
        if (pending.token != corr_id) return false;
        answer(pending.token, -ECANCELED);
        ++reached;
        return true;
    });
    if (corr_id < kTokenLimit) cancel_running(corr_id);
    reached += order_.cancel(corr_id, cancel_running);
    if (reached != 0) return reached;
    return fail(is_out_of_reach || pool_running_ != 0 ? EALREADY : ENOENT);
}

KSVC_INSTANCE
Result<void> KSVC_INSTANCE_NAME::sleep(unsigned count, std::optional<Clock::time_point> deadline) {
    revoke();
    Patience patience;
    if (deadline) patience = std::max(*deadline - Clock::now(), Clock::duration::zero());
    if (!instant_.empty() || inbox_.has_mail.load()) return backend_.flush();
    if (pool_running_ == 0) {
        // Not more than are running: the rest of a chain starts only when this loop comes round.
        const auto most = running_ - static_cast<uint32_t>(blocked_.size());
        return backend_.wait(std::clamp(most, 1u, count), patience);
    }

    const bool is_kernel_busy = running_ != pool_running_;
    const bool is_watching = is_kernel_busy && backend_.watch(notifier_.fd());
    notifier_.prepare_sleep();
    Result<void> outcome{};
    if (inbox_.has_mail.load()) {
        outcome = backend_.flush();
    } else if (is_kernel_busy) {
        // Without the watch (the queue is full) the mail is looked for every millisecond.
        constexpr std::chrono::nanoseconds kLook = std::chrono::milliseconds{1};
        const bool is_short = !is_watching && (!patience || *patience > kLook);
        outcome = backend_.wait(1, is_short ? Patience{kLook} : patience);
        if (is_short && !outcome && outcome.error() == kTimeIsUp) outcome = {};
    } else {
        outcome = backend_.flush();
        if (outcome && !notifier_.wait(patience))
            outcome = fail(deadline && Clock::now() >= *deadline ? ETIME : EINTR);
    }
    notifier_.finish_sleep();
    return outcome;
}

KSVC_INSTANCE
void KSVC_INSTANCE_NAME::settle() {
    // Memory of this object is written by what still runs: ask it to end, then wait a bounded time.
    revoke();
    backend_.cancel_all();
    const auto deadline = Clock::now() + std::chrono::seconds{2};
    struct Drop {
        Instance* self;
        bool operator()(uint64_t, int64_t, uint32_t flags) {
            if ((flags & KSVC_COMPLETION_MORE) == 0) --self->running_;
            return true;
        }
        bool has_room(uint32_t) const { return true; }
    };
    const auto others = static_cast<uint32_t>(pool_running_ + instant_.size() + blocked_.size());
    if constexpr (Backend::kWaits && !Backend::kRunsPoolTier) {
        backend_.reap(Drop{this});
        while (running_ > others && Clock::now() < deadline) {
            (void)backend_.wait(1, std::chrono::milliseconds{20});
            backend_.reap(Drop{this});
        }
    }
}

#undef KSVC_INSTANCE
#undef KSVC_INSTANCE_NAME

}  // namespace ksvc
