// SPDX-License-Identifier: MIT
//
// The kernel structures whose functions BPF programs may be (struct_ops): what each lets a program be
// attached to, which members may sleep, what of the kernel's objects may be written, which helpers
// there are. Linux has a check_member, btf_struct_access and get_func_proto for each; here it is data.
#pragma once

#include "lib/bpf/environment.h"

namespace gyre::bpf::linux_tables {

struct WritableMember {
    const char* structure;  // the kernel's
    const char* member;     // "a.b" is a member of a member; "" is all of it
    const char* view = nullptr;         // of the bytes there only those that
    const char* view_member = nullptr;  // ... a structure of this name has for this member
};

struct StructOpsRules {
    const char* name = "";
    bool all_may_sleep = false;
    std::span<const char* const> may_sleep;
    std::span<const char* const> unsupported;
    std::span<const WritableMember> writable;
    const HelperSet* helpers = nullptr;
    bool sockets_are_tcp = false;  // every struct sock that is passed is a struct tcp_sock
};

const StructOpsRules* find_struct_ops(std::string_view structure);

// May `size` bytes at `offset` of the kernel's `type` be written under these rules?
bool may_write(const StructOpsRules& rules, const Btf& kernel, u32 type, u32 offset, u32 size);

// Some kernel functions are for some members only. `member` is that of the program.
bool may_call(std::string_view structure, std::string_view member, std::string_view function);

// The structure as which an argument is shown that programs may hand on only; null: it is what it is.
const char* argument_handle(std::string_view structure, std::string_view member, u32 index);

// Hooks of the Linux security modules that no program may take, that may sleep, and whose arguments
// are not to be trusted because the object is being made or freed.
bool is_disabled_lsm_hook(std::string_view function);
bool is_sleepable_lsm_hook(std::string_view function);
bool is_untrusted_lsm_hook(std::string_view function);

}  // namespace gyre::bpf::linux_tables
