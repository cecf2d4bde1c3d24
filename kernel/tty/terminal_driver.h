// SPDX-License-Identifier: MIT
//
// What a terminal needs of the thing at its other end: a UART, a virtio console, the master of a pseudo-terminal. A driver
// owns its buffers and their lock. It tells the terminal of news with Terminal::input_arrived and output_progressed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/tty/settings.h"

namespace gyre {

class TerminalDriver {
public:
    // ---- output. Called with the terminal's lock held, so by one thread at a time; may not sleep.
    virtual size_t output_room() = 0;
    virtual void put_output(std::span<const uint8_t> bytes) = 0;  // at most output_room()
    // Bytes written so far may wait for company; now they are to go.
    virtual void push_output() {}
    virtual size_t output_pending() = 0;
    // Somebody waits for room, or for all to be sent: Terminal::output_progressed is to come.
    virtual void progress_wanted() {}
    virtual void discard_output() = 0;
    virtual void set_output_stopped(bool is_stopped) = 0;
    virtual void send_at_once(uint8_t byte) = 0;

    // ---- input: what has arrived, as one contiguous piece of it; consuming makes room for more. Same context.
    virtual std::span<const uint8_t> peek_input() = 0;
    virtual void consume_input(size_t count) = 0;
    virtual void discard_input() = 0;
    // Programs have read: the terminal takes input again that it did not take.
    virtual void input_wanted() {}
    virtual bool take_break() { return false; }  // a break condition came since the last call

    // ---- the line
    virtual void settings_changed(const tty::Settings&) {}
    virtual void set_break(bool) {}
    // The last file was closed, the first was opened.
    virtual void opened() {}
    virtual void closed() {}

protected:
    ~TerminalDriver() = default;
};

}  // namespace gyre
