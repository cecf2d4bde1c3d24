// SPDX-License-Identifier: MIT
#include "cli/pump.h"

#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gyre::cli {
namespace {

constexpr size_t kMostBuffered = 256 * 1024;
constexpr size_t kReadSize = 64 * 1024;
// A pipe that poll calls writable takes this much without blocking (POSIX: PIPE_BUF). The descriptors
// are the user's own and may be shared, so that they cannot be made non-blocking.
constexpr size_t kWriteSize = PIPE_BUF;

}  // namespace

pollfd Pump::read_wait() const {
    return {is_source_open_ && buffer_.size() < kMostBuffered ? source_ : -1, POLLIN, 0};
}

pollfd Pump::write_wait() const { return {!buffer_.empty() && !is_sink_broken_ ? sink_ : -1, POLLOUT, 0}; }

void Pump::on_readable() {
    char bytes[kReadSize];
    ssize_t count = read(source_, bytes, sizeof bytes);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (count <= 0) {
        is_source_open_ = false;
        return;
    }
    std::string_view piece(bytes, static_cast<size_t>(count));
    if (transform) buffer_ += transform(piece);
    else buffer_ += piece;
    if (sink_ == -1 || is_sink_broken_) buffer_.clear();
}

void Pump::on_writable() {
    ssize_t count = write(sink_, buffer_.data(), std::min(buffer_.size(), kWriteSize));
    if (count < 0) {
        if (errno == EINTR || errno == EAGAIN) return;
        is_sink_broken_ = true;
        buffer_.clear();
        return;
    }
    buffer_.erase(0, static_cast<size_t>(count));
}

}  // namespace gyre::cli
