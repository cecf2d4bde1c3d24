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

#include <boost/intrusive/list.hpp>

#include "kernel/memory/page.h"
#include "kernel/memory/page_tree.h"
#include "kernel/object/object.h"
#include "kernel/sync/mutex.h"

namespace gyre {

struct Mapping;  // memory/mapping.h
using VmoMappingHook = boost::intrusive::list_base_hook<boost::intrusive::tag<struct VmoMappingTag>>;

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
    // An independent copy that shares pages until one side writes. (fork does the same for private memory, which is in
    // page tables and not in a Vmo: address_space.h.)
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
    // The same without making it: null for a hole. With a reference as well.
    Page* find_page(uint64_t page_index);
    // The first page of [from, to) that is no hole, or `to`.
    uint64_t next_page(uint64_t from, uint64_t to);
    static void release_page(Page* page);

    // Throws pages away (hole punching); they read as zero (or from the parent/pager) afterwards. Of pages that are only
    // partly in the range that part is zeroed.
    void decommit(uint64_t offset, uint64_t length);
    // Zeroes a byte range without allocating pages that are holes.
    Status zero_range(uint64_t offset, uint64_t length);
    // Whether a shared mapping exists that writes, or could be allowed to (seals).
    bool has_shared_writable_mapping();

private:
    friend class AddressSpace;
    using MappingList =
        boost::intrusive::list<Mapping, boost::intrusive::base_hook<VmoMappingHook>,
                               boost::intrusive::constant_time_size<false>>;

    Vmo();

    // Runs use(page) with the page present and the Vmo locked, so that the page cannot go away before `use` has put it
    // into a page table. With ForWrite::Yes nobody else shares it. Errors as get_page.
    template <class Use>
    Status use_page(uint64_t index, ForWrite for_write, Use&& use) {
        for (;;) {
            {
                MutexGuard guard(lock_);
                if (index >= page_count()) return fail(Error::OutOfRange);
                Page* page = pages_.find(index);
                if (page && (for_write == ForWrite::No || !is_shared(*page))) {
                    use(*page);
                    return {};
                }
            }
            TRY_VOID(bring_page(index, for_write));
        }
    }
    uint64_t page_count() const { return page_ceiling(size()) >> kPageShift; }
    static bool is_shared(Page& page);
    Status bring_page(uint64_t index, ForWrite for_write);
    Status separate_page(uint64_t index);
    Result<Page*> make_page(uint64_t index);
    void drop_pages(uint64_t from, uint64_t to);
    void zero_present(uint64_t offset, uint64_t length);
    // Takes the pages out of all page tables that show them, and flushes TLBs.
    void unmap_everywhere(uint64_t from, uint64_t to);

    std::atomic<uint64_t> size_{0};
    Mutex lock_{LockRank::Vmo};
    PageTree pages_;                     // under lock_; what page tables show is in it
    Ref<Pager> pager_;
    Ref<Vmo> parent_;                    // what is missing here is copied from there
    uint64_t parent_offset_ = 0;
    Mutex mappings_lock_{LockRank::VmoMappings};
    MappingList mappings_;               // under mappings_lock_; removed before their page tables are freed
};

}  // namespace gyre
