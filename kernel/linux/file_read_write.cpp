// SPDX-License-Identifier: MIT
//
// read(2), write(2) and their vector and positioned forms. A wait that a signal ended restarts
// unless bytes were moved.
#include "call_handlers.h"
#include "kernel/fs/dentry.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode_file.h"
#include "kernel/linux/errno.h"
#include "kernel/linux/file_vectors.h"

namespace gyre::linux {

namespace {

CallResult finish(const Result<size_t>& moved) {
    if (!moved) return fail(restartable(moved.error()));
    return static_cast<long>(*moved);
}

// RWF_* of preadv2(2).
enum TransferFlag : int {
    kHighPriority = 1,
    kDataSync = 2,
    kSync = 4,
    kNoWait = 8,
    kAppend = 16,
    kNoAppend = 32
};

Inode* regular_inode(const File& file) {
    if (!file.path().dentry) return nullptr;
    Inode& inode = file.path().dentry->inode();
    return inode.is_regular() ? &inode : nullptr;
}

Result<size_t> write_with_flags(File& file, IoCursor& from, int64_t offset, int flags) {
    const Patience patience = flags & kNoWait ? Patience::none() : file.default_patience();
    Inode* inode = flags & (kAppend | kNoAppend) ? regular_inode(file) : nullptr;
    if (inode && (flags & kAppend)) {
        uint64_t at = 0;
        const size_t done = TRY(write_content(*inode, from, at, true));
        if (offset == -1) TRY_VOID(file.seek(static_cast<int64_t>(at + done), 0));
        return done;
    }
    if (inode && offset != -1) {
        auto at = static_cast<uint64_t>(offset);
        return write_content(*inode, from, at, false);
    }
    return offset == -1 ? file.write(from, patience)
                        : file.write_at(from, static_cast<uint64_t>(offset), patience);
}

}  // namespace

CallResult sys_read(CallContext& context, int fd, UserOut<std::byte> buffer, size_t count) {
    const Ref<File> file = TRY(context.files().get_for_read(fd));
    IoCursor to = TRY(user_cursor(buffer.address(), count));
    return finish(file->read(to, file->default_patience()));
}

CallResult sys_write(CallContext& context, int fd, UserIn<std::byte> buffer, size_t count) {
    const Ref<File> file = TRY(context.files().get_for_write(fd));
    IoCursor from = TRY(user_cursor(buffer.address(), count));
    return finish(file->write(from, file->default_patience()));
}

CallResult sys_pread64(CallContext& context, int fd, UserOut<std::byte> buffer, size_t count,
                       int64_t offset) {
    if (offset < 0) return fail(Error::InvalidArgument);
    const Ref<File> file = TRY(context.files().get_for_read(fd));
    IoCursor to = TRY(user_cursor(buffer.address(), count));
    return finish(file->read_at(to, static_cast<uint64_t>(offset), file->default_patience()));
}

CallResult sys_pwrite64(CallContext& context, int fd, UserIn<std::byte> buffer, size_t count,
                        int64_t offset) {
    if (offset < 0) return fail(Error::InvalidArgument);
    const Ref<File> file = TRY(context.files().get_for_write(fd));
    IoCursor from = TRY(user_cursor(buffer.address(), count));
    return finish(file->write_at(from, static_cast<uint64_t>(offset), file->default_patience()));
}

CallResult sys_readv(CallContext& context, int fd, UserIn<abi::IoVec> pieces, uint64_t count) {
    const Ref<File> file = TRY(context.files().get_for_read(fd));
    IoVectors vectors;
    TRY_VOID(vectors.read(pieces, count));
    IoCursor to = vectors.cursor();
    return finish(file->read(to, file->default_patience()));
}

CallResult sys_writev(CallContext& context, int fd, UserIn<abi::IoVec> pieces, uint64_t count) {
    const Ref<File> file = TRY(context.files().get_for_write(fd));
    IoVectors vectors;
    TRY_VOID(vectors.read(pieces, count));
    IoCursor from = vectors.cursor();
    return finish(file->write(from, file->default_patience()));
}

// On 64 bits the offset is all in the low half (the high one is left over from 32-bit callers).
CallResult sys_preadv(CallContext& context, int fd, UserIn<abi::IoVec> pieces, uint64_t count,
                      uint64_t offset_low, uint64_t) {
    const auto offset = static_cast<int64_t>(offset_low);
    if (offset < 0) return fail(Error::InvalidArgument);
    return sys_preadv2(context, fd, pieces, count, offset_low, 0, 0);
}

CallResult sys_pwritev(CallContext& context, int fd, UserIn<abi::IoVec> pieces, uint64_t count,
                       uint64_t offset_low, uint64_t) {
    const auto offset = static_cast<int64_t>(offset_low);
    if (offset < 0) return fail(Error::InvalidArgument);
    return sys_pwritev2(context, fd, pieces, count, offset_low, 0, 0);
}

CallResult sys_preadv2(CallContext& context, int fd, UserIn<abi::IoVec> pieces, uint64_t count,
                       uint64_t offset_low, uint64_t, int flags) {
    const auto offset = static_cast<int64_t>(offset_low);
    if (offset < -1) return fail(Error::InvalidArgument);
    const Ref<File> file = TRY(context.files().get_for_read(fd));
    IoVectors vectors;
    TRY_VOID(vectors.read(pieces, count));
    if (flags & ~(kHighPriority | kDataSync | kSync | kNoWait)) return fail(Error::NotSupported);
    IoCursor to = vectors.cursor();
    const Patience patience = flags & kNoWait ? Patience::none() : file->default_patience();
    return finish(offset == -1 ? file->read(to, patience)
                               : file->read_at(to, static_cast<uint64_t>(offset), patience));
}

CallResult sys_pwritev2(CallContext& context, int fd, UserIn<abi::IoVec> pieces, uint64_t count,
                        uint64_t offset_low, uint64_t, int flags) {
    const auto offset = static_cast<int64_t>(offset_low);
    if (offset < -1) return fail(Error::InvalidArgument);
    const Ref<File> file = TRY(context.files().get_for_write(fd));
    IoVectors vectors;
    TRY_VOID(vectors.read(pieces, count));
    if (flags & ~(kHighPriority | kDataSync | kSync | kNoWait | kAppend | kNoAppend))
        return fail(Error::NotSupported);
    if ((flags & kAppend) && (flags & kNoAppend)) return fail(Error::InvalidArgument);
    IoCursor from = vectors.cursor();
    return finish(write_with_flags(*file, from, offset, flags));
}

}  // namespace gyre::linux
