// SPDX-License-Identifier: MIT
//
// Files of a process that debuggers and monitors read: auxv, personality, schedstat, timerslack_ns, children, smaps_rollup.
// Left out: syscall and stack (they need the thread stopped), io (nobody counts the bytes).
#include <algorithm>

#include "kernel/fs/procfs/process_files.h"
#include "kernel/linux/process_tree.h"
#include "kernel/schedule/thread.h"

namespace gyre::procfs::process_files {
namespace {

constexpr size_t kMostStackWords = 1 << 20;   // what arguments and environment may have, and more
constexpr size_t kMostAuxEntries = 64;

// Words of another program's memory, one after the other. Errors: BadAddress.
class Words {
public:
    Words(AddressSpace& space, VirtualAddress from) : space_(space), at_(from) {}
    Result<uint64_t> next() {
        uint64_t word = 0;
        const size_t count = TRY(space_.read_foreign(at_, std::as_writable_bytes(std::span(&word, 1))));
        if (count != sizeof(word)) return fail(Error::BadAddress);
        at_ = at_ + sizeof(word);
        return word;
    }
    void skip(uint64_t count) { at_ = at_ + count * sizeof(uint64_t); }

private:
    AddressSpace& space_;
    VirtualAddress at_;
};

}  // namespace

// It stands above the environment's pointers on the first stack (System V ABI for x86-64, 3.4.1). A program that wrote over it
// there shows what it wrote.
Status auxiliary_vector(TextBuilder& out, const Subject& subject) {
    const Ref<linux::Task> task = TRY(subject.task());
    TRY_VOID(check_inspect(*task));
    const Ref<AddressSpace> space = task->process().address_space_reference();
    if (!space || space->program_area.stack_start.value == 0) return {};
    Words words(*space, space->program_area.stack_start);
    const uint64_t argument_count = TRY(words.next());
    if (argument_count > kMostStackWords) return {};
    words.skip(argument_count + 1);
    for (size_t i = 0; TRY(words.next()) != 0; ++i)
        if (i == kMostStackWords) return {};
    for (size_t i = 0; i < kMostAuxEntries; ++i) {
        const uint64_t entry[2] = {TRY(words.next()), TRY(words.next())};
        out.text({reinterpret_cast<const char*>(entry), sizeof(entry)});
        if (entry[0] == 0) break;
    }
    return {};
}

Status personality(TextBuilder& out, const Subject& subject) {
    const Ref<linux::Task> task = TRY(subject.task());
    TRY_VOID(check_inspect(*task));
    out.format("{08x}\n", task->personality);
    return {};
}

// Time on a CPU, time spent waiting for one (not counted: 0), and how often it ran.
Status schedule_statistics(TextBuilder& out, const Subject& subject) {
    const Ref<linux::Task> task = TRY(subject.task());
    const Thread& thread = task->thread();
    out.format("{} 0 {}\n", thread.cpu_time_ns(), thread.voluntary_switches() + thread.involuntary_switches());
    return {};
}

Status timer_slack(TextBuilder& out, const Subject& subject) {
    const Ref<linux::Task> task = TRY(subject.task());
    TRY_VOID(check_inspect(*task));
    out.format("{}\n", task->timer_slack_ns);
    return {};
}

// Children belong to the process here, so all are shown with its leader (proc(5) shows each with the task that forked it).
Status children(TextBuilder& out, const Subject& subject) {
    const Ref<linux::Task> task = TRY(subject.task());
    if (!task->is_leader()) return {};
    linux::Pid next = 0;
    while (const Ref<linux::Process> process = linux::PidNamespace::initial().next_process(next)) {
        next = process->pid() + 1;
        if (process->parent_pid() == task->process().pid()) out.format("{} ", process->pid());
        Thread::preemption_point();
    }
    return {};
}

Status summed_maps(TextBuilder& out, const Subject& subject) {
    const Ref<linux::Task> task = TRY(subject.task());
    TRY_VOID(check_inspect(*task));
    const Ref<AddressSpace> space = task->process().address_space_reference();
    if (!space) return {};
    uint64_t resident = 0, anonymous = 0, shared = 0, locked = 0, first = 0, last = 0;
    for (VirtualAddress at{}; const auto view = space->next_mapping(at); at = view->end) {
        if (last == 0) first = view->start.value;
        last = view->end.value;
        resident += view->resident_pages;
        if (view->is_shared) shared += view->resident_pages;
        if (!view->source) anonymous += view->resident_pages;
        if (view->is_locked) locked += view->resident_pages;
        Thread::preemption_point();
    }
    constexpr uint64_t kPageKib = kPageSize / 1024;
    out.format("{08x}-{08x} ---p 00000000 00:00 0                          [rollup]\n", first, last);
    out.format("Rss:            {8} kB\nPss:            {8} kB\n", resident * kPageKib, resident * kPageKib);
    out.format("Shared_Clean:   {8} kB\nShared_Dirty:   {8} kB\nPrivate_Clean:  {8} kB\nPrivate_Dirty:  {8} kB\n", 0,
               shared * kPageKib, 0, (resident - shared) * kPageKib);
    out.format("Anonymous:      {8} kB\nSwap:           {8} kB\nLocked:         {8} kB\n", anonymous * kPageKib, 0,
               locked * kPageKib);
    return {};
}

}  // namespace gyre::procfs::process_files
