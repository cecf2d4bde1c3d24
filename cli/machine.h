// SPDX-License-Identifier: MIT
//
// A machine as a QEMU command line. Pure: it only writes the words down.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/problem.h"

namespace gyre::cli {

enum class MachineKind { Q35, Microvm };

// The connections between QEMU and us, each a descriptor of a connected socket that QEMU inherits.
struct MachineChannels {
    int console = -1;                              // the serial port; -1: none, its output is lost
    int control = -1;                              // virtio port gyre.control
    int input = -1, output = -1, errors = -1;      // virtio ports gyre.stdin, gyre.stdout, gyre.stderr
};

struct MachineRequest {
    MachineKind kind = MachineKind::Q35;
    unsigned cpus = 1;
    uint64_t memory_bytes = 512ull << 20;
    std::filesystem::path kernel;
    std::filesystem::path initramfs;
    std::string kernel_arguments;
    MachineChannels channels;
    bool can_reboot = false;              // otherwise a reset ends QEMU
    std::string cpu = "max";
    std::vector<std::string> extra;       // handed to QEMU as they are
};

// The status with which QEMU ends when the guest writes `value` to the debug-exit port.
constexpr int debug_exit_status(unsigned value) { return static_cast<int>(value << 1 | 1) & 0xff; }
constexpr unsigned kPanicExitValue = 0x33;  // kernel/log/panic.cpp
constexpr std::string_view kDebugExitArgument = "gyre.debug_exit=0xf4";

std::vector<std::string> qemu_command(const MachineRequest& request);

// "64M", "1G", "8192K", "268435456"; without a letter: MiB below a million, as with QEMU's -m.
Outcome<uint64_t> parse_memory_size(std::string_view text);
Outcome<MachineKind> parse_machine_kind(std::string_view text);

}  // namespace gyre::cli
