// SPDX-License-Identifier: MIT
//
// CO-RE relocations of an object, put to a kernel's types.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/bpf/btf.h"
#include "lib/bpf/isa.h"

namespace gyre::bpf {

struct CoreRelocation {
    u32 insn = 0;
    u32 type_id = 0;
    std::string_view path;
    u32 kind = 0;
};

// What became of one.
struct CoreOutcome {
    u32 insn = 0;          // of the program
    std::string what;      // "struct file.f_inode", "enum bpf_map_type"
    std::string poisoned;  // why the instruction must not be reached; empty: it may be
    bool is_offset = false;
    u64 before = 0;        // the value in the program's types, if it is one of a member
    u64 after = 0;         // in the kernel's
};

// The kernel's types that go by the names in the relocations: looked up once for all.
class CoreCandidates {
public:
    CoreCandidates(const Btf& local, const Btf& kernel,
                   std::span<const CoreRelocation* const> relocations);

    // Applies a relocation to the instruction (and the next, for a 64-bit immediate). Returns an empty
    // string or what is wrong.
    std::string apply(const CoreRelocation& r, std::span<Insn> insns, u32 at,
                      CoreOutcome& outcome) const;

private:
    const Btf& local_;
    const Btf& kernel_;
    std::unordered_map<std::string_view, std::vector<u32>> ids_;  // by name without flavour
};

}  // namespace gyre::bpf
