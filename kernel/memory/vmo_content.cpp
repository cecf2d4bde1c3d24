// SPDX-License-Identifier: MIT
//
// A Vmo's content as bytes: reading, writing, zeroing, cutting off; and telling the page tables when pages go.
#include <algorithm>
#include <array>

#include "kernel/memory/mapping.h"
#include "kernel/memory/vmo.h"

namespace gyre {

namespace {

constexpr size_t kBatch = 64;  // pages taken out at a time

// The part of one page that a byte range touches.
struct Piece {
    uint64_t index;
    size_t within, length;
};

Piece piece_at(uint64_t offset, uint64_t left) {
    const size_t within = offset & (kPageSize - 1);
    return {offset >> kPageShift, within, std::min<uint64_t>(left, kPageSize - within)};
}

}  // namespace

Status Vmo::read(uint64_t offset, std::span<std::byte> to) {
    const uint64_t end = size();
    if (offset >= end) return {};
    to = to.first(std::min<uint64_t>(to.size(), end - offset));
    while (!to.empty()) {
        const Piece piece = piece_at(offset, to.size());
        if (!pager_ && !parent_) {
            MutexGuard guard(lock_);
            if (const Page* page = pages_.find(piece.index))
                __builtin_memcpy(to.data(), page->bytes() + piece.within, piece.length);
            else
                __builtin_memset(to.data(), 0, piece.length);
        } else {
            Page* page = TRY(get_page(piece.index, ForWrite::No));
            __builtin_memcpy(to.data(), page->bytes() + piece.within, piece.length);
            release_page(page);
        }
        offset += piece.length;
        to = to.subspan(piece.length);
    }
    return {};
}

Status Vmo::write(uint64_t offset, std::span<const std::byte> from) {
    if (from.size() > size() || offset > size() - from.size()) return fail(Error::InvalidArgument);
    while (!from.empty()) {
        const Piece piece = piece_at(offset, from.size());
        TRY_VOID(use_page(piece.index, ForWrite::Yes, [&](Page& page) {
            __builtin_memcpy(page.bytes() + piece.within, from.data(), piece.length);
        }));
        offset += piece.length;
        from = from.subspan(piece.length);
    }
    return {};
}

Status Vmo::zero_range(uint64_t offset, uint64_t length) {
    const uint64_t end = size();
    if (offset >= end) return {};
    length = std::min(length, end - offset);
    while (length != 0) {
        const Piece piece = piece_at(offset, length);
        bool is_hole = false;
        if (!pager_ && !parent_) {
            MutexGuard guard(lock_);
            is_hole = pages_.find(piece.index) == nullptr;
        }
        if (!is_hole)
            TRY_VOID(use_page(piece.index, ForWrite::Yes, [&](Page& page) {
                __builtin_memset(page.bytes() + piece.within, 0, piece.length);
            }));
        offset += piece.length;
        length -= piece.length;
    }
    return {};
}

// The part of one page that is present; a page that clones share is left alone if there is no memory to copy it,
// which keeps it whole for them.
void Vmo::zero_present(uint64_t offset, uint64_t length) {
    const Piece piece = piece_at(offset, length);
    {
        MutexGuard guard(lock_);
        if (!pages_.find(piece.index)) return;
    }
    (void)use_page(piece.index, ForWrite::Yes,
                   [&](Page& page) { __builtin_memset(page.bytes() + piece.within, 0, piece.length); });
}

void Vmo::drop_pages(uint64_t from, uint64_t to) {
    std::array<Page*, kBatch> pages;
    for (;;) {
        const uint64_t first = from;
        size_t count = 0;
        {
            MutexGuard guard(lock_);
            count = pages_.take(from, to, pages);
        }
        if (count == 0) return;
        unmap_everywhere(first, from);
        for (size_t i = 0; i < count; ++i) release_page(pages[i]);
        if (count < kBatch) return;
    }
}

Status Vmo::set_size(uint64_t size) {
    const uint64_t old = size_.exchange(size, std::memory_order_acq_rel);
    if (size >= old) return {};
    drop_pages(page_ceiling(size) >> kPageShift, PageTree::kMostIndex);
    if ((size & (kPageSize - 1)) != 0) zero_present(size, kPageSize - (size & (kPageSize - 1)));
    return {};
}

void Vmo::decommit(uint64_t offset, uint64_t length) {
    const uint64_t end = offset + length;
    const uint64_t first_whole = page_ceiling(offset);
    const uint64_t last_whole = page_floor(end);
    if (first_whole > last_whole) return zero_present(offset, length);
    if (first_whole != offset) zero_present(offset, first_whole - offset);
    if (last_whole != end) zero_present(last_whole, end - last_whole);
    if (first_whole < last_whole) drop_pages(first_whole >> kPageShift, last_whole >> kPageShift);
}

void Vmo::unmap_everywhere(uint64_t from, uint64_t to) {
    MutexGuard guard(mappings_lock_);
    for (Mapping& mapping : mappings_) {
        const uint64_t first = mapping.offset >> kPageShift;
        const uint64_t last = first + mapping.page_count();
        if (to <= first || last <= from) continue;
        const uint64_t start = std::max(from, first);
        const uint64_t stop = std::min(to, last);
        mapping.space->forget_vmo_pages(mapping.start + ((start - first) << kPageShift),
                                        mapping.start + ((stop - first) << kPageShift));
    }
}

}  // namespace gyre
