// SPDX-License-Identifier: MIT
#include "kernel/command_line.h"

namespace gyre::command_line {
namespace {

constinit std::string_view g_text;

// The next word from `at` on, without quotes around its value; empty at the end.
std::string_view next_word(size_t& at) {
    while (at < g_text.size() && (g_text[at] == ' ' || g_text[at] == '\n' || g_text[at] == '\t')) ++at;
    const size_t start = at;
    bool is_quoted = false;
    while (at < g_text.size() && (is_quoted || (g_text[at] != ' ' && g_text[at] != '\n' && g_text[at] != '\t'))) {
        if (g_text[at] == '"') is_quoted = !is_quoted;
        ++at;
    }
    return g_text.substr(start, at - start);
}

std::string_view without_quotes(std::string_view value) {
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') return value.substr(1, value.size() - 2);
    return value;
}

}  // namespace

void set(std::string_view text) { g_text = text; }
std::string_view text() { return g_text; }

void for_each(std::string_view name, void (*each)(std::string_view value, void* argument), void* argument) {
    size_t at = 0;
    for (std::string_view word = next_word(at); !word.empty() && word != "--"; word = next_word(at)) {
        if (!word.starts_with(name)) continue;
        const std::string_view rest = word.substr(name.size());
        if (rest.empty()) each({}, argument);
        else if (rest.front() == '=') each(without_quotes(rest.substr(1)), argument);
    }
}

std::optional<std::string_view> value(std::string_view name) {
    std::optional<std::string_view> found;
    for_each(name, [](std::string_view text, void* to) { *static_cast<std::optional<std::string_view>*>(to) = text; }, &found);
    return found;
}

bool has(std::string_view name) { return value(name).has_value(); }

std::optional<uint64_t> number(std::string_view name) {
    const auto text = value(name);
    if (!text || text->empty()) return std::nullopt;
    const bool is_hexadecimal = text->starts_with("0x");
    uint64_t result = 0;
    for (char c : text->substr(is_hexadecimal ? 2 : 0)) {
        const unsigned digit = c >= '0' && c <= '9'   ? unsigned(c - '0')
                               : c >= 'a' && c <= 'f' ? unsigned(c - 'a' + 10)
                                                      : 99;
        if (digit >= (is_hexadecimal ? 16u : 10u)) return std::nullopt;
        result = result * (is_hexadecimal ? 16 : 10) + digit;
    }
    return result;
}

std::string_view init_arguments() {
    size_t at = 0;
    for (std::string_view word = next_word(at); !word.empty(); word = next_word(at))
        if (word == "--") return at < g_text.size() ? g_text.substr(at + 1) : std::string_view{};
    return {};
}

}  // namespace gyre::command_line
