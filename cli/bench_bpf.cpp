// SPDX-License-Identifier: MIT
//
// See bench_bpf.h. Rounds of Gyre and of the kernel alternate, so that a busy moment hits both.
#include "cli/bench_bpf.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <format>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/bench_rings.h"
#include "cli/bpf_kernel.h"
#include "cli/bpf_support.h"
#include "cli/process.h"
#include "lib/bpf/interpreter.h"

namespace gyre::cli {
namespace {

using namespace gyre::bpf;
using Clock = std::chrono::steady_clock;

struct Row {
    const char* object;
    double goal_us;
};
constexpr Row kRows[] = {
    {"loop1", 10000},           {"test_verif_scale1", 20000}, {"test_verif_scale2", 20000},
    {"test_verif_scale3", 20000}, {"pyperf600_nounroll", 20000}, {"pyperf180", 100000},
    {"strobemeta", 60000},      {"loop3", 1000},
};

constexpr const char* kLinux = "Linux";
constexpr const char* kGyre = "Gyre";
constexpr size_t kMemoryBytes = size_t{1} << 30;

// One object: all its programs together.
struct Measurement {
    std::string name;
    double goal_us = 0;
    unsigned program_count = 0;
    unsigned refused = 0;
    unsigned kernel_refused = 0;
    unsigned unknown = 0;           // programs at which the kernel would not look
    std::vector<double> gyre_us;    // one a round, of the programs that the kernel looked at, or of all
    std::vector<double> linux_us;
    double worst_us = 0;            // of one program
    u64 peak_bytes = 0;
};

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::ranges::sort(values);
    return values[values.size() / 2];
}

Outcome<Measurement> measure(const std::string& file, const Row& row, const BenchBpfOptions& options) {
    auto opened = open_object({.file = file, .program = "", .type = "", .target = "linux-6.18", .kernel_btf = "", .memory_mib = 64});
    if (!opened) return std::unexpected(opened.error());
    const Object& object = *(*opened)->object;
    const std::vector<u8> types = object.loadable_btf();
    std::vector<std::vector<u8>> map_types;
    for (const auto& m : object.maps()) map_types.push_back(m->map.btf != nullptr || m->map.inner != nullptr ? types : std::vector<u8>());
    Measurement result{.name = row.object, .goal_us = row.goal_us};
    VerifierMemory memory(kMemoryBytes);
    auto verdict = std::make_unique<Report>();
    std::vector<std::vector<double>> times((*opened)->programs.size());
    for (unsigned round = 0; round < options.rounds; round++) {
        double gyre_us = 0;
        double linux_us = 0;
        for (size_t i = 0; i < (*opened)->programs.size(); i++) {
            ObjectProgram& program = *(*opened)->programs[i];
            *verdict = Report{};
            const auto begin = Clock::now();
            verify_program(**opened, program, Limits{}, memory.bytes(), *verdict);
            const double us = std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
            result.peak_bytes = std::max(result.peak_bytes, verdict->statistics.arena_bytes);
            bool is_known = false;
            KernelVerdict kernel;
            if (!options.without_kernel) {
                constexpr u32 kSleepable = 16;
                kernel = ask_kernel(program.program, types, map_types, program.program.is_sleepable ? kSleepable : 0, true);
                is_known = kernel.is_known;
                linux_us += is_known ? static_cast<double>(kernel.verification_us) : 0;
            }
            gyre_us += is_known || options.without_kernel ? us : 0;
            times[i].push_back(us);
            if (round == 0) {
                result.program_count++;
                result.refused += !verdict->is_accepted;
                result.kernel_refused += is_known && !kernel.is_accepted;
                result.unknown += !is_known;
            }
        }
        // If the kernel looked at none, there is nothing to compare with, but Gyre's time is still true.
        if (!options.without_kernel && result.unknown == result.program_count) {
            for (const auto& t : times) gyre_us += t.back();
        } else if (!options.without_kernel) {
            result.linux_us.push_back(linux_us);
        }
        result.gyre_us.push_back(gyre_us);
    }
    for (const auto& t : times) result.worst_us = std::max(result.worst_us, median(t));
    return result;
}

double cpu_ns() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

// In CPU time, for there is nothing to compare it with. A loop of arithmetic, branches, loads and stores.
Outcome<std::vector<std::pair<std::string, double>>> measure_interpreter(unsigned rounds) {
    auto insn = [](u8 code, u8 dst, u8 src, s16 off, s32 imm) { return Insn{code, static_cast<u8>(dst | src << 4), off, imm}; };
    constexpr u8 kReg = 8;
    constexpr s32 kLoops = 100000;
    const std::vector<Insn> code = {
        insn(kClassAlu64 | kMov, 0, 0, 0, 0),        insn(kClassAlu64 | kMov, 2, 0, 0, 0),
        insn(kClassAlu64 | kMov | kReg, 7, 10, 0, 0), insn(kClassAlu64 | kAdd, 7, 0, 0, -64),
        insn(kClassStx | kModeMem | kSizeDw, 10, 2, -64, 0),
        insn(kClassLdx | kModeMem | kSizeDw, 3, 7, 0, 0),  // the loop
        insn(kClassAlu64 | kAdd | kReg, 3, 2, 0, 0), insn(kClassAlu64 | kXor | kReg, 0, 3, 0, 0),
        insn(kClassAlu | kLsh, 3, 0, 0, 3),          insn(kClassStx | kModeMem | kSizeDw, 7, 3, 0, 0),
        insn(kClassAlu64 | kMul, 0, 0, 0, 31),       insn(kClassAlu64 | kRsh | kReg, 3, 2, 0, 0),
        insn(kClassAlu64 | kAnd, 3, 0, 0, 0xff),     insn(kClassJmp | kJeq, 3, 0, 1, 77),
        insn(kClassAlu64 | kAdd, 0, 0, 0, 1),        insn(kClassAlu64 | kAdd, 2, 0, 0, 1),
        insn(kClassJmp | kJlt, 2, 0, -12, kLoops),   insn(kClassJmp | kExit, 0, 0, 0, 0),
    };
    Program program;
    program.type = ProgramType::SocketFilter;
    program.insns = code;
    const Environment environment = linux_tables::environment(Target{}, nullptr);
    std::vector<std::pair<std::string, double>> result;
    for (auto [mode, name] : {std::pair{RunMode::Checked, "checked"}, std::pair{RunMode::Pure, "pure"}}) {
        VerifierMemory memory(1u << 20);
        Arena arena(memory.bytes());
        Interpreter interpreter;
        if (const char* why = interpreter.prepare(program, environment, arena, mode)) return problem(why, "");
        std::vector<u8> context(256), packet(64);
        std::vector<double> times;
        for (unsigned round = 0; round < rounds; round++) {
            const double begin = cpu_ns();
            const RunResult r = interpreter.run(context, packet, ~u64{0} >> 1, 1);
            const double ns = cpu_ns() - begin;
            if (!r.is_finished) return problem(r.fault, "");
            times.push_back(ns / static_cast<double>(r.steps));
        }
        result.emplace_back(name, median(times));
    }
    return result;
}

void print_table(const std::vector<Measurement>& list) {
    std::printf("%-22s %10s %10s %8s %10s %10s  %s\n", "object", "Linux us", "Gyre us", "ratio", "goal us", "peak KiB", "refused by Linux, Gyre, of");
    for (const Measurement& m : list) {
        const double own = median(m.gyre_us);
        const double other = median(m.linux_us);
        const std::string linux_text = m.linux_us.empty() ? "-" : std::format("{:.0f}", other);
        const std::string ratio = m.linux_us.empty() || other == 0 ? "-" : std::format("{:.3f}", own / other);
        std::printf("%-22s %10s %10.0f %8s %10s %10.0f  %s, %u, %u\n", m.name.c_str(), linux_text.c_str(), own, ratio.c_str(),
                    m.goal_us == 0 ? "-" : std::format("{:.0f}", m.goal_us).c_str(), static_cast<double>(m.peak_bytes) / 1024,
                    m.linux_us.empty() ? "-" : std::to_string(m.kernel_refused).c_str(), m.refused, m.program_count);
    }
}

nlohmann::ordered_json to_json(const std::vector<Measurement>& list, const std::vector<std::pair<std::string, double>>& interpreter, unsigned rounds) {
    nlohmann::ordered_json out;
    out["rounds"] = rounds;
    for (const Measurement& m : list) {
        nlohmann::ordered_json row;
        row["object"] = m.name;
        row["programs"] = m.program_count;
        row["gyre_us"] = median(m.gyre_us);
        row["worst_program_us"] = m.worst_us;
        if (!m.linux_us.empty()) row["linux_us"] = median(m.linux_us);
        if (m.goal_us != 0) row["goal_us"] = m.goal_us;
        row["peak_bytes"] = m.peak_bytes;
        row["refused"] = m.refused;
        if (!m.linux_us.empty()) row["linux_refused"] = m.kernel_refused;
        out["objects"].push_back(row);
    }
    for (const auto& [mode, ns] : interpreter) out["interpreter_ns_per_instruction"][mode] = ns;
    return out;
}

std::vector<BenchGroup> groups_of(const std::vector<Measurement>& list) {
    std::vector<BenchGroup> groups;
    for (const Measurement& m : list) {
        BenchGroup group{.title = m.name, .unit = "microseconds to verify", .rows = {}};
        if (!m.linux_us.empty()) group.rows.push_back({kLinux, "", m.linux_us});
        group.rows.push_back({kGyre, m.linux_us.empty() ? "" : kLinux, m.gyre_us});
        groups.push_back(std::move(group));
    }
    return groups;
}

}  // namespace

int bench_bpf(const Paths& paths, const BenchBpfOptions& options) {
    const std::filesystem::path folder = paths.build() / "bpf" / "linux-6.12" / "bench";
    std::vector<Measurement> list;
    const bool is_file = options.object.find('.') != std::string::npos;
    if (!is_file) {
        std::string last;
        ProcessRequest request{.command = {(paths.root / "test/bpf/score.sh").string(), "bench-objects"},
                               .environment = {{"GYRE_BUILD", paths.build().string()}},
                               .on_line = [&last](std::string_view line) { last = line; }};
        auto made = run_process(request);
        if (!made) return report(made.error());
        if (made->status != 0) return report({"the kernel's selftests cannot be made: " + last, "They need apt-get, clang-19 and bpftool."});
    }
    std::vector<Row> rows(std::begin(kRows), std::end(kRows));
    if (is_file) rows = {{options.object.c_str(), 0}};
    for (const Row& row : rows) {
        if (!is_file && !options.object.empty() && options.object != row.object) continue;
        const std::string file = is_file ? options.object : (folder / row.object).string() + ".o";
        std::cerr << "gyre bench bpf: " << row.object << "\n";
        auto m = measure(file, row, options);
        if (!m) return report(m.error());
        list.push_back(std::move(*m));
    }
    auto interpreter = measure_interpreter(std::max(options.rounds, 7u));
    if (!interpreter) return report(interpreter.error());
    if (options.as_json) {
        std::printf("%s\n", to_json(list, *interpreter, options.rounds).dump(2).c_str());
    } else {
        print_table(list);
        for (const auto& [mode, ns] : *interpreter) std::printf("interpreter, %s: %.2f ns an instruction (goal: 3)\n", mode.c_str(), ns);
        std::printf("medians of %u rounds in turns; Linux's time is its own (log_level 4)\n", options.rounds);
    }
    const auto picture = options.picture.empty() ? paths.build() / "bench-bpf.svg" : options.picture;
    if (auto written = write_file(picture, draw_bars(groups_of(list), "What it costs to verify BPF programs")); !written) return report(written.error());
    std::cerr << "picture: " << picture.string() << "\n";
    return 0;
}

}  // namespace gyre::cli
