// SPDX-License-Identifier: MIT
//
// gyre bpf: options and help; `verify` itself, with its workers.
#include "cli/bpf_commands.h"


#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <thread>

#include "cli/bpf_show.h"
#include "cli/bpf_support.h"
#include "cli/parts.h"

namespace gyre::cli {
namespace {

using namespace gyre::bpf;

struct Options {
    BpfInput input;
    unsigned jobs = 1;
    bool as_json = false;
    bool as_svg = false;
    int verbosity = 0;
    std::string data;
    unsigned repeat = 1;
    bool is_pure = false;
};

struct Verdict {
    Report report;
    double microseconds = 0;
};

int verify_object(const Options& options) {
    auto opened = open_object(options.input);
    if (!opened) return report(opened.error());
    const std::vector<ObjectProgram*>& programs = (*opened)->programs;
    std::vector<std::unique_ptr<Verdict>> verdicts(programs.size());
    std::atomic<size_t> next = 0;
    std::atomic<size_t> done = 0;
    const bool shows_progress = !options.as_json && programs.size() > 1 && isatty(STDERR_FILENO);
    auto work = [&] {
        VerifierMemory memory(options.input.memory_mib << 20);
        for (size_t i = next++; i < programs.size(); i = next++) {
            auto verdict = std::make_unique<Verdict>();
            auto begin = std::chrono::steady_clock::now();
            verify_program(**opened, *programs[i], Limits{}, memory.bytes(), verdict->report);
            verdict->microseconds = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
            verdicts[i] = std::move(verdict);
            size_t finished = ++done;
            if (shows_progress) std::fprintf(stderr, "\r%zu of %zu programs", finished, programs.size());
        }
    };
    std::vector<std::thread> workers;
    for (unsigned k = 1; k < options.jobs; k++) workers.emplace_back(work);
    work();
    for (std::thread& worker : workers) worker.join();
    if (shows_progress) std::fprintf(stderr, "\r                              \r");
    size_t refused = 0;
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (size_t i = 0; i < programs.size(); i++) {
        const Verdict& v = *verdicts[i];
        refused += !v.report.is_accepted;
        if (options.as_json) {
            list.push_back(diagnosis_json(**opened, *programs[i], v.report, v.microseconds));
            continue;
        }
        std::printf("%s %s (%s)", v.report.is_accepted ? "accepted" : "refused ", programs[i]->name.c_str(), programs[i]->section.c_str());
        if (options.verbosity > 0)
            std::printf("  %.0f us, %llu instructions followed, %.1f KiB", v.microseconds,
                        static_cast<unsigned long long>(v.report.statistics.insns_processed), static_cast<double>(v.report.statistics.arena_bytes) / 1024);
        std::printf("\n");
        if (!v.report.is_accepted) std::printf("%s", diagnosis_text(**opened, *programs[i], v.report).c_str());
    }
    if (options.as_json) std::printf("%s\n", list.dump(2).c_str());
    else if (programs.size() > 1) std::printf("%zu programs, %zu refused\n", programs.size(), refused);
    return refused == 0 ? 0 : 1;
}

void add_input(Command command, Options& options) {
    command.add_option("FILE", options.input.file, "A BPF object, as clang -target bpf makes it").required();
    command.add_option("--program", options.input.program, "Only the program of this name");
    command.add_option("--type", options.input.type, "The program type, where the section's name does not say it");
    command.add_option("--target", options.input.target, "Where the programs are to run: linux-6.1, linux-6.12, linux-6.18 or gyre").capture_default_str();
    command.add_option("--btf", options.input.kernel_btf, "The target kernel's types (default: the running kernel's)");
    command.add_option("--module-btf", options.input.module_btf, "The types of a kernel module: /sys/kernel/btf/MODULE or the module itself (may be given several times)");
    command.add_option("--symbols", options.input.symbols, "The target kernel's symbols, as /proc/kallsyms and System.map have them (default: the running kernel's, with its types)");
    command.add_option("--kernel-config", options.input.kernel_config, "The target kernel's configuration, for __kconfig externs (default: the running kernel's, with its types)");
    command.add_option("--target-object", options.input.target_object, "For freplace, fentry and fexit of BPF programs: the object with the function");
    command.add_option("--target-function", options.input.target_function, "That function, where the section's name does not say it");
    command.add_flag("--device-bound", options.input.is_device_bound, "The programs are loaded for one network device, so that its own functions may be called");
    command.add_option("--memory", options.input.memory_mib, "Memory for one verification, in MiB").capture_default_str().check(Range{1, 4096});
}

}  // namespace

void add_bpf_commands(Program& program) {
    int& status = program.status;
    auto options = std::make_shared<Options>();
    Command bpf = program.app.add_subcommand(kBpfPart.command, kBpfPart.summary);
    bpf.require_subcommand();

    Command verify = bpf.add_subcommand("verify", "Say whether each program may run, and if not, why (status 1 if any is refused)");
    add_input(verify, *options);
    verify.add_option("--jobs,-j", options->jobs, "Programs to verify at the same time").check(Range{1, 256});
    verify.add_flag("--json", options->as_json, "Print the verdicts as JSON");
    verify.add_flag("-v", options->verbosity, "Time and size of each verification");
    verify.callback([&status, options] { status = verify_object(*options); });

    Command dis = bpf.add_subcommand("dis", "Print the instructions with their source lines");
    add_input(dis, *options);
    dis.callback([&status, options] { status = show_disassembly(options->input); });

    Command cfg = bpf.add_subcommand("cfg", "Print a program's control flow as a graph (DOT)");
    add_input(cfg, *options);
    cfg.add_flag("--svg", options->as_svg, "As a picture (SVG)");
    cfg.callback([&status, options] { status = show_control_flow(options->input, options->as_svg); });

    Command stats = bpf.add_subcommand("stats", "Say what the verification costs, by instruction and by loop");
    add_input(stats, *options);
    stats.add_flag("--json", options->as_json, "As JSON");
    stats.callback([&status, options] { status = show_statistics(options->input, options->as_json); });

    Command run = bpf.add_subcommand("run", "Run a program in an interpreter that checks every access");
    add_input(run, *options);
    run.add_option("--data", options->data, "The packet (default: 64 zero bytes)");
    run.add_flag("--pure", options->is_pure, "Verify it, then run it without checks");
    run.add_option("--repeat", options->repeat, "Run it so many times").capture_default_str().check(Range{1u, 1000000000u});
    run.callback([&status, options] { status = run_program(options->input, options->data, options->repeat, options->is_pure); });

    Command compare = bpf.add_subcommand("compare", "Put the running Linux kernel's verdicts beside (needs bpf(2); status 1 if any differs)");
    add_input(compare, *options);
    compare.add_option("--rounds", options->repeat, "A time is the median of so many").capture_default_str().check(Range{1u, 1000u});
    compare.add_flag("--json", options->as_json, "As JSON");
    compare.callback([&status, options] { status = compare_with_kernel(options->input, options->repeat, options->as_json); });
}

}  // namespace gyre::cli
