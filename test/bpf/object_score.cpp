// SPDX-License-Identifier: MIT
//
// Runs the programs of object files through the library and prints TAP. The expected verdict is the
// one that the kernel's selftests write into the object as declaration tags, or, with --kernel, the
// running kernel's. Usage: object_score [--kernel] [--only PROGRAM] [--verbose] [--target NAME] FILE...
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <sstream>

#include "lib/bpf/interpreter.h"
#include "lib/bpf/linux/linux.h"
#include "lib/bpf/object/modules.h"
#include "lib/bpf/object/object.h"
#include "lib/bpf/verifier.h"
#include "cli/bpf_facts.h"
#include "cli/bpf_kernel.h"

using namespace gyre::bpf;

namespace {

std::vector<u8> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

struct Expectation {
    int verdict = -1;  // 1: accept, 0: refuse, -1: says nothing
    u32 flags = 0;
    std::string message;
    std::string says;   // one of these words, parted by "|", must stand in our refusal
    u16 since = 0;      // the first version of Linux that accepts; those before are named it
};

Expectation expectation(const ObjectProgram& p) {
    Expectation e;
    for (const std::string& tag : p.comments) {
        auto after = [&](const char* prefix, std::string& rest) {
            size_t n = strlen(prefix);
            if (tag.compare(0, n, prefix) != 0) {
                return false;
            }
            rest = tag.substr(n);
            return true;
        };
        std::string rest;
        if (tag == "comment:test_expect_success") {
            e.verdict = 1;
        } else if (tag == "comment:test_expect_failure") {
            e.verdict = 0;
        } else if (after("comment:test_expect_msg=", rest)) {
            e.message += rest + " | ";
        } else if (after("comment:gyre_says=", rest)) {
            e.says = rest;
        } else if (after("comment:gyre_since=", rest)) {
            unsigned major = 0, minor = 0;
            if (sscanf(rest.c_str(), "%u.%u", &major, &minor) == 2) {
                e.since = static_cast<u16>(major * 100 + minor);
                e.says = "needs Linux " + rest + " ";
            }
        } else if (after("comment:test_prog_flags=", rest)) {
            if (rest == "BPF_F_STRICT_ALIGNMENT") {
                e.flags |= 1;
            } else if (rest == "BPF_F_ANY_ALIGNMENT") {
                e.flags |= 2;
            } else if (rest == "BPF_F_TEST_STATE_FREQ") {
                e.flags |= 8;
            } else if (rest == "BPF_F_SLEEPABLE") {
                e.flags |= 16;
            } else if (rest == "BPF_F_XDP_HAS_FRAGS") {
                e.flags |= 32;
            } else {
                e.flags |= static_cast<u32>(strtoul(rest.c_str(), nullptr, 0));
            }
        }
    }
    return e;
}

// An accepted program must neither fault nor run for ever, whatever the packet and the context.
std::string run_at_random(const Program& program, const Environment& environment, u32 count) {
    switch (program.type) {  // the others live on kernel objects, which nobody models here
        case ProgramType::SocketFilter: case ProgramType::SchedCls: case ProgramType::SchedAct:
        case ProgramType::Xdp: case ProgramType::CgroupSkb: case ProgramType::LwtIn:
        case ProgramType::LwtOut: case ProgramType::LwtXmit: case ProgramType::SkSkb: break;
        default: return {};
    }
    static std::vector<u8> memory(128u << 20);
    std::mt19937_64 random(7);
    for (u32 k = 0; k < count; k++) {
        Arena arena(memory);
        Interpreter interpreter;
        if (interpreter.prepare(program, environment, arena) != nullptr) {
            return {};
        }
        std::vector<u8> context(4096);
        std::vector<u8> packet(random() % 4 == 0 ? random() % 24 : 14 + random() % 200);
        for (u8& b : context) {
            b = static_cast<u8>(random() % 3 == 0 ? random() : 0);
        }
        for (u8& b : packet) {
            b = static_cast<u8>(random());
        }
        RunResult r = interpreter.run(context, packet, 10'000'000, random());
        if (!r.is_finished && !r.is_unsupported) {
            return std::string(r.fault) + " at instruction " + std::to_string(r.insn);
        }
    }
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    bool use_kernel = false;
    bool verbose = false;
    bool all = false;
    Limits limits;
    u32 run_count = 0;
    std::map<std::string, std::string> skipped;
    std::string only;
    const char* target_name = "linux-6.18";
    std::string target_object_name;
    std::string target_function;
    std::string symbols;
    std::string kernel_config;
    std::vector<std::string> modules;
    bool is_device_bound = false;
    std::vector<std::string> files;
    for (int i = 1; i < argc; i++) {
        std::string a = argv[i];
        if (a == "--kernel") {
            use_kernel = true;
        } else if (a == "--verbose") {
            verbose = true;
        } else if (a == "--skip" && i + 1 < argc) {
            std::ifstream list(argv[++i]);
            std::string name, reason;
            while (list >> name && std::getline(list, reason)) {
                skipped[name] = reason;
            }
        } else if (a == "--run" && i + 1 < argc) {
            run_count = static_cast<u32>(atoi(argv[++i]));
        } else if (a == "--limit" && i + 1 < argc) {
            limits.insns_processed = strtoull(argv[++i], nullptr, 0);
        } else if (a == "--all") {
            all = true;
        } else if (a == "--only" && i + 1 < argc) {
            only = argv[++i];
        } else if (a == "--target" && i + 1 < argc) {
            target_name = argv[++i];
        } else if (a == "--target-object" && i + 1 < argc) {
            target_object_name = argv[++i];
        } else if (a == "--module-btf" && i + 1 < argc) {
            modules.push_back(argv[++i]);
        } else if (a == "--device-bound") {
            is_device_bound = true;
        } else if (a == "--kernel-config" && i + 1 < argc) {
            kernel_config = argv[++i];
        } else if (a == "--symbols" && i + 1 < argc) {
            symbols = argv[++i];
        } else if (a == "--target-function" && i + 1 < argc) {
            target_function = argv[++i];
        } else {
            files.push_back(a);
        }
    }
    const Target* target = linux_tables::find_target(target_name);
    if (target == nullptr || files.empty()) {
        fprintf(stderr, "usage: %s [--kernel] [--all] [--only PROGRAM] [--target NAME] [--limit INSNS] [--skip LIST] [--run COUNT] FILE...\n",
                argv[0]);
        return 2;
    }
    std::vector<u8> btf_memory(64u << 20);
    Arena btf_arena(btf_memory);
    std::vector<u8> btf_bytes = read_file("/sys/kernel/btf/vmlinux");
    const std::vector<u8> plain_btf = btf_bytes;
    for (const std::string& module : modules) {
        auto joined = join_module_types(plain_btf, btf_bytes, read_file(module));
        if (!joined) {
            fprintf(stderr, "%s: %s\n", module.c_str(), joined.error().c_str());
            return 2;
        }
        btf_bytes = std::move(*joined);
    }
    Btf kernel_btf;
    bool has_btf = !btf_bytes.empty() && kernel_btf.open(btf_bytes, btf_arena) == nullptr;
    Environment environment = linux_tables::environment(*target, has_btf ? &kernel_btf : nullptr);
    environment.target.cpu_count = possible_cpu_count();
    // What only this machine says counts where this machine is the oracle.
    MachineFacts facts;
    if (use_kernel) {
        facts.read_running_kernel();
    }
    if (!symbols.empty() && !facts.read_symbols(symbols)) {
        fprintf(stderr, "%s cannot be read\n", symbols.c_str());
        return 2;
    }
    environment.facts = facts.facts();
    std::vector<u8> memory(512u << 20);
    u32 number = 0, equal_count = 0, wrong_accept = 0, wrong_refuse = 0, left_out = 0;
    double total_us = 0;
    u64 kernel_us = 0;
    printf("TAP version 13\n");
    std::unique_ptr<Object> target_object;
    if (!target_object_name.empty()) {
        auto opened = Object::open(read_file(target_object_name), has_btf ? &kernel_btf : nullptr);
        if (!opened) {
            fprintf(stderr, "%s: %s\n", target_object_name.c_str(), opened.error().c_str());
            return 2;
        }
        target_object = std::move(*opened);
    }
    for (const std::string& path : files) {
        size_t slash = path.rfind('/');
        std::string file = slash == std::string::npos ? path : path.substr(slash + 1);
        auto object = Object::open(read_file(path), has_btf ? &kernel_btf : nullptr);
        if (!object) {
            printf("not ok %u - %s # cannot be opened: %s\n", ++number, file.c_str(),
                   object.error().c_str());
            continue;
        }
        if (target_object != nullptr) {
            (*object)->extend(*target_object, target_function);
        }
        if (!kernel_config.empty()) {
            const std::vector<u8> text = read_file(kernel_config);
            KernelConfig config;
            config.version_code = u32{target->version} / 100 << 16 | u32{target->version} % 100 << 8;
            read_options({reinterpret_cast<const char*>(text.data()), text.size()}, config);
            (*object)->set_kernel_config(config);
        }
        for (auto& p : (*object)->programs()) {
            Expectation e = expectation(*p);
            if (e.since != 0) {
                e.verdict = target->version >= e.since;
            }
            if ((!only.empty() && p->name != only) || (e.verdict < 0 && !use_kernel && !all)) {
                continue;
            }
            number++;
            if (auto s = skipped.find(file + "/" + p->name); s != skipped.end()) {
                printf("ok %u - %s/%s # SKIP%s\n", number, file.c_str(), p->name.c_str(),
                       s->second.c_str());
                left_out++;
                continue;
            }
            p->program.is_device_bound = is_device_bound;
            p->program.needs_strict_alignment = (e.flags & 1) != 0;
            p->program.is_sleepable = p->program.is_sleepable || (e.flags & 16) != 0;
            Arena arena(memory);
            static Report report;
            report = Report{};
            auto t0 = std::chrono::steady_clock::now();
            if (p->problem.empty()) {
                std::vector<u32> visits(p->program.insns.size());
                verify(p->program, environment, arena, limits, report, visits);
                if (getenv("GYRE_BPF_EXPLAIN") != nullptr) {
                    std::multimap<u32, size_t, std::greater<u32>> order;
                    for (size_t k = 0; k < visits.size(); k++) {
                        order.emplace(visits[k], k);
                    }
                    int shown = 0;
                    for (auto& [n, at] : order) {
                        fprintf(stderr, "%zu x%u ", at, n);
                        if (++shown == 40) {
                            break;
                        }
                    }
                    fprintf(stderr, "\npushed %llu, checkpoints %llu, prunes %llu\n",
                            static_cast<unsigned long long>(report.statistics.states_pushed),
                            static_cast<unsigned long long>(report.statistics.checkpoints),
                            static_cast<unsigned long long>(report.statistics.prunes));
                }
            } else {
                report.problem = Problem::NotSupported;
                report.text_length = static_cast<u32>(
                    snprintf(report.text, sizeof(report.text), "load: %s", p->problem.c_str()));
            }
            auto t1 = std::chrono::steady_clock::now();
            double us = std::chrono::duration<double, std::micro>(t1 - t0).count();
            total_us += us;
            KernelVerdict k;
            if (use_kernel) {
                std::vector<u8> loadable = (*object)->loadable_btf();
                std::vector<std::vector<u8>> map_btf;
                for (auto& m : (*object)->maps()) {
                    map_btf.push_back(m->map.btf != nullptr || m->map.inner != nullptr
                                          ? loadable
                                          : std::vector<u8>());
                }
                u32 flags = e.flags | (p->program.is_sleepable ? 16u : 0u);
                k = ask_kernel(p->program, loadable, map_btf, flags);
                kernel_us += k.verification_us;
                if (!k.is_known) {
                    printf("ok %u - %s/%s # SKIP the kernel did not look: %s; %s\n", number,
                           file.c_str(), p->name.c_str(), strerror(k.error), k.log.c_str());
                    left_out++;
                    continue;
                }
                if (e.verdict >= 0 && k.is_accepted != (e.verdict == 1)) {
                    printf("# the kernel differs from the annotation: %s\n",
                           k.is_accepted ? "accepts" : "refuses");
                }
                e.verdict = k.is_accepted;
                e.message = k.log;
            }
            if (e.verdict < 0) {
                e.verdict = report.is_accepted;
            }
            if (report.is_accepted && run_count > 0 && p->problem.empty()) {
                std::string fault = run_at_random(p->program, environment, run_count);
                if (!fault.empty()) {
                    printf("not ok %u - %s/%s runs safely\n# ACCEPTED, BUT %s\n", number,
                           file.c_str(), p->name.c_str(), fault.c_str());
                    wrong_accept++;
                    continue;
                }
            }
            bool equal = report.is_accepted == (e.verdict == 1);
            if (equal && !report.is_accepted && !e.says.empty() && !use_kernel) {
                bool is_said = false;
                std::istringstream words(e.says);
                for (std::string word; std::getline(words, word, '|');) {
                    is_said = is_said || std::string_view(report.text, report.text_length)
                                                 .find(word) != std::string_view::npos;
                }
                if (!is_said) {
                    equal = false;
                    e.message = "the words: " + e.says;
                }
            }
            printf("%sok %u - %s/%s\n", equal ? "" : "not ", number, file.c_str(),
                   p->name.c_str());
            if (!equal || verbose) {
                printf("# %s; %s at %d r%d: %.*s [expected: %s] %.0f us (kernel %llu), %llu insns, "
                       "%llu bytes\n",
                       equal                 ? "equal"
                       : report.is_accepted ? "WRONG ACCEPTANCE"
                                             : "wrong refusal",
                       report.is_accepted ? "accepted" : problem_name(report.problem),
                       static_cast<int>(report.insn), report.register_number,
                       static_cast<int>(report.text_length), report.text, e.message.c_str(), us,
                       static_cast<unsigned long long>(k.verification_us),
                       static_cast<unsigned long long>(report.statistics.insns_processed),
                       static_cast<unsigned long long>(report.statistics.arena_bytes));
            }
            if (equal) {
                equal_count++;
            } else if (report.is_accepted) {
                wrong_accept++;
            } else {
                wrong_refuse++;
            }
        }
    }
    printf("1..%u\n", number);
    printf("# equal verdicts %u, wrong acceptances %u, wrong refusals %u, left out %u; %.1f ms (kernel "
           "%.1f ms)\n",
           equal_count, wrong_accept, wrong_refuse, left_out, total_us / 1000,
           static_cast<double>(kernel_us) / 1000);
    return equal_count + left_out == number ? 0 : 1;
}
