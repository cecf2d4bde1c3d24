// SPDX-License-Identifier: MIT
//
// fork: one walk over the parent's entries writes the child's. Private pages lose the right to write on both sides and
// gain a reference; what a Vmo holds is shown as it is, which spares the child the faults.
#include "kernel/memory/address_space_internal.h"

namespace gyre {

using namespace arch::entry_bits;

Status AddressSpace::fork_entries(AddressSpace& child, const Mapping& mapping, bool& must_flush) {
    uint64_t private_count = 0, vmo_count = 0;
    Status status;
    uintptr_t at = mapping.start;
    while (const arch::EntryRun run = arch::next_entries(root_, at, mapping.end)) {
        arch::TableEntry* to = nullptr;  // made when there is something to put there
        for (size_t i = 0; i < run.count; ++i) {
            uint64_t entry = run.first[i].load(std::memory_order_relaxed);
            if (entry == 0) continue;
            if (!to) {
                to = child.make_entry(at);
                if (!to) {
                    status = fail(Error::NoMemory);
                    break;
                }
            }
            if ((entry & kPrivate) != 0) {
                if ((entry & kWritable) != 0) {
                    run.first[i].fetch_and(~kEntryWrite, std::memory_order_acq_rel);
                    entry &= ~kEntryWrite;
                    must_flush = true;
                }
                Page::of(arch::entry_address(entry)).references.fetch_add(1, std::memory_order_relaxed);
                ++private_count;
            } else if (!is_zero_page(entry)) {
                ++vmo_count;
            }
            to[i].store(entry, std::memory_order_relaxed);
        }
        if (!status) break;
        at += run.count << kPageShift;
    }
    child.private_pages_.fetch_add(private_count, std::memory_order_relaxed);
    child.vmo_pages_.fetch_add(vmo_count, std::memory_order_relaxed);
    return status;
}

Result<Ref<AddressSpace>> AddressSpace::fork() {
    Ref<AddressSpace> child = TRY(create_bare());
    WriteGuard guard(lock_);
    child->limits_ = limits_;
    child->break_start_ = break_start_;
    child->break_ = break_;
    child->map_top_ = map_top_;
    child->search_top_ = search_top_;
    child->program_area = program_area;
    bool must_flush = false;
    Status status;
    for (const Mapping& mapping : mappings_) {
        if (!mapping.is_forked) {
            if (mapping.end > child->search_top_) child->search_top_ = map_top_;  // a hole in the child
            continue;
        }
        auto* copy = new (std::nothrow) Mapping;
        if (!copy) {
            status = fail(Error::NoMemory);
            break;
        }
        copy->start = mapping.start;
        copy->end = mapping.end;
        copy->space = child.get();
        copy->vmo = mapping.vmo;
        copy->offset = mapping.offset;
        copy->source = mapping.source;
        copy->protection = mapping.protection;
        copy->most = mapping.most;
        copy->is_shared = mapping.is_shared;
        copy->grows_down = mapping.grows_down;
        copy->is_wiped_on_fork = mapping.is_wiped_on_fork;
        copy->is_heap = mapping.is_heap;  // locks are not inherited (mlock(2))
        child->mappings_.push_back(*copy);
        child->account(*copy, 1);
        if (!mapping.vmo) {
            if (!mapping.is_wiped_on_fork) status = fork_entries(*child, mapping, must_flush);
        } else {
            // With the list locked: a Vmo that takes pages away does so in both spaces or sees neither's entries.
            MutexGuard vmo_guard(mapping.vmo->mappings_lock_);
            mapping.vmo->mappings_.push_back(*copy);
            status = fork_entries(*child, mapping, must_flush);
        }
        if (!status) break;
    }
    if (must_flush) tlb::flush_user(*this, active_cpus(), 0, UINT64_MAX);
    TRY_VOID(status);
    return child;
}

}  // namespace gyre
