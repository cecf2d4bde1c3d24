// SPDX-License-Identifier: MIT
//
// The line discipline's input: from received bytes to what programs read; see line_discipline.h. The editing of a line
// is in line_editing.cpp. The order in which a byte is looked at is that of Linux, where programs depend on it.
#include "kernel/tty/line_discipline.h"

#include <algorithm>

namespace gyre::tty {

namespace {
// IXOFF: the sender is stopped when so little room is left, and goes on when so little is left to read.
constexpr uint32_t kHoldBelowRoom = 128;
constexpr uint32_t kGoOnBelowCount = 128;
constexpr uint8_t kParityMark = 0xff;
constexpr uint8_t kBell = 7;
}  // namespace

void LineDiscipline::compute_fast_path() {
    using namespace input;
    is_raw_ = !settings_.has_local(local::kIcanon | local::kIsig | local::kEcho) &&
              !settings_.has_input(kIstrip | kIuclc | kInlcr | kIgncr | kIcrnl | kIxon | kParmrk);
}

void LineDiscipline::set_settings(const Settings& settings) {
    const uint32_t changed = settings_.local ^ settings.local;
    const bool had_flow_control = settings_.has_input(input::kIxon);
    settings_ = settings;
    settings_.line = 0;
    if (changed & local::kIcanon) {
        buffer_.change_mode(settings_.is_canonical());
        is_literal_next_ = is_erasing_ = false;
    }
    // Output that a ^S stopped would stay stopped for ever (tty_ioctl: n_tty_set_termios).
    if (had_flow_control && !settings_.has_input(input::kIxon)) start_output();
    compute_fast_path();
}

// Makes sure that a byte can be put. Without any whole line to read, a full buffer could never be emptied: then the last
// byte of the line gives way to each new one, so that the line can still be ended.
bool LineDiscipline::make_room() {
    if (buffer_.room() > 0) return true;
    if (!settings_.is_canonical() || buffer_.whole_lines() > 0) return false;
    if (settings_.has_input(input::kImaxbel)) output_.echo_raw(kBell);
    buffer_.erase(1);
    return true;
}

size_t LineDiscipline::receive(std::span<const uint8_t> bytes) {
    size_t done = 0;
    if (is_raw_) {
        done = buffer_.put_all(bytes);
    } else {
        // PARMRK may make two of one.
        while (done < bytes.size() && make_room()) receive_byte(bytes[done++]);
        output_.flush_echo();
    }
    if (buffer_.room() < kHoldBelowRoom) hold_back_sender();
    return done;
}

void LineDiscipline::receive_byte(uint8_t byte) {
    if (settings_.has_input(input::kIstrip)) byte &= 0x7f;
    if (settings_.has_input(input::kIuclc) && settings_.has_local(local::kIexten) && byte >= 'A' && byte <= 'Z')
        byte = uint8_t(byte - 'A' + 'a');
    if (is_literal_next_) {
        is_literal_next_ = false;
        return receive_plain(byte);
    }
    if (receive_flow(byte) || receive_signal(byte)) return;
    if (is_stopped_ && settings_.has_input(input::kIxon) && settings_.has_input(input::kIxany)) start_output();
    if (byte == '\r') {
        if (settings_.has_input(input::kIgncr)) return;
        if (settings_.has_input(input::kIcrnl)) byte = '\n';
    } else if (byte == '\n' && settings_.has_input(input::kInlcr)) {
        byte = '\r';
    }
    if (settings_.is_canonical() && receive_editing(byte)) return;
    receive_plain(byte);
}

bool LineDiscipline::receive_flow(uint8_t byte) {
    if (!settings_.has_input(input::kIxon)) return false;
    if (settings_.is_character(kVstart, byte)) return start_output(), true;
    if (settings_.is_character(kVstop, byte)) return stop_output(), true;
    return false;
}

bool LineDiscipline::receive_signal(uint8_t byte) {
    if (!settings_.has_local(local::kIsig)) return false;
    if (settings_.is_character(kVintr, byte)) return raise(LineSignal::Interrupt, byte, true), true;
    if (settings_.is_character(kVquit, byte)) return raise(LineSignal::Quit, byte, true), true;
    if (settings_.is_character(kVsusp, byte)) return raise(LineSignal::Suspend, byte, true), true;
    return false;
}

void LineDiscipline::raise(LineSignal signal, uint8_t echoed, bool has_echo) {
    const bool flushes = !settings_.has_local(local::kNoflsh);
    if (flushes) {
        output_.discard_echo();
        host_.drop_output();
        flush_input();
    }
    host_.signal_foreground(signal);
    if (settings_.has_input(input::kIxon)) start_output();
    if (has_echo && settings_.has_local(local::kEcho)) output_.echo(echoed);
}

void LineDiscipline::receive_plain(uint8_t byte) {
    if (settings_.has_local(local::kEcho)) {
        finish_erasing();
        if (byte == '\n') {
            output_.echo_raw('\n');
        } else {
            if (buffer_.edited() == 0) output_.line_begins();
            output_.echo(byte);
        }
    }
    put(byte);
}

void LineDiscipline::put(uint8_t byte) {
    // A real 0xff is told from a mark by being doubled.
    if (byte == kParityMark && settings_.has_input(input::kParmrk) && buffer_.room() > 1) buffer_.put(byte);
    buffer_.put(byte);
}

void LineDiscipline::receive_break() {
    if (settings_.has_input(input::kIgnbrk)) return;
    if (settings_.has_input(input::kBrkint)) return raise(LineSignal::Interrupt, 0, false);
    receive_damaged(0);
}

void LineDiscipline::receive_damaged(uint8_t byte) {
    if (byte != 0 && !settings_.has_input(input::kInpck)) {
        receive(std::span(&byte, 1));
        return;
    }
    if (byte != 0 && settings_.has_input(input::kIgnpar)) return;
    if (settings_.has_input(input::kParmrk)) {
        if (buffer_.room() < 3) return;
        buffer_.put(kParityMark);
        buffer_.put(0);
        buffer_.put(byte);
    } else if (buffer_.room() > 0) {
        buffer_.put(0);
    }
}

bool LineDiscipline::is_readable_for_poll() const {
    const uint8_t minimum = settings_.characters[kVmin];
    const bool is_timed = settings_.characters[kVtime] != 0;
    return is_readable(!is_timed && minimum > 0 ? minimum : 1);
}

LineDiscipline::Taken LineDiscipline::take(std::span<uint8_t> to) {
    Taken taken{};
    if (settings_.is_canonical())
        taken = buffer_.take_line(to);
    else
        taken = {buffer_.take_bytes(to), false};
    if (is_sender_held_ && buffer_.count() < kGoOnBelowCount) let_sender_go_on();
    return taken;
}

void LineDiscipline::flush_input() {
    buffer_.clear();
    is_literal_next_ = is_erasing_ = false;
    if (is_sender_held_) let_sender_go_on();
}

void LineDiscipline::stop_output() {
    if (is_stopped_) return;
    is_stopped_ = true;
    host_.output_stopped(true);
}

void LineDiscipline::start_output() {
    if (!is_stopped_) return;
    is_stopped_ = false;
    host_.output_stopped(false);
    output_.flush_echo();
}

void LineDiscipline::hold_back_sender() {
    if (is_sender_held_ || !settings_.has_input(input::kIxoff)) return;
    is_sender_held_ = true;
    host_.send_urgently(settings_.characters[kVstop]);
}

void LineDiscipline::let_sender_go_on() {
    is_sender_held_ = false;
    host_.send_urgently(settings_.characters[kVstart]);
}

void LineDiscipline::reset() {
    flush_input();
    output_.discard_echo();
    is_stopped_ = false;
}

}  // namespace gyre::tty
