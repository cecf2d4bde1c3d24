// SPDX-License-Identifier: MIT
#include "cli/guest_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "cli/paths.h"

namespace gyre::cli {
namespace {

namespace fs = std::filesystem;

class GuestFiles : public testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/gyre_guest_XXXXXX";
        folder_ = mkdtemp(name);
        write("static", read_file("/proc/self/exe")->substr(0, 64).replace(56, 2, std::string(2, '\0')), 0755);
        write("script", "#!/bin/sh -e\necho\n", 0755);
        write("other_script", "#!/usr/bin/perl\n", 0755);
        write("text", "hello", 0755);
        write("closed", "#!/bin/sh\n", 0644);
    }
    void TearDown() override { fs::remove_all(folder_); }
    void write(const char* name, const std::string& content, mode_t mode) {
        ASSERT_TRUE(write_file(folder_ / name, content));
        chmod((folder_ / name).c_str(), mode);
    }
    // What carrying `name` adds; nullopt for a problem.
    std::optional<std::vector<Addition>> carry(const std::string& name) {
        GuestPlan plan{.arguments = {name}};
        if (!carry_program(plan, folder_, {"/bin/sh", "/bin/ls"})) return std::nullopt;
        return plan.additions;
    }
    fs::path folder_;
};

TEST_F(GuestFiles, CarriesFilesOfTheHost) {
    auto added = carry("./static");
    ASSERT_TRUE(added);
    ASSERT_EQ(added->size(), 1u);
    EXPECT_EQ(added->front().guest, (folder_ / "static").string());
    EXPECT_EQ(carry((folder_ / "script").string())->size(), 1u);
    EXPECT_EQ(carry("../" + folder_.filename().string() + "/script")->front().guest, (folder_ / "script").string());
}

TEST_F(GuestFiles, LeavesTheMachineItsOwn) {
    EXPECT_TRUE(carry("ls")->empty());
    EXPECT_TRUE(carry("/bin/ls")->empty());
    EXPECT_TRUE(carry("./missing")->empty());
    EXPECT_TRUE(carry("static")->empty());
}

TEST_F(GuestFiles, RefusesWhatCannotRun) {
    EXPECT_FALSE(carry("./text"));
    EXPECT_FALSE(carry("./other_script"));
    EXPECT_FALSE(carry("./closed"));
    EXPECT_FALSE(carry("/proc/self/exe"));  // this very test is linked dynamically
    EXPECT_FALSE(carry(""));
}

TEST_F(GuestFiles, ParsesAdditions) {
    EXPECT_EQ(parse_addition("text", folder_)->guest, (folder_ / "text").string());
    EXPECT_FALSE(parse_addition("", folder_));
    EXPECT_FALSE(parse_addition(":/x", folder_));
    EXPECT_EQ(parse_addition("text:/etc/x", folder_)->guest, "/etc/x");
    EXPECT_EQ(parse_addition("text:/etc/", folder_)->guest, "/etc/text");
    EXPECT_EQ(parse_addition("text:sub/x", folder_)->guest, (folder_ / "sub/x").string());
    EXPECT_FALSE(parse_addition("missing", folder_));
    EXPECT_FALSE(parse_addition("text:", folder_));
}

TEST_F(GuestFiles, InspectsPrograms) {
    EXPECT_EQ(inspect_program("#! /bin/sh -x\n").interpreter, "/bin/sh");
    EXPECT_EQ(inspect_program("#!").kind, ProgramFile::Kind::Script);
    EXPECT_EQ(inspect_program("").kind, ProgramFile::Kind::Other);
    EXPECT_FALSE(inspect_program("\177ELF").is_x86_64);
    ProgramFile self = inspect_program(*read_file("/proc/self/exe"));
    EXPECT_TRUE(self.is_x86_64);
    EXPECT_NE(self.interpreter.find("ld-linux"), std::string::npos);
}

TEST_F(GuestFiles, NamesInArchive) {
    CpioWriter writer;
    GuestPlan plan{.arguments = {"a", ""}, .environment = {{"X", "y"}}, .directory = "/w/d", .additions = {{folder_, "/files"}}};
    ASSERT_TRUE(write_plan(plan, writer));
    auto names = names_in_archive(writer.bytes());
    for (const char* name : {"/w/d", "/run/gyre/argv", "/run/gyre/env", "/run/gyre/cwd", "/files/text"}) EXPECT_TRUE(names.contains(name)) << name;
    EXPECT_NE(writer.bytes().find(std::string("a\0\0", 3)), std::string::npos);
}

}  // namespace
}  // namespace gyre::cli
