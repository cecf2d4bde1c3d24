// SPDX-License-Identifier: MIT
//
// Files of virtio ports; see port_file.h.
#include "kernel/driver/virtio/port_file.h"

#include "kernel/driver/character_device.h"
#include "kernel/driver/virtio/console.h"
#include "kernel/linux/signal.h"
#include "kernel/linux/task.h"
#include "lib/base/format.h"

namespace gyre::driver::virtio {

namespace {
constexpr uint32_t kMajor = 242;       // of the range for dynamic numbers; the first device's ports
constexpr uint32_t kMode = 0600;
}  // namespace

Result<Ref<File>> PortFile::open(Port& port, const Path& path, uint32_t flags) {
    Ref<PortFile> file = TRY(make_ref<PortFile>(port, path, flags));
    TRY_VOID(port.attach(*file));
    return file;
}

PortFile::~PortFile() { port_.detach(*this); }

Signals PortFile::signals() const {
    Signals now = Signals::None;
    const bool is_open = port_.is_host_open();
    if (port_.has_input() || (!is_open && port_.was_host_open())) now = now | Signals::Readable;
    if ((is_open && port_.has_room()) || is_write_over()) now = now | Signals::Writable;
    if (!is_open) now = now | Signals::PeerClosed;
    if (is_write_over()) now = now | Signals::Failed;
    return now;
}

void PortFile::port_has_input() {
    readers_.wake_all();
    tell_observers(Signals::Readable);
}

void PortFile::port_has_room() {
    writers_.wake_all();
    tell_observers(Signals::Writable);
}

void PortFile::port_host_changed() {
    readers_.wake_all();
    writers_.wake_all();
    tell_observers(signals());
}

Result<size_t> PortFile::read(IoCursor& to, Patience patience) {
    if (to.is_done()) return 0;
    for (;;) {
        TRY_VOID(readers_.wait(patience, [this] {
            return port_.has_input() || port_.is_removed() || (port_.was_host_open() && !port_.is_host_open());
        }));
        MutexGuard guard(reading_);
        size_t done = 0;
        while (!to.is_done()) {
            const std::span<const uint8_t> input = port_.front();
            if (input.empty()) break;
            const auto put = to.put(std::as_bytes(input));
            if (!put) {
                port_.return_pages();
                return done > 0 ? Result<size_t>(done) : fail(put.error());
            }
            port_.consume(*put);
            done += *put;
        }
        port_.return_pages();
        if (done > 0) return done;
        if (port_.is_removed()) return fail(Error::NoDevice);
        if (port_.was_host_open() && !port_.is_host_open() && !port_.has_input()) return 0;
        // Another reader was faster.
    }
}

Status PortFile::check_write() const {
    if (port_.is_removed()) return fail(Error::NoDevice);
    if (!is_write_over()) return {};
    if (auto* task = static_cast<linux::Task*>(Thread::current().owner()))
        linux::send_kernel_signal(task->process(), linux::kSigPipe);
    return fail(Error::BrokenPipe);
}

// One buffer of what is to be written; `done` grows by what went.
Status PortFile::send_some(IoCursor& from, size_t& done) {
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

Result<size_t> PortFile::write(IoCursor& from, Patience patience) {
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

// ---- names

namespace {
Result<Ref<File>> open_port(const Path& path, uint32_t flags, uint64_t, void* port) {
    return PortFile::open(*static_cast<Port*>(port), path, flags);
}
Status add_node(Port& port, std::string_view name) {
    return register_character_device(kMajor + port.device().number(), port.number(), name, kMode, &open_port, &port);
}
}  // namespace

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
