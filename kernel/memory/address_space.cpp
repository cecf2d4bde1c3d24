// SPDX-License-Identifier: MIT
//
// An address space's life: made, loaded, torn down; and its page tables as a resource.
//
// Private memory - anonymous, or a private copy of a file's page - is recorded in the page tables and nowhere else: an
// entry with the private bit owns one reference of its page, also while it is not present (PROT_NONE). Other
// entries only cache what the mapping's Vmo holds, and may be dropped at any time.
//
// Who may change an entry: anybody with lock_ held shared (faults), by compare-and-exchange; with lock_ held
// exclusively; and a Vmo that takes pages away, with its list of mappings locked. Tables are freed with lock_ held
// exclusively, after their mappings left their Vmos' lists.
#include "kernel/memory/address_space.h"

#include <algorithm>

#include "kernel/log/assert.h"
#include "kernel/memory/address_space_internal.h"
#include "kernel/memory/kernel_map.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/user_layout.h"
#include "kernel/schedule/cpu.h"

namespace gyre {

constinit PhysicalAddress zero_page_address;

namespace {

Status make_zero_page() {
    if (zero_page_address.value != 0) return {};
    Page* page = TRY(page_allocator::allocate(PageUse::Kernel, Zeroing::Yes));
    // The first space is made by one CPU alone, before there are programs.
    zero_page_address = page->address();
    return {};
}

}  // namespace

AddressSpace::AddressSpace() : Object(kKind) {}

Result<Ref<AddressSpace>> AddressSpace::create() {
    Ref<AddressSpace> space = TRY(create_bare());
    space->map_top_ = space->search_top_ = user_layout::choose_map_top();
    return space;
}

// Without a layout: a fork has its parent's.
Result<Ref<AddressSpace>> AddressSpace::create_bare() {
    TRY_VOID(make_zero_page());
    auto* space = new (std::nothrow) AddressSpace;
    if (!space) return fail(Error::NoMemory);
    Ref<AddressSpace> result = Ref<AddressSpace>::adopt(space);
    Page* root = TRY(page_allocator::allocate(PageUse::PageTable, Zeroing::Yes));
    space->root_ = root->address();
    memory::copy_kernel_half(space->root_);
    return result;
}

AddressSpace::~AddressSpace() {
    if (root_.value == 0) return;
    tear_down();
    // Somebody may have loaded the root between the tearing down and now (the exiting thread itself).
    tlb::leave(*this, active_cpus());
    page_allocator::free(&Page::of(root_));
}

void AddressSpace::tear_down() {
    RemovedMappings removed;
    WriteGuard guard(lock_);
    if (is_torn_down_) return;
    note_peaks();
    // After this no CPU caches a translation of ours or walks our tables; so nothing below needs a flush.
    is_torn_down_ = true;
    tlb::leave(*this, active_cpus());
    last_found_.store(nullptr, std::memory_order_relaxed);
    mappings_.clear_and_dispose([&](Mapping* mapping) {
        if (mapping->vmo) {
            MutexGuard vmo_guard(mapping->vmo->mappings_lock_);
            mapping->vmo->mappings_.erase(mapping->vmo->mappings_.iterator_to(*mapping));
        }
        uintptr_t at = mapping->start;
        while (const arch::EntryRun run = arch::next_entries(root_, at, mapping->end)) {
            for (size_t i = 0; i < run.count; ++i) {
                const uint64_t entry = run.first[i].load(std::memory_order_relaxed);
                if ((entry & arch::entry_bits::kPrivate) != 0) drop_private_page(Page::of(arch::entry_address(entry)));
            }
            at += run.count << kPageShift;
        }
        mapping->next_removed = removed.first;
        removed.first = mapping;
    });
    while (Page* table = tables_) {
        tables_ = table->next;
        page_allocator::free(table);
    }
    table_count_ = 0;
    private_pages_.store(0, std::memory_order_relaxed);
    vmo_pages_.store(0, std::memory_order_relaxed);
    virtual_pages_ = data_pages_ = stack_pages_ = text_pages_ = locked_pages_ = 0;
}

void AddressSpace::activate() {
    Cpu& cpu = arch::this_cpu();
    AddressSpace* old = cpu.loaded_address_space;
    if (old == this) return;
    if (is_torn_down_) {
        activate_kernel_address_space();
        return;
    }
    const uint64_t bit = CpuSet::of(cpu.number).bits;
    // Before the load, so that whoever changes an entry after it finds this CPU in the set.
    active_cpus_.fetch_or(bit, std::memory_order_seq_cst);
    cpu.loaded_address_space = this;
    arch::load_root(root_);
    if (old) old->active_cpus_.fetch_and(~bit, std::memory_order_release);
}

// With one CPU a kernel thread keeps whatever is loaded: it never looks at user memory, and most often the same program runs
// next. With several, a CPU that is idle would be interrupted for every page that the program's other threads unmap.
void activate_kernel_address_space() {
    if (online_cpu_count() == 1) return;
    if (AddressSpace* space = arch::this_cpu().loaded_address_space) leave_address_space(*space);
}

// This CPU goes to the kernel's tables. Interrupts off.
void leave_address_space(AddressSpace& space) {
    Cpu& cpu = arch::this_cpu();
    if (cpu.loaded_address_space != &space) return;
    arch::load_root(memory::kernel_page_table());
    cpu.loaded_address_space = nullptr;
    space.active_cpus_.fetch_and(~CpuSet::of(cpu.number).bits, std::memory_order_release);
}

PhysicalAddress AddressSpace::allocate_table(void* argument) {
    auto* space = static_cast<AddressSpace*>(argument);
    const Result<Page*> allocated = page_allocator::allocate(PageUse::PageTable, Zeroing::Yes);
    if (!allocated) return {};
    Page* page = *allocated;
    SpinGuard guard(space->tables_lock_);
    page->previous = nullptr;
    page->next = space->tables_;
    if (page->next) page->next->previous = page;
    space->tables_ = page;
    ++space->table_count_;
    return page->address();
}

// Takes it off the list; the memory is freed by a gather, or here if no CPU ever saw the table.
void AddressSpace::free_table(void* argument, PhysicalAddress table) {
    auto* space = static_cast<AddressSpace*>(argument);
    Page& page = Page::of(table);
    {
        SpinGuard guard(space->tables_lock_);
        (page.previous ? page.previous->next : space->tables_) = page.next;
        if (page.next) page.next->previous = page.previous;
        --space->table_count_;
    }
    page_allocator::free(&page);
}

arch::TableEntry* AddressSpace::make_entry(uintptr_t address) {
    if (arch::TableEntry* entry = arch::find_entry(root_, address)) [[likely]]
        return entry;
    return arch::make_entry(root_, address, allocate_table, this, free_table);
}

void TlbGather::finish() {
    if (end_ != 0)
        tlb::flush_user(space_, space_.active_cpus(), start_, (end_ - start_) >> kPageShift);
    start_ = UINTPTR_MAX;
    end_ = 0;
    for (size_t i = 0; i < count_; ++i) drop_private_page(*pages_[i]);
    count_ = 0;
}

void AddressSpace::clear_entries(uintptr_t start, uintptr_t end, TlbGather& gather) {
    uint64_t private_count = 0, vmo_count = 0;
    uintptr_t at = start;
    while (const arch::EntryRun run = arch::next_entries(root_, at, end)) {
        for (size_t i = 0; i < run.count; ++i) {
            if (run.first[i].load(std::memory_order_relaxed) == 0) continue;
            const uint64_t old = run.first[i].exchange(0, std::memory_order_acq_rel);
            if (old == 0) continue;  // a Vmo was faster
            gather.changed(at + (i << kPageShift));
            if ((old & arch::entry_bits::kPrivate) != 0) {
                ++private_count;
                gather.drop(Page::of(arch::entry_address(old)));
            } else if (!is_zero_page(old)) {
                ++vmo_count;
            }
        }
        at += run.count << kPageShift;
    }
    private_pages_.fetch_sub(private_count, std::memory_order_relaxed);
    vmo_pages_.fetch_sub(vmo_count, std::memory_order_relaxed);
}

// The range has no mapping any more; last-level tables that served only it and the holes around it go. Higher tables
// stay until the end: few, and finding them would mean long walks.
void AddressSpace::free_tables_around(uintptr_t start, uintptr_t end, TlbGather& gather) {
    constexpr uint64_t kReach = arch::kLargePageSize;  // of a last-level table
    const auto next = mappings_.lower_bound(start);
    const uintptr_t before = next == mappings_.begin() ? 0 : std::prev(next)->end;
    const uintptr_t after = next == mappings_.end() ? kUserEnd + kPageSize : next->start;
    const uintptr_t floor = std::max(before, start & ~(kReach - 1));
    const uintptr_t ceiling = std::min(after, (end + kReach - 1) & ~(kReach - 1));
    if (((floor + kReach - 1) & ~(kReach - 1)) + kReach > ceiling) return;
    struct Freeing {
        AddressSpace& space;
        TlbGather& gather;
    } freeing{*this, gather};
    arch::free_tables(
        root_, floor, ceiling,
        [](void* argument, PhysicalAddress table) {
            auto& [space, gatherer] = *static_cast<Freeing*>(argument);
            Page& page = Page::of(table);
            {
                SpinGuard guard(space.tables_lock_);
                (page.previous ? page.previous->next : space.tables_) = page.next;
                if (page.next) page.next->previous = page.previous;
                --space.table_count_;
            }
            gatherer.changed(0);  // whatever is flushed, page-structure caches go with it
            gatherer.drop(page);
        },
        &freeing);
}

void AddressSpace::forget_vmo_pages(uintptr_t start, uintptr_t end) {
    uintptr_t at = start;
    uint64_t count = 0;
    while (const arch::EntryRun run = arch::next_entries(root_, at, end)) {
        for (size_t i = 0; i < run.count; ++i) {
            uint64_t entry = run.first[i].load(std::memory_order_relaxed);
            while (entry != 0 && (entry & arch::entry_bits::kPrivate) == 0 && !is_zero_page(entry))
                if (run.first[i].compare_exchange_weak(entry, 0, std::memory_order_acq_rel)) {
                    ++count;
                    break;
                }
        }
        at += run.count << kPageShift;
    }
    if (count == 0) return;
    vmo_pages_.fetch_sub(count, std::memory_order_relaxed);
    tlb::flush_user(*this, active_cpus(), start, (end - start) >> kPageShift);
}

}  // namespace gyre
