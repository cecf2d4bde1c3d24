// SPDX-License-Identifier: MIT
//
// The editing of a line in canonical mode: erasing by character, word and line, literal next, reprint, and what ends a
// line. The echo shows what an ordinary terminal needs to keep the screen true.
#include "kernel/tty/line_discipline.h"

namespace gyre::tty {

namespace {
constexpr bool is_word_byte(uint8_t byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           byte == '_' || byte >= 0x80;  // letters beyond ASCII are letters
}
}  // namespace

// True when the byte was an order rather than text.
bool LineDiscipline::receive_editing(uint8_t byte) {
    const bool is_extended = settings_.has_local(local::kIexten);
    const bool has_echo = settings_.has_local(local::kEcho);
    if (settings_.is_character(kVerase, byte) || settings_.is_character(kVkill, byte) ||
        (is_extended && settings_.is_character(kVwerase, byte))) {
        erase(byte);
        return true;
    }
    if (is_extended && settings_.is_character(kVlnext, byte)) {
        is_literal_next_ = true;
        if (has_echo) {
            finish_erasing();
            if (settings_.has_local(local::kEchoctl)) {
                output_.echo_raw('^');
                output_.echo_raw('\b');
            }
        }
        return true;
    }
    if (is_extended && has_echo && settings_.is_character(kVreprint, byte)) {
        reprint(byte);
        return true;
    }
    if (byte == '\n') {
        if (settings_.has_local(local::kEcho | local::kEchonl)) {
            finish_erasing();
            output_.echo_raw('\n');
        }
        end_line(byte, LineBuffer::Mark::LineEnd);
        return true;
    }
    if (settings_.is_character(kVeof, byte)) {
        end_line(0, LineBuffer::Mark::EndOfFile);
        return true;
    }
    if (settings_.is_character(kVeol, byte) || (is_extended && settings_.is_character(kVeol2, byte))) {
        if (has_echo) {
            finish_erasing();
            if (buffer_.edited() == 0) output_.line_begins();
            output_.echo(byte);
        }
        end_line(byte, LineBuffer::Mark::LineEnd);
        return true;
    }
    return false;
}

void LineDiscipline::end_line(uint8_t byte, LineBuffer::Mark mark) { buffer_.end_line(byte, mark); }

void LineDiscipline::erase(uint8_t byte) {
    if (buffer_.edited() == 0) return;
    if (settings_.is_character(kVerase, byte)) return erase_characters(false, false);
    if (settings_.is_character(kVwerase, byte)) return erase_characters(true, false);
    using namespace local;
    if (!settings_.has_local(kEcho)) return buffer_.erase_edited();
    const uint32_t visual = kEchok | kEchoke | kEchoe;
    if ((settings_.local & visual) != visual) {
        buffer_.erase_edited();
        finish_erasing();
        output_.echo(byte);
        if (settings_.has_local(kEchok)) output_.echo_raw('\n');
        return;
    }
    erase_characters(false, true);
}

void LineDiscipline::erase_characters(bool is_word, bool is_whole_line) {
    bool has_seen_word = false;
    while (buffer_.edited() > 0) {
        // One character, which may be several bytes of UTF-8.
        uint32_t length = 1;
        while (is_continuation(buffer_.edited_from_end(length)) && length < buffer_.edited()) ++length;
        const uint8_t first = buffer_.edited_from_end(length);
        if (is_continuation(first)) break;  // its beginning is not in this line: not erased by halves
        if (is_word) {
            if (is_word_byte(first))
                has_seen_word = true;
            else if (has_seen_word)
                break;
        }
        buffer_.erase(length);
        if (settings_.has_local(local::kEcho)) echo_erased(first, length, !is_word && !is_whole_line);
        if (!is_word && !is_whole_line) break;
    }
    if (buffer_.edited() == 0 && settings_.has_local(local::kEcho)) finish_erasing();
}

// `byte` begins a character of `length` bytes that was just erased; it still stands behind the end of the line.
void LineDiscipline::echo_erased(uint8_t byte, uint32_t length, bool is_single) {
    if (settings_.has_local(local::kEchoprt)) {
        if (!is_erasing_) output_.echo_raw('\\');
        is_erasing_ = true;
        output_.echo(byte);
        for (uint32_t i = 1; i < length; ++i) output_.echo_raw(buffer_.edited_at(buffer_.edited() + i));
    } else if (is_single && !settings_.has_local(local::kEchoe)) {
        output_.echo(settings_.characters[kVerase]);
    } else if (byte == '\t') {
        echo_erased_tab();
    } else if (is_control(byte)) {
        if (settings_.has_local(local::kEchoctl)) output_.echo_erase(2);
    } else {
        output_.echo_erase(1);
    }
}

void LineDiscipline::echo_erased_tab() {
    uint32_t columns = 0;
    for (uint32_t i = 1; i <= buffer_.edited(); ++i) {
        const uint8_t byte = buffer_.edited_from_end(i);
        if (byte == '\t') return output_.echo_erase_tab(columns, true);
        if (is_control(byte))
            columns += settings_.has_local(local::kEchoctl) ? 2 : 0;
        else if (!is_continuation(byte))
            ++columns;
    }
    output_.echo_erase_tab(columns, false);
}

void LineDiscipline::finish_erasing() {
    if (!is_erasing_) return;
    output_.echo_raw('/');
    is_erasing_ = false;
}

void LineDiscipline::reprint(uint8_t byte) {
    finish_erasing();
    output_.echo(byte);
    output_.echo_raw('\n');
    for (uint32_t i = 0; i < buffer_.edited(); ++i) output_.echo(buffer_.edited_at(i));
}

}  // namespace gyre::tty
