// SPDX-License-Identifier: MIT
//
// A small formatter for places without <format>: "{}" prints the next argument, "{x}" in hexadecimal, "{016x}" with that
// many digits. It never allocates and never fails: what does not fit is cut.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace gyre {

class FormatArgument {
public:
    enum class Kind : uint8_t { None, Signed, Unsigned, Text, Character, Boolean };
    constexpr FormatArgument() = default;
    constexpr FormatArgument(std::string_view text) : kind_(Kind::Text), text_(text) {}
    constexpr FormatArgument(const char* text) : kind_(Kind::Text), text_(text ? text : "(null)") {}
    constexpr FormatArgument(char c) : kind_(Kind::Character), number_(static_cast<unsigned char>(c)) {}
    constexpr FormatArgument(bool b) : kind_(Kind::Boolean), number_(b) {}
    template <std::signed_integral T>
    constexpr FormatArgument(T value) : kind_(Kind::Signed), number_(static_cast<uint64_t>(int64_t{value})) {}
    template <std::unsigned_integral T>
    constexpr FormatArgument(T value) : kind_(Kind::Unsigned), number_(value) {}
    template <class T>
        requires std::is_enum_v<T>
    constexpr FormatArgument(T value) : FormatArgument(static_cast<std::underlying_type_t<T>>(value)) {}
    FormatArgument(const void* pointer) : kind_(Kind::Unsigned), number_(reinterpret_cast<uintptr_t>(pointer)) {}

    constexpr Kind kind() const { return kind_; }
    constexpr uint64_t number() const { return number_; }
    constexpr std::string_view text() const { return text_; }

private:
    Kind kind_ = Kind::None;
    uint64_t number_ = 0;
    std::string_view text_{};
};

// Returns how many characters were written, at most the size of `to`; no zero is added.
size_t format_list(std::span<char> to, std::string_view format, std::span<const FormatArgument> arguments);

template <class... Arguments>
size_t format_to(std::span<char> to, std::string_view format, const Arguments&... arguments) {
    const FormatArgument list[sizeof...(arguments) + 1] = {FormatArgument(arguments)..., FormatArgument()};
    return format_list(to, format, std::span(list, sizeof...(arguments)));
}

}  // namespace gyre
