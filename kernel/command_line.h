// SPDX-License-Identifier: MIT
//
// The kernel's command line: words of `name` or `name=value`, quoted by " where a value has spaces; the last of a name counts.
// What stands after `--` belongs to init.
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
// Calls `each` with every value of a name that may stand several times (console=, virtio_mmio.device=).
void for_each(std::string_view name, void (*each)(std::string_view value, void* argument), void* argument);
// The text after `--`, empty when there is none.
std::string_view init_arguments();

}  // namespace gyre::command_line
