// SPDX-License-Identifier: MIT
//
// splice(2), tee(2) and vmsplice(2). The bytes are copied; what a program sees is the same, but for
// SPLICE_F_GIFT, which asks for nothing that could be noticed.
#include <algorithm>
#include <memory>
#include <new>

#include "call_handlers.h"
#include "kernel/fs/dentry.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/pipe.h"
#include "kernel/linux/context.h"
#include "kernel/linux/errno.h"
#include "kernel/schedule/thread.h"

namespace gyre::linux {
namespace {

constexpr uint32_t kMove = 1, kNonBlock = 2, kMore = 4, kGift = 8;  // SPLICE_F_*
constexpr uint32_t kAllFlags = kMove | kNonBlock | kMore | kGift;
constexpr size_t kBufferBytes = 16 * kPageSize;
constexpr uint64_t kMostPieces = 1024;  // UIO_MAXIOV

struct Side {
    Ref<File> file;
    PipeFile* pipe;  // null when it is something else
    bool has_offset = false;
    uint64_t offset = 0;
};

Patience patience_of(const Side& side, uint32_t flags) {
    return side.pipe && (flags & kNonBlock) ? Patience::none() : side.file->default_patience();
}

Status read_offset(Side& side, const UserInOut<int64_t>& offset) {
    if (offset.is_null()) return {};
    const int64_t given = TRY(offset.in().read());
    if (given < 0) return fail(Error::InvalidArgument);
    side.has_offset = true;
    side.offset = static_cast<uint64_t>(given);
    return {};
}

Result<size_t> read_side(Side& side, std::span<std::byte> to, Patience patience) {
    IoCursor cursor = IoCursor::kernel(to);
    return side.has_offset ? side.file->read_at(cursor, side.offset, patience)
                           : side.file->read(cursor, patience);
}

Result<size_t> write_side(Side& side, std::span<const std::byte> from, Patience patience) {
    IoCursor cursor = IoCursor::kernel(from);
    return side.has_offset ? side.file->write_at(cursor, side.offset, patience)
                           : side.file->write(cursor, patience);
}

// Out of a pipe nothing may be lost: what the other side does not take stays in it.
struct Receiver {
    Side& out;
    Patience patience;
    static Result<size_t> give(void* argument, std::span<const std::byte> bytes) {
        auto& receiver = *static_cast<Receiver*>(argument);
        const Result<size_t> written = write_side(receiver.out, bytes, receiver.patience);
        if (written) receiver.out.offset += *written;
        return written;
    }
};

Result<size_t> from_pipe(Side& in, Side& out, size_t length, uint32_t flags) {
    Receiver receiver{out, patience_of(out, flags)};
    size_t total = 0;
    while (total < length) {
        // Only the first byte is waited for.
        const Patience patience = total == 0 ? patience_of(in, flags) : Patience::none();
        const Result<size_t> moved =
            in.pipe->pipe().splice_out(length - total, patience, Receiver::give, &receiver);
        if (!moved && total == 0) return fail(moved.error());
        if (!moved || *moved == 0) break;
        total += *moved;
        receiver.patience = out.pipe ? Patience::none() : receiver.patience;
        if (Thread::current().is_interrupted()) break;  // a writer may fill the pipe for ever
        Thread::preemption_point();
    }
    return total;
}

// Into a pipe: no more is read than what has room, so that nothing has to be given back.
Result<size_t> to_pipe(Side& in, Side& out, size_t length, uint32_t flags) {
    const Patience patience = patience_of(out, flags);
    TRY_VOID(out.pipe->pipe().wait_for_room(patience));
    const size_t wanted = std::min({length, kBufferBytes, out.pipe->pipe().room_bytes()});
    const std::unique_ptr<std::byte[]> buffer(new (std::nothrow) std::byte[wanted]);
    if (!buffer) return fail(Error::NoMemory);
    const size_t count = TRY(read_side(in, {buffer.get(), wanted}, in.file->default_patience()));
    size_t written = 0;
    while (written < count) {
        // What was read must get in, so this waits whatever the flags say, but for a signal that
        // kills.
        const Result<size_t> put = write_side(out, {buffer.get() + written, count - written},
                                              Patience::forever().killable());
        if (!put) {
            if (written == 0) return fail(put.error());
            break;
        }
        written += *put;
    }
    in.offset += written;
    return written;
}

Result<Side> side_of(CallContext& context, int fd, bool reads) {
    Side side;
    side.file =
        reads ? TRY(context.files().get_for_read(fd)) : TRY(context.files().get_for_write(fd));
    side.pipe = file_cast<PipeFile>(*side.file);
    return side;
}

CallResult finish(const Result<size_t>& moved) {
    if (!moved) return fail(restartable(moved.error()));
    return static_cast<long>(*moved);
}

}  // namespace

CallResult sys_splice(CallContext& context, int in_fd, UserInOut<int64_t> in_offset, int out_fd,
                      UserInOut<int64_t> out_offset, size_t length, uint32_t flags) {
    if (length == 0) return 0;
    if (flags & ~kAllFlags) return fail(Error::InvalidArgument);
    Side in = TRY(side_of(context, in_fd, true));
    Side out = TRY(side_of(context, out_fd, false));
    if ((in.pipe && !in_offset.is_null()) || (out.pipe && !out_offset.is_null()))
        return fail(Error::IllegalSeek);
    if (!in.pipe && !out.pipe) return fail(Error::InvalidArgument);
    if (in.pipe && out.pipe && &in.pipe->pipe() == &out.pipe->pipe())
        return fail(Error::InvalidArgument);
    if (!out.pipe && (out.file->status_flags() & open_flags::kAppend))
        return fail(Error::InvalidArgument);
    if (!in.pipe && in.file->path().dentry && in.file->path().dentry->inode().is_directory())
        return fail(Error::InvalidArgument);
    TRY_VOID(read_offset(in, in_offset));
    TRY_VOID(read_offset(out, out_offset));
    length = std::min<size_t>(length, INT32_MAX & ~(kPageSize - 1));
    const Result<size_t> moved =
        in.pipe ? from_pipe(in, out, length, flags) : to_pipe(in, out, length, flags);
    if (moved && in.has_offset) TRY_VOID(in_offset.out().write(static_cast<int64_t>(in.offset)));
    if (moved && out.has_offset) TRY_VOID(out_offset.out().write(static_cast<int64_t>(out.offset)));
    return finish(moved);
}

CallResult sys_tee(CallContext& context, int in_fd, int out_fd, size_t length, uint32_t flags) {
    if (flags & ~kAllFlags) return fail(Error::InvalidArgument);
    if (length == 0) return 0;
    Side in = TRY(side_of(context, in_fd, true));
    Side out = TRY(side_of(context, out_fd, false));
    if (!in.pipe || !out.pipe || &in.pipe->pipe() == &out.pipe->pipe())
        return fail(Error::InvalidArgument);
    const size_t wanted = std::min(length, kBufferBytes);
    const std::unique_ptr<std::byte[]> buffer(new (std::nothrow) std::byte[wanted]);
    if (!buffer) return fail(Error::NoMemory);
    TRY_VOID(out.pipe->pipe().wait_for_room(patience_of(out, flags)));
    const Result<size_t> seen =
        in.pipe->pipe().peek({buffer.get(), wanted}, patience_of(in, flags));
    if (!seen) return fail(restartable(seen.error()));
    if (*seen == 0) return 0;
    return finish(write_side(out, {buffer.get(), *seen}, Patience::none()));
}

CallResult sys_vmsplice(CallContext& context, int fd, UserIn<abi::IoVec> pieces, uint64_t count,
                        uint32_t flags) {
    if (flags & ~kAllFlags) return fail(Error::InvalidArgument);
    const Ref<File> file = TRY(context.files().get(fd));
    PipeFile* end = file_cast<PipeFile>(*file);
    if (!end) return fail(Error::BadDescriptor);
    if (count > kMostPieces) return fail(Error::InvalidArgument);
    const std::unique_ptr<UserPiece[]> list(new (std::nothrow) UserPiece[count + 1]);
    if (!list) return fail(Error::NoMemory);
    uint64_t total = 0;
    for (uint64_t i = 0; i < count; ++i) {
        const abi::IoVec piece = TRY(pieces.read(i));
        if (__builtin_add_overflow(total, piece.length, &total) || total > INT64_MAX)
            return fail(Error::InvalidArgument);
        list[i] = {piece.address, piece.length};
    }
    IoCursor cursor = IoCursor::user(std::span<const UserPiece>(list.get(), count));
    const Patience patience = flags & kNonBlock ? Patience::none() : file->default_patience();
    return finish(end->writes() ? file->write(cursor, patience) : file->read(cursor, patience));
}

}  // namespace gyre::linux
