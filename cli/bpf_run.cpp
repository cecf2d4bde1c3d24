// SPDX-License-Identifier: MIT
//
// gyre bpf run: a program in the checking interpreter, on a packet from a file.
#include "cli/bpf_show.h"

#include <chrono>
#include <cstdio>

#include "lib/bpf/interpreter.h"

namespace gyre::cli {

int run_program(const BpfInput& input, const std::string& data, unsigned repeat) {
    using namespace gyre::bpf;
    auto opened = open_object(input);
    if (!opened) return report(opened.error());
    if ((*opened)->programs.size() != 1) return report({"the object holds several programs", "Choose one with --program NAME."});
    ObjectProgram& program = *(*opened)->programs[0];
    if (!program.problem.empty()) return report({program.problem, ""});
    std::vector<u8> packet(64, 0);
    if (!data.empty()) {
        auto bytes = read_bytes(data);
        if (!bytes) return report(bytes.error());
        packet = std::move(*bytes);
    }
    VerifierMemory memory(input.memory_mib << 20);
    Arena arena(memory.bytes());
    Interpreter interpreter;
    if (const char* why = interpreter.prepare(program.program, (*opened)->environment, arena)) return report({why, ""});
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
