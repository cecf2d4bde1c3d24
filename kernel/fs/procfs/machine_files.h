// SPDX-License-Identifier: MIT
//
// The makers of the machine's own files; each is named for its file where that is a word.
#pragma once

#include "kernel/fs/procfs/entry.h"

namespace gyre::procfs::machine_files {

// machine_memory.cpp
Status memory_info(TextBuilder& out, const Subject&);
Status vm_statistics(TextBuilder& out, const Subject&);
// machine_cpu.cpp
Status cpu_info(TextBuilder& out, const Subject&);
Status interrupts(TextBuilder& out, const Subject&);
Status stat(TextBuilder& out, const Subject&);
Status uptime(TextBuilder& out, const Subject&);
Status load_average(TextBuilder& out, const Subject&);
// machine_small.cpp
Status version(TextBuilder& out, const Subject&);
Status filesystems(TextBuilder& out, const Subject&);
Status command_line(TextBuilder& out, const Subject&);
Status devices(TextBuilder& out, const Subject&);
Status swaps(TextBuilder& out, const Subject&);
Status nothing(TextBuilder& out, const Subject&);        // a table without rows
Status partitions(TextBuilder& out, const Subject&);
Status cgroups(TextBuilder& out, const Subject&);
// accounting.cpp
Status accounting(TextBuilder& out, const Subject&);
// fault_injection_file.cpp
Status injected_failures(TextBuilder& out, const Subject&);
Status inject_failure(std::string_view text, const Subject&);
// kernel_log_file.cpp
Result<Ref<File>> open_kernel_log(const Path& path, uint32_t flags, const Subject&);

}  // namespace gyre::procfs::machine_files
