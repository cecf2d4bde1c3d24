// SPDX-License-Identifier: MIT
//
// chdir(2), fchdir(2), chroot(2), getcwd(2), getdents(2), getdents64(2).
#include <algorithm>
#include <cstring>
#include <new>

#include "call_handlers.h"
#include "kernel/fs/permission.h"
#include "kernel/linux/file_paths.h"

namespace gyre::linux {

namespace {

constexpr size_t kMostListingBytes =
    32 * 1024;  // of one call, whatever the program's buffer: it is made here first

// Lays out the records of one call in kernel memory, because listing holds a spin lock.
template <class Record>
class Listing {
public:
    ~Listing() { delete[] bytes_; }
    Status allocate(size_t size) {
        capacity_ = std::min(size, kMostListingBytes);
        bytes_ = new (std::nothrow) std::byte[capacity_];
        if (!bytes_) return fail(Error::NoMemory);
        return {};
    }
    static bool emit(void* self, const DirectoryEntry& entry) {
        return static_cast<Listing*>(self)->add(entry);
    }
    std::span<const std::byte> bytes() const { return {bytes_, length_}; }
    bool is_too_small() const { return is_full_ && length_ == 0; }

private:
    static constexpr bool kHasTypeLast = sizeof(Record) == sizeof(abi::DirectoryRecord);

    bool add(const DirectoryEntry& entry) {
        // The name's zero, and in the old form the type behind it.
        const size_t plain = sizeof(Record) + entry.name.size() + (kHasTypeLast ? 2 : 1);
        const size_t length = (plain + 7) & ~size_t{7};
        if (length > capacity_ - length_) {
            is_full_ = true;
            return false;
        }
        std::byte* to = bytes_ + length_;
        Record record{};
        record.inode = entry.inode;
        record.next_offset = entry.next_offset;
        record.length = static_cast<uint16_t>(length);
        if constexpr (!kHasTypeLast) record.type = entry.type;
        std::memcpy(to, &record, sizeof(record));
        std::memcpy(to + sizeof(record), entry.name.data(), entry.name.size());
        std::memset(to + sizeof(record) + entry.name.size(), 0,
                    length - sizeof(record) - entry.name.size());
        if constexpr (kHasTypeLast) to[length - 1] = std::byte{entry.type};
        length_ += length;
        return true;
    }

    std::byte* bytes_ = nullptr;
    size_t capacity_ = 0, length_ = 0;
    bool is_full_ = false;
};

template <class Record>
CallResult list(CallContext& context, int fd, UserOut<std::byte> entries, uint32_t count) {
    const Ref<File> file = TRY(context.files().get(fd));
    Listing<Record> listing;
    TRY_VOID(listing.allocate(count));
    TRY_VOID(file->read_directory(&Listing<Record>::emit, &listing));
    if (listing.is_too_small()) return fail(Error::InvalidArgument);
    TRY_VOID(entries.write_all(listing.bytes()));
    return static_cast<long>(listing.bytes().size());
}

Status enter(CallContext& context, Path place) {
    TRY_VOID(permission::check_search(place.dentry->inode(), context.credentials()));
    context.filesystem().set_working_directory(std::move(place));
    return {};
}

}  // namespace

CallResult sys_getdents64(CallContext& context, int fd, UserOut<std::byte> entries,
                          uint32_t count) {
    return list<abi::DirectoryRecord64>(context, fd, entries, count);
}

CallResult sys_getdents(CallContext& context, int fd, UserOut<std::byte> entries, uint32_t count) {
    return list<abi::DirectoryRecord>(context, fd, entries, count);
}

CallResult sys_chdir(CallContext& context, UserString pathname) {
    Path place = TRY(find_place(context, abi::kAtWorkingDirectory, pathname,
                                LookupFlag::Follow | LookupFlag::MustBeDirectory));
    TRY_VOID(enter(context, std::move(place)));
    return 0;
}

CallResult sys_fchdir(CallContext& context, int fd) {
    const Ref<File> file = TRY(context.files().get_any(fd));
    if (file->path().is_empty() || !file->path().dentry->inode().is_directory())
        return fail(Error::NotDirectory);
    TRY_VOID(enter(context, file->path()));
    return 0;
}

CallResult sys_chroot(CallContext& context, UserString pathname) {
    Path place = TRY(find_place(context, abi::kAtWorkingDirectory, pathname,
                                LookupFlag::Follow | LookupFlag::MustBeDirectory));
    TRY_VOID(permission::check_search(place.dentry->inode(), context.credentials()));
    if (!context.credentials().has(Capability::SysChroot)) return fail(Error::NotPermitted);
    context.filesystem().set_root(std::move(place));
    return 0;
}

CallResult sys_getcwd(CallContext& context, UserOut<std::byte> buffer, size_t size) {
    char text[PathText::kMostBytes];
    text[sizeof(text) - 1] = 0;
    const std::span<char> room(text, sizeof(text) - 1);
    const std::string_view path =
        TRY(path_text(context.filesystem().working_directory(), context.filesystem().root(), room,
                      PathStyle::GetCwd));
    // The view ends where the zero stands.
    const size_t length = path.size() + 1;
    if (length > size) return fail(Error::OutOfRange);
    TRY_VOID(buffer.write_all(std::as_bytes(std::span(path.data(), length))));
    return static_cast<long>(length);
}

}  // namespace gyre::linux
