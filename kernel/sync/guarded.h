// SPDX-License-Identifier: MIT
//
// Data that lives inside its lock. Guarded<T, Rank> is spun for, GuardedMutex<T, Rank> slept for; the only way
// to the data is with(...), so forgetting the lock does not compile.
#pragma once

#include <utility>

#include "kernel/sync/mutex.h"
#include "kernel/sync/spin_lock.h"

namespace gyre {

template <class T, LockRank Rank>
class Guarded {
public:
    template <class... Arguments>
    constexpr explicit Guarded(Arguments&&... arguments) : data_(std::forward<Arguments>(arguments)...) {}

    template <class Body>
    decltype(auto) with(Body&& body) {
        SpinGuard guard(lock_);
        return std::forward<Body>(body)(data_);
    }
    template <class Body>
    decltype(auto) with(Body&& body) const {
        SpinGuard guard(lock_);
        return std::forward<Body>(body)(static_cast<const T&>(data_));
    }
    SpinLock& lock() const { return lock_; }

private:
    mutable SpinLock lock_{Rank};
    T data_;
};

template <class T, LockRank Rank>
class GuardedMutex {
public:
    template <class... Arguments>
    constexpr explicit GuardedMutex(Arguments&&... arguments) : data_(std::forward<Arguments>(arguments)...) {}

    template <class Body>
    decltype(auto) with(Body&& body) {
        MutexGuard guard(lock_);
        return std::forward<Body>(body)(data_);
    }
    template <class Body>
    decltype(auto) with(Body&& body) const {
        MutexGuard guard(lock_);
        return std::forward<Body>(body)(static_cast<const T&>(data_));
    }

private:
    mutable Mutex lock_{Rank};
    T data_;
};

}  // namespace gyre
