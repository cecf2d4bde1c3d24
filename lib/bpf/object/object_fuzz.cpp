// SPDX-License-Identifier: MIT
//
// A libFuzzer target: bytes as an object file (ELF, BTF, BTF.ext, relocations), and what is in it
// through the verifier.
//   ninja bpf_object_fuzz && build/host/lib/bpf/bpf_object_fuzz -max_len=16384 lib/bpf/corpus/object
#include <stdlib.h>

#include "lib/bpf/corpus_test.h"
#include "lib/bpf/linux/linux.h"
#include "lib/bpf/object/object.h"
#include "lib/bpf/verifier.h"

using namespace gyre::bpf;

int gyre::bpf::fuzz_object(const u8* data, size_t size) {
    static std::vector<u8> memory(8u << 20);
    auto object = Object::open(std::vector<u8>(data, data + size), nullptr);
    if (!object) {
        if (object.error().empty()) {
            abort();  // an object that is refused is told why
        }
        return 0;
    }
    Environment environment = linux_tables::environment(Target{}, nullptr);
    Limits limits;
    limits.insns_processed = 5'000;
    (void)(*object)->loadable_btf();
    for (const auto& program : (*object)->programs()) {
        if (!program->problem.empty()) {
            continue;
        }
        static Report report;
        report = Report{};
        Arena arena(memory);
        verify(program->program, environment, arena, limits, report);
    }
    return 0;
}

#ifdef GYRE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const u8* data, size_t size) { return fuzz_object(data, size); }
#endif
