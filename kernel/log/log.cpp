// SPDX-License-Identifier: MIT
//
// The ring holds records of whole lines, each behind a header, oldest thrown away first. Records never wrap around the
// end: a record that does not fit there leaves the rest empty.
#include "kernel/log/log.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernel/arch/contract.h"
#include "kernel/driver/early_serial.h"
#include "kernel/log/log_readers.h"
#include "kernel/sync/spin_lock.h"

namespace gyre {
namespace {

struct Entry {
    uint64_t sequence;
    int64_t time_ns;
    uint32_t length;     // of the text
    uint16_t size;       // of entry and text, a multiple of 8
    LogLevel level;
    uint8_t facility;
    const char* text() const { return reinterpret_cast<const char*>(this + 1); }
    char* text() { return reinterpret_cast<char*>(this + 1); }
};

constinit SpinLock g_lock{LockRank::Log};
constinit SpinLock g_console_lock{LockRank::Console};
alignas(8) constinit char g_buffer[kLogBufferBytes]{};
constinit size_t g_first = 0, g_next = 0;   // offsets of the oldest entry and of the free space
constinit size_t g_wrap = 0;                // where entries end when g_next has wrapped; 0: not wrapped
constinit uint64_t g_first_sequence = 0, g_next_sequence = 0;
constinit std::atomic<int> g_console_level{7};
constinit std::atomic<LogSink> g_sink{&early_serial::write};

Entry& entry_at(size_t offset) { return *reinterpret_cast<Entry*>(g_buffer + offset); }

size_t after(size_t offset) {
    offset += entry_at(offset).size;
    return g_wrap != 0 && offset >= g_wrap ? 0 : offset;
}

void drop_oldest() {
    const size_t old = g_first;
    g_first = after(g_first);
    if (g_first < old) g_wrap = 0;
    ++g_first_sequence;
}

Entry& make_room(size_t size) {
    if (g_next + size > kLogBufferBytes) {
        // The entries between here and the end go, then the ring starts over.
        while (g_first_sequence != g_next_sequence && g_wrap != 0) drop_oldest();
        while (g_first_sequence != g_next_sequence && g_first >= g_next) drop_oldest();
        g_wrap = g_next;
        g_next = 0;
    }
    while (g_first_sequence != g_next_sequence && g_wrap != 0 && g_first < g_next + size && g_first >= g_next) drop_oldest();
    if (g_first_sequence == g_next_sequence) {
        g_first = g_next = 0;
        g_wrap = 0;
    }
    return entry_at(g_next);
}

void append(LogLevel level, uint8_t facility, std::string_view text, int64_t now) {
    const size_t size = (sizeof(Entry) + text.size() + 7) & ~size_t{7};
    SpinGuard guard(g_lock);
    Entry& entry = make_room(size);
    entry = {g_next_sequence++, now, uint32_t(text.size()), uint16_t(size), level, facility};
    memcpy(entry.text(), text.data(), text.size());
    g_next += size;
}

void print(std::string_view text, int64_t now) {
    char line[kMostLogLine + 32];
    const uint64_t us = static_cast<uint64_t>(now) / 1000;
    const size_t length = format_to(line, "[{5}.{06}] {}\n", us / 1'000'000, us % 1'000'000, text);
    SpinGuard guard(g_console_lock);
    g_sink.load(std::memory_order_acquire)({line, length});
}

void write(LogLevel level, uint8_t facility, std::string_view text) {
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    text = text.substr(0, kMostLogLine);
    const int64_t now = arch::clock_now_ns();
    append(level, facility, text, now);
    if (static_cast<int>(level) < g_console_level.load(std::memory_order_relaxed)) print(text, now);
    tell_log_readers();
}

}  // namespace

void log_text(LogLevel level, std::string_view text) { write(level, 0, text); }
void log_user(uint8_t facility, LogLevel level, std::string_view text) { write(level, facility, text); }

void log_formatted(LogLevel level, std::string_view format, std::span<const FormatArgument> arguments) {
    char text[kMostLogLine];
    write(level, 0, {text, format_list(text, format, arguments)});
}

bool log_read(uint64_t sequence, LogRecord& record, std::span<char> text) {
    SpinGuard guard(g_lock);
    if (sequence >= g_next_sequence) return false;
    size_t offset = g_first;
    for (uint64_t i = g_first_sequence; i < sequence; ++i) offset = after(offset);
    const Entry& entry = entry_at(offset);
    record = {entry.sequence, entry.time_ns, entry.level, entry.facility, std::min<size_t>(entry.length, text.size())};
    memcpy(text.data(), entry.text(), record.length);
    return true;
}
uint64_t log_first_sequence() {
    SpinGuard guard(g_lock);
    return g_first_sequence;
}
uint64_t log_next_sequence() {
    SpinGuard guard(g_lock);
    return g_next_sequence;
}

void log_set_console_level(int level) { g_console_level.store(level, std::memory_order_relaxed); }
int log_console_level() { return g_console_level.load(std::memory_order_relaxed); }
void log_set_sink(LogSink sink) { g_sink.store(sink, std::memory_order_release); }
void log_emergency_print(std::string_view text) { early_serial::write(text); }

}  // namespace gyre
