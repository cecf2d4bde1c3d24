// SPDX-License-Identifier: MIT
//
// Looking at an address space from outside: /proc, mincore, futex identities, another process's memory.
#include <algorithm>

#include "kernel/memory/address_space_internal.h"

namespace gyre {

using namespace arch::entry_bits;

bool AddressSpace::is_mapped(VirtualAddress start, uint64_t length) {
    ReadGuard guard(lock_);
    uintptr_t at = start.value;
    const uintptr_t end = start.value + length;
    while (at < end) {
        const Mapping* mapping = find_mapping(at);
        if (!mapping) return false;
        at = mapping->end;
    }
    return true;
}

Status AddressSpace::residency(VirtualAddress start, uint64_t page_count, std::span<uint8_t> resident) {
    ReadGuard guard(lock_);
    for (uint64_t i = 0; i < page_count; ++i) {
        const uintptr_t at = start.value + (i << kPageShift);
        const Mapping* mapping = find_mapping(at);
        if (!mapping) return fail(Error::NoMemory);
        const arch::TableEntry* entry = arch::find_entry(root_, at);
        bool is_present = entry && entry->load(std::memory_order_relaxed) != 0;
        if (!is_present && mapping->vmo) {
            MutexGuard vmo_guard(mapping->vmo->lock_);
            is_present = mapping->vmo->pages_.find(mapping->page_index(at)) != nullptr;
        }
        resident[i] = is_present ? 1 : 0;
    }
    return {};
}

Result<AddressSpace::MemoryIdentity> AddressSpace::identify(VirtualAddress address) {
    {
        ReadGuard guard(lock_);
        const Mapping* mapping = find_mapping(address.value);
        if (!mapping || mapping->protection == Protection::None) return fail(Error::BadAddress);
        if (!mapping->is_shared) return MemoryIdentity{this, address.value};
        const arch::TableEntry* entry = arch::find_entry(root_, address.value);
        if (entry && arch::is_present(entry->load(std::memory_order_relaxed)))
            return MemoryIdentity{mapping->vmo.get(), mapping->offset + (address.value - mapping->start)};
    }
    if (handle_fault(address, FaultAccess::Read) != FaultOutcome::Resolved) return fail(Error::BadAddress);
    ReadGuard guard(lock_);
    const Mapping* mapping = find_mapping(address.value);
    if (!mapping) return fail(Error::BadAddress);
    if (!mapping->is_shared) return MemoryIdentity{this, address.value};
    return MemoryIdentity{mapping->vmo.get(), mapping->offset + (address.value - mapping->start)};
}

// Within one page. The lock is held exclusively while bytes are copied, so that the page stays; a page that went away
// between the fault and the copy is brought again.
Status AddressSpace::copy_foreign(VirtualAddress at, std::byte* kernel, size_t length, bool is_write) {
    constexpr int kMostTries = 100;
    for (int i = 0; i < kMostTries; ++i) {
        if (handle_fault(at, is_write ? FaultAccess::Write : FaultAccess::Read) != FaultOutcome::Resolved)
            return fail(Error::BadAddress);
        WriteGuard guard(lock_);
        const Mapping* mapping = find_mapping(at.value);
        const auto copy = [&](uint64_t entry) {
            std::byte* bytes = arch::entry_address(entry).direct() + (at.value & (kPageSize - 1));
            __builtin_memcpy(is_write ? bytes : kernel, is_write ? kernel : bytes, length);
        };
        const arch::TableEntry* slot = arch::find_entry(root_, at.value);
        if (!mapping || !slot) continue;
        const auto look = [&] {
            const uint64_t entry = slot->load(std::memory_order_acquire);
            if (!arch::is_present(entry) || (is_write && (entry & kWritable) == 0)) return false;
            copy(entry);
            return true;
        };
        if (!mapping->vmo) {
            if (look()) return {};
        } else {
            MutexGuard vmo_guard(mapping->vmo->mappings_lock_);  // its pages are not freed while we look
            if (look()) return {};
        }
    }
    return fail(Error::BadAddress);
}

Result<size_t> AddressSpace::read_foreign(VirtualAddress from, std::span<std::byte> to) {
    size_t done = 0;
    while (done < to.size()) {
        const VirtualAddress at = from + done;
        const size_t length = std::min<size_t>(to.size() - done, kPageSize - (at.value & (kPageSize - 1)));
        if (at.value >= kUserEnd || !copy_foreign(at, to.data() + done, length, false)) break;
        done += length;
    }
    if (done == 0 && !to.empty()) return fail(Error::BadAddress);
    return done;
}

Result<size_t> AddressSpace::write_foreign(VirtualAddress to, std::span<const std::byte> from) {
    size_t done = 0;
    while (done < from.size()) {
        const VirtualAddress at = to + done;
        const size_t length = std::min<size_t>(from.size() - done, kPageSize - (at.value & (kPageSize - 1)));
        if (at.value >= kUserEnd || !copy_foreign(at, const_cast<std::byte*>(from.data() + done), length, true)) break;
        done += length;
    }
    if (done == 0 && !from.empty()) return fail(Error::BadAddress);
    return done;
}

std::optional<AddressSpace::MappingView> AddressSpace::next_mapping(VirtualAddress from) {
    ReadGuard guard(lock_);
    const Mapping* mapping = find_mapping_at_or_after(from.value);
    if (!mapping) return std::nullopt;
    uint64_t resident = 0;
    uintptr_t at = mapping->start;
    while (const arch::EntryRun run = arch::next_entries(root_, at, mapping->end)) {
        for (size_t i = 0; i < run.count; ++i) {
            const uint64_t entry = run.first[i].load(std::memory_order_relaxed);
            if (entry != 0 && !is_zero_page(entry)) ++resident;
        }
        at += run.count << kPageShift;
    }
    const char* fixed_name = nullptr;
    if (mapping->is_heap)
        fixed_name = "[heap]";
    else if (mapping->contains(program_area.stack_start.value))
        fixed_name = "[stack]";
    return MappingView{{mapping->start}, {mapping->end}, mapping->protection, mapping->is_shared,
                       mapping->vmo ? mapping->offset : 0,
                       mapping->source, resident, fixed_name, mapping->is_locked,
                       mapping->grows_down};
}

void AddressSpace::note_peaks() {
    const uint64_t resident =
        private_pages_.load(std::memory_order_relaxed) + vmo_pages_.load(std::memory_order_relaxed);
    peak_resident_pages_ = std::max(peak_resident_pages_, resident);
}

AddressSpace::Usage AddressSpace::usage() {
    WriteGuard guard(lock_);
    note_peaks();
    Usage usage{};
    usage.virtual_pages = virtual_pages_;
    usage.peak_virtual_pages = peak_virtual_pages_;
    usage.shared_pages = vmo_pages_.load(std::memory_order_relaxed);
    usage.resident_pages = private_pages_.load(std::memory_order_relaxed) + usage.shared_pages;
    usage.peak_resident_pages = peak_resident_pages_;
    usage.text_pages = text_pages_;
    usage.data_pages = data_pages_;
    usage.stack_pages = stack_pages_;
    usage.locked_pages = locked_pages_;
    usage.page_table_pages = table_count_ + 1;
    return usage;
}

}  // namespace gyre
