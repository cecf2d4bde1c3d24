// SPDX-License-Identifier: MIT
//
// The kernel's log: a ring of lines, numbered, with level and time; printed on the console as they come (unless the command
// line says quiet), kept for dmesg(1) and /dev/kmsg.
// Context: any, interrupts and panics included.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "lib/base/format.h"

namespace gyre {

enum class LogLevel : uint8_t { Emergency, Alert, Critical, Error, Warning, Notice, Info, Debug };  // as syslog(2)

void log_text(LogLevel level, std::string_view text);
void log_formatted(LogLevel level, std::string_view format, std::span<const FormatArgument> arguments);

template <class... Arguments>
void log(LogLevel level, std::string_view format, const Arguments&... arguments) {
    if constexpr (sizeof...(arguments) == 0) {
        log_text(level, format);
    } else {
        const FormatArgument list[] = {FormatArgument(arguments)...};
        log_formatted(level, format, list);
    }
}
template <class... A> void log_debug(std::string_view f, const A&... a) { log(LogLevel::Debug, f, a...); }
template <class... A> void log_info(std::string_view f, const A&... a) { log(LogLevel::Info, f, a...); }
template <class... A> void log_warning(std::string_view f, const A&... a) { log(LogLevel::Warning, f, a...); }
template <class... A> void log_error(std::string_view f, const A&... a) { log(LogLevel::Error, f, a...); }

// ---- reading (syslog(2), /dev/kmsg)
struct LogRecord {
    uint64_t sequence;
    int64_t time_ns;
    LogLevel level;
    uint8_t facility;         // 0 for the kernel, else as given to log_user
    size_t length;            // of the text
};
// The first record whose number is at least `sequence`; its text is copied (cut to the buffer). False when there is none yet.
bool log_read(uint64_t sequence, LogRecord& record, std::span<char> text);
uint64_t log_first_sequence();   // the oldest kept
uint64_t log_next_sequence();    // the one that will be written next
// A line written to /dev/kmsg by a program.
void log_user(uint8_t facility, LogLevel level, std::string_view text);
constexpr size_t kLogBufferBytes = 64 * 1024;
constexpr size_t kMostLogLine = 1000;

// ---- the console
// Lines of this level and above (less urgent) are not printed; 8 prints all (console_loglevel).
void log_set_console_level(int level);
int log_console_level();
// Where lines are printed: at first the polled serial port (driver/early_serial.h); a terminal may take over. The sink must not log.
using LogSink = void (*)(std::string_view text);
void log_set_sink(LogSink sink);
// Prints at once, past the ring and the level; for panics.
void log_emergency_print(std::string_view text);

}  // namespace gyre
