// SPDX-License-Identifier: MIT
//
// Carries bytes from one descriptor to another without ever blocking: reads when there is room in its
// buffer, writes when poll says that the other side takes something.
#pragma once

#include <poll.h>

#include <functional>
#include <string>
#include <string_view>

namespace gyre::cli {

class Pump {
public:
    Pump(int source, int sink) : source_(source), sink_(sink) {}

    // Sees every piece that was read. When it is set, it says what goes on to the sink.
    std::function<std::string(std::string_view)> transform;

    pollfd read_wait() const;
    pollfd write_wait() const;
    void on_readable();
    void on_writable();
    // Puts bytes of our own into the stream.
    void insert(std::string_view bytes) { buffer_ += bytes; }

    bool is_source_open() const { return is_source_open_; }
    bool is_drained() const { return buffer_.empty(); }
    // True once the sink has refused a write (the reader has gone).
    bool is_sink_broken() const { return is_sink_broken_; }
    void close_source() { is_source_open_ = false; }
    int sink() const { return sink_; }

private:
    int source_;
    int sink_;  // -1: everything is dropped
    std::string buffer_;
    bool is_source_open_ = true;
    bool is_sink_broken_ = false;
};

}  // namespace gyre::cli
