// SPDX-License-Identifier: MIT OR GPL-2.0
//
// Reads abi/calls.tbl: the host-side parser shared by the generator (generate_calls.cpp) and the CLI's coverage report.
// The format is explained at the head of the table itself.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::abi {

enum class Direction { Value, In, Out, InOut };

struct Argument {
    Direction direction = Direction::Value;
    std::string type;    // "int", "path", "Stat", "bytes", ...
    std::string name;
    std::string count;   // the argument or number that says how many; empty for one
    bool is_pointer() const { return direction != Direction::Value || type == "path" || type == "string"; }
};

enum class Coverage { Full, Partial, Absent };

struct Call {
    unsigned number = 0;
    std::string name;
    std::vector<Argument> arguments;
    Coverage coverage = Coverage::Absent;
    std::vector<std::string> missing;  // for Partial: the flags or cases that do not work
    std::string manual;                // "open", or "mq_open.3" for another section
};

struct TableError {
    unsigned line = 0;
    std::string message;
};

// Calls in the order of the table, which is checked to be that of the numbers.
std::expected<std::vector<Call>, TableError> parse_calls_table(std::string_view text);

}  // namespace gyre::abi
