// SPDX-License-Identifier: MIT
//
// What a process's memory looks like: maps, smaps, and the strings it was started with.
#include <algorithm>

#include "kernel/fs/inode.h"
#include "kernel/fs/procfs/process_files.h"
#include "kernel/linux/task.h"
#include "kernel/schedule/thread.h"

namespace gyre::procfs::process_files {
namespace {

constexpr size_t kNameColumn = 73;  // as Linux pads
constexpr size_t kMostPathBytes = 4096;

void map_line(TextBuilder& out, const AddressSpace::MappingView& view) {
    const size_t start = out.length();
    MappingSource::Description description;
    if (view.source) description = view.source->describe();
    const auto flag = [&](Protection protection, char letter) {
        return allows(view.protection, protection) ? letter : '-';
    };
    out.format("{08x}-{08x} {}{}{}{} {08x} {02x}:{02x} {} ", view.start.value, view.end.value,
               flag(Protection::Read, 'r'), flag(Protection::Write, 'w'),
               flag(Protection::Execute, 'x'), view.is_shared ? 's' : 'p', view.offset,
               device_major(description.device), device_minor(description.device),
               description.inode);
    const char* fixed_name = view.fixed_name ? view.fixed_name : description.fixed_name;
    if (fixed_name || view.source) out.pad_to(start, kNameColumn);
    if (fixed_name) {
        out.text(fixed_name);
    } else if (view.source) {
        const size_t before = out.length();
        const std::span<char> room = out.extend(kMostPathBytes);
        out.shrink_to(before + (room.empty() ? 0 : view.source->path(room)));
    }
    out.character('\n');
}

void detail_lines(TextBuilder& out, const AddressSpace::MappingView& view) {
    constexpr uint64_t kPageKib = kPageSize / 1024;
    const uint64_t resident = view.resident_pages * kPageKib;
    const bool is_private = !view.is_shared;
    out.format("Size:           {8} kB\nKernelPageSize: {8} kB\nMMUPageSize:    {8} kB\n",
               (view.end - view.start) / 1024, kPageKib, kPageKib);
    out.format("Rss:            {8} kB\nPss:            {8} kB\n", resident, resident);
    out.format(
        "Shared_Clean:   {8} kB\nShared_Dirty:   {8} kB\nPrivate_Clean:  {8} kB\nPrivate_Dirty:  "
        "{8} kB\n",
        0, is_private ? 0 : resident, 0, is_private ? resident : 0);
    out.format("Anonymous:      {8} kB\nSwap:           {8} kB\nLocked:         {8} kB\n",
               view.source ? 0 : resident, 0, view.is_locked ? resident : 0);
}

Status write_maps(TextBuilder& out, const Subject& subject, bool is_detailed) {
    const Ref<linux::Task> task = TRY(subject.task());
    const Ref<AddressSpace> space = task->process().address_space_reference();
    TRY_VOID(check_inspect(*task));  // afterwards: an exec changes the rights first
    if (!space) return {};
    for (VirtualAddress at{}; const auto view = space->next_mapping(at); at = view->end) {
        map_line(out, *view);
        if (is_detailed) detail_lines(out, *view);
        TRY_VOID(out.status());
        Thread::preemption_point();
    }
    return {};
}

// Pages that are gone from the program's memory end the text.
Status write_strings(TextBuilder& out, AddressSpace& space, VirtualAddress from,
                     VirtualAddress to) {
    while (from < to) {
        const size_t wanted = std::min<uint64_t>(to - from, kPageSize);
        const size_t before = out.length();
        const std::span<char> room = out.extend(wanted);
        if (room.empty()) return out.status();
        const Result<size_t> count = space.read_foreign(from, std::as_writable_bytes(room));
        out.shrink_to(before + (count ? *count : 0));
        if (!count || *count < wanted) break;
        from = from + wanted;
    }
    return {};
}

}  // namespace

Status maps(TextBuilder& out, const Subject& subject) {
    return write_maps(out, subject, false);
}
Status detailed_maps(TextBuilder& out, const Subject& subject) {
    return write_maps(out, subject, true);
}

Status command_line(TextBuilder& out, const Subject& subject) {
    const Ref<linux::Task> task = TRY(subject.task());
    const Ref<AddressSpace> space = task->process().address_space_reference();
    if (!space) return {};
    const AddressSpace::ProgramArea area = space->program_area;
    TRY_VOID(write_strings(out, *space, area.arguments_start, area.arguments_end));
    // A program that wrote over its last terminator (setproctitle) goes on into what was its
    // environment, up to the next one.
    if (out.length() == 0 || out.view().back() == 0) return {};
    const size_t arguments = out.length();
    TRY_VOID(write_strings(out, *space, area.environment_start, area.environment_end));
    const size_t end = out.view().find('\0', arguments);
    if (end != std::string_view::npos) out.shrink_to(end + 1);
    return {};
}

Status environment(TextBuilder& out, const Subject& subject) {
    const Ref<linux::Task> task = TRY(subject.task());
    const Ref<AddressSpace> space = task->process().address_space_reference();
    TRY_VOID(check_inspect(*task));  // afterwards: an exec changes the rights first
    if (!space) return {};
    const AddressSpace::ProgramArea area = space->program_area;
    return write_strings(out, *space, area.environment_start, area.environment_end);
}

}  // namespace gyre::procfs::process_files
