// SPDX-License-Identifier: MIT
//
// Page faults. One is resolved with the space's lock held shared: several CPUs may work on the same entry, and the
// compare-and-exchange that installs a page decides who was first; the loser frees its page and is done as well.
#include <algorithm>

#include "kernel/log/assert.h"
#include "kernel/memory/address_space_internal.h"
#include "kernel/memory/out_of_memory.h"
#include "kernel/schedule/thread.h"

namespace gyre {

using namespace arch::entry_bits;

namespace {

// A read of a file's page shows up to this many neighbours that are present too: an aligned window, which never
// leaves a last-level table.
constexpr uint64_t kFaultAroundPages = 16;
constexpr uint64_t kFaultAroundBytes = kFaultAroundPages * kPageSize;

// How often a fault waits for memory before it is given up even though the policy says to try again.
constexpr uint32_t kMostAttempts = 10'000;

bool permits(Protection protection, FaultAccess access) {
    switch (access) {
        case FaultAccess::Read: return protection != Protection::None;  // x86 has no write-only or execute-only pages
        case FaultAccess::Write: return allows(protection, Protection::Write);
        case FaultAccess::Execute: return allows(protection, Protection::Execute);
    }
    return false;
}

}  // namespace

struct AddressSpace::FaultPlace {
    const Mapping& mapping;
    uintptr_t page;      // its address
    FaultAccess access;
    arch::TableEntry& entry;
    uint64_t seen;       // what the entry held

    bool is_write() const { return access == FaultAccess::Write; }
};

FaultOutcome AddressSpace::handle_fault(VirtualAddress address, FaultAccess access) {
    if (address.value >= kUserEnd) return FaultOutcome::NoMapping;
    for (uint32_t attempt = 0; attempt < kMostAttempts; ++attempt) {
        switch (fault_once(address.value, access)) {
            case FaultStep::Resolved: return FaultOutcome::Resolved;
            case FaultStep::NoMapping: return FaultOutcome::NoMapping;
            case FaultStep::NotAllowed: return FaultOutcome::NotAllowed;
            case FaultStep::PastEnd: return FaultOutcome::PastEnd;
            case FaultStep::MayGrow:
                if (!grow_stack(address.value)) return FaultOutcome::NoMapping;
                break;
            case FaultStep::NoMemory:
                if (!memory::wait_for_memory(*this)) return FaultOutcome::OutOfMemory;
                break;
        }
    }
    return FaultOutcome::OutOfMemory;
}

AddressSpace::FaultStep AddressSpace::fault_once(uintptr_t address, FaultAccess access) {
    ReadGuard guard(lock_);
    Mapping* mapping = last_found_.load(std::memory_order_relaxed);
    if (!mapping || !mapping->contains(address)) {
        mapping = find_mapping_at_or_after(address);
        if (!mapping) return FaultStep::NoMapping;
        if (address < mapping->start) return mapping->grows_down ? FaultStep::MayGrow : FaultStep::NoMapping;
        last_found_.store(mapping, std::memory_order_relaxed);
    }
    if (!permits(mapping->protection, access)) return FaultStep::NotAllowed;
    arch::TableEntry* entry = make_entry(address);
    if (!entry) return FaultStep::NoMemory;
    const FaultPlace place{*mapping, page_floor(address), access, *entry, entry->load(std::memory_order_acquire)};
    if (arch::is_present(place.seen) && (!place.is_write() || (place.seen & kWritable) != 0) &&
        (access != FaultAccess::Execute || (place.seen & kNoExecute) == 0)) {
        // Somebody was faster, or this CPU remembered less than the entry grants now.
        arch::flush_page(place.page);
        return FaultStep::Resolved;
    }
    if ((place.seen & kPrivate) != 0) return fault_private(place);
    if (!mapping->vmo) return fault_anonymous(place);
    if (!mapping->is_shared && place.is_write()) return fault_private_copy(place);
    return fault_vmo(place);
}

// A page of our own that a fork shares, or that was written before its protection went down and up again.
AddressSpace::FaultStep AddressSpace::fault_private(const FaultPlace& place) {
    Page& page = Page::of(arch::entry_address(place.seen));
    const uint64_t rights = entry_rights(place.mapping.protection) | kPrivate;
    uint64_t expected = place.seen;
    if (!place.is_write()) {
        place.entry.compare_exchange_strong(expected, page.address().value | rights, std::memory_order_acq_rel);
        arch::flush_page(place.page);
        return FaultStep::Resolved;
    }
    if (page.references.load(std::memory_order_acquire) == 1) {
        place.entry.compare_exchange_strong(expected, page.address().value | rights | kEntryWrite,
                                            std::memory_order_acq_rel);
        arch::flush_page(place.page);
        return FaultStep::Resolved;
    }
    const Result<Page*> copy = page_allocator::allocate(PageUse::Vmo);
    if (!copy) return FaultStep::NoMemory;
    arch::copy_page((*copy)->bytes(), page.bytes());
    if (place.entry.compare_exchange_strong(expected, (*copy)->address().value | rights | kEntryWrite,
                                            std::memory_order_acq_rel)) {
        // Other threads may still read the shared page until they forget it.
        tlb::flush_user(*this, active_cpus(), place.page, 1);
        drop_private_page(page);
    } else {
        page_allocator::free(*copy);
    }
    return FaultStep::Resolved;
}

// `page` becomes this space's own, writable. The entry held nothing, or something that is not counted.
AddressSpace::FaultStep AddressSpace::install_private(const FaultPlace& place, Page& page, uint64_t seen) {
    const uint64_t value = page.address().value | entry_rights(place.mapping.protection) | kPrivate | kEntryWrite;
    if (!place.entry.compare_exchange_strong(seen, value, std::memory_order_acq_rel)) [[unlikely]] {
        page_allocator::free(&page);
        return FaultStep::Resolved;
    }
    private_pages_.fetch_add(1, std::memory_order_relaxed);
    if (seen != 0) {
        if (!is_zero_page(seen)) vmo_pages_.fetch_sub(1, std::memory_order_relaxed);
        tlb::flush_user(*this, active_cpus(), place.page, 1);
    }
    return FaultStep::Resolved;
}

AddressSpace::FaultStep AddressSpace::fault_anonymous(const FaultPlace& place) {
    if (!place.is_write()) {
        uint64_t expected = place.seen;
        place.entry.compare_exchange_strong(expected, zero_page_address.value | entry_rights(place.mapping.protection),
                                            std::memory_order_acq_rel);
        if (place.seen != 0) arch::flush_page(place.page);
        return FaultStep::Resolved;
    }
    const Result<Page*> page = page_allocator::allocate(PageUse::Vmo, Zeroing::Yes);
    if (!page) return FaultStep::NoMemory;
    return install_private(place, **page, place.seen);
}

namespace {

constexpr bool is_past_end(Error error) { return error == Error::OutOfRange || error == Error::InputOutput; }

}  // namespace

// The first write to a page of a private mapping of a Vmo.
AddressSpace::FaultStep AddressSpace::fault_private_copy(const FaultPlace& place) {
    const Result<Page*> page = page_allocator::allocate(PageUse::Vmo);
    if (!page) return FaultStep::NoMemory;
    const Status status = place.mapping.vmo->use_page(
        place.mapping.page_index(place.page), ForWrite::No,
        [&](Page& source) { arch::copy_page((*page)->bytes(), source.bytes()); });
    if (!status) {
        page_allocator::free(*page);
        return is_past_end(status.error()) ? FaultStep::PastEnd : FaultStep::NoMemory;
    }
    return install_private(place, **page, place.seen);
}

// Shows the Vmo's page itself. Entries are installed with the Vmo locked (Vmo::use_page says why).
AddressSpace::FaultStep AddressSpace::fault_vmo(const FaultPlace& place) {
    const Mapping& mapping = place.mapping;
    Vmo& vmo = *mapping.vmo;
    const uint64_t rights = entry_rights(mapping.protection);
    const bool may_write = mapping.is_shared && allows(mapping.protection, Protection::Write);
    const auto value_for = [&](Page& page) {
        return page.address().value | rights | (may_write && !Vmo::is_shared(page) ? kEntryWrite : 0);
    };
    uint64_t added = 0;
    const Status status = vmo.use_page(
        mapping.page_index(place.page), place.is_write() ? ForWrite::Yes : ForWrite::No, [&](Page& page) {
            uint64_t expected = place.seen;
            if (place.entry.compare_exchange_strong(expected, value_for(page), std::memory_order_acq_rel)) {
                if (place.seen == 0) ++added;
            }
            if (place.is_write()) return;
            const uintptr_t window = place.page & ~(kFaultAroundBytes - 1);
            const uintptr_t first = std::max(window, mapping.start);
            const uintptr_t last = std::min(window + kFaultAroundBytes, mapping.end);
            arch::TableEntry* entry = &place.entry - ((place.page - first) >> kPageShift);
            uint64_t index = mapping.page_index(first);
            const uint64_t end = std::min(index + ((last - first) >> kPageShift), vmo.page_count());
            for (; index < end; ++index, ++entry) {
                if (entry->load(std::memory_order_relaxed) != 0) continue;
                Page* neighbour = vmo.pages_.find(index);
                uint64_t nothing = 0;
                if (neighbour &&
                    entry->compare_exchange_strong(nothing, value_for(*neighbour), std::memory_order_acq_rel))
                    ++added;
            }
        });
    if (!status) return is_past_end(status.error()) ? FaultStep::PastEnd : FaultStep::NoMemory;
    vmo_pages_.fetch_add(added, std::memory_order_relaxed);
    if (place.seen != 0) tlb::flush_user(*this, active_cpus(), place.page, 1);
    return FaultStep::Resolved;
}

// A stack grows to the page that was touched, as far as its limit and the mapping below allow.
bool AddressSpace::grow_stack(uintptr_t address) {
    WriteGuard guard(lock_);
    Mapping* stack = find_mapping_at_or_after(address);
    if (!stack) return false;
    const uintptr_t start = page_floor(address);
    if (stack->start <= start) return true;  // another thread grew it
    if (!stack->grows_down || start < kLowestUserAddress) return false;
    if (stack->end - start > limits_.stack_bytes) return false;
    if (const Mapping* below = previous_of(*stack);
        below && start < below->end + (below->protection == Protection::None ? 0 : kStackGuardBytes))
        return false;
    if (!check_limits((stack->start - start) >> kPageShift, false)) return false;
    if (stack->vmo) return false;
    resize_mapping(*stack, start, stack->end);
    return true;
}

}  // namespace gyre
