// SPDX-License-Identifier: MIT
//
// gyre bpf compare: verdicts, times and memory beside the running Linux kernel's. Rounds alternate,
// so that a busy moment hits both; the kernel's time is its own and without a log of its steps.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/bpf_kernel.h"
#include "cli/bpf_show.h"

namespace gyre::cli {
namespace {

using namespace gyre::bpf;

constexpr u32 kSleepable = 16;  // BPF_F_SLEEPABLE

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

// What the kernel says of a refused program, without its statistics.
std::string last_words(const std::string& log) {
    std::vector<std::string> lines;
    for (size_t at = 0; at < log.size();) {
        const size_t end = std::min(log.find('\n', at), log.size());
        std::string line = log.substr(at, end - at);
        const bool is_statistics = line.starts_with("processed ") || line.starts_with("verification time") || line.starts_with("stack depth");
        if (!line.empty() && !is_statistics) lines.push_back(std::move(line));
        at = end + 1;
    }
    return lines.empty() ? "no word" : lines.back();
}

struct Comparison {
    std::vector<double> gyre_us;
    std::vector<double> kernel_us;
    u64 memory_bytes = 0;
    bool is_accepted = false;
    std::string refusal;
    KernelVerdict kernel;

    bool is_different() const { return kernel.is_known && kernel.is_accepted != is_accepted; }
    std::string why_unknown() const { return (kernel.log.empty() ? "the program was not loaded" : kernel.log) + (kernel.error != 0 ? std::string(": ") + std::strerror(kernel.error) : ""); }
    const char* kernel_word() const { return !kernel.is_known ? "not asked" : kernel.is_accepted ? "accepts" : "refuses"; }
};

Comparison compare_program(const OpenedObject& opened, const ObjectProgram& program, VerifierMemory& memory, Report& result, unsigned rounds) {
    const std::vector<u8> types = opened.object->loadable_btf();
    std::vector<std::vector<u8>> map_types;
    for (const auto& map : opened.object->maps()) map_types.push_back(map->map.btf != nullptr ? types : std::vector<u8>());
    Comparison c;
    for (unsigned round = 0; round < rounds; round++) {
        const auto begin = std::chrono::steady_clock::now();
        verify_program(opened, program, Limits{}, memory.bytes(), result);
        c.gyre_us.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
        if (!program.problem.empty()) {  // what cannot be loaded as it is meant is no question
            c.kernel.log = "the program cannot be loaded: " + program.problem;
            c.kernel_us.push_back(0);
            continue;
        }
        c.kernel = ask_kernel(program.program, types, map_types, program.program.is_sleepable ? kSleepable : 0, true);
        c.kernel_us.push_back(static_cast<double>(c.kernel.verification_us));
    }
    c.memory_bytes = result.statistics.arena_bytes;
    c.is_accepted = result.is_accepted;
    c.refusal = std::string(problem_name(result.problem)) + ": " + std::string(result.text, result.text_length);
    if (c.kernel.is_known && !c.kernel.is_accepted)  // once more, for its words
        c.kernel.log = ask_kernel(program.program, types, map_types, program.program.is_sleepable ? kSleepable : 0).log;
    return c;
}

nlohmann::ordered_json to_json(const ObjectProgram& program, const Comparison& c) {
    nlohmann::ordered_json row = {{"program", program.name}, {"instructions", program.insns.size()}, {"gyre", c.is_accepted},
                                  {"kernel", c.kernel_word()}, {"time_us", median(c.gyre_us)}, {"kernel_time_us", median(c.kernel_us)},
                                  {"memory_bytes", c.memory_bytes}};
    if (!c.is_accepted) row["gyre_says"] = c.refusal;
    if (!c.kernel.is_known) row["not_asked"] = c.why_unknown();
    if (c.kernel.is_known && !c.kernel.is_accepted) row["kernel_says"] = last_words(c.kernel.log);
    return row;
}

void print(const ObjectProgram& program, const Comparison& c) {
    std::printf("%-40s gyre %s in %.0f us, kernel %s in %.0f us%s\n", program.name.c_str(), c.is_accepted ? "accepts" : "refuses", median(c.gyre_us),
                c.kernel_word(), median(c.kernel_us), c.is_different() ? "  DIFFERENT" : "");
    if (!c.kernel.is_known) std::printf("    %s\n", c.why_unknown().c_str());
    const bool is_refused = !c.is_accepted || (c.kernel.is_known && !c.kernel.is_accepted);
    if (is_refused && !c.is_accepted) std::printf("    gyre:   %s\n", c.refusal.c_str());
    if (is_refused && c.kernel.is_known && !c.kernel.is_accepted)
        std::printf("    kernel: %s (%s)\n", last_words(c.kernel.log).c_str(), std::strerror(c.kernel.error));
    std::fflush(stdout);
}

}  // namespace

int compare_with_kernel(const BpfInput& input, unsigned rounds, bool as_json) {
    auto opened = open_object(input);
    if (!opened) return report(opened.error());
    VerifierMemory memory(input.memory_mib << 20);
    auto result = std::make_unique<Report>();
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    unsigned different = 0, unknown = 0, not_permitted = 0;
    double gyre_us = 0, kernel_us = 0, gyre_worst = 0, kernel_worst = 0;
    u64 peak = 0;
    for (ObjectProgram* program : (*opened)->programs) {
        const Comparison c = compare_program(**opened, *program, memory, *result, rounds);
        different += c.is_different();
        unknown += !c.kernel.is_known;
        not_permitted += !c.kernel.is_known && c.kernel.error == EPERM;
        peak = std::max(peak, c.memory_bytes);
        if (c.kernel.is_known) {  // sums are of what both looked at
            gyre_us += median(c.gyre_us);
            kernel_us += median(c.kernel_us);
            gyre_worst = std::max(gyre_worst, median(c.gyre_us));
            kernel_worst = std::max(kernel_worst, median(c.kernel_us));
        }
        if (as_json) list.push_back(to_json(*program, c));
        else print(*program, c);
    }
    if (as_json) {
        std::printf("%s\n", list.dump(2).c_str());
    } else {
        std::printf("%zu programs, %u with another verdict, %u that the kernel was not asked about\n", (*opened)->programs.size(), different, unknown);
        std::printf("gyre: %.0f us, at most %.0f us and %.1f MiB for one; kernel: %.0f us, at most %.0f us for one\n", gyre_us, gyre_worst,
                    static_cast<double>(peak) / (1 << 20), kernel_us, kernel_worst);
    }
    const bool is_none_known = unknown == (*opened)->programs.size() && not_permitted == unknown;
    if (is_none_known) return report({"the running kernel was asked about no program: bpf(2) is not permitted", "Run it as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN."});
    return different == 0 ? 0 : 1;
}

}  // namespace gyre::cli
