// SPDX-License-Identifier: MIT
//
// Files of virtio ports, and their names.
#include "kernel/driver/virtio/port_file.h"

#include <new>

#include "kernel/driver/character_device.h"
#include "kernel/driver/virtio/console.h"
#include "lib/base/format.h"

namespace gyre::driver::virtio {

namespace {
constexpr uint32_t kMajor = 242;       // of the range for dynamic numbers; the first device's ports
constexpr uint32_t kMode = 0600;

Result<Ref<File>> open_port(const Path& path, uint32_t flags, uint64_t, void* stream) {
    return PortFile::open(*static_cast<PortStream*>(stream), path, flags);
}

Status add_node(Port& port, std::string_view name) {
    if (!port.stream) port.stream = new (std::nothrow) PortStream(port);
    if (!port.stream) return fail(Error::NoMemory);
    return register_character_device(kMajor + port.device().number(), port.number(), name, kMode, &open_port,
                                     port.stream);
}
}  // namespace

Result<Ref<File>> PortFile::open(PortStream& stream, const Path& path, uint32_t flags) {
    Ref<PortFile> file = TRY(make_ref<PortFile>(stream, path, flags));
    TRY_VOID(stream.add_file(*file));
    return file;
}

Status register_port_file(Port& port) {
    char name[32];
    const size_t length = format_to(name, "vport{}p{}", port.device().number(), port.number());
    return add_node(port, {name, length});
}

Status register_port_name(Port& port, std::string_view name) {
    char full[ConsoleDevice::kMostNameBytes + 16];
    const size_t length = format_to(full, "virtio-ports/{}", name);
    return add_node(port, {full, length});
}

}  // namespace gyre::driver::virtio
