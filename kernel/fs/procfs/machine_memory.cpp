// SPDX-License-Identifier: MIT
//
// /proc/meminfo and vmstat. There is no swap and no disk, so pages of files cannot be given back:
// Cached counts what files, shared memory and private copies hold together with what programs have
// (all Vmo pages) less what is private.
#include "kernel/fs/procfs/machine_files.h"
#include "kernel/linux/process.h"
#include "kernel/linux/task.h"
#include "kernel/memory/page.h"
#include "kernel/schedule/scheduler.h"
#include "kernel/schedule/thread.h"

namespace gyre::procfs::machine_files {
namespace {

// What processes have resident less what of it they share with files.
uint64_t anonymous_pages() {
    uint64_t pages = 0;
    linux::Pid next = 0;
    while (const Ref<linux::Process> process = linux::PidNamespace::initial().next_process(next)) {
        next = process->pid() + 1;
        if (const Ref<AddressSpace> space = process->address_space_reference()) {
            const AddressSpace::Usage usage = space->usage();
            pages += usage.resident_pages - std::min(usage.resident_pages, usage.shared_pages);
        }
        Thread::preemption_point();
    }
    return pages;
}

}  // namespace

Status memory_info(TextBuilder& out, const Subject&) {
    const page_allocator::Statistics memory = page_allocator::statistics();
    const uint64_t anonymous = std::min(anonymous_pages(), memory.vmo_pages);
    const uint64_t cached = memory.vmo_pages - anonymous;
    const uint64_t stacks = uint64_t{thread_count()} * (Thread::kKernelStackSize / kPageSize);
    const struct {
        const char* name;
        uint64_t pages;
    } lines[] = {
        {"MemTotal:", memory.total_pages},
        {"MemFree:", memory.free_pages},
        {"MemAvailable:", memory.free_pages},
        {"Buffers:", 0},
        {"Cached:", cached},
        {"SwapCached:", 0},
        {"Active:", memory.vmo_pages},
        {"Inactive:", 0},
        {"SwapTotal:", 0},
        {"SwapFree:", 0},
        {"Dirty:", 0},
        {"Writeback:", 0},
        {"AnonPages:", anonymous},
        {"Mapped:", cached},
        {"Shmem:", cached},
        {"KReclaimable:", 0},
        {"Slab:", memory.slab_pages},
        {"SReclaimable:", 0},
        {"SUnreclaim:", memory.slab_pages},
        {"KernelStack:", stacks},
        {"PageTables:", memory.page_table_pages},
        {"CommitLimit:", memory.total_pages},
        {"Committed_AS:", memory.vmo_pages},
    };
    for (const auto& line : lines)
        out.format("{16}{8} kB\n", line.name, line.pages * (kPageSize / 1024));
    return {};
}

Status vm_statistics(TextBuilder& out, const Subject&) {
    const page_allocator::Statistics memory = page_allocator::statistics();
    out.format("nr_free_pages {}\nnr_page_table_pages {}\nnr_slab_unreclaimable {}\n",
               memory.free_pages, memory.page_table_pages, memory.slab_pages);
    return {};
}

}  // namespace gyre::procfs::machine_files
