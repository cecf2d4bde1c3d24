// SPDX-License-Identifier: MIT
//
// What one user (a real user ID) has in use, for the limits that Linux counts by user and not by process: tasks
// (RLIMIT_NPROC) and queued signals (RLIMIT_SIGPENDING). An account lives while a task or a queued signal refers to it.
#pragma once

#include <atomic>
#include <cstdint>

#include <boost/intrusive/list_hook.hpp>

#include "lib/base/ref.h"
#include "lib/base/result.h"

namespace gyre::linux {

class UserAccount final : public RefCounted {
public:
    // The account of a user, made when there is none. Errors: NoMemory. Context: thread.
    static Result<Ref<UserAccount>> of(uint32_t uid);

    uint32_t uid() const { return uid_; }
    std::atomic<uint32_t> tasks{0};
    std::atomic<uint32_t> pending_signals{0};

    // Adds one unless that makes more than `limit`. Errors: WouldBlock.
    static Status charge(std::atomic<uint32_t>& counter, uint64_t limit) {
        if (counter.fetch_add(1, std::memory_order_relaxed) < limit) return {};
        counter.fetch_sub(1, std::memory_order_relaxed);
        return fail(Error::WouldBlock);
    }

    void last_reference_gone();
    boost::intrusive::list_member_hook<> hook;  // in the list of all accounts

private:
    explicit UserAccount(uint32_t uid) : uid_(uid) {}
    ~UserAccount() = default;
    const uint32_t uid_;
};

}  // namespace gyre::linux
