// SPDX-License-Identifier: MIT
//
// gyre bpf run: a program in the interpreter, on a packet from a file; checked, or (once it is verified) pure.
#include "cli/bpf_show.h"

#include <chrono>
#include <cstdio>

#include "lib/bpf/interpreter.h"

namespace gyre::cli {

int run_program(const BpfInput& input, const std::string& data, unsigned repeat, bool is_pure) {
    using namespace gyre::bpf;
    auto opened = open_object(input);
    if (!opened) return report(opened.error());
    if ((*opened)->programs.size() != 1) return report(choose_one(**opened));
    ObjectProgram& program = *(*opened)->programs[0];
    if (!program.problem.empty()) return report({program.problem, ""});
    std::vector<u8> packet(64, 0);
    if (!data.empty()) {
        auto bytes = read_bytes(data);
        if (!bytes) return report(bytes.error());
        packet = std::move(*bytes);
    }
    VerifierMemory memory(input.memory_mib << 20);
    if (is_pure) {  // nothing is checked while it runs, so it is checked before
        auto verdict = std::make_unique<Report>();
        verify_program(**opened, program, Limits{}, memory.bytes(), *verdict);
        if (!verdict->is_accepted) {
            std::fprintf(stderr, "%s", diagnosis_text(**opened, program, *verdict).c_str());
            return report({"the program is refused, so it does not run without checks", ""});
        }
    }
    Arena arena(memory.bytes());
    Interpreter interpreter;
    if (const char* why = interpreter.prepare(program.program, (*opened)->environment, arena, is_pure ? RunMode::Pure : RunMode::Checked)) return report({why, ""});
    constexpr u64 kMaxSteps = 100'000'000;
    constexpr size_t kContextBytes = 4096;
    RunResult result;
    u64 steps = 0;
    auto begin = std::chrono::steady_clock::now();
    for (unsigned k = 0; k < repeat; k++) {
        std::vector<u8> context(kContextBytes, 0);
        std::vector<u8> copy = packet;
        result = interpreter.run(context, copy, kMaxSteps, k + 1);
        steps += result.steps;
        if (!result.is_finished) break;
    }
    double ns = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
    if (!result.is_finished) {
        return report({"the run ended at instruction " + std::to_string(result.insn) + ": " + result.fault,
                       result.is_unsupported ? "The interpreter does not model this; the program may be fine." : "The program is at fault."});
    }
    std::printf("%s returned %llu (0x%llx); %llu instructions, %.1f ns each\n", program.name.c_str(), static_cast<unsigned long long>(result.value),
                static_cast<unsigned long long>(result.value), static_cast<unsigned long long>(steps / repeat), ns / static_cast<double>(steps));
    return 0;
}

}  // namespace gyre::cli
