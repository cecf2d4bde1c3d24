// SPDX-License-Identifier: MIT
//
// The kernel's functions as places for programs: which may be traced, whose return may be modified, at
// which a program may sleep. Linux keeps these as lists in its code (btf_id_deny, noreturn_deny,
// ALLOW_ERROR_INJECTION, the sets that are registered for fmod_ret), which its types do not show.
#pragma once

#include "lib/bpf/environment.h"

namespace gyre::bpf::linux_tables {

// No program of type Tracing is called there: it would come back to itself.
bool is_untraceable(std::string_view function);
// Nothing comes after them.
bool never_returns(std::string_view function);
// Whether errors may be injected is the kernel's own list if `facts` has it, else what all kernels list.
bool may_modify_return(std::string_view function, const KernelFacts& facts);
bool may_sleep_at(std::string_view function, const KernelFacts& facts);
// False if the symbols of the kernel are known and this is none.
bool has_symbol(const KernelFacts& facts, std::string_view name);

}  // namespace gyre::bpf::linux_tables
