// SPDX-License-Identifier: MIT
//
// A Vmo: memory as an object. Pages appear when they are first needed: zero-filled, copied from a parent on the
// first write, or brought by a pager (a file system, later a device). Files' page caches, anonymous memory, shared
// memory and the vDSO are all Vmos; reading, mapping and sharing meet here.
//
// Copy on write: clone() makes a Vmo that shares every present page by reference count; whoever writes to a page
// with more than one reference copies it. A Vmo with a parent looks up what it does not hold itself there (a private
// mapping of a file).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/memory/page.h"

#include "kernel/object/object.h"
#include "kernel/sync/mutex.h"

namespace gyre {

class Mapping;

// Brings missing pages. Implemented by file systems. May sleep.
class Pager : public RefCounted {
public:
    virtual ~Pager() = default;
    // Fills the page (zeroed beforehand if it is past the source's end). Errors: InputOutput, NoMemory.
    virtual Status fill(uint64_t page_index, Page& page) = 0;
    // Whether pages without content exist at all (a tmpfs hole reads as zero without a pager).
};

enum class ForWrite : bool { No, Yes };

class Vmo final : public Object {
public:
    static constexpr ObjectKind kKind = ObjectKind::Vmo;

    // Errors: NoMemory. Sizes are in bytes; the content is in pages.
    static Result<Ref<Vmo>> create(uint64_t size, Ref<Pager> pager = {});
    // A private, copy-on-write view of `parent` from `offset` (page aligned): what MAP_PRIVATE of a file is.
    static Result<Ref<Vmo>> create_private_view(Ref<Vmo> parent, uint64_t offset, uint64_t size);
    // What fork does to private memory: an independent copy that shares pages until one side writes. All
    // mappings of `this` become read-only in the page tables first (the caller flushes TLBs once at the end of
    // the fork, before either side runs).
    Result<Ref<Vmo>> clone();
    ~Vmo();

    uint64_t size() const { return size_.load(std::memory_order_acquire); }
    // Shrinking frees pages, zeroes the rest of the last one and unmaps them wherever they are mapped.
    Status set_size(uint64_t size);
    uint64_t resident_pages() const;

    // Kernel-side access. Reading a hole gives zeroes and allocates nothing. Reads stop at size().
    // Errors: NoMemory, InputOutput.
    Status read(uint64_t offset, std::span<std::byte> to);
    Status write(uint64_t offset, std::span<const std::byte> from);   // within size(), else InvalidArgument

    // The page that holds the index, made present. With ForWrite::Yes it is owned alone (copied if shared). The
    // returned reference keeps the page's memory alive (release with Vmo::release_page).
    // Past the end: OutOfRange. Errors: NoMemory, InputOutput. May sleep.
    Result<Page*> get_page(uint64_t page_index, ForWrite for_write);
    // The same without making it: null for a hole.
    Page* find_page(uint64_t page_index);
    static void release_page(Page* page);

    // Throws pages away (MADV_DONTNEED, hole punching); they read as zero (or from the parent/pager) afterwards.
    void decommit(uint64_t offset, uint64_t length);
    // Zeroes a byte range without allocating pages that are holes.
    Status zero_range(uint64_t offset, uint64_t length);

private:
    friend class Mapping;
    friend class AddressSpace;
    Vmo() : Object(kKind) {}
    std::atomic<uint64_t> size_{0};
    // (the memory folder fills in its own members)
};

}  // namespace gyre
