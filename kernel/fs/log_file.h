// SPDX-License-Identifier: MIT
//
// An open file that reads the kernel's log from a place of its own: what /dev/kmsg and /proc/kmsg have in common. It is readable
// while there is a record behind its place.
#pragma once

#include <atomic>
#include <utility>

#include "kernel/fs/file.h"
#include "kernel/log/log.h"
#include "kernel/log/log_readers.h"
#include "kernel/sync/mutex.h"

namespace gyre {

class LogFile : public File, private LogReader {
public:
    Signals signals() const override {
        const bool has_more = sequence_.load(std::memory_order_relaxed) < log_next_sequence();
        return always_ | (has_more ? Signals::Readable : Signals::None);
    }

protected:
    // `always`: what it is ready for whatever the log holds.
    LogFile(Path path, uint32_t flags, Signals always) : File(std::move(path), flags, always), always_(always) {
        log_add_reader(*this);
    }
    ~LogFile() override { log_remove_reader(*this); }
    // Errors: WouldBlock, TimedOut, Interrupted.
    Status wait_for_more(Patience patience) { return log_wait_for(sequence_.load(std::memory_order_relaxed), patience); }

    Mutex lock_{LockRank::FilePosition};
    std::atomic<uint64_t> sequence_{log_first_sequence()};

private:
    void on_log_grown() override { tell_observers(Signals::Readable); }
    const Signals always_;
};

}  // namespace gyre
