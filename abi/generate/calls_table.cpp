// SPDX-License-Identifier: MIT OR GPL-2.0
//
// See calls_table.h.
#include "abi/generate/calls_table.h"

#include <charconv>
#include <optional>

namespace gyre::abi {
namespace {

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
    return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const size_t end = text.find(separator);
        parts.push_back(trim(text.substr(0, end)));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::vector<std::string_view> words(std::string_view text) {
    std::vector<std::string_view> found;
    for (std::string_view part : split(text, ' '))
        if (!part.empty()) found.push_back(part);
    return found;
}

std::optional<Argument> parse_argument(std::string_view text) {
    std::vector<std::string_view> parts = words(text);
    Argument argument;
    if (parts.size() == 3) {
        if (parts[0] == "in") argument.direction = Direction::In;
        else if (parts[0] == "out") argument.direction = Direction::Out;
        else if (parts[0] == "inout") argument.direction = Direction::InOut;
        else return std::nullopt;
        parts.erase(parts.begin());
    }
    if (parts.size() != 2) return std::nullopt;
    argument.type = parts[0];
    std::string_view name = parts[1];
    if (const size_t open = name.find('['); open != std::string_view::npos) {
        if (name.back() != ']') return std::nullopt;
        argument.count = name.substr(open + 1, name.size() - open - 2);
        name = name.substr(0, open);
    }
    argument.name = name;
    return argument;
}

bool parse_coverage(std::string_view text, Call& call) {
    if (text == "full") {
        call.coverage = Coverage::Full;
    } else if (text == "absent") {
        call.coverage = Coverage::Absent;
    } else if (text.starts_with("partial:")) {
        call.coverage = Coverage::Partial;
        for (std::string_view word : words(text.substr(8))) call.missing.emplace_back(word);
        return !call.missing.empty();
    } else {
        return false;
    }
    return true;
}

std::expected<Call, std::string> parse_line(std::string_view line) {
    const std::vector<std::string_view> columns = split(line, '|');
    if (columns.size() != 5) return std::unexpected("expected 5 columns, found " + std::to_string(columns.size()));
    Call call;
    const auto [end, error] =
        std::from_chars(columns[0].data(), columns[0].data() + columns[0].size(), call.number);
    if (error != std::errc() || end != columns[0].data() + columns[0].size())
        return std::unexpected("not a number: " + std::string(columns[0]));
    call.name = columns[1];
    if (call.name.empty()) return std::unexpected("the name is missing");
    if (!columns[2].empty())
        for (std::string_view text : split(columns[2], ',')) {
            std::optional<Argument> argument = parse_argument(text);
            if (!argument) return std::unexpected("not an argument: " + std::string(text));
            call.arguments.push_back(*std::move(argument));
        }
    if (call.arguments.size() > 6) return std::unexpected("more than six arguments");
    if (!parse_coverage(columns[3], call)) return std::unexpected("not a coverage: " + std::string(columns[3]));
    call.manual = columns[4];
    return call;
}

}  // namespace

std::expected<std::vector<Call>, TableError> parse_calls_table(std::string_view text) {
    std::vector<Call> calls;
    unsigned number = 0;
    while (!text.empty()) {
        const size_t end = text.find('\n');
        const std::string_view line = trim(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        ++number;
        if (line.empty() || line.front() == '#') continue;
        std::expected<Call, std::string> call = parse_line(line);
        if (!call) return std::unexpected(TableError{number, call.error()});
        if (!calls.empty() && call->number <= calls.back().number)
            return std::unexpected(TableError{number, "numbers must grow"});
        calls.push_back(*std::move(call));
    }
    return calls;
}

}  // namespace gyre::abi
