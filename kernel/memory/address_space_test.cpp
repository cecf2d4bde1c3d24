// SPDX-License-Identifier: MIT
//
// Tests of address spaces from the kernel's side: they are never loaded, memory is looked at through the foreign access
// that ptrace uses. Programs' side is test/twin.
#include <array>

#include "kernel/memory/address_space.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/page.h"
#include "kernel/object/handle.h"
#include "kernel/test/test.h"

namespace gyre {

namespace {

constexpr Protection kReadWrite = Protection::Read | Protection::Write;

MapRequest anonymous(uint64_t pages, Protection protection = kReadWrite) {
    MapRequest request;
    request.length = pages * kPageSize;
    request.protection = protection;
    return request;
}

MapRequest fixed(VirtualAddress at, uint64_t pages, Protection protection = kReadWrite) {
    MapRequest request = anonymous(pages, protection);
    request.hint = at;
    request.placement = Placement::Fixed;
    return request;
}

void put(AddressSpace& space, VirtualAddress at, unsigned char value) {
    const std::array<std::byte, 1> byte = {std::byte{value}};
    EXPECT(space.write_foreign(at, byte).has_value());
}

int get(AddressSpace& space, VirtualAddress at) {
    std::array<std::byte, 1> byte;
    return space.read_foreign(at, byte) ? static_cast<int>(byte[0]) : -1;
}

size_t mapping_count(AddressSpace& space) {
    size_t count = 0;
    for (VirtualAddress at{0};;) {
        const auto view = space.next_mapping(at);
        if (!view) return count;
        ++count;
        at = view->end;
    }
}

}  // namespace

KERNEL_TEST(address_space_is_a_vmar_object) {
    const uint64_t before = live_object_count(ObjectKind::Vmar);
    {
        const Ref<AddressSpace> space = TEST_TRY(AddressSpace::create());
        const Handle handle(space, kMemoryRights);
        const Handle seen = TEST_TRY(handle.duplicate(Rights::Inspect | Rights::Duplicate));
        EXPECT(seen.as<AddressSpace>(Rights::Map).error() == Error::AccessDenied);
        EXPECT(seen.as<Vmo>(Rights::Inspect).error() == Error::InvalidArgument);
        EXPECT(handle.as<AddressSpace>(Rights::Map).has_value());
        EXPECT(space->koid() != TEST_TRY(space->fork())->koid());
    }
    EXPECT(live_object_count(ObjectKind::Vmar) == before);
}

KERNEL_TEST(address_space_gives_all_memory_back) {
    const auto before = page_allocator::statistics();
    {
        Ref<AddressSpace> space = TEST_TRY(AddressSpace::create());
        const VirtualAddress at = TEST_TRY(space->map(anonymous(600)));
        for (uint64_t i = 0; i < 600; i += 3) put(*space, at + i * kPageSize, 1);
        EXPECT(space->usage().resident_pages == 200);
        Ref<AddressSpace> child = TEST_TRY(space->fork());
        for (uint64_t i = 0; i < 600; i += 6) put(*child, at + i * kPageSize, 2);
        EXPECT(child->usage().resident_pages == 200);
    }
    const auto after = page_allocator::statistics();
    EXPECT(after.vmo_pages == before.vmo_pages && after.page_table_pages == before.page_table_pages);
}

KERNEL_TEST(address_space_fork_parts_private_and_shares_shared) {
    Ref<AddressSpace> parent = TEST_TRY(AddressSpace::create());
    const VirtualAddress own = TEST_TRY(parent->map(anonymous(2)));
    MapRequest request = anonymous(2);
    request.is_shared = true;
    const VirtualAddress shared = TEST_TRY(parent->map(request));
    put(*parent, own, 1);
    put(*parent, shared, 1);
    Ref<AddressSpace> child = TEST_TRY(parent->fork());
    EXPECT(get(*child, own) == 1);
    put(*child, own, 2);
    put(*child, shared, 2);
    EXPECT(get(*parent, own) == 1 && get(*child, own) == 2);
    EXPECT(get(*parent, shared) == 2);
    put(*parent, own, 3);
    EXPECT(get(*child, own) == 2);
    const auto identity = TEST_TRY(parent->identify(shared));
    EXPECT(identity == *child->identify(shared));
    EXPECT(!(*parent->identify(own) == *child->identify(own)));
}

KERNEL_TEST(address_space_private_view_of_a_vmo_keeps_writes) {
    Ref<Vmo> vmo = TEST_TRY(Vmo::create(3 * kPageSize));
    const std::array<std::byte, 1> seven = {std::byte{7}};
    EXPECT(vmo->write(kPageSize, seven).has_value());
    Ref<AddressSpace> space = TEST_TRY(AddressSpace::create());
    MapRequest request = anonymous(4);
    request.vmo = vmo;
    const VirtualAddress own = TEST_TRY(space->map(request));
    request.is_shared = true;
    const VirtualAddress shared = TEST_TRY(space->map(request));
    EXPECT(get(*space, own + kPageSize) == 7 && get(*space, shared + kPageSize) == 7);
    put(*space, own + kPageSize, 8);
    EXPECT(get(*space, shared + kPageSize) == 7);
    put(*space, shared + kPageSize, 9);
    EXPECT(get(*space, own + kPageSize) == 8);
    // Past the end there is nothing, and what is cut off goes from every mapping.
    EXPECT(get(*space, shared + 3 * kPageSize) == -1);
    EXPECT(space->handle_fault(shared + 3 * kPageSize, FaultAccess::Read) == FaultOutcome::PastEnd);
    EXPECT(vmo->set_size(kPageSize).has_value());
    EXPECT(get(*space, shared + kPageSize) == -1);
    EXPECT(vmo->set_size(3 * kPageSize).has_value());
    EXPECT(get(*space, shared + kPageSize) == 0);
}

KERNEL_TEST(address_space_splits_and_joins_mappings) {
    Ref<AddressSpace> space = TEST_TRY(AddressSpace::create());
    const VirtualAddress at{0x10'0000'0000};
    EXPECT(space->map(fixed(at, 9)).has_value());
    put(*space, at + 4 * kPageSize, 5);
    EXPECT(space->protect(at + 3 * kPageSize, 3 * kPageSize, Protection::Read).has_value());
    EXPECT(mapping_count(*space) == 3);
    EXPECT(space->handle_fault(at + 4 * kPageSize, FaultAccess::Write) == FaultOutcome::NotAllowed);
    EXPECT(get(*space, at + 4 * kPageSize) == 5);
    EXPECT(space->protect(at + 3 * kPageSize, 3 * kPageSize, Protection::None).has_value());
    EXPECT(space->handle_fault(at + 4 * kPageSize, FaultAccess::Read) == FaultOutcome::NotAllowed);
    EXPECT(space->protect(at + 3 * kPageSize, 3 * kPageSize, kReadWrite).has_value());
    EXPECT(mapping_count(*space) == 1);
    EXPECT(get(*space, at + 4 * kPageSize) == 5);
    EXPECT(space->unmap(at + 4 * kPageSize, kPageSize).has_value());
    EXPECT(mapping_count(*space) == 2);
    EXPECT(space->handle_fault(at + 4 * kPageSize, FaultAccess::Read) == FaultOutcome::NoMapping);
    EXPECT(space->protect(at, 9 * kPageSize, Protection::Read) == Status(fail(Error::NoMemory)));
    EXPECT(space->handle_fault(at, FaultAccess::Write) == FaultOutcome::NotAllowed);
    EXPECT(space->map(fixed(at + 4 * kPageSize, 1, Protection::Read)).has_value());
    EXPECT(space->protect(at, 9 * kPageSize, kReadWrite).has_value());
    EXPECT(mapping_count(*space) == 1);
    EXPECT(get(*space, at + 4 * kPageSize) == 0);
}

KERNEL_TEST(address_space_moves_private_pages) {
    Ref<AddressSpace> space = TEST_TRY(AddressSpace::create());
    const VirtualAddress at{0x10'0000'0000};
    EXPECT(space->map(fixed(at, 4)).has_value());
    EXPECT(space->map(fixed(at + 4 * kPageSize, 1, Protection::Read)).has_value());
    put(*space, at + 2 * kPageSize, 4);
    AddressSpace::RemapRequest request;
    request.old_start = at;
    request.old_length = 4 * kPageSize;
    request.new_length = 8 * kPageSize;
    EXPECT(space->remap(request).error() == Error::NoMemory);
    request.may_move = true;
    const VirtualAddress moved = TEST_TRY(space->remap(request));
    EXPECT(moved != at);
    EXPECT(get(*space, moved + 2 * kPageSize) == 4 && get(*space, moved + 7 * kPageSize) == 0);
    EXPECT(get(*space, at) == -1);
    request.old_start = moved;
    request.old_length = 8 * kPageSize;
    request.new_length = 3 * kPageSize;
    EXPECT(*space->remap(request) == moved);
    EXPECT(get(*space, moved + 3 * kPageSize) == -1 && get(*space, moved + 2 * kPageSize) == 4);
    EXPECT(space->usage().virtual_pages == 4);
}

KERNEL_TEST(address_space_break_grows_and_shrinks) {
    Ref<AddressSpace> space = TEST_TRY(AddressSpace::create());
    const VirtualAddress start{0x20'0000'0000};
    space->set_break_start(start);
    EXPECT(space->set_break({0}, UINT64_MAX) == start);
    EXPECT(space->set_break(start + 10000, UINT64_MAX) == start + 10000);
    put(*space, start + 9999, 1);
    EXPECT(space->set_break(start + 20000, UINT64_MAX) == start + 20000);
    EXPECT(mapping_count(*space) == 1);
    EXPECT(space->set_break(start + 100000, 50000) == start + 20000);
    EXPECT(space->set_break(start + 100, UINT64_MAX) == start + 100);
    EXPECT(space->set_break(start + 10000, UINT64_MAX) == start + 10000);
    EXPECT(get(*space, start + 9999) == 0);
    EXPECT(space->set_break(start, UINT64_MAX) == start);
    EXPECT(mapping_count(*space) == 0);
}

KERNEL_TEST(address_space_stack_grows_to_its_limit) {
    Ref<AddressSpace> space = TEST_TRY(AddressSpace::create());
    const VirtualAddress top{0x7000'0000'0000};
    MapRequest request = fixed({top.value - 4 * kPageSize}, 4);
    request.grows_down = true;
    EXPECT(space->map(request).has_value());
    AddressSpace::Limits limits;
    limits.stack_bytes = 64 * kPageSize;
    space->set_limits(limits);
    put(*space, {top.value - 60 * kPageSize}, 1);
    EXPECT(get(*space, {top.value - 60 * kPageSize}) == 1);
    EXPECT(space->handle_fault({top.value - 65 * kPageSize}, FaultAccess::Write) == FaultOutcome::NoMapping);
    EXPECT(mapping_count(*space) == 1);
}

KERNEL_TEST(address_space_advice_throws_away_and_wipes) {
    Ref<AddressSpace> space = TEST_TRY(AddressSpace::create());
    const VirtualAddress at = TEST_TRY(space->map(anonymous(4)));
    for (uint64_t i = 0; i < 4; ++i) put(*space, at + i * kPageSize, 5);
    EXPECT(space->advise(at, kPageSize, AddressSpace::Advice::DontNeed).has_value());
    EXPECT(get(*space, at) == 0 && get(*space, at + kPageSize) == 5);
    EXPECT(space->advise(at + kPageSize, kPageSize, AddressSpace::Advice::WipeOnFork).has_value());
    EXPECT(space->advise(at + 2 * kPageSize, kPageSize, AddressSpace::Advice::DontFork).has_value());
    Ref<AddressSpace> child = TEST_TRY(space->fork());
    EXPECT(get(*child, at + kPageSize) == 0 && get(*space, at + kPageSize) == 5);
    EXPECT(get(*child, at + 2 * kPageSize) == -1 && get(*child, at + 3 * kPageSize) == 5);
    std::array<uint8_t, 4> resident{};
    EXPECT(space->residency(at, 4, resident).has_value());
    EXPECT(resident[1] == 1);
}

namespace {

// A bit of everything that allocates. Any of it may fail; nothing may be lost or left half done.
void use_memory() {
    Result<Ref<AddressSpace>> created = AddressSpace::create();
    if (!created) return;
    AddressSpace& space = **created;
    const VirtualAddress at{0x10'0000'0000};
    MapRequest shared = anonymous(4);
    shared.is_shared = true;
    (void)space.map(shared);
    if (!space.map(fixed(at, 8))) return;
    for (uint64_t i = 0; i < 8; ++i) put(space, at + i * kPageSize, 1);
    (void)space.protect(at + 2 * kPageSize, 2 * kPageSize, Protection::Read);
    Result<Ref<AddressSpace>> child = space.fork();
    if (child) EXPECT(get(**child, at + 7 * kPageSize) == 1);
    AddressSpace::RemapRequest request;
    request.old_start = at + 5 * kPageSize;
    request.old_length = 3 * kPageSize;
    request.new_length = 300 * kPageSize;
    request.may_move = true;
    const Result<VirtualAddress> moved = space.remap(request);
    EXPECT(get(space, (moved ? *moved : request.old_start) + 2 * kPageSize) == 1);
    const bool is_unmapped = space.unmap(at + kPageSize, kPageSize).has_value();
    EXPECT(get(space, at + kPageSize) == (is_unmapped ? -1 : 1));
    Result<Ref<Vmo>> vmo = Vmo::create(100 * kPageSize);
    if (!vmo) return;
    for (uint64_t i = 0; i < 100; i += 30) (void)(*vmo)->get_page(i, ForWrite::Yes).transform(Vmo::release_page);
    (void)(*vmo)->clone();
}

}  // namespace

KERNEL_TEST(address_space_loses_nothing_when_memory_runs_out) {
    use_memory();  // what is made once and kept
    for (uint64_t nth = 1; nth <= 80; ++nth) {
        const auto before = page_allocator::statistics();
        const uint64_t bytes = heap::bytes_in_use();
        memory::fail_allocation(nth);
        use_memory();
        memory::cancel_fail_allocation();
        const auto after = page_allocator::statistics();
        EXPECT(after.vmo_pages == before.vmo_pages);
        EXPECT(after.page_table_pages == before.page_table_pages);
        EXPECT(heap::bytes_in_use() == bytes);
    }
}

}  // namespace gyre
