// SPDX-License-Identifier: MIT
//
// gyre bench: what calls cost, in instructions, on Gyre and on Debian's Linux 6.12 in the same QEMU, by the same program.
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/bench_machine.h"
#ifdef GYRE_HAS_RINGS
#include "cli/bench_bpf.h"
#include "cli/bench_rings.h"
#endif
#include "cli/build.h"
#include "cli/commands.h"
#include "cli/cpio_writer.h"
#include "cli/parts.h"
#include "cli/process.h"
#include "cli/progress.h"

namespace gyre::cli {
namespace {

using Rows = std::map<std::string, double>;

struct Options {
    bool is_json = false;
    bool without_linux = false;
    bool with_smallest = false;
    std::string cpu = "max";
    std::filesystem::path linux_kernel;
};

struct Row {
    const char* name;   // micro.c's
    const char* title;
    double goal;        // 0: none was set
};
constexpr Row kRows[] = {
    {"null_call", "null call (getppid)", 150},
    {"open_close", "open + close", 3300},
    {"stat", "stat", 2400},
    {"page_fault", "anonymous page fault, touch only", 2500},
    {"pipe_round_trip", "pipe round trip, two processes", 7000},
    {"fork_exit_wait", "fork + exit + wait", 130000},
    {"fork_exec_wait", "fork + exec + wait", 400000},
    {"thread_create_join", "thread create + join", 30000},
    {"mmap_munmap", "mmap + munmap, 64 KiB", 0},
    {"sched_yield", "sched_yield", 0},
    {"clock_gettime_vdso", "clock_gettime by the vDSO", 0},
    {"read_4k", "pread of 4 KiB, cached", 0},
    {"write_4k", "pwrite of 4 KiB, cached", 0},
    {"create_unlink", "create + close + unlink", 0},
    {"eventfd_write_read", "eventfd write + read", 0},
    {"signal_self", "kill + handler + sigreturn", 0},
    {"futex_wake_nobody", "futex wake, nobody waits", 0},
};

struct Table {
    struct Line {
        std::string name, title, unit;
        double linux_value = 0, gyre_value = 0, goal = 0;
    };
    std::vector<Line> lines;
};

Outcome<std::filesystem::path> make_initramfs(const Paths& paths) {
    auto program = read_file(paths.guest() / "bench_micro");
    if (!program) return std::unexpected(program.error());
    CpioWriter writer;
    writer.add_directory("/dev");
    writer.add_character_device("/dev/console", 0600, 5, 1);
    writer.add_file("/init", *program, 0755);
    const std::filesystem::path path = paths.build() / "bench.cpio";
    if (auto written = write_file(path, std::move(writer).finish()); !written) return std::unexpected(written.error());
    return path;
}

Outcome<std::filesystem::path> find_linux(const Paths& paths, const Options& options) {
    if (!options.linux_kernel.empty()) return options.linux_kernel;
    std::string last;
    ProcessRequest request{.command = {(paths.root / "test/bench/fetch_linux.sh").string(), (paths.build() / "linux-6.12").string()},
                           .timeout = std::chrono::seconds(300),
                           .on_line = [&](std::string_view line) { last = line; }};
    auto result = run_process(request);
    if (!result) return std::unexpected(result.error());
    if (result->status != 0) return problem("there is no Linux 6.12 to compare with: " + last, "--no-linux measures Gyre alone.");
    return std::filesystem::path(last);
}

// The least memory, in MiB, with which the benchmark's first line is reached.
Outcome<double> find_smallest(BenchRun run, unsigned low, unsigned high) {
    run.is_boot_only = true;
    while (low < high) {
        const unsigned middle = (low + high) / 2;
        run.memory_bytes = uint64_t{middle} << 20;
        if (run_bench(run)) high = middle;
        else low = middle + 1;
    }
    return high;
}

Outcome<Table> measure(const Paths& paths, const Options& options) {
    Progress progress("benchmark");
    auto initramfs = make_initramfs(paths);
    if (!initramfs) return std::unexpected(initramfs.error());
    std::filesystem::path linux_kernel;
    if (!options.without_linux) {
        progress.update("looking for Linux 6.12");
        auto found = find_linux(paths, options);
        if (!found) return std::unexpected(found.error());
        linux_kernel = *found;
    }
    Rows all[2], boot[2], small[2];
    double smallest[2] = {0, 0};
    for (int who = 0; who < (options.without_linux ? 1 : 2); ++who) {
        const char* name = who == 0 ? "Gyre" : "Linux";
        BenchRun run{.kernel = who == 0 ? paths.kernel() : linux_kernel, .initramfs = *initramfs, .is_linux = who == 1, .cpu = options.cpu};
        const auto step = [&](const char* what, Rows& rows) -> Outcome<void> {
            progress.update(std::string(name) + ", " + what);
            auto result = run_bench(run);
            if (!result) return std::unexpected(result.error());
            rows = std::move(*result);
            return {};
        };
        if (auto done = step("calls on q35", all[who]); !done) return std::unexpected(done.error());
        run.is_boot_only = true;
        run.kind = MachineKind::Microvm;
        if (auto done = step("boot on microvm", boot[who]); !done) return std::unexpected(done.error());
        run.kind = MachineKind::Q35;
        run.memory_bytes = 128 << 20;
        if (auto done = step("memory of a 128 MiB machine", small[who]); !done) return std::unexpected(done.error());
        if (options.with_smallest) {
            progress.update(std::string(name) + ", smallest machine");
            auto size = find_smallest(run, 4, 256);
            if (!size) return std::unexpected(size.error());
            smallest[who] = *size;
        }
    }
    Table table;
    for (const Row& row : kRows)
        table.lines.push_back({row.name, row.title, "instructions", all[1][row.name], all[0][row.name], row.goal});
    table.lines.push_back({"boot_q35", "boot to user, q35", "instructions", all[1]["boot_to_user"], all[0]["boot_to_user"], 50e6});
    table.lines.push_back(
        {"boot_microvm", "boot to user, microvm", "instructions", boot[1]["boot_to_user"], boot[0]["boot_to_user"], 30e6});
    const auto in_use = [](Rows& rows) {
        // All of the machine that is not free to programs, the kernel's image included.
        return rows.contains("memory_available_kb") ? 128 - rows["memory_available_kb"] / 1024 : 0;
    };
    table.lines.push_back({"memory_128m", "in use after boot, 128 MiB machine", "MiB", in_use(small[1]), in_use(small[0]), 6});
    if (options.with_smallest)
        table.lines.push_back({"smallest", "smallest machine that reaches user mode", "MiB", smallest[1], smallest[0], 16});
    return table;
}

std::string number_text(double value, const std::string& unit) {
    if (value == 0) return "-";
    char text[32];
    std::snprintf(text, sizeof(text), unit == "MiB" ? "%.1f" : "%.0f", value);
    std::string digits = text;
    const size_t end = digits.find('.') == std::string::npos ? digits.size() : digits.find('.');
    for (size_t i = end; i > 3; i -= 3) digits.insert(i - 3, ",");
    return digits;
}

void print(const Table& table) {
    std::printf("%-40s %14s %14s %7s %14s\n", "", "Linux 6.12", "Gyre", "ratio", "goal, at most");
    std::string unit;
    for (const Table::Line& line : table.lines) {
        if (line.unit != unit) std::printf("%s\n", line.unit.c_str());
        unit = line.unit;
        char ratio[16] = "";
        if (line.linux_value > 0) std::snprintf(ratio, sizeof(ratio), "%.2f", line.gyre_value / line.linux_value);
        std::printf("  %-38s %14s %14s %7s %14s%s\n", line.title.c_str(), number_text(line.linux_value, unit).c_str(),
                    number_text(line.gyre_value, unit).c_str(), ratio, number_text(line.goal, unit).c_str(),
                    line.goal != 0 && line.gyre_value > line.goal ? "  missed" : "");
    }
    std::printf("QEMU, TCG, -icount shift=0,sleep=off: a nanosecond of the guest is an instruction. 1 CPU, 512 MiB, q35.\n");
}

void print_json(const Table& table, const Options& options) {
    nlohmann::json list = nlohmann::json::array();
    for (const Table::Line& line : table.lines) {
        nlohmann::json row = {{"name", line.name}, {"title", line.title}, {"unit", line.unit}, {"gyre", line.gyre_value}};
        if (line.linux_value != 0) row["linux"] = line.linux_value;
        if (line.goal != 0) row["goal"] = line.goal;
        list.push_back(row);
    }
    std::printf("%s\n", nlohmann::json{{"machine", "q35, TCG, -icount shift=0,sleep=off, 1 CPU, -cpu " + options.cpu}, {"rows", list}}
                            .dump(2)
                            .c_str());
}

int bench_calls(const Paths& paths, const Options& options) {
    if (auto built = build_host(paths, {"bench_micro"}); !built) return report(built.error());
    if (auto built = build_kernel(paths); !built) return report(built.error());
    auto table = measure(paths, options);
    if (!table) return report(table.error());
    if (options.is_json) print_json(*table, options);
    else print(*table);
    return 0;
}

}  // namespace

void add_bench_command(Program& program) {
    Command command = program.app.add_subcommand(kBenchPart.command, kBenchPart.summary);
    auto options = std::make_shared<Options>();
    command.add_flag("--json", options->is_json, "Print JSON");
    command.add_flag("--no-linux", options->without_linux, "Measure Gyre alone");
    command.add_flag("--smallest", options->with_smallest, "Also look for the smallest machine that reaches user mode");
    command.add_option("--cpu", options->cpu, "QEMU's -cpu for both kernels, for example max,-erms,-fsrm").capture_default_str();
    command.add_option("--linux-kernel", options->linux_kernel, "A Linux kernel of your own (bzImage)").check(kExistingFile);
#ifdef GYRE_HAS_RINGS
    // Without a subcommand: the kernels.
    auto rings = std::make_shared<BenchRingsOptions>();
    Command rings_command = command.add_subcommand("rings", "Measure libksvc's tiers beside plain calls and liburing, on this machine");
    rings_command.add_flag("--json", rings->as_json, "Print JSON");
    rings_command.add_option("--rounds", rings->rounds, "A row's figure is the median of so many").check(Range{1u, 1000u}).capture_default_str();
    rings_command.add_option("--http-rounds", rings->http_rounds, "Rounds of one second for each web server").check(Range{1u, 1000u}).capture_default_str();
    rings_command.add_flag("--no-http", rings->without_http, "Leave the web servers out");
    rings_command.add_option("--picture", rings->picture, "Where the SVG goes [build/bench-rings.svg]");
    rings_command.callback([&program, rings] { program.status = bench_rings(program.paths, *rings); });
    auto bpf = std::make_shared<BenchBpfOptions>();
    Command bpf_command = command.add_subcommand("bpf", "Measure the BPF verifier beside the running kernel's, and the interpreter");
    bpf_command.add_flag("--json", bpf->as_json, "Print JSON");
    bpf_command.add_flag("--no-linux", bpf->without_kernel, "Do not ask the running kernel");
    bpf_command.add_option("--object", bpf->object, "Only this object of the table, or a file of your own");
    bpf_command.add_option("--rounds", bpf->rounds, "A figure is the median of so many").check(Range{1u, 1000u}).capture_default_str();
    bpf_command.add_option("--picture", bpf->picture, "Where the SVG goes [build/bench-bpf.svg]");
    bpf_command.callback([&program, bpf] { program.status = bench_bpf(program.paths, *bpf); });
#endif
    command.callback([&program, options, command] {
        if (!command.has_called_subcommand()) program.status = bench_calls(program.paths, *options);
    });
}

}  // namespace gyre::cli
