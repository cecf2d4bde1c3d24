// SPDX-License-Identifier: MIT
//
// FIFOs: pipes that are found by a name (fifo(7)). The inode holds the pipe while any end is open;
// what is left in it goes with the last one.
#include "kernel/fs/dentry.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/special_files.h"

namespace gyre {

namespace {

// The pipe of a FIFO with a reference; made when it is the first. inode.lock() held.
Result<Ref<Pipe>> pipe_of_locked(Inode& inode) {
    if (void* present = inode.pipe_slot().load(std::memory_order_relaxed))
        return Ref<Pipe>(static_cast<Pipe*>(present));
    Ref<Pipe> pipe = TRY(Pipe::create());
    inode.pipe_slot().store(pipe.get(), std::memory_order_relaxed);
    return pipe;
}

// Waits until the other side was opened once more than `seen`.
Status wait_for_other(Pipe& pipe, bool for_reader, uint32_t seen) {
    return pipe.opens().wait(Patience::forever(), [&] {
        return (for_reader ? pipe.reader_opens() : pipe.writer_opens()) != seen;
    });
}

}  // namespace

// An end was closed: the last one takes the pipe away. An end that is still being opened counts
// already.
void release_fifo(Inode& inode, Ref<Pipe> pipe) {
    MutexGuard guard(inode.lock());
    if (pipe->reader_count() == 0 && pipe->writer_count() == 0 &&
        inode.pipe_slot().load(std::memory_order_relaxed) == pipe.get())
        inode.pipe_slot().store(nullptr, std::memory_order_relaxed);
}

Result<Ref<File>> open_fifo(const Path& path, uint32_t flags) {
    using namespace open_flags;
    Inode& inode = path.dentry->inode();
    const uint32_t access = flags & kAccessMode;
    if (access == kAccessMode) return fail(Error::InvalidArgument);
    const bool is_non_blocking = (flags & kNonBlock) != 0;
    Ref<PipeFile> end;
    uint32_t readers_seen, writers_seen;
    // Decided before our end is there to be seen: the other side may have come and gone by the time
    // we look again.
    bool has_reader, has_writer;
    {
        MutexGuard guard(inode.lock());
        Ref<Pipe> pipe = TRY(pipe_of_locked(inode));
        readers_seen = pipe->reader_opens();
        writers_seen = pipe->writer_opens();
        has_reader = pipe->reader_count() != 0;
        has_writer = pipe->writer_count() != 0;
        const bool has_no_ends = !has_reader && !has_writer;
        if (access == kWriteOnly && is_non_blocking && !has_reader) {
            if (has_no_ends) inode.pipe_slot().store(nullptr, std::memory_order_relaxed);
            return fail(Error::NoSuchAddress);
        }
        Result<Ref<PipeFile>> made = make_ref<PipeFile>(path, flags, pipe, &inode);
        if (!made) {
            if (has_no_ends) inode.pipe_slot().store(nullptr, std::memory_order_relaxed);
            return fail(made.error());
        }
        end = std::move(*made);
    }
    Pipe& pipe = end->pipe();
    if (access == kReadOnly && !has_writer) {
        if (is_non_blocking)
            end->set_writers_seen(writers_seen);
        else
            TRY_VOID(wait_for_other(pipe, false, writers_seen));
    }
    if (access == kWriteOnly && !has_reader) TRY_VOID(wait_for_other(pipe, true, readers_seen));
    return Ref<File>(std::move(end));
}

}  // namespace gyre
