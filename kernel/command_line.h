// SPDX-License-Identifier: MIT
//
// The kernel's command line: words of `name` or `name=value`, quoted by " where a value has spaces; the last of a name counts.
// What stands after `--` belongs to init, and so does every parameter that the kernel does not know (Linux's
// admin-guide/kernel-parameters.rst). Names that the kernel asks for are listed in command_line.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gyre::command_line {

void set(std::string_view text);   // kept by reference
std::string_view text();
bool has(std::string_view name);
std::optional<std::string_view> value(std::string_view name);
std::optional<uint64_t> number(std::string_view name);  // decimal or 0x...
// A size as Linux's memparse reads it: decimal, 0x... or octal, with a unit of K, M, G, T, P or E.
std::optional<uint64_t> size(std::string_view name);
// Calls `each` with every value of a name that may stand several times (console=, virtio_mmio.device=).
void for_each(std::string_view name, void (*each)(std::string_view value, void* argument), void* argument);
// Calls `each` with every word before `--` that is no parameter of the kernel's and none of a part of it
// (`part.parameter`). Words without a value that stand before init= or rdinit= are left out: loaders put them there.
using EachUnknown = void (*)(std::string_view name, std::optional<std::string_view> value, void* argument);
void for_each_unknown(EachUnknown each, void* argument);
// The text after `--`, empty when there is none.
std::string_view init_arguments();

}  // namespace gyre::command_line
