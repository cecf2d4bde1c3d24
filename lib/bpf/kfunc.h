// SPDX-License-Identifier: MIT
//
// Kernel functions (kfuncs): the marks that BTF does not carry, by name.
#pragma once

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
};

// Null if there is no such function. The rows are sorted by name.
const KfuncRow* find_kfunc(std::string_view name);

struct KfuncTraits {
    bool is_iterator_next = false;
    bool takes_callback = false;
    bool may_sleep = false;
};
// A type that holds numbers only; such a structure may be passed as plain memory.
bool is_plain_data(const Btf& btf, u32 type);
KfuncTraits kfunc_traits(const Btf* btf, u32 function_id);

}  // namespace gyre::bpf
