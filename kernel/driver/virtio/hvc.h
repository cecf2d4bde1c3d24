// SPDX-License-Identifier: MIT
//
// A console port as a terminal: /dev/hvc0.
#pragma once

#include <array>

#include "kernel/driver/virtio/port.h"
#include "kernel/tty/terminal.h"

namespace gyre::driver::virtio {

class HvcTerminal final : public TerminalDriver, private PortClient {
public:
    // Attaches to the port, registers the device. It lives for ever. Errors: Busy, NoMemory, Exists.
    static Result<HvcTerminal*> create(Port& port);

    Port& port() const { return port_; }
    Terminal& terminal() const { return *terminal_; }
    void set_window_size(uint16_t columns, uint16_t rows);

    size_t output_room() override;
    void put_output(std::span<const uint8_t> bytes) override;
    void push_output() override;
    size_t output_pending() override;
    void progress_wanted() override { port_.want_progress(); }
    void discard_output() override;
    void set_output_stopped(bool) override {}   // what is with the host cannot be stopped
    void send_at_once(uint8_t byte) override;
    std::span<const uint8_t> peek_input() override { return port_.front(); }
    void consume_input(size_t count) override;
    void discard_input() override;

private:
    explicit HvcTerminal(Port& port) : port_(port) {}
    void port_has_input() override { terminal_->input_arrived(); }
    void port_has_room() override;
    void port_host_changed() override {}

    Port& port_;
    Terminal* terminal_ = nullptr;
    // What was written since the last push; under the terminal's lock, the count readable without.
    std::array<uint8_t, 4096> gathered_{};
    std::atomic<size_t> gathered_count_{0};
};

}  // namespace gyre::driver::virtio
