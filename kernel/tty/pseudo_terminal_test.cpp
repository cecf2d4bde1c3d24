// SPDX-License-Identifier: MIT
//
// Pseudo-terminals from end to end, without programs: what the master writes is typed, what the slave writes is read.
#include "kernel/tty/pseudo_terminal.h"

#include <string_view>

#include "kernel/test/test.h"
#include "kernel/tty/master_file.h"
#include "kernel/tty/terminal_file.h"

namespace gyre {
namespace {

struct Pair {
    Ref<PseudoTerminal> terminal;
    Ref<File> master, slave;
    char buffer[8192];

    bool open() {
        auto made = PseudoTerminal::create(0);
        if (!made) return false;
        terminal = *made;
        auto master_file = MasterFile::open(terminal, Path(), open_flags::kReadWrite);
        if (!master_file) return false;
        master = *master_file;
        terminal->set_locked(false);
        return open_slave();
    }
    bool open_slave() {
        auto file = TerminalFile::open(terminal, Path(), open_flags::kReadWrite | open_flags::kNoControllingTty,
                                       TerminalFile::Through::OwnDevice);
        if (file) slave = *file;
        return file.has_value();
    }
    static Result<size_t> write(File& file, std::string_view text, Patience patience = Patience::none()) {
        IoCursor from = IoCursor::kernel(std::as_bytes(std::span(text)));
        return file.write(from, patience);
    }
    Result<size_t> read(File& file, Patience patience = Patience::none()) {
        IoCursor to = IoCursor::kernel(std::as_writable_bytes(std::span<char>(buffer)));
        return file.read(to, patience);
    }
    // Whether a read gives exactly this.
    bool gives(File& file, std::string_view text) {
        const auto got = read(file);
        return got && std::string_view(buffer, *got) == text;
    }
    bool would_block(File& file) {
        const auto got = read(file);
        return !got && got.error() == Error::WouldBlock;
    }
};

bool is(const File& file, Signals signal) { return any(file.signals() & signal); }

KERNEL_TEST(pseudo_terminal_carries_lines_and_echo) {
    Pair p;
    REQUIRE(p.open());
    EXPECT(p.would_block(*p.slave));
    EXPECT(!is(*p.slave, Signals::Readable));
    EXPECT(Pair::write(*p.master, "hello\r") == 6u);
    EXPECT(is(*p.slave, Signals::Readable));
    EXPECT(p.gives(*p.slave, "hello\n"));
    EXPECT(!is(*p.slave, Signals::Readable));
    EXPECT(is(*p.master, Signals::Readable));
    EXPECT(p.gives(*p.master, "hello\r\n"));
    EXPECT(Pair::write(*p.slave, "out\n") == 4u);
    EXPECT(p.gives(*p.master, "out\r\n"));
    EXPECT(p.would_block(*p.master));
}

KERNEL_TEST(pseudo_terminal_holds_a_slave_back_that_nobody_reads) {
    Pair p;
    REQUIRE(p.open());
    static constexpr std::string_view kText = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    size_t written = 0;
    for (;;) {
        const auto now = Pair::write(*p.slave, kText);
        if (!now) {
            EXPECT(now.error() == Error::WouldBlock);
            break;
        }
        written += *now;
        REQUIRE(written <= 1u << 20);
    }
    EXPECT(!is(*p.slave, Signals::Writable));
    size_t read = 0;
    while (const auto now = p.read(*p.master)) read += *now;
    EXPECT(read == written);
    EXPECT(is(*p.slave, Signals::Writable));
    EXPECT(Pair::write(*p.slave, "x") == 1u);
}

KERNEL_TEST(pseudo_terminal_holds_a_master_back_that_nobody_reads) {
    Pair p;
    REQUIRE(p.open());
    size_t typed = 0;
    for (;;) {
        const auto now = Pair::write(*p.master, "1234567\n");
        (void)p.read(*p.master);  // its echo
        if (!now) break;
        typed += *now;
        REQUIRE(typed <= 1u << 20);
    }
    EXPECT(!is(*p.master, Signals::Writable));
    size_t lines = 0;
    while (p.gives(*p.slave, "1234567\n")) ++lines;
    EXPECT(lines == typed / 8);
    EXPECT(is(*p.master, Signals::Writable));
}

KERNEL_TEST(pseudo_terminal_tells_the_master_when_the_slave_is_gone) {
    Pair p;
    REQUIRE(p.open());
    REQUIRE(Pair::write(*p.slave, "last words\n").has_value());
    p.slave.reset();
    EXPECT(is(*p.master, Signals::PeerClosed));
    EXPECT(p.gives(*p.master, "last words\r\n"));
    const auto after = p.read(*p.master, Patience::forever());
    EXPECT(!after && after.error() == Error::InputOutput);
    REQUIRE(p.open_slave());
    EXPECT(!is(*p.master, Signals::PeerClosed));
    EXPECT(p.would_block(*p.master));
}

KERNEL_TEST(pseudo_terminal_hangs_up_with_its_master) {
    Pair p;
    REQUIRE(p.open());
    const uint32_t number = p.terminal->number();
    p.master.reset();
    EXPECT(is(*p.slave, Signals::PeerClosed));
    EXPECT(p.read(*p.slave, Patience::forever()) == 0u);
    const auto written = Pair::write(*p.slave, "x");
    EXPECT(!written && written.error() == Error::InputOutput);
    const auto again = TerminalFile::open(p.terminal, Path(), open_flags::kReadWrite, TerminalFile::Through::OwnDevice);
    EXPECT(!again && again.error() == Error::InputOutput);
    p.slave.reset();
    p.terminal.reset();
    EXPECT(!PseudoTerminal::find(number));
}

KERNEL_TEST(pseudo_terminal_is_locked_at_first) {
    auto made = PseudoTerminal::create(0);
    REQUIRE(made.has_value());
    Ref<PseudoTerminal> terminal = *made;
    const auto refused = TerminalFile::open(terminal, Path(), open_flags::kReadWrite, TerminalFile::Through::OwnDevice);
    EXPECT(!refused && refused.error() == Error::InputOutput);
    terminal->close_master();
}

}  // namespace
}  // namespace gyre
