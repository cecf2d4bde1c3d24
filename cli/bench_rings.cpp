// SPDX-License-Identifier: MIT
//
// Rows are measured in turns, round after round, so that what else the machine does hits all of
// them alike; a row's figure is the median of its rounds. The loops, and the hand-written liburing
// beside ours with the same set-up flags and ring sizes, are ksvc/bench/ring_loops.cpp.
#include "cli/bench_rings.h"

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>

#include "cli/build.h"
#include "ksvc/bench/ring_loops.h"

namespace gyre::cli {
namespace {

// CPU time of this thread, in which all of these calls run: what else the machine does stays out.
double cpu_ns() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

constexpr unsigned kCallsPerRound = 1u << 14;
constexpr unsigned kLoadsPerRound = 1u << 20;

struct Timed {
    BenchGroup* group;
    size_t row;
    std::function<void(unsigned)> run;  // makes that many calls
    unsigned calls;
};

// On one CPU while this lives: a ring that moves takes its cache lines along.
class Pinned {
public:
    Pinned() {
        ::sched_getaffinity(0, sizeof before_, &before_);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(::sched_getcpu(), &one);
        ::sched_setaffinity(0, sizeof one, &one);
    }
    ~Pinned() { ::sched_setaffinity(0, sizeof before_, &before_); }
    Pinned(const Pinned&) = delete;
    Pinned& operator=(const Pinned&) = delete;

private:
    cpu_set_t before_{};
};

std::vector<BenchGroup> time_calls(ksvc::bench::Rings& rings, unsigned rounds) {
    std::vector<BenchGroup> groups;
    groups.push_back({.title = "getpid", .unit = "ns a call", .is_more_better = false, .rows = {}});
    for (unsigned batch : {1u, 8u, 32u, 128u})
        groups.push_back({.title = "NOP, batch " + std::to_string(batch), .unit = "ns a call", .is_more_better = false, .rows = {}});
    std::vector<Timed> all;
    const auto add = [&](size_t group, const char* name, const char* beside, std::function<void(unsigned)> run, unsigned calls) {
        groups[group].rows.push_back({.name = name, .beside = beside, .values = {}});
        all.push_back({&groups[group], groups[group].rows.size() - 1, std::move(run), calls});
    };
    add(0, "by trap", "", ksvc::bench::getpids_by_trap, kCallsPerRound);
    add(0, "by Tier 0", "by trap", ksvc::bench::getpids_by_tier0, kLoadsPerRound);
    size_t group = 1;
    for (unsigned batch : {1u, 8u, 32u, 128u}) {
        add(group, "liburing", "", [&rings, batch](unsigned calls) { rings.liburing_nops(batch, calls); }, kCallsPerRound);
        add(group, "libksvc, C++", "liburing", [&rings, batch](unsigned calls) { rings.cpp_nops(batch, calls); }, kCallsPerRound);
        add(group, "libksvc, C", "liburing", [&rings, batch](unsigned calls) { rings.c_nops(batch, calls); }, kCallsPerRound);
        ++group;
    }
    const Pinned pinned;
    for (Timed& timed : all) timed.run(timed.calls / 16);  // warm
    for (unsigned round = 0; round < rounds; ++round) {
        for (Timed& timed : all) {
            const double before = cpu_ns();
            timed.run(timed.calls);
            timed.group->rows[timed.row].values.push_back((cpu_ns() - before) / timed.calls);
        }
    }
    return groups;
}

void print_json(const std::vector<BenchGroup>& groups) {
    nlohmann::json list = nlohmann::json::array();
    for (const BenchGroup& group : groups) {
        nlohmann::json rows = nlohmann::json::array();
        for (const BenchRow& row : group.rows) {
            rows.push_back({{"name", row.name}, {"value", row.median()}, {"rounds", row.values.size()}, {"beside", row.beside}});
            if (const BenchRow* other = group.find(row.beside)) rows.back()["ratio"] = row.ratio_to(*other);
        }
        list.push_back({{"title", group.title}, {"unit", group.unit}, {"rows", rows}});
    }
    std::cout << nlohmann::json{{"bench", "rings"}, {"groups", list}}.dump(2) << "\n";
}

void print_table(const std::vector<BenchGroup>& groups) {
    for (const BenchGroup& group : groups) {
        std::printf("%s, %s\n", group.title.c_str(), group.unit.c_str());
        for (const BenchRow& row : group.rows) {
            const BenchRow* other = group.find(row.beside);
            std::printf("  %-22s %12.*f", row.name.c_str(), group.is_more_better ? 0 : 2, row.median());
            if (other != nullptr) std::printf("   %6.3f of %s", row.ratio_to(*other), other->name.c_str());
            std::printf("\n");
        }
    }
    std::printf("CPU time; medians of rounds in turns; a ratio is the median of the rounds' ratios\n");
}

double median_of(std::vector<double> values) {
    if (values.empty()) return 0;
    std::ranges::sort(values);
    return values[values.size() / 2];
}

}  // namespace

double BenchRow::median() const { return median_of(values); }

double BenchRow::ratio_to(const BenchRow& other) const {
    std::vector<double> ratios;
    for (size_t i = 0; i < std::min(values.size(), other.values.size()); ++i) ratios.push_back(values[i] / other.values[i]);
    return median_of(ratios);
}

const BenchRow* BenchGroup::find(const std::string& name) const {
    const auto found = std::ranges::find(rows, name, &BenchRow::name);
    return found == rows.end() ? nullptr : &*found;
}

int bench_rings(const Paths& paths, const BenchRingsOptions& options) {
    auto rings = ksvc::bench::Rings::open();
    if (!rings) {
        std::cerr << "gyre bench rings: no io_uring here (errno " << rings.error() << ")\n";
        return 1;
    }
    std::vector<BenchGroup> groups = time_calls(**rings, options.rounds);
    if (!options.without_http) {
        if (auto built = build_host(paths, {"http-server", "http-liburing", "http-epoll"}); !built) {
            std::cerr << "gyre bench rings: " << built.error().what << "\n";
            return 1;
        }
        for (unsigned connections : {64u, 512u}) {
            auto group = bench_http(paths.host() / "ksvc", paths.build() / "bench-http", connections, options.http_rounds);
            if (!group) {
                std::cerr << "gyre bench rings: web servers left out: " << group.error().what << "\n";
                break;
            }
            groups.push_back(std::move(*group));
        }
    }
    options.as_json ? print_json(groups) : print_table(groups);
    const auto picture = options.picture.empty() ? paths.build() / "bench-rings.svg" : options.picture;
    if (auto written = write_file(picture, draw_bars(groups)); !written) {
        std::cerr << "gyre bench rings: " << written.error().what << "\n";
        return 1;
    }
    std::cerr << "picture: " << picture.string() << "\n";
    return 0;
}

}  // namespace gyre::cli
