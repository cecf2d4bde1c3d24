// SPDX-License-Identifier: MIT
#include "cli/machine.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gyre::cli {
namespace {

bool has_pair(const std::vector<std::string>& words, const std::string& option, const std::string& value) {
    for (size_t i = 0; i + 1 < words.size(); i++)
        if (words[i] == option && words[i + 1] == value) return true;
    return false;
}

TEST(Machine, MemorySizes) {
    EXPECT_EQ(parse_memory_size("64M"), uint64_t{64} << 20);
    EXPECT_EQ(parse_memory_size("4G"), uint64_t{4} << 30);
    EXPECT_EQ(parse_memory_size("16384K"), uint64_t{16} << 20);
    EXPECT_EQ(parse_memory_size("128"), uint64_t{128} << 20);
    EXPECT_EQ(parse_memory_size("134217728"), uint64_t{128} << 20);
    for (const char* text : {"", "M", "0", "-1M", "12Q", "1.5G", "64 M", "99999999999G"}) EXPECT_FALSE(parse_memory_size(text)) << text;
}

TEST(Machine, Kinds) {
    EXPECT_EQ(parse_machine_kind("q35"), MachineKind::Q35);
    EXPECT_EQ(parse_machine_kind("microvm"), MachineKind::Microvm);
    EXPECT_FALSE(parse_machine_kind("pc"));
}

TEST(Machine, CommandLine) {
    MachineRequest request{.kernel = "k", .initramfs = "i", .kernel_arguments = "a b", .extra = {"-icount", "shift=0"}};
    request.channels = {.console = 5, .control = 6, .input = 7, .output = 8, .errors = 9};
    auto words = qemu_command(request);
    EXPECT_TRUE(has_pair(words, "-machine", "q35"));
    EXPECT_TRUE(has_pair(words, "-m", "size=524288k"));
    EXPECT_TRUE(has_pair(words, "-append", "a b"));
    EXPECT_TRUE(has_pair(words, "-chardev", "socket,id=stdin,fd=7"));
    EXPECT_TRUE(has_pair(words, "-device", "virtserialport,bus=ports.0,chardev=stderr,name=gyre.stderr"));
    EXPECT_TRUE(has_pair(words, "-icount", "shift=0"));
    EXPECT_NE(std::ranges::find(words, "-no-reboot"), words.end());
    request.kind = MachineKind::Microvm;
    request.can_reboot = true;
    words = qemu_command(request);
    EXPECT_TRUE(has_pair(words, "-device", "virtio-serial-device,id=ports,max_ports=8"));
    EXPECT_EQ(std::ranges::find(words, "-no-reboot"), words.end());
}

TEST(Machine, NoPortsWithoutChannels) {
    auto words = qemu_command({.kernel = "k"});
    for (const std::string& word : words) EXPECT_EQ(word.find("virtserialport"), std::string::npos);
    EXPECT_EQ(std::ranges::find(words, "-initrd"), words.end());
}

TEST(Machine, DebugExit) { EXPECT_EQ(debug_exit_status(0x31), 0x63); }

}  // namespace
}  // namespace gyre::cli
