// SPDX-License-Identifier: MIT
//
// mremap: shrinking, growing in place, moving. Private pages move by their entries; what a Vmo holds is faulted in
// again at the new place.
#include "kernel/memory/address_space_internal.h"

namespace gyre {

using namespace arch::entry_bits;

Result<VirtualAddress> AddressSpace::remap(const RemapRequest& request) {
    Result<VirtualAddress> result = fail(Error::InvalidArgument);
    uint64_t populate_from = 0, populate_length = 0;
    {
        RemovedMappings removed;
        WriteGuard guard(lock_);
        result = remap_locked(request, removed);
        if (result) {
            const Mapping* mapping = find_mapping(result->value);
            const uint64_t old_length = page_ceiling(request.old_length), new_length = page_ceiling(request.new_length);
            if (mapping && mapping->is_locked && new_length > old_length) {
                populate_from = result->value + old_length;
                populate_length = new_length - old_length;
            }
        }
    }
    if (populate_length != 0) populate(populate_from, populate_length);
    return result;
}

Result<VirtualAddress> AddressSpace::remap_locked(const RemapRequest& request, RemovedMappings& removed) {
    const uintptr_t start = request.old_start.value;
    const uint64_t old_length = page_ceiling(request.old_length);
    const uint64_t new_length = page_ceiling(request.new_length);
    if (!request.old_start.is_page_aligned() || new_length == 0 || new_length > kUserEnd || old_length > kUserEnd ||
        start > kUserEnd - old_length)
        return fail(Error::InvalidArgument);
    if (request.is_fixed || request.keep_old) {
        if (!request.may_move || (request.keep_old && old_length != new_length)) return fail(Error::InvalidArgument);
    }
    if (request.is_fixed) {
        const uintptr_t target = request.new_start.value;
        if (!request.new_start.is_page_aligned() || target > kUserEnd - new_length) return fail(Error::InvalidArgument);
        if (target < start + old_length && start < target + new_length) return fail(Error::InvalidArgument);
        if (target < kLowestUserAddress) return fail(Error::NotPermitted);
    }
    Mapping* mapping = find_mapping(start);
    if (!mapping) return fail(Error::BadAddress);
    if (old_length == 0 && !mapping->is_shared) return fail(Error::InvalidArgument);
    if (request.keep_old && (mapping->vmo || mapping->is_shared)) return fail(Error::InvalidArgument);
    if (old_length > mapping->end - start) return fail(Error::BadAddress);
    if (mapping->vmo && mapping->offset + (start - mapping->start) + new_length < new_length)
        return fail(Error::InvalidArgument);

    if (!request.is_fixed && !request.keep_old && old_length != 0) {
        if (new_length <= old_length) {
            if (new_length < old_length) TRY_VOID(unmap_locked(start + new_length, start + old_length, removed));
            return request.old_start;
        }
        const uint64_t more = new_length - old_length;
        const Mapping* next = next_of(*mapping);
        const uintptr_t room_end = next ? next->start - (next->grows_down ? kStackGuardBytes : 0) : kUserEnd;
        if (start + old_length == mapping->end && room_end >= mapping->end && room_end - mapping->end >= more) {
            TRY_VOID(check_limits(more >> kPageShift, mapping->is_private_writable() && !mapping->grows_down));
            resize_mapping(*mapping, mapping->start, mapping->end + more);
            merge_with_next(*mapping, removed);
            return request.old_start;
        }
        if (!request.may_move) return fail(Error::NoMemory);
    }
    if (old_length == 0 && !request.may_move) return fail(Error::InvalidArgument);

    const uint64_t more = request.keep_old || old_length == 0 ? new_length
                          : new_length > old_length           ? new_length - old_length
                                                              : 0;
    TRY_VOID(check_limits(more >> kPageShift, mapping->is_private_writable() && !mapping->grows_down));
    uintptr_t target = request.new_start.value;
    if (request.is_fixed) {
        TRY_VOID(unmap_locked(target, target + new_length, removed));
        mapping = find_mapping(start);  // unmapping may have cut it
    } else {
        MapRequest place;
        target = TRY(choose_place(place, new_length));
    }
    TRY_VOID(move_mapping(*mapping, request, target, removed));
    return VirtualAddress{target};
}

Status AddressSpace::move_mapping(Mapping& mapping, const RemapRequest& request, uintptr_t target,
                                  RemovedMappings& removed) {
    const uintptr_t start = request.old_start.value;
    const uint64_t old_length = page_ceiling(request.old_length);
    const uint64_t new_length = page_ceiling(request.new_length);
    const uint64_t moved = std::min(old_length, new_length);
    auto* fresh = new (std::nothrow) Mapping;
    if (!fresh) return fail(Error::NoMemory);
    fresh->start = target;
    fresh->end = target + new_length;
    fresh->vmo = mapping.vmo;
    fresh->offset = mapping.vmo ? mapping.offset + (start - mapping.start) : 0;
    fresh->source = mapping.source;
    fresh->protection = mapping.protection;
    fresh->most = mapping.most;
    fresh->is_shared = mapping.is_shared;
    fresh->is_locked = mapping.is_locked;
    fresh->is_forked = mapping.is_forked;
    fresh->is_wiped_on_fork = mapping.is_wiped_on_fork;
    insert_mapping(*fresh);
    {
        TlbGather gather(*this);
        if (old_length != 0) {
            if (Status status = move_entries(start, target, moved, gather); !status) {
                remove_mapping(*fresh, removed);
                return status;
            }
        }
    }
    // The old place is empty now; what a shrinking move leaves goes with it.
    if (old_length != 0 && !request.keep_old) {
        if (Status status = unmap_locked(start, start + old_length, removed); !status) {
            // No memory to cut the old mapping: everything goes back.
            TlbGather gather(*this);
            (void)move_entries(target, start, moved, gather);  // its tables are there
            remove_mapping(*fresh, removed);
            return status;
        }
    }
    merge_with_next(*fresh, removed);
    if (Mapping* before = previous_of(*fresh)) merge_with_next(*before, removed);
    return {};
}

// All tables are made before anything moves, so that running out of memory changes nothing.
Status AddressSpace::move_entries(uintptr_t from, uintptr_t to, uint64_t length, TlbGather& gather) {
    const uintptr_t end = from + length;
    for (uintptr_t at = from; const arch::EntryRun run = arch::next_entries(root_, at, end);
         at += run.count << kPageShift) {
        if (!make_entry(to + (at - from)) || !make_entry(to + (at - from) + ((run.count - 1) << kPageShift)))
            return fail(Error::NoMemory);
    }
    uint64_t vmo_count = 0;
    for (uintptr_t at = from; const arch::EntryRun run = arch::next_entries(root_, at, end);
         at += run.count << kPageShift) {
        for (size_t i = 0; i < run.count; ++i) {
            if (run.first[i].load(std::memory_order_relaxed) == 0) continue;
            const uint64_t old = run.first[i].exchange(0, std::memory_order_acq_rel);
            if (old == 0) continue;
            const uintptr_t address = at + (i << kPageShift);
            gather.changed(address);
            if ((old & kPrivate) != 0)
                make_entry(to + (address - from))->store(old, std::memory_order_release);
            else if (!is_zero_page(old))
                ++vmo_count;
        }
    }
    vmo_pages_.fetch_sub(vmo_count, std::memory_order_relaxed);
    return {};
}

}  // namespace gyre
