// SPDX-License-Identifier: MIT
//
// Tests of the page tree and of Vmos.
#include <array>

#include "kernel/memory/page_tree.h"
#include "kernel/memory/vmo.h"
#include "kernel/test/test.h"

namespace gyre {

namespace {

Page* fake(uint64_t number) { return reinterpret_cast<Page*>((number + 1) * 64); }

bool has_bytes(Vmo& vmo, uint64_t offset, size_t length, unsigned char value) {
    std::array<std::byte, 256> bytes;
    for (size_t done = 0; done < length; done += bytes.size()) {
        const size_t piece = length - done < bytes.size() ? length - done : bytes.size();
        if (!vmo.read(offset + done, std::span(bytes).first(piece))) return false;
        for (size_t i = 0; i < piece; ++i)
            if (bytes[i] != std::byte{value}) return false;
    }
    return true;
}

bool fill(Vmo& vmo, uint64_t offset, size_t length, unsigned char value) {
    std::array<std::byte, 256> bytes;
    bytes.fill(std::byte{value});
    for (size_t done = 0; done < length; done += bytes.size()) {
        const size_t piece = length - done < bytes.size() ? length - done : bytes.size();
        if (!vmo.write(offset + done, std::span(bytes).first(piece))) return false;
    }
    return true;
}

}  // namespace

KERNEL_TEST(page_tree_finds_what_was_put_in) {
    PageTree tree;
    constexpr std::array<uint64_t, 9> kIndexes = {0, 1, 63, 64, 4095, 4096, 1u << 20, uint64_t{1} << 40,
                                                  PageTree::kMostIndex};
    for (const uint64_t index : kIndexes) {
        EXPECT(tree.find(index) == nullptr);
        EXPECT(tree.insert(index, fake(index)).has_value());
    }
    EXPECT(tree.count() == kIndexes.size());
    for (const uint64_t index : kIndexes) EXPECT(tree.find(index) == fake(index));
    EXPECT(tree.find(2) == nullptr && tree.find(65) == nullptr && tree.find((1u << 20) + 1) == nullptr);
    uint64_t last = 0, seen = 0;
    tree.for_each([&](uint64_t index, Page& page) {
        EXPECT(&page == fake(index));
        EXPECT(seen == 0 || index > last);
        last = index;
        ++seen;
        return true;
    });
    EXPECT(seen == kIndexes.size());
    std::array<Page*, 4> taken;
    uint64_t from = 1;
    EXPECT(tree.take(from, 4096, taken) == 4);
    EXPECT(taken[0] == fake(1) && taken[3] == fake(4095));
    EXPECT(tree.take(from, 4096, taken) == 0);
    EXPECT(tree.find(0) == fake(0) && tree.find(4096) == fake(4096) && tree.find(64) == nullptr);
    from = 0;
    EXPECT(tree.take(from, PageTree::kMostIndex + 1, taken) == 4);
    EXPECT(tree.take(from, PageTree::kMostIndex + 1, taken) == 1);
    EXPECT(tree.count() == 0);
}

KERNEL_TEST(vmo_holes_read_as_zero_and_hold_nothing) {
    Ref<Vmo> vmo = TEST_TRY(Vmo::create(1 << 20));
    EXPECT(has_bytes(*vmo, 5000, 10000, 0));
    EXPECT(vmo->resident_pages() == 0);
    EXPECT(fill(*vmo, 5000, 300, 7));
    EXPECT(vmo->resident_pages() == 1);
    EXPECT(has_bytes(*vmo, 5000, 300, 7) && has_bytes(*vmo, 4096, 904, 0) && has_bytes(*vmo, 5300, 100, 0));
    EXPECT(vmo->write((1 << 20) - 1, std::array<std::byte, 2>{}) == Status(fail(Error::InvalidArgument)));
    EXPECT(vmo->get_page(256, ForWrite::No).error() == Error::OutOfRange);
}

KERNEL_TEST(vmo_cut_off_reads_as_zero_when_it_grows_again) {
    Ref<Vmo> vmo = TEST_TRY(Vmo::create(5 * kPageSize));
    EXPECT(fill(*vmo, 0, 5 * kPageSize, 9));
    EXPECT(vmo->set_size(kPageSize + 100).has_value());
    EXPECT(vmo->resident_pages() == 2);
    EXPECT(vmo->set_size(5 * kPageSize).has_value());
    EXPECT(has_bytes(*vmo, 0, kPageSize + 100, 9));
    EXPECT(has_bytes(*vmo, kPageSize + 100, 4 * kPageSize - 100, 0));
}

KERNEL_TEST(page_tree_crosses_holes_of_any_width) {
    constexpr uint64_t kIndexes[] = {3, 64, 4095, uint64_t{1} << 40, PageTree::kMostIndex - 1};
    PageTree tree;
    EXPECT(tree.next(0, 100) == 100);
    for (const uint64_t index : kIndexes) EXPECT(tree.insert(index, fake(index)).has_value());
    uint64_t at = 0;
    for (const uint64_t index : kIndexes) {
        at = tree.next(at, PageTree::kMostIndex);
        EXPECT(at == index);
        EXPECT(tree.next(index, index) == index && tree.next(index, index + 1) == index);
        ++at;
    }
    EXPECT(tree.next(at, PageTree::kMostIndex) == PageTree::kMostIndex);
    EXPECT(tree.next(5000, uint64_t{1} << 40) == uint64_t{1} << 40);
    EXPECT(tree.next(5000, 6000) == 6000);
    std::array<Page*, 8> taken;
    uint64_t from = 0;
    EXPECT(tree.take(from, PageTree::kMostIndex, taken) == std::size(kIndexes));
}

KERNEL_TEST(vmo_decommit_is_exact_to_the_byte) {
    Ref<Vmo> vmo = TEST_TRY(Vmo::create(4 * kPageSize));
    EXPECT(fill(*vmo, 0, 4 * kPageSize, 3));
    vmo->decommit(1000, 2 * kPageSize);
    EXPECT(has_bytes(*vmo, 0, 1000, 3));
    EXPECT(has_bytes(*vmo, 1000, 2 * kPageSize, 0));
    EXPECT(has_bytes(*vmo, 1000 + 2 * kPageSize, 4 * kPageSize - (1000 + 2 * kPageSize), 3));
    EXPECT(vmo->resident_pages() == 3);
}

KERNEL_TEST(vmo_clones_part_when_one_writes) {
    const auto before = page_allocator::statistics();
    {
        Ref<Vmo> vmo = TEST_TRY(Vmo::create(2 * kPageSize));
        EXPECT(fill(*vmo, 0, 2 * kPageSize, 1));
        Ref<Vmo> copy = TEST_TRY(vmo->clone());
        Page* one = vmo->find_page(0);
        Page* other = copy->find_page(0);
        EXPECT(one == other);
        Vmo::release_page(one);
        Vmo::release_page(other);
        EXPECT(fill(*copy, 0, 10, 2));
        EXPECT(has_bytes(*vmo, 0, 10, 1) && has_bytes(*copy, 0, 10, 2) && has_bytes(*copy, 10, 100, 1));
        EXPECT(fill(*vmo, 0, 10, 5));
        EXPECT(has_bytes(*copy, 0, 10, 2) && has_bytes(*copy, kPageSize, kPageSize, 1));
    }
    EXPECT(page_allocator::statistics().vmo_pages == before.vmo_pages);
}

KERNEL_TEST(vmo_private_view_copies_from_its_parent) {
    Ref<Vmo> parent = TEST_TRY(Vmo::create(4 * kPageSize));
    EXPECT(fill(*parent, 0, 4 * kPageSize, 6));
    Ref<Vmo> view = TEST_TRY(Vmo::create_private_view(parent, kPageSize, 4 * kPageSize));
    EXPECT(has_bytes(*view, 0, 3 * kPageSize, 6) && has_bytes(*view, 3 * kPageSize, kPageSize, 0));
    EXPECT(fill(*view, 0, 100, 8));
    EXPECT(has_bytes(*parent, kPageSize, 100, 6) && has_bytes(*view, 0, 100, 8));
}

}  // namespace gyre
