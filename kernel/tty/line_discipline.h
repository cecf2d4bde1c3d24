// SPDX-License-Identifier: MIT
//
// The line discipline N_TTY (termios(3)): between the bytes of a line and the reads and writes of programs. Editing,
// special characters, echo, flow control; all of it pure, so that it is tested on the host. The Terminal owns one, calls it
// with its lock held and does what needs a kernel: waiting, job control, signals (through LineHost).
// Leaves out EXTPROC, and line disciplines other than this one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/tty/line_buffer.h"
#include "kernel/tty/line_output.h"
#include "kernel/tty/settings.h"

namespace gyre::tty {

enum class LineSignal : uint8_t { Interrupt, Quit, Suspend };

// What the discipline asks of the terminal. None of these may call back into the discipline.
class LineHost : public OutputSink {
public:
    virtual void signal_foreground(LineSignal signal) = 0;
    virtual void drop_output() = 0;                  // what the line has not sent yet
    virtual void output_stopped(bool is_stopped) = 0;
    virtual void send_urgently(uint8_t byte) = 0;    // START or STOP to the other side, ahead of all output

protected:
    ~LineHost() = default;
};

class LineDiscipline {
public:
    explicit LineDiscipline(LineHost& host) : host_(host), output_(host, settings_) { compute_fast_path(); }

    const Settings& settings() const { return settings_; }
    void set_settings(const Settings& settings);

    // ---- from the line. The result is how many bytes were taken: fewer when programs do not read.
    size_t receive(std::span<const uint8_t> bytes);
    bool can_receive() const { return buffer_.room() > 0 || (settings_.is_canonical() && buffer_.whole_lines() == 0); }
    void receive_break();
    void receive_damaged(uint8_t byte);  // parity or framing error

    // ---- to programs
    // Whether a read may take something now; poll asks with VMIN honoured, a read that blocks with 1.
    bool is_readable(uint32_t minimum = 1) const {
        return settings_.is_canonical() ? buffer_.whole_lines() > 0 : buffer_.count() >= minimum;
    }
    bool is_readable_for_poll() const;
    bool has_waiting_echo() const { return output_.has_waiting_echo(); }
    uint32_t readable_count() const {  // FIONREAD
        return settings_.is_canonical() ? buffer_.readable_in_lines() : buffer_.count();
    }
    using Taken = LineBuffer::Taken;
    Taken take(std::span<uint8_t> to);
    void skip_end_of_file() {
        if (settings_.is_canonical()) buffer_.skip_end_of_file();
    }
    void flush_input();

    // ---- from programs
    size_t write(std::span<const uint8_t> bytes) { return output_.write(bytes); }
    void flush_echo() { output_.flush_echo(); }
    void discard_echo() { output_.discard_echo(); }

    // ---- flow control
    bool is_stopped() const { return is_stopped_; }
    void stop_output();
    void start_output();

    void reset();  // settings stay

private:
    bool make_room();
    void receive_byte(uint8_t byte);
    bool receive_flow(uint8_t byte);
    bool receive_signal(uint8_t byte);
    bool receive_editing(uint8_t byte);
    void receive_plain(uint8_t byte);
    void raise(LineSignal signal, uint8_t echoed, bool has_echo);
    void put(uint8_t byte);
    void end_line(uint8_t byte, LineBuffer::Mark mark);
    void erase(uint8_t byte);
    void erase_characters(bool is_word, bool is_whole_line);
    void echo_erased(uint8_t byte, uint32_t length, bool is_single);
    void echo_erased_tab();
    void finish_erasing();
    void reprint(uint8_t byte);
    void hold_back_sender();
    void let_sender_go_on();
    void compute_fast_path();
    bool is_continuation(uint8_t byte) const {
        return settings_.has_input(input::kIutf8) && (byte & 0xc0) == 0x80;
    }

    LineHost& host_;
    Settings settings_;
    LineOutput output_;
    LineBuffer buffer_;
    bool is_stopped_ = false;
    bool is_literal_next_ = false;
    bool is_erasing_ = false;      // within \...\ of ECHOPRT
    bool is_sender_held_ = false;  // STOP was sent (IXOFF)
    bool is_raw_ = false;          // nothing to look at: bytes go straight through
};

}  // namespace gyre::tty
