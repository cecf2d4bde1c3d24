// SPDX-License-Identifier: MIT
//
// /proc/gyre/accounting: what is in use at this moment, a name and a number a line. The leak tests
// compare two of them.
#include "kernel/fs/dentry.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/procfs/machine_files.h"
#include "kernel/linux/task.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/kernel_stack.h"
#include "kernel/memory/page.h"
#include "kernel/object/handle_table.h"
#include "kernel/object/object.h"
#include "kernel/schedule/scheduler.h"

namespace gyre::procfs::machine_files {
namespace {

// Open descriptors of all processes (a table that two share counts for each).
uint64_t descriptor_count() {
    uint64_t count = 0;
    linux::Pid next = 0;
    while (const Ref<linux::Process> process = linux::PidNamespace::initial().next_process(next)) {
        next = process->pid() + 1;
        const Ref<linux::Task> leader = process->leader();
        if (const Ref<FileTable> files = leader ? leader->files_reference() : Ref<FileTable>())
            count += files->slots().count();
    }
    return count;
}

}  // namespace

Status accounting(TextBuilder& out, const Subject&) {
    const page_allocator::Statistics memory = page_allocator::statistics();
    uint64_t objects = 0;
    for (uint8_t kind = 0; kind <= static_cast<uint8_t>(ObjectKind::File); ++kind)
        objects += live_object_count(static_cast<ObjectKind>(kind));
    const struct {
        const char* name;
        uint64_t value;
    } lines[] = {
        {"pages_total", memory.total_pages},
        {"pages_used", memory.total_pages - memory.free_pages},
        {"pages_kernel", memory.kernel_pages},
        {"pages_stacks_cached", memory::waiting_stack_pages()},
        {"pages_page_table", memory.page_table_pages},
        {"pages_slab", memory.slab_pages},
        {"pages_vmo", memory.vmo_pages},
        {"heap_bytes", heap::bytes_in_use()},
        {"objects", objects},
        {"files", live_object_count(ObjectKind::File)},
        {"address_spaces", live_object_count(ObjectKind::Vmar)},
        {"vmos", live_object_count(ObjectKind::Vmo)},
        {"handles", descriptor_count() + live_handle_count()},
        {"dentries", DentryCache::count()},
        {"threads", thread_count()},
        {"processes", live_object_count(ObjectKind::Process)},
    };
    for (const auto& line : lines)
        out.format("{} {}\n", line.name, line.value);
    return {};
}

}  // namespace gyre::procfs::machine_files
