// SPDX-License-Identifier: MIT
#include "cli/bench_machine.h"

#include <charconv>

#include "cli/process.h"

namespace gyre::cli {
namespace {

std::vector<std::string> command_of(const BenchRun& run) {
    MachineRequest request;
    request.kind = run.kind;
    request.memory_bytes = run.memory_bytes;
    request.cpu = run.cpu;
    request.kernel = run.kernel;
    request.initramfs = run.initramfs;
    request.kernel_arguments = "console=ttyS0 quiet panic=-1";
    if (run.is_linux) request.kernel_arguments += " mitigations=off cryptomgr.notests rdinit=/init reboot=t";
    if (run.is_boot_only) request.kernel_arguments += " -- boot";
    // One nanosecond of the guest is one instruction.
    request.extra = {"-icount", "shift=0,sleep=off", "-serial", "stdio"};
    std::vector<std::string> command = qemu_command(request);
    for (std::string& word : command) {
        if (word == "tcg") word = "tcg,thread=single";
        // Linux has no driver for what ACPI describes on microvm without more of its own.
        if (word == "microvm" && run.is_linux) word = "microvm,acpi=off";
    }
    return command;
}

}  // namespace

Outcome<std::map<std::string, double>> run_bench(const BenchRun& run) {
    std::map<std::string, double> rows;
    std::string last, error;
    bool has_begun = false, has_ended = false;
    ProcessRequest request{
        .command = command_of(run),
        .timeout = std::chrono::seconds(run.is_linux ? 240 : 120),
        .on_line = [&](std::string_view line) {
            while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
            if (!line.empty()) last = line;
            if (line.ends_with("bench begin")) has_begun = true;
            else if (line == "bench end") {
                has_ended = true;
            } else if (line.starts_with("error ")) error = line.substr(6);
            else if (has_begun) {
                const size_t space = line.find(' ');
                int64_t value = 0;  // libc++ reads no floating-point numbers yet, and there are none
                if (space != std::string_view::npos &&
                    std::from_chars(line.data() + space + 1, line.data() + line.size(), value).ec == std::errc())
                    rows[std::string(line.substr(0, space))] = static_cast<double>(value);
            }
        },
        .has_said_enough = [&] { return has_ended; }};  // some machines cannot turn themselves off
    auto result = run_process(request);
    if (!result) return std::unexpected(result.error());
    if (!error.empty()) return problem("the benchmark failed in the machine: " + error);
    if (!has_ended)
        return problem(result->timed_out ? "the benchmark did not finish in time" : "the machine ended before the benchmark did",
                       last.empty() ? "It printed nothing." : "Its last line was: " + last);
    return rows;
}

}  // namespace gyre::cli
