// SPDX-License-Identifier: MIT
#include "kernel/linux/init_parameters.h"

#include <algorithm>

#include "boot/boot_info.h"
#include "kernel/command_line.h"
#include "kernel/log/assert.h"
#include "kernel/log/log.h"
#include "kernel/log/panic.h"

namespace gyre::linux {

InitParameters::InitParameters() {
    static_assert(kMostText >= 2 * BootInfo::kMaxCommandLine);
    command_line::for_each_unknown(
        [](std::string_view name, std::optional<std::string_view> value, void* self) {
            static_cast<InitParameters*>(self)->add_unknown(name, value ? &*value : nullptr);
        },
        this);
    warn();
    std::string_view rest = command_line::init_arguments();
    while (!rest.empty()) {
        const size_t length = std::min(rest.find(' '), rest.size());
        if (length > 0) add_argument(rest.substr(0, length));
        rest.remove_prefix(std::min(length + 1, rest.size()));
    }
}

void InitParameters::add_unknown(std::string_view name, const std::string_view* value) {
    if (!value) return add_argument(name);
    // Without the quotes that may stand around the value.
    const size_t length = name.size() + 1 + value->size();
    KREQUIRE(length <= kMostText - text_length_);
    char* const start = text_.data() + text_length_;
    *std::ranges::copy(name, start).out = '=';
    std::ranges::copy(*value, start + name.size() + 1);
    text_length_ += length;
    set_variable({start, length}, name.size());
}

void InitParameters::add_argument(std::string_view text) {
    if (argument_count_ == kMost) panic("Too many boot init vars at `{}'", text);
    arguments_[argument_count_++] = text;
}

// The last of a name counts, at the first one's place.
void InitParameters::set_variable(std::string_view text, size_t name_length) {
    const std::string_view name = text.substr(0, name_length + 1);  // with the =
    const auto end = environment_.begin() + variable_count_;
    const auto found = std::find_if(environment_.begin(), end, [&](std::string_view variable) { return variable.starts_with(name); });
    if (found == end) {
        if (variable_count_ == environment_.size()) panic("Too many boot env vars at `{}'", text);
        ++variable_count_;
    }
    *found = text;
}

void InitParameters::warn() const {
    if (argument_count_ == 0 && variable_count_ == kOwnVariables) return;
    log(LogLevel::Notice, "Unknown kernel command line parameters, which are passed to user space:");
    for (const std::string_view argument : arguments()) log(LogLevel::Notice, "  {}", argument);
    for (const std::string_view variable : environment().subspan(kOwnVariables)) log(LogLevel::Notice, "  {}", variable);
}

}  // namespace gyre::linux
