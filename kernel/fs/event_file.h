// SPDX-License-Identifier: MIT
//
// eventfd(2): a counter that programs (and rings) wait on.
#pragma once

#include "kernel/fs/file.h"
#include "kernel/schedule/wait_queue.h"
#include "kernel/sync/spin_lock.h"

namespace gyre {

class EventFile final : public File {
public:
    static inline constinit char kTypeTag = 0;
    const void* type_tag() const override { return &kTypeTag; }

    static constexpr uint64_t kMostCount = UINT64_MAX - 1;
    EventFile(uint64_t initial, bool is_semaphore, uint32_t flags);

    Result<size_t> read(IoCursor& to, Patience patience) override;
    Result<size_t> write(IoCursor& from, Patience patience) override;
    Result<uint64_t> seek(int64_t, int) override {
        return 0;
    }  // as Linux's: taken, and means nothing
    size_t describe(std::span<char> buffer) const override;
    // From inside the kernel; a counter that would overflow stays at its end. Context: any.
    void signal(uint64_t count = 1);

private:
    bool add_locked(uint64_t count);
    bool try_take(uint64_t& value);

    SpinLock lock_{LockRank::FileSpin};
    std::atomic<uint64_t> count_;
    const bool is_semaphore_;
    WaitQueue readers_, writers_;
};

}  // namespace gyre
