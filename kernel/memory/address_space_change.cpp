// SPDX-License-Identifier: MIT
//
// Changing what mappings allow and how they behave: mprotect, mlock, madvise.
#include <algorithm>

#include "kernel/memory/address_space_internal.h"
#include "kernel/schedule/thread.h"

namespace gyre {

using namespace arch::entry_bits;

namespace {

bool is_user_range(VirtualAddress start, uint64_t length) {
    return length <= kUserEnd && start.value <= kUserEnd - length;
}

}  // namespace

template <class Change>
Status AddressSpace::change_mappings(VirtualAddress start, uint64_t length, Change&& change) {
    if (!start.is_page_aligned()) return fail(Error::InvalidArgument);
    length = page_ceiling(length);
    if (length == 0) return {};
    if (!is_user_range(start, length)) return fail(Error::NoMemory);
    const uintptr_t end = start.value + length;
    RemovedMappings removed;
    WriteGuard guard(lock_);
    uintptr_t at = start.value;
    Status status;
    while (at < end) {
        Mapping* mapping = find_mapping(at);
        if (!mapping) {
            status = fail(Error::NoMemory);
            break;
        }
        const uintptr_t stop = std::min(end, mapping->end);
        status = change(*mapping, at, stop);
        if (!status) break;
        at = stop;
    }
    merge_around(start.value, at, removed);
    return status;
}

// Entries get the rights of the protection, but never the right to write that they did not have: a fault grants that.
void AddressSpace::protect_entries(uintptr_t start, uintptr_t end, Protection protection, TlbGather& gather) {
    const uint64_t rights = entry_rights(protection);
    const uint64_t kept = kAddress | kPrivate | (allows(protection, Protection::Write) ? kEntryWrite : 0);
    uintptr_t at = start;
    while (const arch::EntryRun run = arch::next_entries(root_, at, end)) {
        for (size_t i = 0; i < run.count; ++i) {
            uint64_t old = run.first[i].load(std::memory_order_relaxed);
            if (old == 0) continue;
            uint64_t value;
            do {
                // Without any right a Vmo's page need not be remembered, and must not be: only present or private
                // entries are entries to the others.
                value = protection == Protection::None && (old & kPrivate) == 0 ? 0 : (old & kept) | rights;
            } while (old != 0 && !run.first[i].compare_exchange_weak(old, value, std::memory_order_acq_rel));
            if (old == 0 || old == value) continue;
            if (value == 0 && !is_zero_page(old)) vmo_pages_.fetch_sub(1, std::memory_order_relaxed);
            if (arch::is_present(old)) gather.changed(at + (i << kPageShift));
        }
        at += run.count << kPageShift;
    }
}

Status AddressSpace::protect(VirtualAddress start, uint64_t length, Protection protection) {
    TlbGather gather(*this);
    return change_mappings(start, length, [&](Mapping& mapping, uintptr_t from, uintptr_t to) -> Status {
        if (!allows(mapping.most, protection)) return fail(Error::AccessDenied);
        if (mapping.protection == protection) return {};
        const bool was_data = mapping.is_private_writable();
        const bool is_data = !mapping.is_shared && allows(protection, Protection::Write);
        if (!was_data && is_data && !mapping.grows_down) TRY_VOID(check_limits(0, true));
        TRY_VOID(isolate(from, to));
        Mapping& part = *find_mapping(from);
        account(part, -1);
        part.protection = protection;
        account(part, 1);
        protect_entries(from, to, protection, gather);
        gather.finish();
        return {};
    });
}

Status AddressSpace::set_locked(VirtualAddress start, uint64_t length, bool is_locked, bool on_fault) {
    TRY_VOID(change_mappings(start, length, [&](Mapping& mapping, uintptr_t from, uintptr_t to) -> Status {
        if (mapping.is_locked == is_locked) return {};
        TRY_VOID(isolate(from, to));
        Mapping& part = *find_mapping(from);
        account(part, -1);
        part.is_locked = is_locked;
        account(part, 1);
        return {};
    }));
    if (is_locked && !on_fault) populate(start.value, page_ceiling(length));
    return {};
}

Status AddressSpace::set_all_locked(bool is_locked, bool on_fault) {
    uintptr_t at = 0;
    for (;;) {
        uintptr_t start = 0, end = 0;
        {
            ReadGuard guard(lock_);
            const Mapping* mapping = find_mapping_at_or_after(at);
            if (!mapping) return {};
            start = mapping->start;
            end = mapping->end;
        }
        // A hole that appears meanwhile is no error: what is gone needs no lock.
        const Status status = set_locked({start}, end - start, is_locked, on_fault);
        if (!status && status.error() != Error::NoMemory) return status;
        at = end;
        Thread::preemption_point();
    }
}

void AddressSpace::set_lock_future(bool is_on) {
    WriteGuard guard(lock_);
    locks_future_ = is_on;
}

namespace {

using Advice = AddressSpace::Advice;

// madvise(2)'s demands on a mapping.
Status check_advice(const Mapping& mapping, Advice advice) {
    const bool is_private_anonymous = !mapping.vmo && !mapping.is_shared;
    switch (advice) {
        case Advice::DontNeed:
            return mapping.is_locked ? Status(fail(Error::InvalidArgument)) : Status();
        case Advice::Free:
            return mapping.is_locked || !is_private_anonymous ? Status(fail(Error::InvalidArgument)) : Status();
        case Advice::WipeOnFork:
            return !is_private_anonymous ? Status(fail(Error::InvalidArgument)) : Status();
        case Advice::Remove:
            if (mapping.is_locked || !mapping.vmo) return fail(Error::InvalidArgument);
            if (!mapping.is_shared || !allows(mapping.most, Protection::Write)) return fail(Error::AccessDenied);
            return {};
        default: return {};
    }
}

}  // namespace

Status AddressSpace::advise(VirtualAddress start, uint64_t length, Advice advice) {
    if (!start.is_page_aligned()) return fail(Error::InvalidArgument);
    length = page_ceiling(length);
    if (length == 0) return {};
    if (!is_user_range(start, length)) return fail(Error::InvalidArgument);
    const uintptr_t end = start.value + length;
    if (advice == Advice::PopulateRead || advice == Advice::PopulateWrite) {
        const FaultAccess access = advice == Advice::PopulateRead ? FaultAccess::Read : FaultAccess::Write;
        for (uintptr_t at = start.value; at < end; at += kPageSize) {
            switch (handle_fault({at}, access)) {
                case FaultOutcome::Resolved: break;
                case FaultOutcome::NoMapping:
                case FaultOutcome::OutOfMemory: return fail(Error::NoMemory);
                case FaultOutcome::NotAllowed: return fail(Error::InvalidArgument);
                case FaultOutcome::PastEnd: return fail(Error::BadAddress);
            }
            if (Thread::current().has_interruption(Interruption::Kill)) return fail(Error::Interrupted);
            Thread::preemption_point();
        }
        return {};
    }
    // Unlike mprotect, madvise goes on after a hole and reports it at the end.
    bool has_hole = false;
    RemovedMappings removed;
    {
        WriteGuard guard(lock_);
        TlbGather gather(*this);
        note_peaks();
        uintptr_t at = start.value;
        while (at < end) {
            Mapping* mapping = find_mapping_at_or_after(at);
            if (!mapping || mapping->start > at) has_hole = true;
            if (!mapping || mapping->start >= end) break;
            const uintptr_t from = std::max(at, mapping->start);
            const uintptr_t to = std::min(end, mapping->end);
            at = to;
            TRY_VOID(check_advice(*mapping, advice));
            const auto change = [&](bool Mapping::*member, bool value) -> Status {
                if (mapping->*member == value) return {};
                TRY_VOID(isolate(from, to));
                find_mapping(from)->*member = value;
                return {};
            };
            switch (advice) {
                case Advice::DontNeed:
                case Advice::Free: clear_entries(from, to, gather); break;
                case Advice::DontFork: TRY_VOID(change(&Mapping::is_forked, false)); break;
                case Advice::DoFork: TRY_VOID(change(&Mapping::is_forked, true)); break;
                case Advice::WipeOnFork: TRY_VOID(change(&Mapping::is_wiped_on_fork, true)); break;
                case Advice::KeepOnFork: TRY_VOID(change(&Mapping::is_wiped_on_fork, false)); break;
                case Advice::Remove:
                    mapping->vmo->decommit(mapping->offset + (from - mapping->start), to - from);
                    break;
                default: break;
            }
        }
        merge_around(start.value, end, removed);
    }
    if (has_hole) return fail(Error::NoMemory);
    return {};
}

}  // namespace gyre
