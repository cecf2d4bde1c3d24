// SPDX-License-Identifier: MIT
//
// A port as a file: binary clean, one opener at a time. When the host closes its side, reads give end of file, and writes
// BrokenPipe with SIGPIPE as a pipe does (Linux would wait for ever); before the host has opened it for the first time,
// both wait.
#pragma once

#include <string_view>

#include "kernel/driver/virtio/port.h"
#include "kernel/fs/file.h"
#include "kernel/sync/mutex.h"

namespace gyre::driver::virtio {

class PortFile final : public File, private PortClient {
public:
    static Result<Ref<File>> open(Port& port, const Path& path, uint32_t flags);

    PortFile(Port& port, const Path& path, uint32_t flags) : File(path, flags, Signals::None), port_(port) {}
    ~PortFile() override;

    Signals signals() const override;
    Result<size_t> read(IoCursor& to, Patience patience) override;
    Result<size_t> write(IoCursor& from, Patience patience) override;

private:
    void port_has_input() override;
    void port_has_room() override;
    void port_host_changed() override;
    bool is_write_over() const { return port_.is_removed() || (port_.was_host_open() && !port_.is_host_open()); }
    Status check_write() const;
    Status send_some(IoCursor& from, size_t& done);

    Port& port_;
    Mutex reading_{LockRank::Terminal};   // one reader is within the oldest page
    WaitQueue readers_, writers_;
};

// /dev/vportNpM, and /dev/virtio-ports/NAME. Errors: those of registering devices.
Status register_port_file(Port& port);
Status register_port_name(Port& port, std::string_view name);

}  // namespace gyre::driver::virtio
