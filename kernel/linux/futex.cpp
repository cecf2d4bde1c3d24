// SPDX-License-Identifier: MIT
//
// Waiting for and waking futex words. A word's waiters stand in one of a fixed number of buckets, each with its own lock. The
// waiter compares the word under that lock, the waker takes it after the word was changed: no wake-up is lost.
#include "kernel/linux/futex.h"

#include <array>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include <boost/intrusive/list.hpp>

#include "kernel/linux/context.h"
#include "kernel/linux/wall_clock.h"
#include "kernel/memory/user.h"
#include "kernel/schedule/wait_queue.h"

namespace gyre::linux {
namespace {

struct Bucket;

struct FutexWaiter {
    FutexWaiter(const FutexKey& key, uint32_t mask, WaitQueue& sleeper, bool is_realtime)
        : key(key), mask(mask), sleeper(sleeper), is_realtime(is_realtime) {}
    boost::intrusive::list_member_hook<> hook;
    FutexKey key;
    const uint32_t mask;
    std::atomic<Bucket*> bucket{nullptr};  // the last it stood in; changes under the locks of the old and the new one
    std::atomic<bool> is_woken{false};
    WaitQueue& sleeper;                    // of one wait, which may be for several words
    const bool is_realtime;                // its timeout is a moment of the realtime clock
};

struct Bucket {
    SpinLock lock{LockRank::FutexBucket};
    boost::intrusive::list<FutexWaiter, boost::intrusive::member_hook<FutexWaiter, boost::intrusive::list_member_hook<>,
                                                                      &FutexWaiter::hook>,
                           boost::intrusive::constant_time_size<false>>
        waiters;
};

constexpr size_t kBuckets = 256;
std::array<Bucket, kBuckets> g_buckets;

Bucket& bucket_of(const FutexKey& key) {
    uint64_t mixed = (reinterpret_cast<uintptr_t>(key.object) >> 6) + (key.offset >> 2);
    mixed *= 0x9e37'79b9'7f4a'7c15;  // 2^64 / golden ratio: multiplicative hashing
    return g_buckets[mixed >> 56];
}
static_assert(kBuckets == size_t{1} << 8);

void wake_locked(Bucket& bucket, FutexWaiter& waiter) {
    bucket.waiters.erase(decltype(bucket.waiters)::s_iterator_to(waiter));
    waiter.is_woken.store(true, std::memory_order_release);
    waiter.sleeper.wake_one();  // the waiter stays until it has had the bucket's lock
}

uint32_t wake_locked(Bucket& bucket, const FutexKey& key, uint32_t most, uint32_t mask) {
    uint32_t woken = 0;
    for (auto next = bucket.waiters.begin(); next != bucket.waiters.end() && woken < most;) {
        FutexWaiter& waiter = *next++;
        if (!(waiter.key == key) || (waiter.mask & mask) == 0) continue;
        wake_locked(bucket, waiter);
        ++woken;
    }
    return woken;
}

// True when the waiter stands in the bucket now, because the word held what was expected.
// Errors: WouldBlock, and BadAddress when the page is not there at the moment.
Status enqueue(FutexWaiter& waiter, uint64_t address, uint32_t expected) {
    Bucket& bucket = bucket_of(waiter.key);
    SpinGuard guard(bucket.lock);
    const uint32_t value = TRY(user_memory::load_u32_nofault(address));
    if (value != expected) return fail(Error::WouldBlock);
    waiter.bucket.store(&bucket, std::memory_order_relaxed);
    bucket.waiters.push_back(waiter);
    return {};
}

// True when somebody has woken it; else it is not in any bucket any more. After it nobody touches the waiter.
bool leave(FutexWaiter& waiter) {
    for (;;) {
        Bucket* bucket = waiter.bucket.load(std::memory_order_acquire);
        SpinGuard guard(bucket->lock);
        if (waiter.bucket.load(std::memory_order_relaxed) != bucket) continue;  // moved meanwhile
        if (waiter.is_woken.load(std::memory_order_relaxed)) return true;
        bucket->waiters.erase(decltype(bucket->waiters)::s_iterator_to(waiter));
        return false;
    }
}

// Both locks, in the order of their addresses.
class BucketPair {
public:
    BucketPair(Bucket& a, Bucket& b) GYRE_NO_ANALYSIS : low_(&a < &b ? a : b), high_(&a < &b ? b : a) {
        state_ = low_.lock.lock();
        if (&low_ != &high_) inner_state_ = high_.lock.lock_second(low_.lock);
    }
    ~BucketPair() GYRE_NO_ANALYSIS {
        if (&low_ != &high_) high_.lock.unlock(inner_state_);
        low_.lock.unlock(state_);
    }
    BucketPair(const BucketPair&) = delete;
    BucketPair& operator=(const BucketPair&) = delete;

private:
    Bucket &low_, &high_;
    arch::InterruptState state_, inner_state_ = arch::InterruptState::Off;
};

Result<FutexMoved> try_requeue(const FutexKey& from, const FutexKey& to, const FutexRequeue& request) {
    Bucket &source = bucket_of(from), &target = bucket_of(to);
    BucketPair guard(source, target);
    if (request.expected && TRY(user_memory::load_u32_nofault(request.address)) != *request.expected)
        return fail(Error::WouldBlock);
    FutexMoved result{wake_locked(source, from, request.most_woken, kFutexMatchAny), 0};
    for (auto next = source.waiters.begin(); next != source.waiters.end() && result.moved < request.most_moved;) {
        FutexWaiter& waiter = *next++;
        if (!(waiter.key == from)) continue;
        ++result.moved;
        if (from == to) continue;
        waiter.key = to;
        if (&source == &target) continue;
        source.waiters.erase(decltype(source.waiters)::s_iterator_to(waiter));
        target.waiters.push_back(waiter);
        waiter.bucket.store(&target, std::memory_order_release);
    }
    return result;
}

// Sleeps until is_done() or the timeout, however often the clock is set meanwhile.
template <class Condition>
Status sleep(WaitQueue& sleeper, FutexTimeout timeout, Condition&& is_done) {
    for (;;) {
        const uint64_t count = time::set_count();
        int64_t moment_ns = timeout.moment_ns;
        if (timeout.is_realtime && moment_ns != kNeverNs) moment_ns -= time::realtime_offset_ns();
        const Patience patience = moment_ns == kNeverNs ? Patience::forever() : Patience::until_ns(moment_ns);
        const Status slept = sleeper.wait(
            patience, [&] { return is_done() || (timeout.is_realtime && time::set_count() != count); });
        if (!slept || is_done()) return slept;
    }
}

// Brings the page of a word that a look without faulting did not find. Errors: BadAddress.
Status bring_word(uint64_t address) {
    uint32_t value;
    return user_memory::copy_in(&value, address, sizeof(value));
}

// Errors: WouldBlock, BadAddress.
Status enqueue_present(FutexWaiter& waiter, const FutexWord& word) {
    for (;;) {
        const Status queued = enqueue(waiter, word.address, word.expected);
        if (queued || queued.error() != Error::BadAddress) return queued;
        TRY_VOID(bring_word(word.address));
    }
}

}  // namespace

Result<FutexKey> futex_key(AddressSpace& space, uint64_t address, bool is_private) {
    if (address % sizeof(uint32_t) != 0) return fail(Error::InvalidArgument);
    if (address >= kUserEnd) return fail(Error::BadAddress);
    if (is_private) return FutexKey{&space, address};
    return space.identify({address});
}

Status futex_wait(const FutexWord& word, uint32_t mask, FutexTimeout timeout) {
    WaitQueue sleeper;
    FutexWaiter waiter(word.key, mask, sleeper, timeout.is_realtime);
    TRY_VOID(enqueue_present(waiter, word));
    const Status slept = sleep(sleeper, timeout, [&] { return waiter.is_woken.load(std::memory_order_acquire); });
    return leave(waiter) ? Status() : slept;
}

Result<size_t> futex_wait_any(std::span<const FutexWord> words, FutexTimeout timeout) {
    WaitQueue sleeper;
    // Too many for a kernel stack.
    const std::unique_ptr<std::optional<FutexWaiter>[]> waiters(new (std::nothrow)
                                                                    std::optional<FutexWaiter>[words.size()]);
    if (!waiters) return fail(Error::NoMemory);
    size_t queued = 0;
    Status outcome;
    while (queued < words.size() && outcome) {
        waiters[queued].emplace(words[queued].key, kFutexMatchAny, sleeper, timeout.is_realtime);
        outcome = enqueue_present(*waiters[queued], words[queued]);
        if (outcome) ++queued;
    }
    const auto find_woken = [&] {
        size_t i = 0;
        while (i < queued && !waiters[i]->is_woken.load(std::memory_order_acquire)) ++i;
        return i;
    };
    if (outcome) outcome = sleep(sleeper, timeout, [&] { return find_woken() != queued; });
    // A wake-up that came, even while the words were still being looked at, is told (futex_waitv's documentation).
    size_t woken = words.size();
    for (size_t i = 0; i < queued; ++i)
        if (leave(*waiters[i])) woken = i;
    if (woken != words.size()) return woken;
    return fail(outcome.error());
}

void futexes_clock_was_set() {
    for (Bucket& bucket : g_buckets) {
        SpinGuard guard(bucket.lock);
        for (FutexWaiter& waiter : bucket.waiters)
            if (waiter.is_realtime) waiter.sleeper.wake_all();
    }
}

uint32_t futex_wake(const FutexKey& key, uint32_t most, uint32_t mask) {
    Bucket& bucket = bucket_of(key);
    // The word was changed before: whoever does not stand here yet will see that.
    SpinGuard guard(bucket.lock);
    return bucket.waiters.empty() ? 0 : wake_locked(bucket, key, most, mask);
}

Result<FutexMoved> futex_requeue(const FutexKey& from, const FutexKey& to, const FutexRequeue& request) {
    for (;;) {
        Result<FutexMoved> moved = try_requeue(from, to, request);
        if (moved || moved.error() != Error::BadAddress) return moved;
        TRY_VOID(bring_word(request.address));
    }
}

Result<uint32_t> futex_wake_address(AddressSpace& space, uint64_t address, int count) {
    if (count <= 0) return 0;
    return futex_wake(TRY(futex_key(space, address, false)), static_cast<uint32_t>(count));
}

}  // namespace gyre::linux
