// SPDX-License-Identifier: MIT
//
// /dev/kmsg in the format of Linux's Documentation/ABI/testing/dev-kmsg:
// "level,sequence,microseconds,-;text\n".
#include "kernel/driver/kernel_log_device.h"

#include <algorithm>
#include <utility>

#include "kernel/fs/log_file.h"
#include "kernel/fs/text.h"

namespace gyre::driver {

namespace {

class KernelLogFile final : public LogFile {
public:
    KernelLogFile(Path path, uint32_t flags) : LogFile(std::move(path), flags, Signals::Writable) {}

    Result<size_t> read(IoCursor& to, Patience patience) override {
        for (;;) {
            const Result<size_t> done = read_one(to);
            if (done || done.error() != Error::WouldBlock || patience.is_none()) return done;
            TRY_VOID(wait_for_more(patience));
        }
    }

    // WouldBlock: there is none yet.
    Result<size_t> read_one(IoCursor& to) {
        char line[kMostLogLine];
        LogRecord record;
        MutexGuard guard(lock_);
        const uint64_t wanted = sequence_.load(std::memory_order_relaxed);
        if (!log_read(wanted, record, line)) return fail(Error::WouldBlock);
        sequence_.store(record.sequence + 1, std::memory_order_relaxed);
        // Lines that were overwritten before we came: said once, then reading goes on behind the
        // gap.
        if (record.sequence != wanted) {
            sequence_.store(record.sequence, std::memory_order_relaxed);
            return fail(Error::BrokenPipe);
        }
        char head[64];
        text::Writer writer(head);
        writer.number(uint64_t{record.facility} * 8 + static_cast<uint64_t>(record.level));
        writer.text(",");
        writer.number(record.sequence);
        writer.text(",");
        writer.number(static_cast<uint64_t>(record.time_ns / 1000));
        writer.text(",-;");
        const size_t length = std::min(record.length, sizeof(line));
        if (to.remaining() < writer.length() + length + 1) return fail(Error::InvalidArgument);
        size_t done = TRY(to.put(std::as_bytes(std::span(head, writer.length()))));
        done += TRY(to.put(std::as_bytes(std::span(line, length))));
        done += TRY(to.put(std::as_bytes(std::span("\n", 1))));
        return done;
    }

    Result<size_t> write(IoCursor& from, Patience) override {
        const size_t length = from.remaining();
        if (length > kMostLogLine) return fail(Error::InvalidArgument);
        char buffer[kMostLogLine];
        const size_t taken = TRY(from.take(std::as_writable_bytes(std::span(buffer, length))));
        std::string_view line(buffer, taken);
        uint64_t priority = 1 * 8 + static_cast<uint64_t>(LogLevel::Warning);  // LOG_USER
        if (line.starts_with('<')) {
            const size_t end = line.find('>');
            if (end != std::string_view::npos && end <= 4) {
                if (const Result<uint64_t> number = text::parse_number(line.substr(1, end - 1))) {
                    priority = *number;
                    line = line.substr(end + 1);
                }
            }
        }
        while (line.ends_with('\n'))
            line.remove_suffix(1);
        const auto facility = static_cast<uint8_t>(std::max<uint64_t>(priority / 8, 1));
        log_user(facility, static_cast<LogLevel>(priority % 8), line);
        return length;
    }

    // SEEK_SET: the oldest; SEEK_END: only what comes; SEEK_DATA: after the last clearing, which we
    // do not keep.
    Result<uint64_t> seek(int64_t offset, int whence) override {
        if (offset != 0) return fail(Error::IllegalSeek);
        switch (whence) {
            case 0:
            case 3:
                sequence_.store(log_first_sequence(), std::memory_order_relaxed);
                return 0;
            case 2:
                sequence_.store(log_next_sequence(), std::memory_order_relaxed);
                return 0;
            default:
                return fail(Error::InvalidArgument);
        }
    }
};

}  // namespace

Result<Ref<File>> open_kernel_log(const Path& path, uint32_t flags, uint64_t, void*) {
    return Ref<File>(TRY(make_ref<KernelLogFile>(path, flags)));
}

}  // namespace gyre::driver
