// SPDX-License-Identifier: MIT
//
// Waiting for and waking futex words. A word's waiters stand in one of a fixed number of buckets, each with its own lock. The
// waiter compares the word under that lock, the waker takes it after the word was changed: no wake-up is lost.
#include "kernel/linux/futex.h"

#include <array>
#include <utility>

#include <boost/intrusive/list.hpp>

#include "kernel/linux/context.h"
#include "kernel/memory/user.h"
#include "kernel/schedule/wait_queue.h"

namespace gyre::linux {
namespace {

struct Bucket;

struct FutexWaiter {
    FutexWaiter(const FutexKey& key, uint32_t mask) : key(key), mask(mask) {}
    boost::intrusive::list_member_hook<> hook;
    FutexKey key;
    const uint32_t mask;
    std::atomic<Bucket*> bucket{nullptr};  // the last it stood in; changes under the locks of the old and the new one
    std::atomic<bool> is_woken{false};
    WaitQueue sleeper;
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

// Brings the page of a word that a look without faulting did not find. Errors: BadAddress.
Status bring_word(uint64_t address) {
    uint32_t value;
    return user_memory::copy_in(&value, address, sizeof(value));
}

}  // namespace

Result<FutexKey> futex_key(AddressSpace& space, uint64_t address, bool is_private) {
    if (address % sizeof(uint32_t) != 0) return fail(Error::InvalidArgument);
    if (address >= kUserEnd) return fail(Error::BadAddress);
    if (is_private) return FutexKey{&space, address};
    return space.identify({address});
}

Status futex_wait(const FutexKey& key, uint64_t address, uint32_t expected, uint32_t mask, Patience patience) {
    FutexWaiter waiter(key, mask);
    for (;;) {
        const Status queued = enqueue(waiter, address, expected);
        if (queued) break;
        if (queued.error() != Error::BadAddress) return queued;
        TRY_VOID(bring_word(address));
    }
    const Status slept = waiter.sleeper.wait(patience, [&] { return waiter.is_woken.load(std::memory_order_acquire); });
    return leave(waiter) ? Status() : slept;
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
