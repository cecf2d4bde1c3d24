// SPDX-License-Identifier: MIT
//
// Output processing, and an echo that has to wait.
#include "kernel/tty/line_host_test.h"

namespace gyre::tty {
namespace {

class OutputTest : public LineTest {
protected:
    std::string written(std::string_view text) {
        EXPECT_EQ(line.write(bytes(text)), text.size());
        return take_sent();
    }
};

TEST_F(OutputTest, NewlineGetsAReturn) {
    EXPECT_EQ(written("a\nb\n"), "a\r\nb\r\n");
    change([](Settings& s) { s.output = output::kOpost; });
    EXPECT_EQ(written("a\n"), "a\n");
    change([](Settings& s) { s.output = 0; });
    EXPECT_EQ(written("a\r\n\t"), "a\r\n\t");
}

TEST_F(OutputTest, ReturnsAreTranslatedOrDropped) {
    change([](Settings& s) { s.output = output::kOpost | output::kOcrnl; });
    EXPECT_EQ(written("a\r"), "a\n");
    change([](Settings& s) { s.output = output::kOpost | output::kOnocr | output::kOnlret; });
    EXPECT_EQ(written("\n\rx\r"), "\nx\r");  // the one in the first column goes
}

TEST_F(OutputTest, TabsBecomeSpaces) {
    change([](Settings& s) { s.output |= output::kXtabs; });
    EXPECT_EQ(written("\tx"), "        x");
    EXPECT_EQ(written("y\tz\n"), "y      z\r\n");
    EXPECT_EQ(written("abc\b\b\tz"), "abc\b\b       z");
}

TEST_F(OutputTest, ColumnsCountCharacters) {
    change([](Settings& s) {
        s.output |= output::kXtabs;
        s.input |= input::kIutf8;
    });
    EXPECT_EQ(written("\xc3\xa4\t|"), "\xc3\xa4       |");
}

TEST_F(OutputTest, LettersAreRaised) {
    change([](Settings& s) { s.output |= output::kOlcuc; });
    EXPECT_EQ(written("aZ1\n"), "AZ1\r\n");
}

TEST_F(OutputTest, TakesOnlyWhatFits) {
    host.room = 5;
    EXPECT_EQ(line.write(bytes("abcdefgh")), 5u);
    EXPECT_EQ(line.write(bytes("fgh")), 0u);
    host.room = 100;
    EXPECT_EQ(line.write(bytes("fgh")), 3u);
    EXPECT_EQ(host.sent, "abcdefgh");
}

TEST_F(OutputTest, ATranslatedByteIsNotCutInHalf) {
    host.room = 9;
    EXPECT_EQ(line.write(bytes("ab\ncd")), 2u);  // seven left: less than the widest byte needs
    EXPECT_EQ(host.sent, "ab");
    host.room = 100;
    EXPECT_EQ(line.write(bytes("\ncd")), 3u);
    EXPECT_EQ(host.sent, "ab\r\ncd");
}

TEST_F(OutputTest, EchoWaitsForRoomAndGoesFirst) {
    host.room = 2;
    type("abcd");
    EXPECT_EQ(host.sent, "ab");
    EXPECT_TRUE(line.has_waiting_echo());
    EXPECT_EQ(line.write(bytes("X")), 0u);
    host.room = 100;
    EXPECT_EQ(line.write(bytes("X")), 1u);
    EXPECT_EQ(host.sent, "abcdX");
}

TEST_F(OutputTest, AnEchoTooLongForItsBufferIsLostAndNothingElse) {
    host.room = 0;
    change([](Settings& s) { s.local &= ~local::kIcanon; });
    std::string much(4000, 'x');
    type(much);
    while (read() != "<none>") {}
    type(much);
    host.room = 1 << 20;
    line.flush_echo();
    EXPECT_EQ(host.sent.size(), 4096u);
    EXPECT_EQ(read(), much);
}

TEST_F(OutputTest, StoppedOutputHoldsTheEchoToo) {
    type("\x13zz");
    EXPECT_EQ(host.sent, "");
    type("\x11");
    EXPECT_EQ(host.sent, "zz");
}

}  // namespace
}  // namespace gyre::tty
