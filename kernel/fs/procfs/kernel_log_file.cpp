// SPDX-License-Identifier: MIT
//
// /proc/kmsg: the log as text, each line with its level in front, waiting for more at the end.
// Unlike Linux's, where readers take lines away from each other, each open file reads from its own
// place.
#include <algorithm>

#include "kernel/fs/log_file.h"
#include "kernel/fs/procfs/machine_files.h"

namespace gyre::procfs::machine_files {
namespace {

class KernelLogFile final : public LogFile {
public:
    KernelLogFile(Path path, uint32_t flags) : LogFile(std::move(path), flags, Signals::None) {}

    Result<size_t> read(IoCursor& to, Patience patience) override {
        for (;;) {
            {
                MutexGuard guard(lock_);
                const Result<size_t> count = read_lines_locked(to);
                if (!count || *count != 0) return count;
            }
            TRY_VOID(wait_for_more(patience));
        }
    }

private:
    Result<size_t> read_lines_locked(IoCursor& to) {
        size_t total = 0;
        for (;;) {
            char text[kMostLogLine];
            LogRecord record;
            if (!log_read(sequence_.load(std::memory_order_relaxed), record, text)) return total;
            char line[kMostLogLine + 48];
            size_t length =
                format_to(line, "<{}>[{5}.{06}] {}\n",
                          uint32_t(record.facility) << 3 | uint32_t(record.level),
                          record.time_ns / 1'000'000'000, record.time_ns % 1'000'000'000 / 1000,
                          std::string_view(text, std::min(record.length, sizeof(text))));
            // A line that does not fit waits for the next read, unless it is the first: then it is
            // cut.
            if (length > to.remaining()) {
                if (total != 0) return total;
                length = to.remaining();
            }
            const Result<size_t> put = to.put(std::as_bytes(std::span(line, length)));
            if (!put) return total != 0 ? Result<size_t>(total) : put;
            sequence_.store(record.sequence + 1, std::memory_order_relaxed);
            total += *put;
            if (to.is_done()) return total;
        }
    }
};

}  // namespace

Result<Ref<File>> open_kernel_log(const Path& path, uint32_t flags, const Subject&) {
    return Ref<File>(TRY(make_ref<KernelLogFile>(path, flags)));
}

}  // namespace gyre::procfs::machine_files
