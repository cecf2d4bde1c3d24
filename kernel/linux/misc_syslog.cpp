// SPDX-License-Identifier: MIT
//
// syslog(2): the kernel's log as dmesg(1) and klogd read it. Lines carry level and time in their text: "<6>[    1.234567] ...".
#include <algorithm>

#include "call_handlers.h"
#include "kernel/log/log.h"
#include "kernel/log/log_readers.h"
#include "kernel/sync/mutex.h"

namespace gyre::linux {
namespace {

enum Action : int {
    kClose = 0, kOpen = 1, kRead = 2, kReadAll = 3, kReadClear = 4, kClear = 5, kConsoleOff = 6, kConsoleOn = 7,
    kConsoleLevel = 8, kUnreadBytes = 9, kBufferBytes = 10,
};
constexpr int kLeastConsoleLevel = 1, kMostConsoleLevel = 8;
constexpr size_t kMostLine = kMostLogLine + 40;

constinit Mutex g_reading{LockRank::FilePosition};
constinit std::atomic<uint64_t> g_next_read{0};      // of kRead, which takes what it reads
constinit std::atomic<uint64_t> g_cleared_before{0};
constinit std::atomic<int> g_saved_level{-1};

// The line of a record into `line`; the number of its bytes. 0: no such record yet. `sequence` becomes that of the next.
size_t format_record(uint64_t& sequence, std::span<char> line) {
    char text[kMostLogLine];
    LogRecord record;
    if (!log_read(sequence, record, text)) return 0;
    sequence = record.sequence + 1;
    const uint64_t microseconds = static_cast<uint64_t>(record.time_ns) / 1000;
    const uint64_t priority = uint64_t{record.facility} * 8 + static_cast<uint64_t>(record.level);
    char seconds[24];
    const size_t digits = format_to(seconds, "{}", microseconds / 1'000'000);
    constexpr std::string_view kBlanks = "     ";
    const std::string_view blanks = kBlanks.substr(std::min(digits, kBlanks.size()));
    char fraction[8];
    (void)format_to(fraction, "{}", 1'000'000 + microseconds % 1'000'000);  // its leading one is left out
    return format_to(line, "<{}>[{}{}.{}] {}\n", priority, blanks, std::string_view(seconds, digits),
                     std::string_view(fraction + 1, 6), std::string_view(text, std::min(record.length, sizeof(text))));
}

// What is there, up to the buffer; waits for the first line.
CallResult read_new(UserOut<std::byte> buffer, size_t size) {
    char line[kMostLine];
    size_t done = 0;
    for (;;) {
        {
            MutexGuard guard(g_reading);
            for (;;) {
                uint64_t sequence = g_next_read.load(std::memory_order_relaxed);
                const size_t length = format_record(sequence, line);
                if (length == 0 || length > size - done) break;
                TRY_VOID(user_memory::copy_out(buffer.address() + done, line, length));
                g_next_read.store(sequence, std::memory_order_relaxed);
                done += length;
            }
        }
        if (done > 0 || log_next_sequence() > g_next_read.load(std::memory_order_relaxed)) return static_cast<long>(done);
        if (!log_wait_for(g_next_read.load(std::memory_order_relaxed), Patience::forever())) return fail(Error::RestartSystemCall);
    }
}

// The last `size` bytes of whole lines.
CallResult read_all(UserOut<std::byte> buffer, size_t size, bool clears) {
    char line[kMostLine];
    const uint64_t first = std::max(g_cleared_before.load(std::memory_order_relaxed), log_first_sequence());
    const uint64_t end = log_next_sequence();
    size_t total = 0;
    for (uint64_t at = first; at < end;) total += format_record(at, line);
    size_t done = 0;
    for (uint64_t at = first; at < end;) {
        const size_t length = format_record(at, line);
        if (total > size) {
            total -= length;
            continue;
        }
        if (length == 0 || length > size - done) break;
        TRY_VOID(user_memory::copy_out(buffer.address() + done, line, length));
        done += length;
        Thread::preemption_point();
    }
    if (clears) g_cleared_before.store(end, std::memory_order_relaxed);
    return static_cast<long>(done);
}

long unread_bytes() {
    char line[kMostLine];
    long total = 0;
    const uint64_t end = log_next_sequence();
    for (uint64_t at = std::max(g_next_read.load(std::memory_order_relaxed), log_first_sequence()); at < end;)
        total += static_cast<long>(format_record(at, line));
    return total;
}

}  // namespace

CallResult sys_syslog(CallContext& context, int type, UserOut<std::byte> buffer, int length) {
    const bool is_for_all = type == kReadAll || type == kBufferBytes;
    if (!is_for_all && !context.credentials().has(Capability::Syslog) && !context.credentials().has(Capability::SysAdmin))
        return fail(Error::NotPermitted);
    switch (type) {
        case kClose:
        case kOpen: return 0;
        case kRead:
        case kReadAll:
        case kReadClear:
            if (buffer.is_null() || length < 0) return fail(Error::InvalidArgument);
            if (length == 0) return 0;
            if (type == kRead) return read_new(buffer, static_cast<size_t>(length));
            return read_all(buffer, static_cast<size_t>(length), type == kReadClear);
        case kClear: g_cleared_before.store(log_next_sequence(), std::memory_order_relaxed); return 0;
        case kConsoleOff:
            if (g_saved_level.load() < 0) g_saved_level.store(log_console_level());
            log_set_console_level(kLeastConsoleLevel);
            return 0;
        case kConsoleOn: {
            const int saved = g_saved_level.exchange(-1);
            if (saved >= 0) log_set_console_level(saved);
            return 0;
        }
        case kConsoleLevel:
            if (length < kLeastConsoleLevel || length > kMostConsoleLevel) return fail(Error::InvalidArgument);
            log_set_console_level(length);
            g_saved_level.store(-1);
            return 0;
        case kUnreadBytes: return unread_bytes();
        case kBufferBytes: return long{kLogBufferBytes};
        default: return fail(Error::InvalidArgument);
    }
}

}  // namespace gyre::linux
