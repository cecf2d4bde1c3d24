// SPDX-License-Identifier: MIT
#include "kernel/command_line.h"

#include <algorithm>

#include "kernel/log/assert.h"

namespace gyre::command_line {
namespace {

// What the kernel asks for (names with a dot belong to one of its parts and never to init), and what is said to it without need:
// its place in memory is not drawn by lot.
constexpr std::string_view kKnown[] = {"console", "debug", "init",    "loglevel", "maxcpus", "mem",
                                       "nokaslr", "nosmp", "nr_cpus", "panic",    "quiet",   "rdinit"};

bool is_known(std::string_view name) {
    return name.find('.') != std::string_view::npos || std::ranges::find(kKnown, name) != std::end(kKnown);
}

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
    KASSERT(is_known(name));
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

std::optional<uint64_t> size(std::string_view name) {
    const auto text = value(name);
    if (!text || text->empty()) return std::nullopt;
    std::string_view digits = *text;
    constexpr std::string_view kUnits = "KMGTPE";
    const char last = digits.back() >= 'a' ? static_cast<char>(digits.back() - 'a' + 'A') : digits.back();
    const bool is_hexadecimal = digits.starts_with("0x") || digits.starts_with("0X");
    // In 0x...E the E is a digit, as for Linux.
    const size_t unit = is_hexadecimal && last == 'E' ? std::string_view::npos : kUnits.find(last);
    if (unit != std::string_view::npos) digits.remove_suffix(1);
    const unsigned base = is_hexadecimal ? 16 : digits.starts_with("0") ? 8 : 10;
    if (is_hexadecimal) digits.remove_prefix(2);
    if (digits.empty()) return std::nullopt;
    uint64_t result = 0;
    for (char c : digits) {
        const unsigned digit = c >= '0' && c <= '9'   ? unsigned(c - '0')
                               : c >= 'a' && c <= 'f' ? unsigned(c - 'a' + 10)
                               : c >= 'A' && c <= 'F' ? unsigned(c - 'A' + 10)
                                                      : 99;
        if (digit >= base || __builtin_mul_overflow(result, base, &result) || __builtin_add_overflow(result, digit, &result))
            return std::nullopt;
    }
    if (unit != std::string_view::npos && __builtin_mul_overflow(result, uint64_t{1} << (10 * (unit + 1)), &result)) return std::nullopt;
    return result;
}

void for_each_unknown(EachUnknown each, void* argument) {
    size_t counted_from = 0;
    size_t at = 0;
    for (std::string_view word = next_word(at); !word.empty() && word != "--"; word = next_word(at))
        if (word.starts_with("init=") || word.starts_with("rdinit=")) counted_from = at;
    at = 0;
    for (std::string_view word = next_word(at); !word.empty() && word != "--"; word = next_word(at)) {
        word = without_quotes(word);
        const size_t equals = word.find('=');
        const std::string_view name = word.substr(0, equals);
        if (is_known(name)) continue;
        if (equals != std::string_view::npos) each(name, without_quotes(word.substr(equals + 1)), argument);
        else if (at >= counted_from) each(name, std::nullopt, argument);
    }
}

std::string_view init_arguments() {
    size_t at = 0;
    for (std::string_view word = next_word(at); !word.empty(); word = next_word(at))
        if (word == "--") return at < g_text.size() ? g_text.substr(at + 1) : std::string_view{};
    return {};
}

}  // namespace gyre::command_line
