// SPDX-License-Identifier: MIT
//
// The verifier in somebody else's program: may this program run here, and if so, what does it return?
// The second one reads behind its stack, and is told so. With a file: the programs of that object.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

#include "lib/bpf/interpreter.h"
#include "lib/bpf/linux/linux.h"
#include "lib/bpf/object/object.h"
#include "lib/bpf/verifier.h"

namespace bpf = gyre::bpf;

namespace {

constexpr bpf::Insn insn(unsigned code, unsigned dst, unsigned src, short off, int imm) {
    return {static_cast<bpf::u8>(code), static_cast<bpf::u8>(dst | src << 4), off, imm};
}

// 0 if the verdict is the expected one.
int judge(const bpf::Program& program, bool is_expected) {
    const bpf::Target* target = bpf::linux_tables::find_target("linux-6.18");
    const bpf::Environment place = bpf::linux_tables::environment(*target, nullptr);
    static std::vector<bpf::u8> memory(1u << 20);  // its size is the limit
    static bpf::Report report;
    report = {};
    {
        bpf::Arena arena(memory);
        bpf::verify(program, place, arena, {}, report);
    }
    if (!report.is_accepted) {
        std::printf("%s: refused at instruction %u (%s): %.*s\n", program.name, report.insn,
                    bpf::problem_name(report.problem), static_cast<int>(report.text_length), report.text);
        return is_expected;
    }
    bpf::Arena arena(memory);
    bpf::Interpreter interpreter;
    if (const char* why = interpreter.prepare(program, place, arena, bpf::RunMode::Pure)) {
        std::printf("%s: accepted, but does not run: %s\n", program.name, why);
        return 1;
    }
    bpf::u8 context[192] = {};
    bpf::u8 packet[64] = {};
    const bpf::RunResult result = interpreter.run(context, packet, 1000, 1);
    std::printf("%s: accepted, returns %llu\n", program.name, static_cast<unsigned long long>(result.value));
    return !is_expected || !result.is_finished || result.value != 42;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1) {
        std::ifstream file(argv[1], std::ios::binary);
        auto object = bpf::Object::open({std::istreambuf_iterator<char>(file), {}}, nullptr);
        if (!object) {
            std::printf("%s\n", object.error().c_str());
            return 1;
        }
        for (const auto& program : (*object)->programs()) std::printf("%s\n", program->name.c_str());
        return 0;
    }
    using namespace gyre::bpf;
    const Insn good[] = {insn(kClassSt | kModeMem | kSizeDw, 10, 0, -8, 42),
                         insn(kClassLdx | kModeMem | kSizeDw, 0, 10, -8, 0), insn(kClassJmp | kExit, 0, 0, 0, 0)};
    const Insn bad[] = {insn(kClassLdx | kModeMem | kSizeDw, 0, 10, 8, 0), insn(kClassJmp | kExit, 0, 0, 0, 0)};
    Program program;
    program.type = ProgramType::SocketFilter;
    program.name = "good";
    program.insns = good;
    int wrong = judge(program, true);
    program.name = "bad";
    program.insns = bad;
    wrong += judge(program, false);
    return wrong;
}
