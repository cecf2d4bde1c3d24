// SPDX-License-Identifier: MIT
//
// Rows are measured in turns, round after round, so that what else the machine does hits all of
// them alike; a row's figure is the median of its rounds. The hand-written liburing beside ours has
// the same set-up flags, the same ring sizes and reads every completion.
#include "cli/bench_rings.h"

#include <liburing.h>
#include <sys/syscall.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ksvc/compositions.h"
#include "ksvc/libksvc.h"
#include "ksvc/tier0.h"
#include "ksvc/trap.h"

namespace gyre::cli {
namespace {

// CPU time of this thread, in which all of these calls run: what else the machine does stays out.
double cpu_ns() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

constexpr unsigned kRingEntries = 256;
constexpr unsigned kCallsPerRound = 1u << 14;

struct Row {
    std::string name;
    std::string beside;                  // the row that this one is compared with
    std::function<void(unsigned)> run;   // makes that many calls
    unsigned calls = kCallsPerRound;
    std::vector<double> ns;

    double median() const {
        std::vector<double> sorted = ns;
        std::ranges::sort(sorted);
        return sorted[sorted.size() / 2];
    }
};

// Keeps the compiler from moving or dropping a load.
template <class T>
void use(T value) {
    asm volatile("" : : "r"(value) : "memory");
}

void liburing_nops(io_uring& ring, unsigned batch, unsigned calls) {
    for (unsigned done = 0; done < calls; done += batch) {
        for (unsigned i = 0; i < batch; ++i) {
            io_uring_sqe* sqe = io_uring_get_sqe(&ring);
            io_uring_prep_nop(sqe);
            sqe->user_data = i;
        }
        io_uring_submit_and_wait(&ring, batch);
        io_uring_cqe* cqe;
        unsigned head;
        unsigned seen = 0;
        io_uring_for_each_cqe(&ring, head, cqe) {
            use(cqe->user_data);
            use(cqe->res);
            ++seen;
        }
        io_uring_cq_advance(&ring, seen);
    }
}

void ksvc_nops(ksvc::Default& ring, unsigned batch, unsigned calls) {
    for (unsigned done = 0; done < calls; done += batch) {
        for (unsigned i = 0; i < batch; ++i)
            (void)ring.submit({.corr_id = i, .syscall_nr = KSVC_NR_NOP, .flags = 0, .args = {}});
        (void)ring.wait(batch);
        for (unsigned i = 0; i < batch; ++i) {
            const ksvc::Completion* completion = ring.peek();
            use(completion->corr_id);
            use(completion->result);
            ring.advance(1);
        }
    }
}

void c_api_nops(ksvc_ring* ring, unsigned batch, unsigned calls) {
    for (unsigned done = 0; done < calls; done += batch) {
        for (unsigned i = 0; i < batch; ++i) ksvc_prepare(ksvc_get_entry(ring), i, KSVC_NR_NOP, 0, 0, 0, 0, 0, 0);
        ksvc_submit_and_wait(ring, batch);
        for (unsigned i = 0; i < batch; ++i) {
            const ksvc_completion* completion = ksvc_next(ring);
            use(completion->corr_id);
            use(completion->result);
            ksvc_advance(ring, 1);
        }
    }
}

void print_json(const std::vector<Row>& rows, unsigned rounds) {
    nlohmann::json list = nlohmann::json::array();
    for (const Row& row : rows)
        list.push_back({{"name", row.name}, {"ns_per_call", row.median()}, {"beside", row.beside}});
    std::cout << nlohmann::json{{"bench", "rings"}, {"rounds", rounds}, {"rows", list}}.dump(2) << "\n";
}

void print_table(const std::vector<Row>& rows, unsigned rounds) {
    std::printf("%-34s %12s %12s\n", "call", "ns", "ratio");
    double most = 0;
    for (const Row& row : rows) most = std::max(most, row.median());
    for (const Row& row : rows) {
        const auto other = std::ranges::find(rows, row.beside, &Row::name);
        std::string ratio = "";
        if (other != rows.end()) {
            char text[32];
            std::snprintf(text, sizeof text, "%.3f", row.median() / other->median());
            ratio = text;
        }
        const auto bar = static_cast<size_t>(40 * row.median() / most + 0.5);
        std::printf("%-34s %12.2f %12s  %s\n", row.name.c_str(), row.median(), ratio.c_str(),
                    std::string(bar, '#').c_str());
    }
    std::printf("CPU time; medians of %u rounds, rows in turns; ratio: to the plain or hand-written row above\n", rounds);
}

}  // namespace

int bench_rings(const BenchRingsOptions& options) {
    io_uring hand{};
    io_uring_params params{};
    params.flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_COOP_TASKRUN;
    params.cq_entries = kRingEntries * 2;
    if (const int error = io_uring_queue_init_params(kRingEntries, &hand, &params); error < 0) {
        std::cerr << "gyre bench rings: no io_uring here (errno " << -error << ")\n";
        return 1;
    }
    ksvc::Default ring(kRingEntries);
    ksvc_ring* c_ring = nullptr;
    if (!ring.open() || ksvc_open(&c_ring, kRingEntries, KSVC_WAY_URING) != 0) {
        io_uring_queue_exit(&hand);
        std::cerr << "gyre bench rings: a ring of libksvc cannot be opened\n";
        return 1;
    }
    std::vector<Row> rows;
    rows.push_back({"getpid by trap", "", [](unsigned n) { while (n-- > 0) use(ksvc::trap(SYS_getpid)); }, kCallsPerRound, {}});
    rows.push_back({"getpid by Tier 0", "getpid by trap", [](unsigned n) { while (n-- > 0) use(ksvc::getpid()); },
                    kCallsPerRound * 64, {}});
    for (unsigned batch : {1u, 8u, 32u, 128u}) {
        const std::string size = " NOP, batch " + std::to_string(batch);
        const std::string beside = "liburing" + size;
        rows.push_back({beside, "", [&hand, batch](unsigned n) { liburing_nops(hand, batch, n); }, kCallsPerRound, {}});
        rows.push_back({"libksvc C++" + size, beside, [&ring, batch](unsigned n) { ksvc_nops(ring, batch, n); }, kCallsPerRound, {}});
        rows.push_back({"libksvc C" + size, beside, [c_ring, batch](unsigned n) { c_api_nops(c_ring, batch, n); }, kCallsPerRound, {}});
    }
    for (Row& row : rows) row.run(row.calls / 16);  // warm
    for (unsigned round = 0; round < options.rounds; ++round) {
        for (Row& row : rows) {
            const double before = cpu_ns();
            row.run(row.calls);
            row.ns.push_back((cpu_ns() - before) / row.calls);
        }
    }
    options.as_json ? print_json(rows, options.rounds) : print_table(rows, options.rounds);
    ksvc_close(c_ring);
    io_uring_queue_exit(&hand);
    return 0;
}

}  // namespace gyre::cli
