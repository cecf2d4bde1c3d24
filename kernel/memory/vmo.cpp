// SPDX-License-Identifier: MIT
//
// Making Vmos and bringing their pages. Sharing between clones is marked in the page (kSharedByClones) and not guessed
// from the count alone: a reader who holds a page for a moment must not make a writer copy it.
#include "kernel/memory/vmo.h"

#include <array>

#include "kernel/arch/x86_64/page_table.h"
#include "kernel/log/assert.h"
#include "kernel/memory/mapping.h"

namespace gyre {

namespace {
constexpr uint16_t kSharedByClones = 1;  // Page::flags
}

Result<Ref<Vmo>> Vmo::create(uint64_t size, Ref<Pager> pager) {
    Vmo* vmo = new (std::nothrow) Vmo;
    if (!vmo) return fail(Error::NoMemory);
    vmo->size_.store(size, std::memory_order_relaxed);
    vmo->pager_ = std::move(pager);
    return Ref<Vmo>::adopt(vmo);
}

Result<Ref<Vmo>> Vmo::create_private_view(Ref<Vmo> parent, uint64_t offset, uint64_t size) {
    if ((offset & (kPageSize - 1)) != 0) return fail(Error::InvalidArgument);
    Ref<Vmo> view = TRY(create(size));
    view->parent_ = std::move(parent);
    view->parent_offset_ = offset;
    return view;
}

Result<Ref<Vmo>> Vmo::clone() {
    Ref<Vmo> copy = TRY(create(size(), pager_));
    copy->parent_ = parent_;
    copy->parent_offset_ = parent_offset_;
    {
        MutexGuard guard(lock_);
        Status status;
        // Nobody sees `copy` yet: its tree needs no lock.
        pages_.for_each([&](uint64_t index, Page& page) {
            status = copy->pages_.insert(index, &page);
            if (!status) return false;
            page.flags |= kSharedByClones;
            page.references.fetch_add(1, std::memory_order_relaxed);
            return true;
        });
        TRY_VOID(status);
    }
    unmap_everywhere(0, PageTree::kMostIndex);  // writable entries would write to the copy as well
    return copy;
}

Vmo::Vmo() : Object(kKind) {}  // here, because Mapping is whole here
Vmo::~Vmo() {
    KASSERT(mappings_.empty(), "a Vmo dies while it is mapped");
    drop_pages(0, PageTree::kMostIndex);
}

bool Vmo::is_shared(Page& page) {
    if ((page.flags & kSharedByClones) == 0) [[likely]]
        return false;
    if (page.references.load(std::memory_order_acquire) > 1) return true;
    page.flags &= static_cast<uint16_t>(~kSharedByClones);  // the others are gone
    return false;
}

void Vmo::release_page(Page* page) {
    if (page->references.fetch_sub(1, std::memory_order_acq_rel) == 1) page_allocator::free(page);
}

uint64_t Vmo::resident_pages() const { return pages_.count(); }

// A new page with the content that the index has while it is a hole. Takes no lock.
Result<Page*> Vmo::make_page(uint64_t index) {
    Page* page = TRY(page_allocator::allocate(PageUse::Vmo, !pager_ && !parent_ ? Zeroing::Yes : Zeroing::No));
    Status status;
    if (parent_) {
        const Result<Page*> source = parent_->get_page(index + (parent_offset_ >> kPageShift), ForWrite::No);
        if (source) {
            arch::copy_page(page->bytes(), (*source)->bytes());
            release_page(*source);
        } else if (source.error() == Error::OutOfRange) {
            arch::zero_page(page->bytes());
        } else {
            status = fail(source.error());
        }
    } else if (pager_) {
        status = pager_->fill(index, *page);
    }
    if (status) return page;
    page_allocator::free(page);
    return fail(status.error());
}

// Afterwards the page is there, and not shared if it is for writing - unless somebody was faster: the caller looks again.
Status Vmo::bring_page(uint64_t index, ForWrite for_write) {
    {
        MutexGuard guard(lock_);
        if (Page* page = pages_.find(index)) {
            if (for_write == ForWrite::No || !is_shared(*page)) return {};
        } else if (!pager_ && !parent_) {
            // The common case needs no second look: zeroes.
            Page* fresh = TRY(page_allocator::allocate(PageUse::Vmo, Zeroing::Yes));
            if (Status status = pages_.insert(index, fresh); !status) {
                page_allocator::free(fresh);
                return status;
            }
            return {};
        }
    }
    Page* fresh = nullptr;
    {
        lock_.lock();
        const bool is_missing = pages_.find(index) == nullptr;
        lock_.unlock();
        if (!is_missing) return separate_page(index);
    }
    fresh = TRY(make_page(index));
    MutexGuard guard(lock_);
    Status status;
    const bool is_late = index >= page_count() || pages_.find(index);
    if (!is_late) status = pages_.insert(index, fresh);
    if (is_late || !status) page_allocator::free(fresh);
    return status;
}

// Gives this Vmo its own copy of a page that it shares with clones.
Status Vmo::separate_page(uint64_t index) {
    Page* fresh = TRY(page_allocator::allocate(PageUse::Vmo));
    Page* old = nullptr;
    {
        MutexGuard guard(lock_);
        old = pages_.find(index);
        if (old && is_shared(*old)) {
            arch::copy_page(fresh->bytes(), old->bytes());
            pages_.replace(index, fresh);
        } else {
            old = nullptr;
        }
    }
    if (!old) {
        page_allocator::free(fresh);
        return {};
    }
    unmap_everywhere(index, index + 1);
    release_page(old);
    return {};
}

Result<Page*> Vmo::get_page(uint64_t page_index, ForWrite for_write) {
    Page* result = nullptr;
    TRY_VOID(use_page(page_index, for_write, [&](Page& page) {
        page.references.fetch_add(1, std::memory_order_relaxed);
        result = &page;
    }));
    return result;
}

Page* Vmo::find_page(uint64_t page_index) {
    {
        MutexGuard guard(lock_);
        if (Page* page = pages_.find(page_index)) {
            page->references.fetch_add(1, std::memory_order_relaxed);
            return page;
        }
    }
    return parent_ ? parent_->find_page(page_index + (parent_offset_ >> kPageShift)) : nullptr;
}

uint64_t Vmo::next_page(uint64_t from, uint64_t to) {
    {
        MutexGuard guard(lock_);
        to = pages_.next(from, to);
    }
    if (!parent_) return to;
    const uint64_t shift = parent_offset_ >> kPageShift;
    return parent_->next_page(from + shift, to + shift) - shift;
}

bool Vmo::has_shared_writable_mapping() {
    MutexGuard guard(mappings_lock_);
    for (const Mapping& mapping : mappings_)
        if (mapping.is_shared && allows(mapping.most, Protection::Write)) return true;
    return false;
}

}  // namespace gyre
