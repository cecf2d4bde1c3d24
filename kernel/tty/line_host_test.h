// SPDX-License-Identifier: MIT
//
// A line for tests: remembers what is sent, and takes only as much as the test allows.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "kernel/tty/line_discipline.h"

namespace gyre::tty {

class FakeLine final : public LineHost {
public:
    std::string sent;            // to the line
    std::string at_once;         // START and STOP to the other side
    std::vector<LineSignal> raised;
    std::vector<bool> stops;
    size_t room = 1 << 20;
    int discards = 0;

    size_t sink_room() override { return is_stopped_ ? 0 : room; }
    void sink_put(std::span<const uint8_t> bytes) override {
        ASSERT_LE(bytes.size(), sink_room());
        sent.append(bytes.begin(), bytes.end());
        room -= bytes.size();
    }
    void signal_foreground(LineSignal signal) override { raised.push_back(signal); }
    void drop_output() override { ++discards; }
    void output_stopped(bool is_stopped) override {
        is_stopped_ = is_stopped;
        stops.push_back(is_stopped);
    }
    void send_urgently(uint8_t byte) override { at_once.push_back(char(byte)); }

private:
    bool is_stopped_ = false;
};

class LineTest : public testing::Test {
protected:
    FakeLine host;
    LineDiscipline line{host};

    static std::span<const uint8_t> bytes(std::string_view text) {
        return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
    }
    size_t type(std::string_view text) { return line.receive(bytes(text)); }
    // What one read would give; "<eof>" for an end of file, "<none>" when it would wait.
    std::string read(size_t size = 4096) {
        if (!line.is_readable()) return "<none>";
        std::string result(size, '\0');
        const auto taken = line.take({reinterpret_cast<uint8_t*>(result.data()), size});
        if (taken.count == 0 && taken.ends) return "<eof>";
        if (taken.count == size && !taken.ends) line.skip_end_of_file();
        result.resize(taken.count);
        return result;
    }
    std::string take_sent() { return std::exchange(host.sent, {}); }
    template <class Change>
    void change(Change&& body) {
        Settings settings = line.settings();
        body(settings);
        line.set_settings(settings);
    }
    void make_raw() {
        change([](Settings& s) {
            s.local = 0;
            s.input = 0;
            s.output = 0;
        });
    }
};

}  // namespace gyre::tty
