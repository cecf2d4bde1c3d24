// SPDX-License-Identifier: MIT
//
// The file of recorded verifier cases: what selftest_dump wrote, as programs for the library.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/bpf/btf_fields.h"
#include "lib/bpf/program.h"

namespace gyre::bpf {

struct RecordedMap {
    Map map;
    int inner = -1;
    std::vector<u8> btf_bytes;
    std::unique_ptr<Btf> btf;
    u32 value_type_id = 0;
};

struct RecordedCase {
    u32 index = 0;
    bool expects_accept = false;
    Program program;
    u32 flags = 0;
    std::string name;
    std::string expected_text;
    std::vector<Insn> insns;
    std::vector<FunctionInfo> functions;
    std::vector<u8> btf_bytes;
    std::unique_ptr<Btf> btf;
    std::vector<std::unique_ptr<RecordedMap>> maps;
    std::vector<const Map*> map_pointers;
    std::string broken;  // why the case cannot be used
};

// An empty vector if the file cannot be read. `arena` keeps what the programs borrow. `is_for_kernel`: with
// the types of maps as newer kernels take them.
std::vector<std::unique_ptr<RecordedCase>> read_cases(const char* path, const Btf* kernel_btf,
                                                      Arena& arena, bool is_for_kernel);

}  // namespace gyre::bpf
