// SPDX-License-Identifier: MIT
//
// Input: lines, raw bytes, translation, signals, flow control, bounds.
#include "kernel/tty/line_host_test.h"

namespace gyre::tty {
namespace {

TEST_F(LineTest, NothingIsReadBeforeTheLineEnds) {
    type("abc");
    EXPECT_EQ(read(), "<none>");
    type("d\n");
    EXPECT_EQ(read(), "abcd\n");
    EXPECT_EQ(read(), "<none>");
}

TEST_F(LineTest, ReadsGetOneLineEach) {
    type("one\ntwo\n");
    EXPECT_EQ(line.readable_count(), 8u);
    EXPECT_EQ(read(), "one\n");
    EXPECT_EQ(read(), "two\n");
}

TEST_F(LineTest, ShortReadsGetTheLineInPieces) {
    type("abcdef\n");
    EXPECT_EQ(read(4), "abcd");
    EXPECT_EQ(read(4), "ef\n");
}

TEST_F(LineTest, ReturnBecomesNewline) {
    type("x\r");
    EXPECT_EQ(read(), "x\n");
    change([](Settings& s) { s.input |= input::kIgncr; });
    type("y\rz\n");
    EXPECT_EQ(read(), "yz\n");
    change([](Settings& s) { s.input = input::kInlcr; });
    type("a\n");
    EXPECT_EQ(read(), "<none>");  // it is a return now, which ends nothing
}

TEST_F(LineTest, EndOfFileGivesTheLineSoFarThenNothing) {
    type("abc\x04");
    EXPECT_EQ(line.readable_count(), 3u);
    EXPECT_EQ(read(), "abc");
    EXPECT_EQ(read(), "<none>");
    type("\x04");
    EXPECT_TRUE(line.is_readable());
    EXPECT_EQ(read(), "<eof>");
}

TEST_F(LineTest, AReadThatIsFilledJustBeforeEndOfFileTakesIt) {
    type("abc\x04");
    EXPECT_EQ(read(3), "abc");
    EXPECT_EQ(read(), "<none>");
}

TEST_F(LineTest, EolCharactersEndLinesToo) {
    change([](Settings& s) {
        s.characters[kVeol] = ';';
        s.characters[kVeol2] = '!';
    });
    type("a;b!");
    EXPECT_EQ(read(), "a;");
    EXPECT_EQ(read(), "b!");
    change([](Settings& s) { s.local &= ~local::kIexten; });
    type("c!");
    EXPECT_EQ(read(), "<none>");
}

TEST_F(LineTest, SignalsAreRaisedAndFlush) {
    type("half\x03");
    ASSERT_EQ(host.raised, std::vector{LineSignal::Interrupt});
    EXPECT_EQ(host.discards, 1);
    type("\n");
    EXPECT_EQ(read(), "\n");
    type("\x1c\x1a");
    ASSERT_EQ(host.raised.size(), 3u);
    EXPECT_EQ(host.raised[1], LineSignal::Quit);
    EXPECT_EQ(host.raised[2], LineSignal::Suspend);
}

TEST_F(LineTest, NoflshKeepsTheLine) {
    change([](Settings& s) { s.local |= local::kNoflsh; });
    type("ab\x03"
         "c\n");
    EXPECT_EQ(host.raised.size(), 1u);
    EXPECT_EQ(host.discards, 0);
    EXPECT_EQ(read(), "abc\n");
}

TEST_F(LineTest, WithoutIsigTheBytesAreText) {
    change([](Settings& s) { s.local &= ~local::kIsig; });
    type("a\x03\n");
    EXPECT_TRUE(host.raised.empty());
    EXPECT_EQ(read(), "a\x03\n");
}

TEST_F(LineTest, DisabledCharactersMatchNothing) {
    change([](Settings& s) { s.characters[kVintr] = kDisabledCharacter; });
    type(std::string_view("a\0\n", 3));
    EXPECT_TRUE(host.raised.empty());
    EXPECT_EQ(read(), std::string("a\0\n", 3));
}

TEST_F(LineTest, StopAndStartHoldOutput) {
    type("\x13");
    EXPECT_TRUE(line.is_stopped());
    EXPECT_EQ(line.write(bytes("text")), 0u);
    type("\x11");
    EXPECT_FALSE(line.is_stopped());
    EXPECT_EQ(line.write(bytes("text")), 4u);
    EXPECT_EQ(host.stops, (std::vector{true, false}));
    type("\x13");
    change([](Settings& s) { s.input |= input::kIxany; });
    type("x");
    EXPECT_FALSE(line.is_stopped());
    type("\x13");
    change([](Settings& s) { s.input &= ~input::kIxon; });
    EXPECT_FALSE(line.is_stopped());  // nothing could start it again
}

TEST_F(LineTest, RawBytesPassUntouched) {
    make_raw();
    std::string all;
    for (int i = 0; i < 256; ++i) all.push_back(char(i));
    EXPECT_EQ(type(all), 256u);
    EXPECT_EQ(read(100), all.substr(0, 100));
    EXPECT_EQ(read(), all.substr(100));
    EXPECT_EQ(host.sent, "");
    EXPECT_TRUE(host.raised.empty());
}

TEST_F(LineTest, VminIsHonouredByPoll) {
    make_raw();
    change([](Settings& s) { s.characters[kVmin] = 3; });
    type("ab");
    EXPECT_FALSE(line.is_readable_for_poll());
    EXPECT_TRUE(line.is_readable());
    type("c");
    EXPECT_TRUE(line.is_readable_for_poll());
}

TEST_F(LineTest, StripLowersAndParityMarks) {
    make_raw();
    change([](Settings& s) { s.input = input::kIstrip; });
    type("\xe1");
    EXPECT_EQ(read(), "a");
    change([](Settings& s) { s.input = input::kParmrk; });
    type("\xff");
    EXPECT_EQ(read(), "\xff\xff");
    change([](Settings& s) { s.input = input::kParmrk | input::kInpck; });
    line.receive_damaged('x');
    EXPECT_EQ(read(), std::string("\xff\0x", 3));
    change([](Settings& s) { s.input = input::kInpck | input::kIgnpar; });
    line.receive_damaged('x');
    EXPECT_EQ(read(), "<none>");
    change([](Settings& s) { s.input = input::kInpck; });
    line.receive_damaged('x');
    EXPECT_EQ(read(), std::string("\0", 1));
}

TEST_F(LineTest, Breaks) {
    change([](Settings& s) { s.input |= input::kBrkint; });
    line.receive_break();
    EXPECT_EQ(host.raised, std::vector{LineSignal::Interrupt});
    change([](Settings& s) { s.input |= input::kIgnbrk; });
    line.receive_break();
    EXPECT_EQ(host.raised.size(), 1u);
    make_raw();
    line.receive_break();
    EXPECT_EQ(read(), std::string("\0", 1));
}

TEST_F(LineTest, ALineOf4095BytesFits) {
    change([](Settings& s) { s.local &= ~local::kEcho; });
    const std::string text(4094, 'x');
    EXPECT_EQ(type(text + "\n"), 4095u);
    EXPECT_EQ(read(8192), text + "\n");
}

TEST_F(LineTest, ATooLongLineLosesBytesButCanBeEnded) {
    change([](Settings& s) { s.local &= ~local::kEcho; });
    const std::string text(10'000, 'x');
    EXPECT_EQ(type(text + "\n"), text.size() + 1);
    const std::string got = read(8192);
    EXPECT_EQ(got.size(), 4095u);
    EXPECT_EQ(got.back(), '\n');
}

TEST_F(LineTest, WholeLinesThatNobodyReadsHoldTheSenderBack) {
    change([](Settings& s) { s.local &= ~local::kEcho; });
    std::string many;
    for (int i = 0; i < 1000; ++i) many += "12345678\n";
    const size_t taken = type(many);
    EXPECT_LT(taken, many.size());
    std::string got;
    size_t given = taken;
    for (int i = 0; i < 1000; ++i) {
        got += read();
        given += type(std::string_view(many).substr(given));
    }
    EXPECT_EQ(got, many);
}

TEST_F(LineTest, RawInputIsBounded) {
    make_raw();
    const std::string much(5000, 'r');
    EXPECT_EQ(type(much), 4095u);
    EXPECT_EQ(type("x"), 0u);
    EXPECT_EQ(read(10).size(), 10u);
    EXPECT_EQ(type(much), 10u);
}

TEST_F(LineTest, IxoffStopsTheSenderAndLetsItGoOn) {
    make_raw();
    change([](Settings& s) { s.input = input::kIxoff; });
    type(std::string(4000, 'x'));
    EXPECT_EQ(host.at_once, "\x13");
    read(100);
    EXPECT_EQ(host.at_once, "\x13");
    read(4096);
    EXPECT_EQ(host.at_once, "\x13\x11");
}

TEST_F(LineTest, TypedAheadBytesBecomeALineWhenLinesAreWanted) {
    make_raw();
    type("abc");
    change([](Settings& s) { s.local = local::kIcanon; });
    EXPECT_EQ(read(), "abc");
    type("de");
    EXPECT_EQ(read(), "<none>");
    make_raw();
    EXPECT_EQ(read(), "de");
}

TEST_F(LineTest, ModeChangesKeepTheRingInOrder) {
    // Around the ring's end several times, by pieces that do not divide it.
    make_raw();
    std::string expected, got;
    for (int i = 0; i < 50; ++i) {
        const std::string piece(977, char('a' + i % 26));
        ASSERT_EQ(type(piece), piece.size());
        expected += piece;
        got += read(977);
    }
    EXPECT_EQ(got, expected);
}

TEST_F(LineTest, FlushInputForgetsEverything) {
    type("whole\nhalf");
    line.flush_input();
    EXPECT_EQ(read(), "<none>");
    type("\n");
    EXPECT_EQ(read(), "\n");
}

TEST_F(LineTest, SpeedsHaveTwoFaces) {
    EXPECT_EQ(speed_of(control::kB38400), 38400u);
    EXPECT_EQ(speed_of(control::kB115200), 115200u);
    EXPECT_EQ(control_of(115200), control::kB115200);
    EXPECT_EQ(control_of(4'000'000), 010017u);
    EXPECT_EQ(control_of(12345), control::kBother);
    EXPECT_EQ(speed_of(control::kB0), 0u);
}

}  // namespace
}  // namespace gyre::tty
