// SPDX-License-Identifier: MIT
//
// What a call of a kernel function has learned from its arguments.
#pragma once

#include <string_view>

#include "lib/bpf/kfunc.h"
#include "lib/bpf/state.h"

namespace gyre::bpf {

struct KfuncCall {
    std::string_view name;
    u32 prototype = 0;
    const KfuncRow* row = nullptr;
    u64 constant = 0;
    bool has_constant = false;
    bool result_uses_constant = false;
    u32 ref = 0;
    u32 released_ref = 0;
    bool is_done = false;          // the special part has released what there was
    bool result_is_set = false;
    bool is_never_null = false;    // whatever the function is marked with
    Reg result;
    u32 iterator_frame = 0;        // where an iterator lies
    u32 iterator_slot = 0;
    u32 iterator_slots = 0;
    bool is_rcu_iterator = false;
    Reg dynptr;
    bool has_dynptr = false;
    const SpecialField* field = nullptr;  // of a list or tree
    Reg queue;                     // the map's value that holds the work queue or task work
    Reg object;                    // the allocated object among the arguments
    Reg node;
    u32 callback = 0;
};

}  // namespace gyre::bpf
