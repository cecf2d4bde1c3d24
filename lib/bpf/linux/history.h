// SPDX-License-Identifier: MIT
//
// What came with which Linux. A version is major * 100 + minor, as in Target; 0 stands for all
// versions that are known here (6.1 and later). Sources: the uapi headers and verifiers of 6.1 and
// 6.12, the answers of running kernels 6.1, 6.12 and 6.18, and the release notes of those between.
// Left out: how closely a verifier of some version follows numbers.
#pragma once

#include <string_view>

#include "lib/bpf/environment.h"
#include "lib/bpf/isa.h"

namespace gyre::bpf::linux_tables {

inline constexpr u16 kNever = 0xffff;

u16 helper_since(u32 id, ProgramType type);
u16 program_type_since(ProgramType type);
u16 attach_type_since(AttachType attach);
u16 map_type_since(MapType type);
u16 field_since(FieldKind kind);
// What clang's attributes on the arguments of global functions mean, by tag ("arg:nonnull").
u16 argument_tag_since(std::string_view tag);
// kNever: no Linux knows such an instruction. Fields that must be zero are not looked at.
u16 instruction_since(const Insn& insn);
const char* instruction_name(u16 since, const Insn& insn);  // for a refusal: what is new in it

}  // namespace gyre::bpf::linux_tables
