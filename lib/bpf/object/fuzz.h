// SPDX-License-Identifier: MIT
//
// What the fuzz targets do with an object that they made: all of its programs go through the verifier.
#pragma once

#include <stdlib.h>

#include "lib/bpf/linux/linux.h"
#include "lib/bpf/object/object.h"
#include "lib/bpf/verifier.h"

namespace gyre::bpf {

// `object` is what Object::open gave; `kernel` the types of the kernel, or null.
inline int fuzz_programs(auto object, const Btf* kernel) {
    static std::vector<u8> memory(8u << 20);
    if (!object) {
        if (object.error().empty()) {
            abort();  // an object that is refused is told why
        }
        return 0;
    }
    Environment environment = linux_tables::environment(Target{}, kernel);
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

}  // namespace gyre::bpf
