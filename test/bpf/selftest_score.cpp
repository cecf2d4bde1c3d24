// SPDX-License-Identifier: MIT
//
// Runs recorded verifier cases through the library and prints TAP: one line per case, equal verdict
// or not. Usage: selftest_score CASES [--target NAME] [--only INDEX] [--verbose] [--skip FILE] [--kernel]
// With --kernel the running kernel's verdict is the expected one. A line of the skip file is an index, then the reason for leaving the case out.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "lib/bpf/linux/linux.h"
#include "lib/bpf/verifier.h"
#include "test/bpf/case_file.h"
#include "cli/bpf_kernel.h"

using namespace gyre::bpf;

int main(int argc, char** argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s CASES [--target NAME] [--only INDEX] [--verbose] [--skip FILE]\n",
                argv[0]);
        return 2;
    }
    const char* target_name = "linux-6.18";
    int only = -1;
    bool verbose = false;
    bool use_kernel = false;
    std::map<u32, std::string> skipped;
    for (int i = 2; i < argc; i++) {
        std::string_view a = argv[i];
        if (a == "--target" && i + 1 < argc) {
            target_name = argv[++i];
        } else if (a == "--only" && i + 1 < argc) {
            only = atoi(argv[++i]);
        } else if (a == "--verbose") {
            verbose = true;
        } else if (a == "--kernel") {
            use_kernel = true;
        } else if (a == "--skip" && i + 1 < argc) {
            std::ifstream list(argv[++i]);
            std::string line;
            while (std::getline(list, line)) {
                std::istringstream words(line);
                u32 index = 0;
                if (words >> index) {
                    std::string reason;
                    std::getline(words, reason);
                    skipped[index] = reason;
                }
            }
        }
    }
    const Target* target = linux_tables::find_target(target_name);
    if (target == nullptr) {
        fprintf(stderr, "unknown target %s\n", target_name);
        return 2;
    }
    std::vector<u8> load_memory(256u << 20);
    Arena load_arena(load_memory);
    std::ifstream btf_file("/sys/kernel/btf/vmlinux", std::ios::binary);
    std::vector<u8> btf_bytes((std::istreambuf_iterator<char>(btf_file)),
                              std::istreambuf_iterator<char>());
    Btf kernel_btf;
    bool has_btf = !btf_bytes.empty() && kernel_btf.open(btf_bytes, load_arena) == nullptr;
    Environment environment = linux_tables::environment(*target, has_btf ? &kernel_btf : nullptr);
    auto cases = read_cases(argv[1], has_btf ? &kernel_btf : nullptr, load_arena, use_kernel);
    if (cases.empty()) {
        fprintf(stderr, "%s holds no cases\n", argv[1]);
        return 2;
    }
    std::vector<u8> memory(512u << 20);
    u32 passed = 0, wrong_accept = 0, wrong_reject = 0, left_out = 0, number = 0;
    u64 insns = 0;
    auto begin = std::chrono::steady_clock::now();
    printf("TAP version 13\n");
    for (auto& c : cases) {
        if (only >= 0 && c->index != static_cast<u32>(only)) {
            continue;
        }
        number++;
        if (auto s = skipped.find(c->index); s != skipped.end()) {
            printf("ok %u - %u %s # SKIP%s\n", number, c->index, c->name.c_str(),
                   s->second.c_str());
            left_out++;
            continue;
        }
        Arena arena(memory);
        static Report report;
        report = Report{};
        auto t0 = std::chrono::steady_clock::now();
        if (c->broken.empty()) {
            verify(c->program, environment, arena, Limits{}, report);
        }
        auto t1 = std::chrono::steady_clock::now();
        double us = std::chrono::duration<double, std::micro>(t1 - t0).count();
        insns += report.statistics.insns_processed;
        if (use_kernel) {
            std::vector<std::vector<u8>> map_btf;
            for (auto& m : c->maps) {
                map_btf.push_back(m->btf_bytes);
            }
            KernelVerdict k = ask_kernel(c->program, c->btf_bytes, map_btf, c->flags);
            if (!k.is_known) {
                printf("ok %u - %u %s # SKIP the kernel did not look: %s (%s)\n", number, c->index,
                       c->name.c_str(), strerror(k.error), k.log.c_str());
                left_out++;
                continue;
            }
            if (k.is_accepted != c->expects_accept) {
                printf("# the kernel differs from the case: %s\n",
                       k.is_accepted ? "accepts" : "refuses");
            }
            c->expects_accept = k.is_accepted;
            c->expected_text = k.log;
        }
        bool equal = report.is_accepted == c->expects_accept;
        printf("%sok %u - %u %s\n", equal ? "" : "not ", number, c->index, c->name.c_str());
        if (!equal || verbose) {
            printf("# %s; %s at %d r%d: %.*s [expected: %s] %.0f us, %llu insns, %llu bytes\n",
                   equal                 ? "equal"
                   : report.is_accepted ? "WRONG ACCEPTANCE"
                                         : "wrong refusal",
                   report.is_accepted ? "accepted" : problem_name(report.problem),
                   static_cast<int>(report.insn), report.register_number,
                   static_cast<int>(report.text_length), report.text, c->expected_text.c_str(), us,
                   static_cast<unsigned long long>(report.statistics.insns_processed),
                   static_cast<unsigned long long>(report.statistics.arena_bytes));
        }
        if (equal) {
            passed++;
        } else if (report.is_accepted) {
            wrong_accept++;
        } else {
            wrong_reject++;
        }
    }
    auto end = std::chrono::steady_clock::now();
    printf("1..%u\n", number);
    printf("# equal verdicts %u, wrong acceptances %u, wrong refusals %u, left out %u; %llu "
           "instructions, %.1f ms\n",
           passed, wrong_accept, wrong_reject, left_out, static_cast<unsigned long long>(insns),
           std::chrono::duration<double, std::milli>(end - begin).count());
    return passed + left_out == number ? 0 : 1;
}
