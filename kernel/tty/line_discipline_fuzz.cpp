// SPDX-License-Identifier: MIT
//
// libFuzzer harness: whatever is typed, written and set, in whatever order, the line discipline keeps its bounds and
// promises, and a line that is ended can be read.
#include <cstdlib>
#include <string>
#include <utility>

#include "kernel/tty/line_discipline.h"

namespace {

using namespace gyre::tty;

void require(bool condition) {
    if (!condition) std::abort();
}

class Line final : public LineHost {
public:
    size_t room = 64;
    size_t sink_room() override { return is_stopped_ ? 0 : room; }
    void sink_put(std::span<const uint8_t> bytes) override {
        require(bytes.size() <= sink_room());
        room -= bytes.size();
    }
    void signal_foreground(LineSignal) override {}
    void drop_output() override { room = 4096; }
    void output_stopped(bool is_stopped) override {
        require(is_stopped != is_stopped_);
        is_stopped_ = is_stopped;
    }
    void send_urgently(uint8_t) override {}

private:
    bool is_stopped_ = false;
};

class Script {
public:
    Script(const uint8_t* data, size_t size) : rest_(data, size) {}
    bool is_done() const { return rest_.empty(); }
    uint8_t byte() {
        if (rest_.empty()) return 0;
        const uint8_t value = rest_[0];
        rest_ = rest_.subspan(1);
        return value;
    }
    uint32_t word() { return uint32_t(byte()) | uint32_t(byte()) << 8; }
    std::span<const uint8_t> bytes(size_t count) {
        const auto taken = rest_.first(std::min(count, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }

private:
    std::span<const uint8_t> rest_;
};

void change_settings(LineDiscipline& line, Script& script) {
    Settings settings = line.settings();
    settings.input = script.word();
    settings.output = script.word();
    settings.local = script.word();
    settings.characters[script.byte() % kCharacterCount] = script.byte();
    line.set_settings(settings);
}

void read(LineDiscipline& line, size_t size) {
    std::array<uint8_t, 512> buffer;
    const bool was_readable = line.is_readable();
    const uint32_t before = line.readable_count();
    const auto taken = line.take(std::span(buffer).first(size));
    require(taken.count <= size && taken.count <= before);
    require(was_readable || (taken.count == 0 && !taken.ends));
    require(!was_readable || size == 0 || taken.count > 0 || taken.ends);
    if (!taken.ends) line.skip_end_of_file();
    require(line.readable_count() == before - taken.count);
}

void type_much(LineDiscipline& line, uint8_t byte, size_t count) {
    const std::string text(count, char(byte));
    require(line.receive({reinterpret_cast<const uint8_t*>(text.data()), text.size()}) <= count);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Line host;
    LineDiscipline line(host);
    Script script(data, size);
    while (!script.is_done()) {
        switch (script.byte() % 10) {
            case 0: change_settings(line, script); break;
            case 1: case 2: {
                const auto bytes = script.bytes(script.byte());
                require(line.receive(bytes) <= bytes.size());
                break;
            }
            case 3: read(line, script.word() % 512); break;
            case 4: {
                const auto bytes = script.bytes(script.byte());
                require(line.write(bytes) <= bytes.size());
                break;
            }
            case 5: host.room = script.word(); break;
            case 6: line.receive_break(); break;
            case 7: line.receive_damaged(script.byte()); break;
            case 8: type_much(line, script.byte(), script.word() % 5000); break;
            case 9: script.byte() & 1 ? line.flush_input() : line.flush_echo(); break;
        }
        require(line.readable_count() < LineBuffer::kSize);
    }
    // Whatever happened: a line can be ended and read.
    line.flush_input();
    line.set_settings(Settings{});
    const uint8_t end[] = {'x', '\n'};
    require(line.receive(end) == sizeof end);
    require(line.is_readable() && line.readable_count() == 2);
    return 0;
}
