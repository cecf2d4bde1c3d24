// SPDX-License-Identifier: MIT
//
// A port as programs see it: a binary stream both ways, shared by all who have it open. When the host closes its side,
// reads give end of file, and writes BrokenPipe with SIGPIPE as a pipe does (Linux would wait for ever); before the host
// has opened it for the first time, both wait. One for each port, for good.
#pragma once

#include "kernel/driver/virtio/port.h"
#include "kernel/memory/io_cursor.h"
#include "kernel/object/object.h"
#include "kernel/schedule/patience.h"
#include "kernel/sync/mutex.h"

namespace gyre::driver::virtio {

class PortFile;

class PortStream final : private PortClient {
public:
    explicit PortStream(Port& port) : port_(port) {}

    // The host is told of the first file and of the end of the last. Errors: NoDevice, Busy (a terminal has it), NoMemory.
    Status add_file(PortFile& file);
    void remove_file(PortFile& file);

    Signals signals() const;
    Result<size_t> read(IoCursor& to, Patience patience);
    Result<size_t> write(IoCursor& from, Patience patience);
    // Waits until the host has taken everything, or will take no more.
    Status drain(Patience patience);

private:
    void port_has_input() override;
    void port_has_room() override;
    void port_host_changed() override;
    void tell_files(Signals raised);
    bool is_read_over() const { return port_.is_removed() || (port_.was_host_open() && !port_.is_host_open()); }
    bool is_write_over() const { return is_read_over(); }
    Result<size_t> read_arrived(IoCursor& to);
    Status check_write() const;
    Status send_some(IoCursor& from, size_t& done);

    Port& port_;
    Mutex opening_{LockRank::Terminal};   // first and last
    uint32_t file_count_ = 0;             // under opening_
    Mutex reading_{LockRank::Terminal};   // one reader is within the oldest page
    WaitQueue readers_, writers_;
    SpinLock files_lock_{LockRank::Terminals};
    PortFile* first_file_ GYRE_GUARDED_BY(files_lock_) = nullptr;
};

}  // namespace gyre::driver::virtio
