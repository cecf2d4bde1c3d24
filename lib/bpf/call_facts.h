// SPDX-License-Identifier: MIT
//
// What is known of a call's arguments, and how memory is accessed.
#pragma once

#include "lib/bpf/environment.h"
#include "lib/bpf/state.h"

namespace gyre::bpf {

// In place of a value's register: the value is a constant. Any other negative number: unknown.
inline constexpr int kConstant = -2;

enum class Access : u8 { Read, Write };

// What a call has learned from its arguments.
struct CallFacts {
    const HelperPrototype* helper = nullptr;
    const Map* map = nullptr;
    u32 map_lookup = 0;             // of an inner map: which lookup it came from
    bool may_read_packets = false;
    bool is_raw_memory = false;     // the callee fills it: need not be initialized
    u32 released_ref = 0;
    int released_register = -1;
    u32 ref = 0;
    u64 constant_size = 0;
    bool has_constant_size = false;
    u32 allocation_size = 0;
    u32 callback_subprogram = 0;
    u32 result_type_id = 0;
    bool result_is_program_type = false;
    DynptrKind dynptr = DynptrKind::Invalid;
    u32 dynptr_id = 0;
    u32 dynptr_ref = 0;
    const SpecialField* field = nullptr;
    u64 constant_key = ~u64{0};
    bool has_constant_key = false;
};

enum class GlobalArgumentKind : u8 {
    Number, Context, Memory, Dynptr, Object, Arena, Unsupported,
};
struct GlobalArgument {
    GlobalArgumentKind kind = GlobalArgumentKind::Unsupported;
    bool may_be_null = false;
    u32 size = 0;  // of memory; of an object its type
};

}  // namespace gyre::bpf
