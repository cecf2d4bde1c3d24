// SPDX-License-Identifier: MIT
//
// RLIMIT_FSIZE (setrlimit(2)).
#include "kernel/linux/file_limits.h"

#include <algorithm>

#include "kernel/linux/process.h"
#include "kernel/linux/signal.h"

namespace gyre::linux {

Result<uint64_t> allowed_file_bytes(uint64_t offset, uint64_t length) {
    Thread& thread = Thread::current();
    if (!thread.owner()) return length;
    Process& process = Task::of(thread).process();
    const uint64_t limit = process.limit(kLimitFileSize);
    if (limit == kUnlimited) [[likely]]
        return length;
    if (offset >= limit) {
        send_kernel_signal(process, kSigFileLimit);
        return fail(Error::FileTooLarge);
    }
    return std::min(length, limit - offset);
}

}  // namespace gyre::linux
