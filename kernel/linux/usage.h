// SPDX-License-Identifier: MIT
//
// From our sums of resources to getrusage(2)'s.
#pragma once

#include "kernel/linux/abi_process.h"
#include "kernel/linux/process.h"

namespace gyre::linux {

constexpr abi::Timeval to_timeval(int64_t ns) { return {ns / 1'000'000'000, ns % 1'000'000'000 / 1000}; }
constexpr int64_t to_ticks(int64_t ns) { return ns / 10'000'000; }  // of 10 ms (USER_HZ)

constexpr abi::Rusage to_rusage(const UsageTotals& totals) {
    abi::Rusage usage{};
    usage.user = to_timeval(totals.user_ns);
    usage.system = to_timeval(totals.system_ns);
    usage.most_resident_kib = static_cast<int64_t>(totals.most_resident_pages * (kPageSize / 1024));
    usage.minor_faults = static_cast<int64_t>(totals.minor_faults);
    usage.major_faults = static_cast<int64_t>(totals.major_faults);
    usage.voluntary_switches = static_cast<int64_t>(totals.voluntary_switches);
    usage.involuntary_switches = static_cast<int64_t>(totals.involuntary_switches);
    return usage;
}

}  // namespace gyre::linux
