// SPDX-License-Identifier: MIT
//
// Kernel functions (kfuncs): the marks that BTF does not carry, by name.
#pragma once

#include <span>
#include <string_view>

#include "lib/bpf/environment.h"

namespace gyre::bpf {

enum KfuncFlag : u16 {
    kAcquire = 1, kReleaseRef = 2, kReturnsNull = 4, kTrustedArguments = 8, kSleepable = 16,
    kDestructive = 32, kRcuArguments = 64, kIteratorNew = 128, kIteratorNext = 256,
    kIteratorDestroy = 512, kRcuProtected = 1024,
};

struct KfuncRow {
    const char* name;
    u16 flags;
    u64 program_types;  // a bit for each ProgramType
    u16 since = 0;      // the first Linux for which the row holds; 0: all that are known here
};

struct KfuncMatch {
    const KfuncRow* row = nullptr;  // null: the kernel of that version has no such function
    u16 next_since = 0;             // the next version that offers more; 0: none
};

// The rows are sorted by name, then by version.
std::span<const KfuncRow> kfunc_rows();
KfuncMatch find_kfunc(std::string_view name, u16 version);
// The bits of KfuncRow::program_types that serve a program of this type.
u64 kfunc_types(ProgramType type, u16 version);

struct KfuncTraits {
    bool is_iterator_next = false;
    bool takes_callback = false;
    bool may_sleep = false;
    bool changes_packets = false;
    bool throws = false;
};
// A type that holds numbers only; such a structure may be passed as plain memory.
bool is_plain_data(const Btf& btf, u32 type);
KfuncTraits kfunc_traits(const Btf* btf, u32 function_id, u16 version);

}  // namespace gyre::bpf
