// SPDX-License-Identifier: MIT
//
// A libFuzzer target: bytes as instructions, through the disassembler, the verifier and, if it accepts
// them, the checking interpreter. A fault of an accepted program is a bug as much as a crash is.
//   ninja bpf_verifier_fuzz && build/host/lib/bpf/bpf_verifier_fuzz -max_len=1024 lib/bpf/corpus/verifier
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vector>

#include "lib/bpf/corpus_test.h"
#include "lib/bpf/disassemble.h"
#include "lib/bpf/interpreter.h"
#include "lib/bpf/linux/linux.h"
#include "lib/bpf/verifier.h"

using namespace gyre::bpf;

int gyre::bpf::fuzz_verifier(const u8* data, size_t size) {
    static std::vector<u8> memory(8u << 20);
    static const Map array = {.type = MapType::Array, .key_size = 4, .value_size = 48, .max_entries = 4, .name = "array"};
    static const Map hash = {.type = MapType::Hash, .key_size = 8, .value_size = 16, .max_entries = 4, .name = "hash"};
    static const Map* const maps[] = {&array, &hash};
    if (size < 9) {
        return 0;
    }
    // The first byte chooses the program type; the rest are instructions.
    std::vector<Insn> insns((size - 1) / sizeof(Insn));
    memcpy(insns.data(), data + 1, insns.size() * sizeof(Insn));
    for (u32 i = 0; i < insns.size(); i++) {
        char text[256];
        TextWriter out(text);
        disassemble(insns[i], i + 1 < insns.size() ? &insns[i + 1] : nullptr, i, out);
    }
    Program program;
    program.name = "fuzz";
    program.type = static_cast<ProgramType>(data[0] % kProgramTypeCount);
    program.insns = insns;
    program.maps = maps;
    Target target = *linux_tables::find_target("linux-6.18");
    target.may_read_uninitialized_stack = false;
    Environment environment = linux_tables::environment(target, nullptr);
    Limits limits;
    limits.insns_processed = 20'000;
    static Report report;
    report = Report{};
    {
        Arena arena(memory);
        verify(program, environment, arena, limits, report);
    }
    if (!report.is_accepted) {
        if (report.problem == Problem::None) {
            abort();  // a refusal says why
        }
        return 0;
    }
    Arena arena(memory);
    Interpreter interpreter;
    if (interpreter.prepare(program, environment, arena, RunMode::Single) != nullptr) {
        return 0;
    }
    u8 context[512] = {};
    u8 packet[64] = {};
    RunResult r = interpreter.run(context, packet, 1'000'000, 1);
    if (!r.is_finished && !r.is_unsupported) {
        fprintf(stderr, "accepted, but %s at instruction %u\n", r.fault, r.insn);
        abort();
    }
    return 0;
}

#ifdef GYRE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const u8* data, size_t size) { return fuzz_verifier(data, size); }
#endif
