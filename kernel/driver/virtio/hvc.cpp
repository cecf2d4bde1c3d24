// SPDX-License-Identifier: MIT
//
// The console terminal; see hvc.h. A write is gathered and goes to the host as one buffer.
#include "kernel/driver/virtio/hvc.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "kernel/driver/character_device.h"
#include "kernel/driver/virtio/console.h"
#include "kernel/fs/inode.h"
#include "kernel/tty/terminal_file.h"

namespace gyre::driver::virtio {

namespace {
constexpr uint32_t kMajor = 229, kMode = 0620, kTtyGroup = 5;
Terminal* g_first_terminal = nullptr;

Result<Ref<File>> open_hvc(const Path& path, uint32_t flags, uint64_t, void* terminal) {
    return TerminalFile::open(Ref(static_cast<Terminal*>(terminal)), path, flags, TerminalFile::Through::OwnDevice);
}
}  // namespace

Terminal* console_terminal() { return g_first_terminal; }

Result<HvcTerminal*> HvcTerminal::create(Port& port) {
    if (g_first_terminal) return fail(Error::Exists);
    auto* driver = new (std::nothrow) HvcTerminal(port);
    if (!driver) return fail(Error::NoMemory);
    auto terminal = make_ref<Terminal>(*driver, make_device(kMajor, 0), "hvc0");
    if (!terminal) {
        delete driver;
        return fail(terminal.error());
    }
    driver->terminal_ = terminal->leak();
    TRY_VOID(port.attach(*driver));
    TRY_VOID(port.start_input());
    TRY_VOID(register_character_device(kMajor, 0, "hvc0", kMode, &open_hvc, driver->terminal_, kTtyGroup));
    g_first_terminal = driver->terminal_;
    return driver;
}

void HvcTerminal::set_window_size(uint16_t columns, uint16_t rows) {
    terminal_->set_window_size({.rows = rows, .columns = columns});
}

size_t HvcTerminal::output_room() { return gathered_.size() - gathered_count_.load(std::memory_order_relaxed); }

void HvcTerminal::put_output(std::span<const uint8_t> bytes) {
    const size_t count = gathered_count_.load(std::memory_order_relaxed);
    std::memcpy(&gathered_[count], bytes.data(), bytes.size());
    gathered_count_.store(count + bytes.size(), std::memory_order_release);
}

void HvcTerminal::push_output() {
    const size_t count = gathered_count_.load(std::memory_order_relaxed);
    if (count == 0) return;
    // Without room or memory it stays, and goes when the host has taken something.
    if (port_.has_room()) {
        if (const auto buffer = Port::allocate_output(count)) {
            std::memcpy(buffer->bytes().data(), gathered_.data(), count);
            if (port_.send(*buffer, count)) {
                gathered_count_.store(0, std::memory_order_release);
                return;
            }
            Port::free_output(*buffer);
        }
    }
    port_.want_progress();
}

void HvcTerminal::port_has_room() {
    if (gathered_count_.load(std::memory_order_acquire) > 0) terminal_->input_arrived();  // the input thread pushes
    terminal_->output_progressed();
}

size_t HvcTerminal::output_pending() {
    return gathered_count_.load(std::memory_order_relaxed) + port_.output_pending();
}

void HvcTerminal::discard_output() { gathered_count_.store(0, std::memory_order_release); }

void HvcTerminal::send_at_once(uint8_t byte) {
    const auto buffer = Port::allocate_output(1);
    if (!buffer) return;
    buffer->bytes()[0] = byte;
    if (!port_.send(*buffer, 1)) Port::free_output(*buffer);
}

void HvcTerminal::consume_input(size_t count) {
    port_.consume(count);
    if (!port_.has_input()) port_.return_pages();
}

void HvcTerminal::discard_input() {
    for (auto input = port_.front(); !input.empty(); input = port_.front()) port_.consume(input.size());
    port_.return_pages();
}

}  // namespace gyre::driver::virtio
