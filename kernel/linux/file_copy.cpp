// SPDX-License-Identifier: MIT
//
// sendfile(2), copy_file_range(2): bytes from one file to another without the program in between.
// They go through a buffer of the kernel's; pages are not moved. Pipes' own calls are in
// splice_calls.cpp.
#include <algorithm>
#include <new>
#include <optional>

#include "call_handlers.h"
#include "kernel/fs/dentry.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/superblock.h"
#include "kernel/linux/errno.h"
#include "kernel/linux/file_vectors.h"

namespace gyre::linux {

namespace {

constexpr size_t kBufferBytes = 16 * 1024;

// One side of a copy: at a position of its own (which moves on here), or at the file's.
struct Side {
    File& file;
    std::optional<uint64_t> position;
    Patience patience;

    Result<size_t> read(std::span<std::byte> buffer) {
        IoCursor to = IoCursor::kernel(buffer);
        if (!position) return file.read(to, patience);
        const size_t count = TRY(file.read_at(to, *position, patience));
        *position += count;
        return count;
    }
    Result<size_t> write(std::span<const std::byte> buffer) {
        IoCursor from = IoCursor::kernel(buffer);
        if (!position) return file.write(from, patience);
        const size_t count = TRY(file.write_at(from, *position, patience));
        *position += count;
        return count;
    }
};

// What was read but cannot be written must not be lost: a source with positions is only moved by
// what arrived.
Result<size_t> copy(Side& in, Side& out, size_t length) {
    const size_t size = std::min(length, kBufferBytes);
    auto* buffer = new (std::nothrow) std::byte[size ? size : 1];
    if (!buffer) return fail(Error::NoMemory);
    size_t done = 0;
    Status outcome;
    while (done < length) {
        const Result<size_t> got = in.read({buffer, std::min(size, length - done)});
        if (!got || *got == 0) {
            if (!got) outcome = fail(got.error());
            break;
        }
        size_t sent = 0;
        while (sent < *got) {
            const Result<size_t> put = out.write({buffer + sent, *got - sent});
            if (!put || *put == 0) {
                if (!put) outcome = fail(put.error());
                break;
            }
            sent += *put;
        }
        done += sent;
        if (sent < *got) {
            if (in.position) *in.position -= *got - sent;
            break;
        }
        if (Thread::current().is_interrupted()) break;
        // What waits for more only when nothing has come yet.
        in.patience = Patience::none();
        Thread::preemption_point();
    }
    delete[] buffer;
    if (done == 0 && !outcome) return fail(outcome.error());
    return done;
}

bool is_regular(const File& file) {
    return file.path().dentry && file.path().dentry->inode().is_regular();
}

bool is_directory(const File& file) {
    return file.path().dentry && file.path().dentry->inode().is_directory();
}

bool is_pipe(File& file) {
    FileStatus status;
    return file.status(status) && (status.mode & file_mode::kTypeMask) == file_mode::kFifo;
}

// Where a range starts, as the program wrote it: what is wrong with it is told later (copy_file_range(2)). Errors:
// BadAddress.
Result<uint64_t> range_start(File& file, UserInOut<int64_t> offset) {
    if (!offset.is_null()) return static_cast<uint64_t>(TRY(offset.in().read()));
    return file.seek(0, 1).value_or(0);
}

// What may be copied between, in Linux's order. Errors: IsDirectory, InvalidArgument, BadDescriptor, CrossDevice.
Status check_range_files(const File& in, const File& out) {
    for (const File* file : {&in, &out})
        if (is_directory(*file)) return fail(Error::IsDirectory);
    if (!is_regular(in) || !is_regular(out)) return fail(Error::InvalidArgument);
    if (!in.can_read() || !out.can_write() || (out.status_flags() & open_flags::kAppend))
        return fail(Error::BadDescriptor);
    if (&in.path().dentry->inode().superblock() != &out.path().dentry->inode().superblock())
        return fail(Error::CrossDevice);
    return {};
}

Status store_position(File& file, UserInOut<int64_t> offset, uint64_t position) {
    if (!offset.is_null()) return offset.out().write(static_cast<int64_t>(position));
    TRY_VOID(file.seek(static_cast<int64_t>(position), 0));
    return {};
}

CallResult finish(const Result<size_t>& done) {
    if (!done) return fail(restartable(done.error()));
    return static_cast<long>(*done);
}

}  // namespace

CallResult sys_sendfile(CallContext& context, int out_fd, int in_fd, UserInOut<int64_t> offset,
                        size_t count) {
    int64_t given = 0;
    if (!offset.is_null()) given = TRY(offset.in().read());
    const Ref<File> in = TRY(context.files().get_for_read(in_fd));
    const bool is_from_pipe = is_pipe(*in);
    if (is_from_pipe && !offset.is_null()) return fail(Error::IllegalSeek);
    if (given < 0 || count > size_t{INT64_MAX}) return fail(Error::InvalidArgument);
    const Ref<File> out = TRY(context.files().get_for_write(out_fd));
    if (out->status_flags() & open_flags::kAppend) return fail(Error::InvalidArgument);
    // Linux 6 gives pipes no way to be spliced from here; splice(2) does it, and loses nothing.
    if (is_from_pipe || is_directory(*in)) return fail(Error::InvalidArgument);
    count = std::min(count, kMostTransferBytes);
    Side to{*out, std::nullopt, out->default_patience()};
    const Result<uint64_t> start =
        offset.is_null() ? in->seek(0, 1) : Result<uint64_t>(static_cast<uint64_t>(given));
    if (!start)
        return fail(start.error() == Error::IllegalSeek ? Error::InvalidArgument : start.error());
    Side from{*in, *start, in->default_patience()};
    const Result<size_t> done = copy(from, to, count);
    if (done) TRY_VOID(store_position(*in, offset, *from.position));
    return finish(done);
}

CallResult sys_copy_file_range(CallContext& context, int in_fd, UserInOut<int64_t> in_offset,
                               int out_fd, UserInOut<int64_t> out_offset, size_t length,
                               uint32_t flags) {
    const Ref<File> in = TRY(context.files().get(in_fd));
    const Ref<File> out = TRY(context.files().get(out_fd));
    const uint64_t in_start = TRY(range_start(*in, in_offset)), out_start = TRY(range_start(*out, out_offset));
    if (flags != 0) return fail(Error::InvalidArgument);
    TRY_VOID(check_range_files(*in, *out));
    if (in_start + length < in_start || out_start + length < out_start) return fail(Error::Overflow);
    const uint64_t in_size = in->path().dentry->inode().size();
    length = std::min({length, kMostTransferBytes, in_size > in_start ? in_size - in_start : 0});
    if (length == 0) return 0;
    if (&in->path().dentry->inode() == &out->path().dentry->inode() &&
        in_start < out_start + length && out_start < in_start + length)
        return fail(Error::InvalidArgument);
    Side from{*in, in_start, Patience::forever()};
    Side to{*out, out_start, Patience::forever()};
    const Result<size_t> done = copy(from, to, length);
    if (done) {
        TRY_VOID(store_position(*in, in_offset, *from.position));
        TRY_VOID(store_position(*out, out_offset, *to.position));
    }
    return finish(done);
}

}  // namespace gyre::linux
