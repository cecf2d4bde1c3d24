// SPDX-License-Identifier: MIT
//
// What of the kernel's command line belongs to process 1 (Linux, admin-guide/kernel-parameters.rst): a parameter that the
// kernel does not know becomes an argument, or with a value a variable; what stands behind `--` becomes arguments.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace gyre::linux {

class InitParameters {
public:
    static constexpr size_t kMost = 32;  // of each kind, as Linux

    // Reads the command line and warns of what it does not know. Panics when there is too much for process 1, as Linux does.
    InitParameters();
    InitParameters(const InitParameters&) = delete;
    InitParameters& operator=(const InitParameters&) = delete;

    std::span<const std::string_view> arguments() const { return {arguments_.data(), argument_count_}; }
    std::span<const std::string_view> environment() const { return {environment_.data(), variable_count_}; }

private:
    static constexpr size_t kMostText = 2 * 2048;  // variables are written anew; nothing grows
    static constexpr size_t kOwnVariables = 2;

    void add_unknown(std::string_view name, const std::string_view* value);
    void add_argument(std::string_view text);
    void set_variable(std::string_view text, size_t name_length);
    void warn() const;

    std::array<std::string_view, kMost> arguments_{};
    std::array<std::string_view, kOwnVariables + kMost> environment_{"HOME=/", "TERM=linux"};
    size_t argument_count_ = 0;
    size_t variable_count_ = kOwnVariables;
    std::array<char, kMostText> text_{};
    size_t text_length_ = 0;
};

}  // namespace gyre::linux
