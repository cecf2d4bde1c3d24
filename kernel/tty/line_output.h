// SPDX-License-Identifier: MIT
//
// What a terminal sends: output processing (OPOST and its flags), the column of the cursor, and the echo, which waits in
// a bounded buffer when the line takes no more. Pure: it knows the line only as an OutputSink.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/tty/settings.h"

namespace gyre::tty {

// Where bytes go.
class OutputSink {
public:
    virtual size_t sink_room() = 0;                                 // 0 while output is stopped
    virtual void sink_put(std::span<const uint8_t> bytes) = 0;      // at most sink_room()

protected:
    ~OutputSink() = default;
};

class LineOutput {
public:
    static constexpr size_t kEchoSize = 4096;

    LineOutput(OutputSink& sink, const Settings& settings) : sink_(sink), settings_(settings) {}

    // Of a program. The result is how much was taken; the echo that waits goes first.
    size_t write(std::span<const uint8_t> bytes);

    // ---- echo. When the buffer is full, what does not fit is lost (as on every terminal).
    void echo_raw(uint8_t byte);       // through output processing
    void echo(uint8_t byte);           // control characters as ^X under ECHOCTL
    void echo_erase(uint32_t columns); // backspace, space, backspace, each
    // Goes back over a tab that followed `columns` columns since the line's start or the previous tab.
    void echo_erase_tab(uint32_t columns, bool follows_tab);
    void line_begins() { line_column_ = column_; }
    // Sends as much of the waiting echo as the line takes.
    void flush_echo();
    void discard_echo() { echo_head_ = echo_tail_; }
    bool has_waiting_echo() const { return echo_head_ != echo_tail_; }

private:
    // At most 8 bytes come out of one (a tab). The result is how many.
    size_t process(uint8_t byte, std::span<uint8_t, 8> to);
    size_t plain_run(std::span<const uint8_t> bytes) const;
    void put_echo(std::span<const uint8_t> bytes);

    OutputSink& sink_;
    const Settings& settings_;
    uint32_t column_ = 0;
    uint32_t line_column_ = 0;  // where the edited line began
    uint32_t echo_head_ = 0, echo_tail_ = 0;  // sent up to head, filled up to tail
    std::array<uint8_t, kEchoSize> echo_{};
};

constexpr bool is_control(uint8_t byte) { return byte < 32 || byte == 127; }

}  // namespace gyre::tty
