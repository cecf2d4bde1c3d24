// SPDX-License-Identifier: MIT
#include "cli/control_line.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace gyre::cli {
namespace {

using Kind = ControlEvent::Kind;

TEST(ControlLine, Understands) {
    EXPECT_EQ(parse_control_line("ready")->kind, Kind::Ready);
    EXPECT_EQ(parse_control_line("pong\r")->kind, Kind::Pong);
    EXPECT_EQ(parse_control_line("exit 3")->number, 3);
    EXPECT_EQ(parse_control_line("signal 11")->kind, Kind::Signal);
    EXPECT_EQ(parse_console_control_line("gyre-control: exit 7")->number, 7);
}

TEST(ControlLine, RefusesTheRest) {
    for (const char* line : {"", "exit", "exit ", "exit x", "exit 1x", "exit 256", "exit -1", "signal 200", "readyy", " ready"})
        EXPECT_FALSE(parse_control_line(line)) << line;
    EXPECT_FALSE(parse_console_control_line("exit 7"));
}

TEST(ControlLine, ExitStatus) {
    EXPECT_EQ(exit_status_of({Kind::Exit, 42}), 42);
    EXPECT_EQ(exit_status_of({Kind::Signal, 9}), 137);
    EXPECT_EQ(exit_status_of({Kind::ExecFailed, ENOENT}), 127);
    EXPECT_EQ(exit_status_of({Kind::ExecFailed, EACCES}), 126);
}

TEST(ControlLine, Panics) {
    EXPECT_EQ(panic_reason("[    1.5] Kernel panic - not syncing: no init"), "no init");
    EXPECT_FALSE(panic_reason("---[ end Kernel panic - not syncing: no init ]---"));
    EXPECT_FALSE(panic_reason("do not panic"));
}

}  // namespace
}  // namespace gyre::cli
