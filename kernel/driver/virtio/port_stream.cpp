// SPDX-License-Identifier: MIT
//
// Reading and writing ports; see port_stream.h.
#include "kernel/driver/virtio/port_stream.h"

#include "kernel/driver/virtio/port_file.h"
#include "kernel/linux/signal.h"
#include "kernel/linux/task.h"

namespace gyre::driver::virtio {

// ---- files

Status PortStream::add_file(PortFile& file) {
    MutexGuard guard(opening_);
    if (file_count_ == 0) TRY_VOID(port_.attach(*this));
    ++file_count_;
    if (file.can_read()) {
        if (const Status started = port_.start_input(); !started) {
            if (--file_count_ == 0) port_.detach(*this);
            return started;
        }
    }
    SpinGuard files(files_lock_);
    file.next_of_stream = first_file_;
    first_file_ = &file;
    return {};
}

void PortStream::remove_file(PortFile& file) {
    MutexGuard guard(opening_);
    {
        SpinGuard files(files_lock_);
        PortFile** link = &first_file_;
        while (*link && *link != &file) link = &(*link)->next_of_stream;
        if (!*link) return;  // was never added
        *link = file.next_of_stream;
    }
    if (--file_count_ == 0) port_.detach(*this);
}

// ---- readiness

Signals PortStream::signals() const {
    Signals now = Signals::None;
    if (port_.has_input() || is_read_over()) now = now | Signals::Readable;
    if ((port_.is_host_open() && port_.has_room()) || is_write_over()) now = now | Signals::Writable;
    if (!port_.is_host_open()) now = now | Signals::PeerClosed;
    if (is_write_over()) now = now | Signals::Failed;
    return now;
}

void PortStream::tell_files(Signals raised) {
    SpinGuard guard(files_lock_);
    for (PortFile* file = first_file_; file; file = file->next_of_stream) file->tell_observers(raised);
}

void PortStream::port_has_input() {
    readers_.wake_all();
    tell_files(Signals::Readable);
}

void PortStream::port_has_room() {
    writers_.wake_all();
    tell_files(Signals::Writable);
}

void PortStream::port_host_changed() {
    readers_.wake_all();
    writers_.wake_all();
    tell_files(signals());
}

// ---- reading

Result<size_t> PortStream::read_arrived(IoCursor& to) {
    MutexGuard guard(reading_);
    size_t done = 0;
    while (!to.is_done()) {
        const std::span<const uint8_t> input = port_.front();
        if (input.empty()) break;
        const auto put = to.put(std::as_bytes(input));
        if (!put) {
            if (done == 0) return put;
            break;
        }
        port_.consume(*put);
        done += *put;
    }
    port_.return_pages();
    return done;
}

Result<size_t> PortStream::read(IoCursor& to, Patience patience) {
    while (!to.is_done()) {
        TRY_VOID(readers_.wait(patience, [this] { return port_.has_input() || is_read_over(); }));
        const bool was_over = is_read_over();  // before looking: what came before the end is read first
        const size_t done = TRY(read_arrived(to));
        if (done > 0) return done;
        if (port_.is_removed()) return fail(Error::NoDevice);
        if (was_over) return 0;
        // Another reader was faster.
    }
    return 0;
}

// ---- writing

Status PortStream::check_write() const {
    if (port_.is_removed()) return fail(Error::NoDevice);
    if (!is_write_over()) return {};
    if (auto* task = static_cast<linux::Task*>(Thread::current().owner()))
        linux::send_kernel_signal(task->process(), linux::kSigPipe);
    return fail(Error::BrokenPipe);
}

// One buffer of what is to be written; `done` grows by what went.
Status PortStream::send_some(IoCursor& from, size_t& done) {
    const Port::OutputBuffer buffer = TRY(Port::allocate_output(from.remaining()));
    const auto taken = from.take(std::as_writable_bytes(buffer.bytes()));
    if (!taken) {
        Port::free_output(buffer);
        return fail(taken.error());
    }
    // Another writer may have taken the room meanwhile. What was taken from the cursor cannot go back, so this waits even
    // where patience is none: it is a moment, while the host reads.
    while (!port_.send(buffer, *taken)) {
        port_.want_progress();
        const Status waited =
            writers_.wait(Patience::forever().killable(), [this] { return port_.has_room() || is_write_over(); });
        if (waited && !is_write_over()) continue;
        Port::free_output(buffer);
        return waited ? check_write() : waited;
    }
    done += *taken;
    return {};
}

Result<size_t> PortStream::write(IoCursor& from, Patience patience) {
    size_t done = 0;
    while (!from.is_done()) {
        Status outcome = check_write();
        if (outcome && !(port_.is_host_open() && port_.has_room())) {
            if (!port_.has_room()) port_.want_progress();
            outcome = writers_.wait(patience, [this] {
                return (port_.is_host_open() && port_.has_room()) || is_write_over();
            });
            if (outcome) continue;
        }
        if (outcome) outcome = send_some(from, done);
        if (!outcome) return done > 0 ? Result<size_t>(done) : fail(outcome.error());
    }
    return done;
}

Status PortStream::drain(Patience patience) {
    port_.want_progress();
    return writers_.wait(patience, [this] { return port_.output_pending() == 0 || is_write_over(); });
}

}  // namespace gyre::driver::virtio
