// SPDX-License-Identifier: MIT
//
// Editing a line, and what the screen shows of it.
#include "kernel/tty/line_host_test.h"

namespace gyre::tty {
namespace {

TEST_F(LineTest, EchoShowsWhatIsTyped) {
    type("hi\n");
    EXPECT_EQ(host.sent, "hi\r\n");
}

TEST_F(LineTest, ControlCharactersShowAsCarets) {
    type("a\x01");
    EXPECT_EQ(take_sent(), "a^A");
    change([](Settings& s) { s.local &= ~local::kEchoctl; });
    type("\x01");
    EXPECT_EQ(take_sent(), "\x01");
}

TEST_F(LineTest, SignalsShowAsCarets) {
    type("x");
    type("\x03");
    EXPECT_EQ(take_sent(), "x^C");
}

TEST_F(LineTest, EndOfFileIsNotShown) {
    type("\x04");
    EXPECT_EQ(take_sent(), "");
}

TEST_F(LineTest, EchonlShowsOnlyNewlines) {
    change([](Settings& s) { s.local = (s.local & ~local::kEcho) | local::kEchonl; });
    type("secret\n");
    EXPECT_EQ(take_sent(), "\r\n");
}

TEST_F(LineTest, EraseTakesOneCharacter) {
    type("abc\x7f");
    EXPECT_EQ(take_sent(), "abc\b \b");
    type("\n");
    EXPECT_EQ(read(), "ab\n");
}

TEST_F(LineTest, EraseStopsAtTheLinesBeginning) {
    type("one\n");
    take_sent();
    type("a\x7f\x7f\x7f\n");
    EXPECT_EQ(take_sent(), "a\b \b\r\n");
    EXPECT_EQ(read(), "one\n");
    EXPECT_EQ(read(), "\n");
}

TEST_F(LineTest, ErasedControlCharactersTakeTwoColumns) {
    type("\x01\x7f");
    EXPECT_EQ(take_sent(), "^A\b \b\b \b");
}

TEST_F(LineTest, EraseTakesWholeCharactersOfUtf8) {
    change([](Settings& s) { s.input |= input::kIutf8; });
    type("a\xc3\xa4\x7f");
    EXPECT_EQ(take_sent(), "a\xc3\xa4\b \b");
    type("\n");
    EXPECT_EQ(read(), "a\n");
}

TEST_F(LineTest, WithoutIutf8EraseTakesBytes) {
    type("a\xc3\xa4\x7f\n");
    EXPECT_EQ(read(), "a\xc3\n");
}

TEST_F(LineTest, EraseGoesBackOverTabs) {
    type("ab\t\x7f");
    EXPECT_EQ(take_sent(), "ab\t\b\b\b\b\b\b");
    type("\n");
    EXPECT_EQ(read(), "ab\n");
}

TEST_F(LineTest, ErasedTabsCountFromWhereTheLineBegan) {
    line.write(bytes("$ "));  // a prompt of two columns
    take_sent();
    type("a\t\x7f");
    EXPECT_EQ(take_sent(), "a\t\b\b\b\b\b");
    type("\t\t\x7f");
    EXPECT_EQ(take_sent(), "\t\t\b\b\b\b\b\b\b\b");  // the second stands after a tab
}

TEST_F(LineTest, WithoutEchoeEraseIsShownAsItself) {
    change([](Settings& s) { s.local &= ~local::kEchoe; });
    type("ab\x7f");
    EXPECT_EQ(take_sent(), "ab^?");
}

TEST_F(LineTest, WordErase) {
    type("one two  \x17");
    type("\n");
    EXPECT_EQ(read(), "one \n");
    EXPECT_EQ(host.sent, "one two  \b \b\b \b\b \b\b \b\b \b\r\n");
}

TEST_F(LineTest, KillErasesTheLineVisibly) {
    type("abc\x15");
    EXPECT_EQ(take_sent(), "abc\b \b\b \b\b \b");
    type("d\n");
    EXPECT_EQ(read(), "d\n");
}

TEST_F(LineTest, KillWithoutEchokeStartsANewLine) {
    change([](Settings& s) { s.local &= ~local::kEchoke; });
    type("abc\x15");
    EXPECT_EQ(take_sent(), "abc^U\r\n");
    change([](Settings& s) { s.local &= ~local::kEchok; });
    type("abc\x15");
    EXPECT_EQ(take_sent(), "abc^U");
    type("\n");
    EXPECT_EQ(read(), "\n");
}

TEST_F(LineTest, KillWithoutEchoIsSilent) {
    change([](Settings& s) { s.local &= ~local::kEcho; });
    type("abc\x15z\n");
    EXPECT_EQ(read(), "z\n");
    EXPECT_EQ(host.sent, "");
}

TEST_F(LineTest, EchoprtShowsErasedCharacters) {
    change([](Settings& s) { s.local |= local::kEchoprt; });
    type("abc\x7f\x7fx\n");
    EXPECT_EQ(take_sent(), "abc\\cb/x\r\n");
    EXPECT_EQ(read(), "ax\n");
}

TEST_F(LineTest, LiteralNextTakesOrdersAsText) {
    type("a\x16\x03\n");
    EXPECT_EQ(take_sent(), "a^\b^C\r\n");
    EXPECT_TRUE(host.raised.empty());
    EXPECT_EQ(read(), "a\x03\n");
    type("\x16\n");
    EXPECT_EQ(read(), "<none>");  // a quoted newline does not end the line
    type("\n");
    EXPECT_EQ(read(), "\n\n");
}

TEST_F(LineTest, ReprintShowsTheLineAgain) {
    type("abc\x12");
    EXPECT_EQ(take_sent(), "abc^R\r\nabc");
    type("\n");
    EXPECT_EQ(read(), "abc\n");
}

TEST_F(LineTest, WithoutIextenOnlyPosixOrdersCount) {
    change([](Settings& s) { s.local &= ~local::kIexten; });
    type("a\x17\x16\x12\n");
    EXPECT_EQ(read(), "a\x17\x16\x12\n");
}

TEST_F(LineTest, WithoutIcanonThereIsNoEditing) {
    change([](Settings& s) { s.local = local::kEcho; });
    type("a\x7f");
    EXPECT_EQ(read(), "a\x7f");
}

}  // namespace
}  // namespace gyre::tty
