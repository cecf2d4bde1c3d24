// SPDX-License-Identifier: MIT
#include "cli/coverage.h"

#include <algorithm>
#include <cctype>
#include <tuple>

namespace gyre::cli {
namespace {

constexpr size_t kMostExample = 100;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Takes "[pid 12] ", "12 ", "12:30:01.123 " and the like from the beginning.
std::string_view without_prefixes(std::string_view line) {
    for (;;) {
        size_t blanks = line.find_first_not_of(' ');
        if (blanks == std::string_view::npos) return {};
        line.remove_prefix(blanks);
        if (line.starts_with("[pid")) {
            size_t end = line.find(']');
            if (end == std::string_view::npos) return {};
            line.remove_prefix(end + 1);
        } else if (std::isdigit(static_cast<unsigned char>(line[0])) || line[0] == '(' || line[0] == '+') {
            size_t end = line.find(' ');
            if (end == std::string_view::npos) return {};
            line.remove_prefix(end);
        } else {
            return line;
        }
    }
}

// What strace appends to a futex operation with FUTEX_PRIVATE_FLAG, which makes it no other operation.
constexpr std::string_view kPrivateSuffix = "_PRIVATE";

// Whether `text` holds `word` as a whole word.
bool holds_word(std::string_view text, std::string_view word) {
    for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
        bool begins = at == 0 || !is_word(text[at - 1]);
        std::string_view rest = text.substr(at + word.size());
        if (rest.starts_with(kPrivateSuffix)) rest.remove_prefix(kPrivateSuffix.size());
        bool ends = rest.empty() || !is_word(rest[0]);
        if (begins && ends) return true;
    }
    return false;
}

// The names of constants in the table's words: "O_TMPFILE", "FUTEX_LOCK_PI and the like".
std::vector<std::string> constants_in(std::string_view words) {
    std::vector<std::string> constants;
    for (size_t begin = 0; begin < words.size();) {
        if (!is_word(words[begin])) {
            begin++;
            continue;
        }
        size_t end = begin;
        while (end < words.size() && is_word(words[end])) end++;
        std::string word(words.substr(begin, end - begin));
        bool is_constant = word.size() > 3 && word.find('_') != std::string::npos &&
                           std::ranges::none_of(word, [](char c) { return std::islower(static_cast<unsigned char>(c)); });
        if (is_constant) constants.push_back(std::move(word));
        begin = end;
    }
    return constants;
}

}  // namespace

std::vector<TracedCall> parse_trace(std::string_view log) {
    std::vector<TracedCall> calls;
    while (!log.empty()) {
        size_t end = std::min(log.find('\n'), log.size());
        std::string_view line = without_prefixes(log.substr(0, end));
        log.remove_prefix(std::min(end + 1, log.size()));
        size_t name_end = 0;
        while (name_end < line.size() && is_word(line[name_end])) name_end++;
        // "<... read resumed>", "+++ exited", "--- SIGCHLD" begin with no word.
        if (name_end == 0 || name_end >= line.size() || line[name_end] != '(') continue;
        size_t arguments_end = line.rfind(") = ");
        if (arguments_end == std::string_view::npos) arguments_end = line.find(" <unfinished");
        if (arguments_end == std::string_view::npos || arguments_end < name_end) arguments_end = line.size();
        calls.push_back({std::string(line.substr(0, name_end)), std::string(line.substr(name_end + 1, arguments_end - name_end - 1))});
    }
    return calls;
}

std::vector<Finding> compare_trace(const std::vector<TracedCall>& trace, const std::vector<abi::Call>& table) {
    std::map<std::string, const abi::Call*, std::less<>> by_name;
    for (const abi::Call& call : table) by_name[call.name] = &call;
    std::map<std::tuple<Finding::Kind, std::string, std::string>, Finding> findings;
    auto note = [&](Finding::Kind kind, const TracedCall& call, const std::string& detail) {
        Finding& finding = findings[{kind, call.name, detail}];
        if (finding.count++ > 0) return;
        finding.kind = kind;
        finding.name = call.name;
        finding.detail = detail;
        finding.example = call.name + "(" + call.arguments.substr(0, kMostExample) + ")";
    };
    for (const TracedCall& call : trace) {
        auto place = by_name.find(call.name);
        if (place == by_name.end()) {
            note(Finding::Kind::Unknown, call, "");
        } else if (place->second->coverage == abi::Coverage::Absent) {
            note(Finding::Kind::Absent, call, "");
        } else if (place->second->coverage == abi::Coverage::Partial) {
            for (const std::string& words : place->second->missing)
                for (const std::string& constant : constants_in(words))
                    if (holds_word(call.arguments, constant)) note(Finding::Kind::Partial, call, constant);
        }
    }
    std::vector<Finding> list;
    for (auto& [key, finding] : findings) list.push_back(std::move(finding));
    std::ranges::stable_sort(list, std::greater<>(), &Finding::count);
    return list;
}

}  // namespace gyre::cli
