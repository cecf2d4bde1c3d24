// SPDX-License-Identifier: MIT
//
// Output processing and echo; see line_output.h. Leaves out the delays of mechanical terminals (NLDLY, CRDLY, ...), as
// Linux does.
#include "kernel/tty/line_output.h"

#include <algorithm>

namespace gyre::tty {

namespace {
constexpr uint32_t kTabWidth = 8;
}

size_t LineOutput::process(uint8_t byte, std::span<uint8_t, 8> to) {
    const bool is_processed = settings_.has_output(output::kOpost);
    switch (is_processed ? byte : 0) {
        case '\n':
            if (settings_.has_output(output::kOnlret)) column_ = 0;
            if (settings_.has_output(output::kOnlcr)) {
                column_ = line_column_ = 0;
                to[0] = '\r';
                to[1] = '\n';
                return 2;
            }
            line_column_ = column_;
            break;
        case '\r':
            if (settings_.has_output(output::kOnocr) && column_ == 0) return 0;
            if (settings_.has_output(output::kOcrnl)) {
                byte = '\n';
                if (settings_.has_output(output::kOnlret)) column_ = line_column_ = 0;
                break;
            }
            column_ = line_column_ = 0;
            break;
        case '\t': {
            const uint32_t spaces = kTabWidth - column_ % kTabWidth;
            column_ += spaces;
            if ((settings_.output & output::kTabdly) == output::kXtabs) {
                std::fill_n(to.begin(), spaces, uint8_t{' '});
                return spaces;
            }
            break;
        }
        case '\b':
            if (column_ > 0) --column_;
            break;
        default:
            if (!is_control(byte)) {
                if (is_processed && settings_.has_output(output::kOlcuc) && byte >= 'a' && byte <= 'z')
                    byte = uint8_t(byte - 'a' + 'A');
                const bool is_continuation = settings_.has_input(input::kIutf8) && (byte & 0xc0) == 0x80;
                if (!is_continuation) ++column_;
            }
            break;
    }
    to[0] = byte;
    return 1;
}

// How many bytes at the beginning come out as they are.
size_t LineOutput::plain_run(std::span<const uint8_t> bytes) const {
    if (settings_.has_output(output::kOlcuc)) return 0;
    size_t length = 0;
    while (length < bytes.size() && !is_control(bytes[length])) ++length;
    return length;
}

size_t LineOutput::write(std::span<const uint8_t> bytes) {
    flush_echo();
    if (has_waiting_echo()) return 0;
    if (!settings_.has_output(output::kOpost)) {
        const auto taken = bytes.first(std::min(bytes.size(), sink_.sink_room()));
        if (!taken.empty()) sink_.sink_put(taken);
        return taken.size();
    }
    size_t done = 0;
    while (done < bytes.size()) {
        const size_t room = sink_.sink_room();
        if (room == 0) break;
        const size_t run = plain_run(bytes.subspan(done, std::min(room, bytes.size() - done)));
        if (run > 0) {
            const auto plain = bytes.subspan(done, run);
            sink_.sink_put(plain);
            const bool is_utf8 = settings_.has_input(input::kIutf8);
            column_ += uint32_t(is_utf8 ? std::count_if(plain.begin(), plain.end(),
                                                        [](uint8_t byte) { return (byte & 0xc0) != 0x80; })
                                        : ptrdiff_t(run));
            done += run;
            continue;
        }
        if (room < kTabWidth) break;  // all that one byte may become goes out at once or not yet
        std::array<uint8_t, kTabWidth> processed;
        const size_t length = process(bytes[done], processed);
        if (length > 0) sink_.sink_put(std::span(processed).first(length));
        ++done;
    }
    return done;
}

void LineOutput::put_echo(std::span<const uint8_t> bytes) {
    if (echo_tail_ - echo_head_ + bytes.size() > kEchoSize) return;
    for (const uint8_t byte : bytes) echo_[echo_tail_++ % kEchoSize] = byte;
}

void LineOutput::echo_raw(uint8_t byte) {
    std::array<uint8_t, kTabWidth> processed;
    put_echo(std::span(processed).first(process(byte, processed)));
}

void LineOutput::echo(uint8_t byte) {
    if (!settings_.has_local(local::kEchoctl) || !is_control(byte) || byte == '\t') return echo_raw(byte);
    const uint8_t caret[] = {'^', uint8_t(byte ^ 0100)};
    put_echo(caret);
    column_ += 2;
}

void LineOutput::echo_erase(uint32_t columns) {
    constexpr uint8_t kErase[] = {'\b', ' ', '\b'};
    for (; columns > 0; --columns) {
        put_echo(kErase);
        if (column_ > 0) --column_;
    }
}

void LineOutput::echo_erase_tab(uint32_t columns, bool follows_tab) {
    if (!follows_tab) columns += line_column_;
    for (uint32_t width = kTabWidth - columns % kTabWidth; width > 0; --width) {
        constexpr uint8_t kBack[] = {'\b'};
        put_echo(kBack);
        if (column_ > 0) --column_;
    }
}

void LineOutput::flush_echo() {
    while (has_waiting_echo()) {
        const size_t start = echo_head_ % kEchoSize;
        const size_t length =
            std::min({size_t{echo_tail_ - echo_head_}, kEchoSize - start, sink_.sink_room()});
        if (length == 0) return;
        sink_.sink_put(std::span(echo_).subspan(start, length));
        echo_head_ += uint32_t(length);
    }
}

}  // namespace gyre::tty
