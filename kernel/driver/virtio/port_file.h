// SPDX-License-Identifier: MIT
//
// An open port (port_stream.h). fsync(2) of it waits until the host has taken what was written.
#pragma once

#include <string_view>

#include "kernel/driver/virtio/port_stream.h"
#include "kernel/fs/file.h"

namespace gyre::driver::virtio {

class PortFile final : public File {
public:
    static Result<Ref<File>> open(PortStream& stream, const Path& path, uint32_t flags);

    PortFile(PortStream& stream, const Path& path, uint32_t flags)
        : File(path, flags, Signals::None), stream_(stream) {}
    ~PortFile() override { stream_.remove_file(*this); }

    Signals signals() const override { return stream_.signals(); }
    Result<size_t> read(IoCursor& to, Patience patience) override { return stream_.read(to, patience); }
    Result<size_t> write(IoCursor& from, Patience patience) override { return stream_.write(from, patience); }
    Status synchronize(bool) override { return stream_.drain(Patience::forever().killable()); }

    PortFile* next_of_stream = nullptr;   // under the stream's files_lock_

private:
    PortStream& stream_;
};

// /dev/vportNpM, and /dev/virtio-ports/NAME. Errors: those of registering devices.
Status register_port_file(Port& port);
Status register_port_name(Port& port, std::string_view name);

}  // namespace gyre::driver::virtio
