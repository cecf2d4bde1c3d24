// SPDX-License-Identifier: MIT
//
// Reading and writing an inode's content, page by page between the Vmo and the caller's memory. No
// lock but the inode's (writers only) is held while user memory is touched; each page is held by a
// reference meanwhile.
#include <algorithm>

#include "kernel/fs/inode_file.h"
#include "kernel/fs/permission.h"
#include "kernel/linux/file_limits.h"

namespace gyre {

namespace {

// A page that is held for the time of a copy.
class HeldPage {
public:
    explicit HeldPage(Page* page) : page_(page) {}
    ~HeldPage() {
        if (page_) Vmo::release_page(page_);
    }
    HeldPage(const HeldPage&) = delete;
    HeldPage& operator=(const HeldPage&) = delete;
    std::byte* bytes() const { return page_->bytes(); }
    explicit operator bool() const { return page_ != nullptr; }

private:
    Page* page_;
};

Result<size_t> write_pages(Vmo& vmo, IoCursor& from, uint64_t offset, size_t length) {
    size_t done = 0;
    while (done < length) {
        const uint64_t at = offset + done;
        const size_t within = at % kPageSize;
        const size_t piece = std::min(kPageSize - within, length - done);
        Result<Page*> found = vmo.get_page(at / kPageSize, ForWrite::Yes);
        if (!found) {
            if (done) return done;
            return fail(found.error());
        }
        const HeldPage page(*found);
        const Result<size_t> taken = from.take({page.bytes() + within, piece});
        if (!taken) {
            if (done) return done;
            return fail(taken.error());
        }
        done += *taken;
        if (*taken < piece) break;
    }
    return done;
}

}  // namespace

bool is_page_present(Vmo& vmo, uint64_t page_index) {
    return static_cast<bool>(HeldPage(vmo.find_page(page_index)));
}

Result<size_t> read_content(Inode& inode, IoCursor& to, uint64_t offset) {
    const uint64_t size = inode.size();
    if (offset >= size) return 0;
    const size_t length = static_cast<size_t>(std::min<uint64_t>(to.remaining(), size - offset));
    Vmo* vmo = inode.vmo_if_any();
    size_t done = 0;
    while (done < length) {
        const uint64_t at = offset + done;
        const size_t within = at % kPageSize;
        const size_t piece = std::min(kPageSize - within, length - done);
        const HeldPage page(vmo ? vmo->find_page(at / kPageSize) : nullptr);
        const Result<size_t> put =
            page ? to.put(std::span<const std::byte>(page.bytes() + within, piece))
                 : to.put_zeroes(piece);
        if (!put) {
            if (done) break;
            return fail(put.error());
        }
        done += *put;
        if (*put < piece) break;
    }
    return done;
}

Result<size_t> write_content(Inode& inode, IoCursor& from, uint64_t& offset, bool is_append) {
    const size_t wanted = from.remaining();
    if (wanted == 0) return 0;
    MutexGuard guard(inode.lock());
    if (is_append) offset = inode.size();
    const uint64_t length =
        TRY(linux::allowed_file_bytes(offset, std::min<uint64_t>(wanted, kMostFileBytes)));
    if (offset >= kMostFileBytes) return fail(Error::FileTooLarge);
    const size_t most =
        static_cast<size_t>(TRY(inode.prepare_write_locked(offset, std::min(length, kMostFileBytes - offset))));
    Vmo* vmo = TRY(inode.vmo());
    if (!vmo) return fail(Error::InvalidArgument);
    const uint64_t old_end = vmo->size();
    if (offset + most > old_end) TRY_VOID(vmo->set_size(offset + most));
    const Result<size_t> written = write_pages(*vmo, from, offset, most);
    const uint64_t end = offset + written.value_or(0);
    // A copy that stopped early leaves no more behind than it wrote.
    if (const uint64_t kept = std::max(end, old_end);
        written.value_or(0) < most && kept < vmo->size())
        (void)vmo->set_size(kept);
    if (!written) return written;
    inode.content_written_locked(end);
    permission::drop_privileges_on_write_locked(inode);
    inode.touch_modified();
    return written;
}

}  // namespace gyre
