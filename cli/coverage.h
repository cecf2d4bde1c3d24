// SPDX-License-Identifier: MIT
//
// What of Linux's system calls works, from abi/calls.tbl; and what a program whose strace log is given
// would miss. Pure: texts in, findings out.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "abi/generate/calls_table.h"

namespace gyre::cli {

struct TracedCall {
    std::string name;
    std::string arguments;  // as strace shows them
};

// The calls of an strace log (strace -f, -t, -r, [pid N] prefixes; unfinished lines count once).
std::vector<TracedCall> parse_trace(std::string_view log);

struct Finding {
    enum class Kind { Absent, Unknown, Partial } kind;
    std::string name;
    std::string detail;  // Partial: the flag or case that the program uses
    size_t count = 0;
    std::string example;  // the first such call
};

// What the program would miss, the most frequent first. Empty: nothing.
std::vector<Finding> compare_trace(const std::vector<TracedCall>& trace, const std::vector<abi::Call>& table);

}  // namespace gyre::cli
