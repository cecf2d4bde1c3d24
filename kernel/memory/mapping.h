// SPDX-License-Identifier: MIT
//
// A mapping: a range of an address space that shows zeroes, private memory or a Vmo. Only the memory folder sees it.
#pragma once

#include <boost/intrusive/list_hook.hpp>
#include <boost/intrusive/set_hook.hpp>

#include "kernel/memory/address_space.h"
#include "kernel/memory/types.h"
#include "kernel/memory/vmo.h"

namespace gyre {

struct Mapping : MappingTreeHook, VmoMappingHook {
    // Under the space's lock; start, end and offset under the Vmo's mappings lock as well.
    uintptr_t start = 0, end = 0;
    AddressSpace* space = nullptr;
    Ref<Vmo> vmo;                   // null: anonymous
    uint64_t offset = 0;            // into the Vmo, of `start`
    Ref<MappingSource> source;
    Protection protection = Protection::None;
    Protection most = Protection::None;
    bool is_shared = false;
    bool grows_down = false;
    bool is_locked = false;
    bool is_forked = true;          // false: MADV_DONTFORK
    bool is_wiped_on_fork = false;  // MADV_WIPEONFORK
    bool is_heap = false;           // the program break's
    Mapping* next_removed = nullptr;

    uint64_t length() const { return end - start; }
    uint64_t page_count() const { return length() >> kPageShift; }
    bool contains(uintptr_t address) const { return start <= address && address < end; }
    // Index in the Vmo of the page that holds the address.
    uint64_t page_index(uintptr_t address) const { return (address - start + offset) >> kPageShift; }
    bool is_private_writable() const { return !is_shared && allows(protection, Protection::Write); }
    bool operator<(const Mapping& other) const { return start < other.start; }
};

inline uintptr_t MappingStart::operator()(const Mapping& mapping) const { return mapping.start; }

}  // namespace gyre
