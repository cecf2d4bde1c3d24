// SPDX-License-Identifier: MIT
//
// /proc/gyre/fail_allocation, in the debug kernel only: "N" written makes the N-th allocation from then on of the writing
// thread fail, once; "0" calls that off. Read, it says how many have failed this way. test/hostile/fault_injection.c walks
// the paths of memory running out with it.
#include "kernel/fs/procfs/machine_files.h"
#include "kernel/linux/task.h"
#include "kernel/memory/fault_injection.h"
#include "kernel/memory/memory.h"
#include "kernel/object/credentials.h"

namespace gyre::procfs::machine_files {

Status injected_failures(TextBuilder& out, const Subject&) {
    out.format("{}\n", fault_injection::injected_count());
    return {};
}

Status inject_failure(std::string_view text, const Subject&) {
    if (!linux::Task::current().credentials().has(Capability::SysAdmin)) return fail(Error::NotPermitted);
    constexpr size_t kMostDigits = 9;
    uint64_t nth = 0;
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    if (text.empty() || text.size() > kMostDigits) return fail(Error::InvalidArgument);
    for (const char c : text) {
        if (c < '0' || c > '9') return fail(Error::InvalidArgument);
        nth = nth * 10 + static_cast<uint64_t>(c - '0');
    }
    if (nth == 0) memory::cancel_fail_allocation();
    else memory::fail_allocation(nth);
    return {};
}

}  // namespace gyre::procfs::machine_files
