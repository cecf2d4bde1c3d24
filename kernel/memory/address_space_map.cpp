// SPDX-License-Identifier: MIT
//
// Mapping, unmapping, and the program break.
#include <algorithm>

#include "kernel/memory/address_space_internal.h"
#include "kernel/memory/user_layout.h"
#include "kernel/schedule/thread.h"

namespace gyre {

namespace {

constexpr uintptr_t kLowEnd = uintptr_t{1} << 31;  // MAP_32BIT: the low 2 GiB

bool is_user_range(uintptr_t start, uint64_t length) { return length <= kUserEnd && start <= kUserEnd - length; }

}  // namespace

Result<uintptr_t> AddressSpace::choose_place(const MapRequest& request, uint64_t length) {
    const uintptr_t hint = page_floor(request.hint.value);
    if (request.placement != Placement::Anywhere) {
        if (!request.hint.is_page_aligned()) return fail(Error::InvalidArgument);
        if (!is_user_range(hint, length)) return fail(Error::NoMemory);
        if (hint < kLowestUserAddress) return fail(Error::NotPermitted);
        if (request.placement == Placement::FixedNoReplace) {
            const Mapping* there = find_mapping_at_or_after(hint);
            if (there && there->start < hint + length) return fail(Error::Exists);
        }
        return hint;
    }
    const uintptr_t limit = request.below_4g ? kLowEnd : kUserEnd;
    if (hint >= kLowestUserAddress && is_user_range(hint, length) && hint + length <= limit) {
        const Mapping* there = find_mapping_at_or_after(hint);
        const uint64_t gap = there && there->grows_down ? kStackGuardBytes : 0;
        if (!there || hint + length + gap <= there->start) return hint;
    }
    uintptr_t place = 0;
    if (request.below_4g) {
        place = find_hole(length, kLowestUserAddress, kLowEnd);
    } else {
        place = find_hole(length, kLowestUserAddress, search_top_);
        if (place != 0 && place + length == search_top_) search_top_ = place;
        if (place == 0) place = find_hole(length, map_top_, kUserEnd);  // then above, beside the stack
    }
    if (place == 0) return fail(Error::NoMemory);
    return place;
}

Result<VirtualAddress> AddressSpace::map(const MapRequest& request) {
    if (request.length == 0) return fail(Error::InvalidArgument);
    if (request.length > kUserEnd) return fail(Error::NoMemory);
    const uint64_t length = page_ceiling(request.length);
    uintptr_t start = 0;
    bool is_populated = request.populate || request.locked;
    {
        RemovedMappings removed;
        WriteGuard guard(lock_);
        start = TRY(choose_place(request, length));
        TRY_VOID(map_locked(start, length, request, false, removed));
        is_populated |= locks_future_;
    }
    if (is_populated) populate(start, length);
    return VirtualAddress{start};
}

Status AddressSpace::map_locked(uintptr_t start, uint64_t length, const MapRequest& request, bool is_heap,
                                RemovedMappings& removed) {
    if (is_torn_down_) return fail(Error::NoMemory);
    const bool is_data = !request.is_shared && !request.grows_down && allows(request.protection, Protection::Write);
    TRY_VOID(check_limits(length >> kPageShift, is_data));
    auto* mapping = new (std::nothrow) Mapping;
    if (!mapping) return fail(Error::NoMemory);
    mapping->start = start;
    mapping->end = start + length;
    mapping->vmo = request.vmo;
    mapping->offset = request.vmo ? request.offset : 0;
    mapping->source = request.source;
    mapping->protection = request.protection;
    mapping->most = request.most;
    mapping->is_shared = request.is_shared;
    mapping->grows_down = request.grows_down;
    mapping->is_locked = request.locked || locks_future_;
    mapping->is_heap = is_heap;
    Status status;
    if (request.is_shared && !request.vmo) {
        Result<Ref<Vmo>> vmo = Vmo::create(length);
        if (vmo)
            mapping->vmo = std::move(*vmo);
        else
            status = fail(vmo.error());
    }
    if (status && request.placement == Placement::Fixed) status = unmap_locked(start, start + length, removed);
    if (!status) {
        mapping->next_removed = removed.first;
        removed.first = mapping;
        return status;
    }
    insert_mapping(*mapping);
    merge_with_next(*mapping, removed);
    if (Mapping* before = previous_of(*mapping)) merge_with_next(*before, removed);
    return {};
}

// Pages that cannot be brought are left to a later fault, as mmap(2) says of MAP_POPULATE.
void AddressSpace::populate(uintptr_t start, uint64_t length) {
    for (uintptr_t at = start; at < start + length; at += kPageSize) {
        FaultAccess access;
        {
            ReadGuard guard(lock_);
            const Mapping* mapping = find_mapping(at);
            if (!mapping || mapping->protection == Protection::None) return;
            access = allows(mapping->protection, Protection::Write) ? FaultAccess::Write : FaultAccess::Read;
        }
        if (handle_fault({at}, access) != FaultOutcome::Resolved) return;
        if (Thread::current().has_interruption(Interruption::Kill)) return;
        Thread::preemption_point();
    }
}

Status AddressSpace::unmap(VirtualAddress start, uint64_t length) {
    if (!start.is_page_aligned() || length == 0 || !is_user_range(start.value, page_ceiling(length)) ||
        length > kUserEnd)
        return fail(Error::InvalidArgument);
    RemovedMappings removed;
    WriteGuard guard(lock_);
    return unmap_locked(start.value, start.value + page_ceiling(length), removed);
}

Status AddressSpace::unmap_locked(uintptr_t start, uintptr_t end, RemovedMappings& removed) {
    Mapping* at = find_mapping_at_or_after(start);
    if (!at || at->start >= end) return {};
    TRY_VOID(isolate(start, end));
    note_peaks();
    TlbGather gather(*this);
    at = find_mapping_at_or_after(start);
    while (at && at->start < end) {
        Mapping* next = next_of(*at);
        const uintptr_t from = at->start, to = at->end;
        // Out of the Vmo's list first: nobody else reaches these entries then.
        remove_mapping(*at, removed);
        clear_entries(from, to, gather);
        at = next;
    }
    free_tables_around(start, end, gather);
    if (end > search_top_) search_top_ = std::min(end, map_top_);
    return {};
}

void AddressSpace::set_break_start(VirtualAddress start) {
    WriteGuard guard(lock_);
    break_start_ = break_ = start.value;
}

VirtualAddress AddressSpace::set_break(VirtualAddress wanted, uint64_t data_limit) {
    RemovedMappings removed;
    bool is_populated = false;
    uintptr_t old_end = 0, new_end = 0;
    {
        WriteGuard guard(lock_);
        if (wanted.value < break_start_ || wanted.value >= kUserEnd) return {break_};
        if (data_limit != UINT64_MAX && wanted.value - break_start_ > data_limit) return {break_};
        old_end = page_ceiling(break_);
        new_end = page_ceiling(wanted.value);
        if (new_end < old_end) {
            if (!unmap_locked(new_end, old_end, removed)) return {break_};
        } else if (new_end > old_end) {
            const Mapping* there = find_mapping_at_or_after(old_end);
            const uint64_t gap = there && there->grows_down ? kStackGuardBytes : 0;
            if (there && there->start < new_end + gap) return {break_};
            MapRequest request;
            request.protection = Protection::Read | Protection::Write;
            if (!map_locked(old_end, new_end - old_end, request, true, removed)) return {break_};
            is_populated = locks_future_;
        }
        break_ = wanted.value;
    }
    if (is_populated) populate(old_end, new_end - old_end);
    return wanted;
}

void AddressSpace::set_limits(const Limits& limits) {
    WriteGuard guard(lock_);
    limits_ = limits;
}

}  // namespace gyre
