// SPDX-License-Identifier: MIT
//
// Random programs through the verifier, and what it accepts
//   - through the interpreter on random packets: no fault, no stack read that was never written, no
//     endless run, no record kept, and every register what the verifier claims of it on that path;
//   - beside the running kernel's verdict, where bpf(2) is permitted: what Linux refuses must not be
//     accepted.
// Usage: differential_fuzz [--seconds N] [--seed N] [--count N] [--no-kernel]. Each program has a seed
// of its own, counted up from the first; --count 1 --seed N is one program again. Prints TAP.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>

#include "cli/bpf_kernel.h"
#include "lib/bpf/disassemble.h"
#include "lib/bpf/follow.h"
#include "lib/bpf/linux/linux.h"
#include "test/bpf/program_generator.h"

using namespace gyre::bpf;

namespace {

constexpr u32 kRunsOfProgram = 4;
constexpr u64 kMaxSteps = 200'000;
constexpr u64 kMayGotoRounds = 40;
constexpr u64 kMaxFollowedInsns = 100'000;  // by the verifier: one that is refused after a million keeps it for seconds
constexpr u32 kMostFailuresShown = 5;
constexpr u32 kRunsOfLoop = 40;
constexpr const char* kEndless = "infinite loop detected at insn ";

// Did the kernel refuse because it did not know a number well enough?
bool is_about_bounds(const std::string& log) {
    static constexpr const char* kWords[] = {
        "unbounded min value", "math between", "unbounded memory access", "min value is", "max value is", "invalid access to map value",
        "invalid access to packet", "invalid access to memory", "invalid variable-offset", "invalid write to stack",
        "invalid read from stack", "out of bounds", "unbounded variable-offset", "value is outside of the allowed memory range"};
    return std::ranges::any_of(kWords, [&](const char* words) { return log.find(words) != std::string::npos; });
}

struct Fuzzer {
    u64 seed = 0;
    char name[32] = {};  // holds the seed, for who looks at it in a debugger
    bool asks_kernel = true;
    std::vector<int> kernel_maps;
    Map maps[kMapCount];
    const Map* map_list[kMapCount] = {&maps[0], &maps[1], &maps[2], &maps[3], &maps[4]};
    SpecialField lock = {.kind = FieldKind::SpinLock, .offset = 0, .size = 4};
    std::vector<u8> types = generated_types();
    std::vector<u8> kernel_types = generated_kernel_types();
    std::vector<u8> type_memory = std::vector<u8>(1u << 16);
    Arena type_arena{type_memory};
    Btf btf;
    Btf kernel_btf;
    std::vector<u32> running_ids;  // of the functions of generated_kernel_types(), in the running kernel
    std::vector<u8> verifier_memory = std::vector<u8>(64u << 20);
    std::vector<u8> run_memory = std::vector<u8>(2u << 20);
    std::vector<u8> follow_memory = std::vector<u8>(16u << 20);
    u64 programs = 0, accepted = 0, runs = 0, steps = 0, compared = 0, stricter = 0, further = 0;
    u32 faults = 0, lies = 0, wrong = 0;

    Fuzzer() {
        maps[kArrayMap] = {.type = MapType::Array, .key_size = 4, .value_size = kMapValueBytes, .max_entries = 4, .name = "array"};
        maps[kHashMap] = {.type = MapType::Hash, .key_size = 4, .value_size = kMapValueBytes, .max_entries = 8, .name = "hash"};
        maps[kRingMap] = {.type = MapType::Ringbuf, .max_entries = 4096, .name = "ring"};
        maps[kProgramMap] = {.type = MapType::ProgArray, .key_size = 4, .value_size = 4, .max_entries = 4, .name = "programs"};
        maps[kLockMap] = {.type = MapType::Array, .key_size = 4, .value_size = kMapValueBytes, .max_entries = 2, .name = "locked"};
        maps[kLockMap].fields = std::span(&lock, 1);
        maps[kLockMap].btf = &btf;
        maps[kLockMap].key_type_id = kNumberType;
        maps[kLockMap].value_type_id = kLockedType;
        for (auto [bytes, parsed] : {std::pair{&types, &btf}, std::pair{&kernel_types, &kernel_btf}}) {
            if (const char* why = parsed->open(*bytes, type_arena)) {
                fprintf(stderr, "the types of generated programs: %s\n", why);
                exit(2);
            }
        }
    }

    // Empty if the running kernel tells nothing of its types; 0 for a function that it lacks.
    void find_running_ids() {
        std::ifstream file("/sys/kernel/btf/vmlinux", std::ios::binary);
        std::vector<u8> bytes((std::istreambuf_iterator<char>(file)), {});
        std::vector<u8> memory(64u << 20);
        Arena arena(memory);
        Btf running;
        if (bytes.empty() || running.open(bytes, arena) != nullptr) {
            return;
        }
        running_ids.resize(kernel_btf.type_count());
        for (u32 id = 1; id < kernel_btf.type_count(); id++) {
            if (kernel_btf.type(id).kind() == BtfKind::Function) {
                running_ids[id] = running.find(kernel_btf.name(id), BtfKind::Function);
            }
        }
    }

    KernelVerdict ask(const Program& p, bool only_statistics) {
        std::span<const u8> bare_types;
        if (!p.functions.empty()) {
            bare_types = types;
        }
        std::vector<Insn> insns(p.insns.begin(), p.insns.end());
        for (size_t k = 0; k < insns.size(); k++) {
            const bool is_kernel_call = insns[k].code == (kClassJmp | kCall) && insns[k].src() == kCallKfunc;
            const u32 id = static_cast<u32>(insns[k].imm);
            if (is_kernel_call && id < running_ids.size()) {
                insns[k].imm = static_cast<s32>(running_ids[id]);
            }
            k += is_ld_imm64(insns[k]);
        }
        Program asked = p;
        asked.insns = insns;
        return ask_kernel(asked, bare_types, {}, 0, only_statistics, kernel_maps);
    }

    void show(const Program& p, const std::string& what, u32 count) {
        if (count > kMostFailuresShown) {
            return;
        }
        printf("# %s: program of seed %llu\n", what.c_str(), static_cast<unsigned long long>(seed));
        for (u32 i = 0; i < p.insns.size(); i++) {
            char text[128];
            TextWriter out(text);
            const Insn* second = i + 1 < p.insns.size() ? &p.insns[i + 1] : nullptr;
            disassemble(p.insns[i], second, i, out);
            printf("#   %3u: %.*s\n", i, static_cast<int>(out.text().size()), out.text().data());
            i += is_ld_imm64(p.insns[i]);
        }
    }

    // Empty if the register is what was claimed.
    std::string contradiction(const Interpreter& run, const Reg& claim, u64 value, size_t packet_bytes) {
        auto within = [&](s64 offset) { return may_be(claim.var, static_cast<u64>(offset - claim.off)); };
        Whereabouts w = run.whereabouts(value);
        if (claim.kind == Kind::Scalar) {
            if (may_be(claim.var, value)) {
                return {};
            }
            char text[200];
            snprintf(text, sizeof(text), "the number %llx is outside [%llx,%llx] [%lld,%lld] bits %llx/%llx",
                     static_cast<unsigned long long>(value), static_cast<unsigned long long>(claim.var.umin),
                     static_cast<unsigned long long>(claim.var.umax), static_cast<long long>(claim.var.smin),
                     static_cast<long long>(claim.var.smax), static_cast<unsigned long long>(claim.var.bits.value),
                     static_cast<unsigned long long>(claim.var.bits.mask));
            return text;
        }
        if (value == 0 && claim.has(kMaybeNull)) {
            return {};
        }
        bool fits = true;
        switch (claim.kind) {
            case Kind::Stack: {
                s64 absolute = (s64{w.index} + 1) * kStackBytes + w.offset;
                fits = w.place == Place::Stack && within(absolute - (s64{claim.frame} + 1) * kStackBytes);
                break;
            }
            case Kind::Context: fits = w.place == Place::Context && within(w.offset); break;
            case Kind::ConstMap: fits = w.place == Place::MapPointer && map_list[w.index] == claim.map; break;
            case Kind::PacketEnd: fits = w.place == Place::Packet && w.offset == static_cast<s64>(packet_bytes); break;
            case Kind::Packet:
                fits = w.place == Place::Packet && within(w.offset) &&
                       (claim.range <= 0 || w.offset - claim.off + claim.range <= static_cast<s64>(packet_bytes));
                break;
            case Kind::MapValue: {
                constexpr s64 kStride = 64;
                s64 inside = ((w.offset - claim.off) % kStride + kStride) % kStride;
                fits = w.place == Place::MapValue && map_list[w.index] == claim.map &&
                       (may_be(claim.var, static_cast<u64>(inside)) || may_be(claim.var, static_cast<u64>(inside - kStride)) ||
                        claim.var.umax >= static_cast<u64>(kStride));
                break;
            }
            case Kind::Memory:
                // A record, a number that an iterator is at, or a slice, which begins anywhere in what it is of.
                fits = w.place == Place::Record ? claim.ref == 0 || claim.parent != 0 || within(w.offset)
                       : w.place == Place::Object ? within(w.offset)
                                                  : claim.parent != 0 && w.place != Place::Nowhere && w.place != Place::Context;
                break;
            case Kind::BtfObject: fits = w.place == Place::Object; break;
            default: break;
        }
        return fits ? std::string() : "a pointer is not where it was claimed to be";
    }

    // One run beside the verifier's claims; empty if all was well.
    std::string follow(const Program& p, const Environment& e, std::span<u8> context, std::span<u8> packet, u64 chance) {
        Arena arena(run_memory);
        Arena claims(follow_memory);
        Interpreter run;
        static Report report;
        report = Report{};
        PathFollower path(p, e, claims, report);
        if (run.prepare(p, e, arena, RunMode::Single) != nullptr || !path.begin()) {
            return "the program cannot be prepared";
        }
        run.set_may_goto_budget(kMayGotoRounds);
        run.begin(context, packet, kMaxSteps, chance);
        constexpr u32 kMostFollowed = 4000;
        for (u32 k = 0; k < kMostFollowed; k++) {
            u32 at = run.at();
            for (unsigned r = 0; r < kRegisterCount; r++) {
                std::string why = contradiction(run, path.reg(r), run.reg(r), packet.size());
                if (!why.empty()) {
                    return "at instruction " + std::to_string(at) + " r" + std::to_string(r) + ": " + why;
                }
            }
            bool goes_on = run.step();
            steps++;
            if (!goes_on && !run.result().is_finished) {
                return {};  // the other run has told
            }
            switch (path.follow(goes_on ? run.at() : kNoInsn, run.depth())) {
                case FollowOutcome::Fine: break;
                case FollowOutcome::Unknown: return {};
                case FollowOutcome::Ended: return goes_on ? "the verifier ends before the run, at instruction " + std::to_string(at) : std::string();
                case FollowOutcome::Unforeseen: return "the run goes where it cannot, from instruction " + std::to_string(at) + " to " + std::to_string(run.at());
                case FollowOutcome::Refused: return "instruction " + std::to_string(at) + " was accepted, but not on this path: " + std::string(report.text, report.text_length);
            }
        }
        return {};
    }

    void run_accepted(const Program& p, const Environment& e, std::mt19937_64& random) {
        std::vector<u8> context(256), packet;
        for (u32 k = 0; k < kRunsOfProgram; k++) {
            for (u8& b : context) {
                b = static_cast<u8>(random() % 3 == 0 ? random() : 0);
            }
            packet.resize(random() % 4 == 0 ? random() % 8 : random() % 120);
            for (u8& b : packet) {
                b = static_cast<u8>(random());
            }
            u64 chance = random();
            Arena arena(run_memory);
            Interpreter run;
            RunMode mode = e.target.may_read_uninitialized_stack ? RunMode::Checked : RunMode::Single;
            if (const char* why = run.prepare(p, e, arena, mode)) {
                faults++;
                show(p, std::string("ACCEPTED, BUT ") + why, faults);
                return;
            }
            std::vector<u8> copy = packet;
            std::vector<u8> copied_context = context;
            run.set_may_goto_budget(kMayGotoRounds);
            RunResult r = run.run(copied_context, copy, kMaxSteps * 10, chance);
            runs++;
            if (r.is_unsupported) {
                return;
            }
            if (!r.is_finished || r.held_references != 0) {
                faults++;
                show(p, std::string("ACCEPTED, BUT ") + (r.fault != nullptr ? r.fault : "something is kept") + " at instruction " + std::to_string(r.insn), faults);
                return;
            }
            if (mode == RunMode::Single) {
                std::string why = follow(p, e, context, packet, chance);
                if (!why.empty()) {
                    lies++;
                    show(p, "CLAIMED, BUT " + why, lies);
                    return;
                }
            }
        }
    }

    // Some run comes to the instruction more than once, and all runs end.
    bool comes_round_and_ends(const Program& p, const Environment& e, u32 insn, std::mt19937_64& random) {
        bool comes_round = false;
        std::vector<u8> context(256), packet(100);
        for (u32 k = 0; k < kRunsOfLoop; k++) {
            for (u8& b : context) {
                b = static_cast<u8>(random() % 3 == 0 ? random() : 0);
            }
            Arena arena(run_memory);
            Interpreter run;
            if (run.prepare(p, e, arena, RunMode::Single) != nullptr) {
                return false;
            }
            run.set_may_goto_budget(kMayGotoRounds);
            run.begin(context, packet, kMaxSteps, random());
            u32 visits = 0;
            do {
                visits += run.at() == insn ? 1 : 0;
            } while (run.step());
            const RunResult r = run.result();
            if (!r.is_finished && !r.is_unsupported && r.steps >= kMaxSteps) {
                return false;
            }
            comes_round = comes_round || visits > 1;
        }
        return comes_round;
    }

    void one(u64 program_seed) {
        seed = program_seed;
        std::mt19937_64 random(seed);
        GeneratedProgram g = generate_program(random);
        Program p;
        snprintf(name, sizeof(name), "fuzz_%llu", static_cast<unsigned long long>(seed));
        p.name = name;
        p.insns = g.insns;
        p.type = g.type;
        if (p.type == ProgramType::Xdp) {
            p.attach = AttachType::Xdp;
        }
        p.maps = map_list;
        if (!g.functions.empty()) {
            p.btf = &btf;
            p.functions = g.functions;
        }
        // Linux lets the privileged read stack that was never written; half the programs may not.
        Target target = *linux_tables::find_target("linux-6.18");
        target.may_read_uninitialized_stack = seed % 2 == 0;
        Environment e = linux_tables::environment(target, &kernel_btf);
        Arena arena(verifier_memory);
        static Report report;
        report = Report{};
        std::vector<u32> visits(p.insns.size());
        verify(p, e, arena, Limits{.insns_processed = kMaxFollowedInsns}, report, visits);
        programs++;
        if (report.is_accepted) {
            accepted++;
            run_accepted(p, e, random);
        }
        // Loading takes Linux longer than all of the above; only what is accepted can be wrong, the rest is
        // asked about at times for the figure.
        const bool is_asked = report.is_accepted || seed % 16 < 2;
        if (!asks_kernel || g.is_beyond_linux || !is_asked || (g.has_kernel_calls && running_ids.empty())) {
            return;
        }
        KernelVerdict k = ask(p, true);
        // EFAULT is how Linux reports a mistake of its own ("verifier bug").
        bool is_limit = k.error == E2BIG || k.error == ENOMEM || k.error == EAGAIN || k.error == ENOSPC || k.error == EFAULT;
        if (!k.is_known || is_limit) {
            return;
        }
        compared++;
        stricter += k.is_accepted && !report.is_accepted;
        if (!k.is_accepted && report.is_accepted) {
            k = ask(p, false);
            // Linux may follow a path that Gyre knows to be dead, or know a number less closely. Whether it is
            // right to, the runs tell; a difference of rules is an error.
            bool is_dead = std::ranges::any_of(k.followed, [&](u32 at) { return at < visits.size() && visits[at] == 0; });
            // So it is with a loop that comes round with the same numbers, as far as Linux knows them. It must be
            // seen to end.
            const size_t endless = k.log.find(kEndless);
            const bool ends = endless != std::string::npos &&
                              comes_round_and_ends(p, e, static_cast<u32>(atoi(k.log.c_str() + endless + strlen(kEndless))), random);
            if (is_dead || ends || is_about_bounds(k.log)) {
                further++;
                return;
            }
            wrong++;
            show(p, "WRONG ACCEPTANCE; Linux says " + std::string(strerror(k.error)), wrong);
            if (wrong <= kMostFailuresShown) {
                std::string log = k.log;
                for (size_t at = 0; (at = log.find('\n', at)) != std::string::npos; at += 3) {
                    log.replace(at, 1, "\n# ");
                }
                printf("# %s\n", log.c_str());
            }
        }
        if (k.is_accepted && !report.is_accepted && getenv("GYRE_BPF_EXPLAIN") != nullptr) {
            show(p, "refused: " + std::string(report.text, report.text_length) + " at instruction " + std::to_string(report.insn), 1);
        }
    }
};

}  // namespace

int main(int argc, char** argv) {
    double seconds = 30;
    u64 seed = static_cast<u64>(std::chrono::steady_clock::now().time_since_epoch().count()) & 0xffffffff;
    u64 count = ~u64{0};
    Fuzzer fuzzer;
    for (int i = 1; i < argc; i++) {
        std::string a = argv[i];
        if (a == "--no-kernel") {
            fuzzer.asks_kernel = false;
        } else if (i + 1 < argc && a == "--seconds") {
            seconds = atof(argv[++i]);
        } else if (i + 1 < argc && a == "--seed") {
            seed = strtoull(argv[++i], nullptr, 0);
        } else if (i + 1 < argc && a == "--count") {
            count = strtoull(argv[++i], nullptr, 0);
        } else {
            fprintf(stderr, "usage: %s [--seconds N] [--seed N] [--count N] [--no-kernel]\n", argv[0]);
            return 2;
        }
    }
    setvbuf(stdout, nullptr, _IOLBF, 1u << 16);
    printf("TAP version 13\n1..3\n# seed %llu\n", static_cast<unsigned long long>(seed));
    if (fuzzer.asks_kernel) {
        fuzzer.kernel_maps = make_kernel_maps(fuzzer.map_list, fuzzer.types);
        fuzzer.find_running_ids();
    }
    const auto begin = std::chrono::steady_clock::now();
    for (u64 k = 0; k < count; k++) {
        if (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() > seconds) {
            break;
        }
        fuzzer.one(seed + k);
    }
    auto number = [](u64 v) { return static_cast<unsigned long long>(v); };
    printf("# %llu programs, %llu accepted, %llu runs, %llu steps followed; %llu compared with the kernel, which accepts %llu more and %llu less, for it knows numbers less closely\n",
           number(fuzzer.programs), number(fuzzer.accepted), number(fuzzer.runs), number(fuzzer.steps),
           number(fuzzer.compared), number(fuzzer.stricter), number(fuzzer.further));
    bool ran = count == 1 || fuzzer.accepted > 0;
    printf("%sok 1 - accepted programs run without a fault\n", fuzzer.faults == 0 && ran ? "" : "not ");
    printf("%sok 2 - registers are what the verifier claims\n", fuzzer.lies == 0 && ran ? "" : "not ");
    if (fuzzer.compared == 0) {
        printf("ok 3 - nothing is accepted that Linux refuses # SKIP bpf(2) is not permitted here\n");
    } else {
        printf("%sok 3 - nothing is accepted that Linux refuses\n", fuzzer.wrong == 0 ? "" : "not ");
    }
    return fuzzer.faults + fuzzer.lies + fuzzer.wrong == 0 && ran ? 0 : 1;
}
