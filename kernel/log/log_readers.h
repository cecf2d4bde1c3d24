// SPDX-License-Identifier: MIT
//
// Those who wait for the log to grow. A line may be written in any context, with any lock held, so the writer wakes nobody: when
// there is a reader it asks its own CPU for an interrupt, which comes when no lock is held, and that tells the readers.
#pragma once

#include <boost/intrusive/list.hpp>

#include "kernel/schedule/patience.h"
#include "lib/base/result.h"

namespace gyre {

class LogReader : public boost::intrusive::list_base_hook<> {
public:
    // After lines were written. Interrupts off, a lock of rank FileList held.
    virtual void on_log_grown() = 0;

protected:
    ~LogReader() = default;
};

// Context: thread. After removal the reader is not and will not be called.
void log_add_reader(LogReader& reader);
void log_remove_reader(LogReader& reader);

// Sleeps until there is a record numbered `sequence` or later. Errors: as WaitQueue::wait.
Status log_wait_for(uint64_t sequence, Patience patience);

// For log.cpp, after a record was written: any context. And for arch: the interrupt that was asked for.
void tell_log_readers();
void on_log_readers_ipi();

}  // namespace gyre
