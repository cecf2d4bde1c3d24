// SPDX-License-Identifier: MIT
//
// /proc/PID/mem: another process's memory by read and write at the address. The rights are looked
// at when it is opened; the open file goes on showing the memory of then, also when the process
// execs (Linux: the same).
#include <algorithm>
#include <memory>
#include <new>

#include "kernel/fs/file.h"
#include "kernel/fs/procfs/process_files.h"
#include "kernel/linux/task.h"

namespace gyre::procfs::process_files {
namespace {

constexpr int kSet = 0, kCurrent = 1;

class MemoryFile final : public File {
public:
    MemoryFile(Path path, uint32_t flags, Ref<AddressSpace> space)
        : File(std::move(path), flags, Signals::Readable | Signals::Writable),
          space_(std::move(space)) {}

    Result<size_t> read(IoCursor& to, Patience patience) override {
        const uint64_t position = position_.load(std::memory_order_relaxed);
        const size_t count = TRY(read_at(to, position, patience));
        position_.store(position + count, std::memory_order_relaxed);
        return count;
    }
    Result<size_t> write(IoCursor& from, Patience patience) override {
        const uint64_t position = position_.load(std::memory_order_relaxed);
        const size_t count = TRY(write_at(from, position, patience));
        position_.store(position + count, std::memory_order_relaxed);
        return count;
    }
    Result<size_t> read_at(IoCursor& to, uint64_t offset, Patience) override {
        return in_pages(
            to.remaining(), offset, [&](uint64_t at, std::span<std::byte> page) -> Result<size_t> {
                const size_t count = TRY(space_->read_foreign(VirtualAddress{at}, page));
                return to.put(page.first(count));
            });
    }
    Result<size_t> write_at(IoCursor& from, uint64_t offset, Patience) override {
        return in_pages(from.remaining(), offset,
                        [&](uint64_t at, std::span<std::byte> page) -> Result<size_t> {
                            const size_t count = TRY(from.take(page));
                            return space_->write_foreign(VirtualAddress{at}, page.first(count));
                        });
    }
    Result<uint64_t> seek(int64_t offset, int whence) override {
        if (whence != kSet && whence != kCurrent) return fail(Error::InvalidArgument);
        const uint64_t base = whence == kSet ? 0 : position_.load(std::memory_order_relaxed);
        const uint64_t to = base + static_cast<uint64_t>(offset);
        position_.store(to, std::memory_order_relaxed);
        return to;
    }

private:
    // Page by page; a hole ends it, and is InputOutput when it comes first.
    template <class Move>
    Result<size_t> in_pages(size_t length, uint64_t offset, Move&& move) {
        if (!space_) return 0;
        const std::unique_ptr<std::byte[]> page(new (std::nothrow) std::byte[kPageSize]);
        if (!page) return fail(Error::NoMemory);
        size_t total = 0;
        while (total < length && offset + total < kUserEnd) {
            const uint64_t at = offset + total;
            const size_t wanted = std::min<size_t>(length - total, kPageSize - at % kPageSize);
            const Result<size_t> moved = move(at, {page.get(), wanted});
            if (!moved && total == 0)
                return fail(moved.error() == Error::NoMemory ? Error::NoMemory
                                                             : Error::InputOutput);
            if (moved) total += *moved;
            if (!moved || *moved < wanted) break;
        }
        if (total == 0 && length != 0) return fail(Error::InputOutput);
        return total;
    }

    const Ref<AddressSpace> space_;
    std::atomic<uint64_t> position_{0};
};

}  // namespace

Result<Ref<File>> open_memory(const Path& path, uint32_t flags, const Subject& subject) {
    const Ref<linux::Task> task = TRY(subject.task());
    Ref<AddressSpace> space = task->process().address_space_reference();
    TRY_VOID(check_inspect(*task));  // afterwards: an exec changes the rights first
    return Ref<File>(TRY(make_ref<MemoryFile>(path, flags, std::move(space))));
}

}  // namespace gyre::procfs::process_files
