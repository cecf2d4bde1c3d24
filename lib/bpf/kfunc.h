// SPDX-License-Identifier: MIT
//
// Kernel functions (kfuncs): what the verifier knows of them by name, where BTF does not say it.
#pragma once

#include "lib/bpf/btf.h"

namespace gyre::bpf {

struct KfuncTraits {
    bool is_known = false;
    bool is_iterator_new = false;
    bool is_iterator_next = false;
    bool is_iterator_destroy = false;
    bool takes_callback = false;
    bool acquires = false;
    bool releases = false;
    bool may_return_null = false;
    bool needs_trusted = false;
    bool needs_rcu = false;
    bool may_sleep = false;
    bool is_destructive = false;
    bool is_rcu_protected = false;
};

KfuncTraits kfunc_traits(const Btf* btf, u32 function_id);

}  // namespace gyre::bpf
