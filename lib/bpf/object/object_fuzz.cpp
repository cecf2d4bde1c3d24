// SPDX-License-Identifier: MIT
//
// A libFuzzer target: bytes as an object file (ELF, BTF, BTF.ext, relocations), and what is in it
// through the verifier.
//   ninja bpf_object_fuzz && build/host/lib/bpf/bpf_object_fuzz -max_len=16384 lib/bpf/corpus/object
#include "lib/bpf/corpus_test.h"
#include "lib/bpf/object/fuzz.h"

using namespace gyre::bpf;

int gyre::bpf::fuzz_object(const u8* data, size_t size) {
    return fuzz_programs(Object::open(std::vector<u8>(data, data + size), nullptr), nullptr);
}

#ifdef GYRE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const u8* data, size_t size) { return fuzz_object(data, size); }
#endif
