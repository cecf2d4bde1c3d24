// SPDX-License-Identifier: MIT
//
// Pipes and FIFOs (pipe(7), fifo(7)): a ring of pages between writers and readers. A byte is copied
// twice, once in and once out; a write of at most PIPE_BUF (one page) fits one slot of the ring,
// and that makes it atomic. Leaves out: moving pages without a copy (splice and vmsplice copy),
// notification pipes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "kernel/fs/file.h"
#include "kernel/memory/page.h"
#include "kernel/schedule/wait_queue.h"
#include "kernel/sync/mutex.h"

namespace gyre {

class Inode;
class PipeFile;

class Pipe final : public RefCounted {
public:
    static constexpr uint32_t kDefaultSlots = 16;  // 64 KiB
    static constexpr uint32_t kSpliceSlots = 16;
    static constexpr uint32_t kLeastSlots =
        2;  // of a new pipe when pipes may hold much of the memory already
    static constexpr uint64_t kMostBytesUnprivileged = 1 << 20;  // fs.pipe-max-size
    static constexpr uint64_t kMostBytes = uint64_t{1} << 31;

    // Errors: NoMemory, TooManyFilesInSystem (the pipes there are could fill a quarter of the
    // memory).
    static Result<Ref<Pipe>> create();
    ~Pipe();

    // Errors: WouldBlock, Interrupted, BadAddress, NoMemory, BrokenPipe. What was moved before an
    // error counts more than the error; `is_broken` is set (then the caller sends SIGPIPE) even so.
    // Reading gives 0 when nobody can write any more.
    Result<size_t> read(IoCursor& to, Patience patience);
    Result<size_t> write(IoCursor& from, Patience patience, bool is_packet, bool& is_broken);
    // Copies the first bytes without consuming them (tee); waits for a first byte.
    Result<size_t> peek(std::span<std::byte> to, Patience patience);
    // Hands bytes out in pieces of at most a page; `give` says how much of a piece it used, and
    // what it did not use goes back to the front. One round moves at most kSpliceSlots pieces.
    // Errors: as read, and give's when it used nothing.
    using Give = Result<size_t> (*)(void* argument, std::span<const std::byte> piece);
    Result<size_t> splice_out(size_t length, Patience patience, Give give, void* argument);
    // Errors: WouldBlock, Interrupted. No reader left counts as room: the write then says
    // BrokenPipe.
    Status wait_for_room(Patience patience);

    // Lock-free looks, for readiness and waits.
    bool is_empty() const {
        return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_acquire);
    }
    bool is_full() const {
        return head_.load(std::memory_order_acquire) - tail_.load(std::memory_order_acquire) >=
               capacity_.load(std::memory_order_relaxed);
    }
    uint32_t reader_count() const { return readers_.load(std::memory_order_acquire); }
    uint32_t writer_count() const { return writers_.load(std::memory_order_acquire); }
    // How often an end was opened: a FIFO's open waits for the other number to change.
    uint32_t reader_opens() const { return reader_opens_.load(std::memory_order_acquire); }
    uint32_t writer_opens() const { return writer_opens_.load(std::memory_order_acquire); }

    uint64_t byte_count();
    size_t room_bytes();  // of whole pages, at least one
    uint64_t capacity_bytes() const {
        return uint64_t{capacity_.load(std::memory_order_relaxed)} * kPageSize;
    }
    // Errors: Busy (more is in it), NoMemory; NotPermitted when all pipes together may hold too
    // much of the memory already and the caller is not privileged.
    Status set_slots(uint32_t count, bool is_privileged);

    void add_end(PipeFile& end);
    void remove_end(PipeFile& end);
    WaitQueue& opens() { return opens_; }

    uint64_t number() const { return number_; }  // as an inode number

private:
    friend Result<Ref<Pipe>> make_ref<Pipe>();
    Pipe();

    struct Slot {
        Page* page;
        uint16_t offset, length;
        bool is_packet;
    };
    struct Moved {
        size_t count = 0;
        Status outcome;
    };
    uint32_t used_locked() const {
        return head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_relaxed);
    }
    Slot& slot_locked(uint32_t index) { return slots_[index & slot_mask_]; }
    Moved drain_locked(IoCursor& to);
    uint32_t take_slots_locked(std::span<Slot> slots, size_t length);
    void return_slots(std::span<Slot> slots, bool was_full);
    Moved fill_locked(IoCursor& from, bool is_packet);
    size_t merge_locked(IoCursor& from, Status& outcome);
    Page* take_page_locked();
    void give_page_locked(Page* page);
    void tell_ends_locked(bool readers, Signals raised);

    static constexpr uint32_t kSparePages = 2;

    Mutex mutex_{LockRank::PipeContent};
    std::unique_ptr<Slot[]> slots_;  // room for the capacity and what a splice puts back
    uint32_t slot_mask_ = 0;
    std::atomic<uint32_t> head_{0}, tail_{0};  // counted without end; changed under the mutex
    std::atomic<uint32_t> capacity_{0};        // slots that may be in use
    std::atomic<uint32_t> readers_{0}, writers_{0}, reader_opens_{0}, writer_opens_{0};
    Page* spare_[kSparePages] = {};
    uint32_t spare_count_ = 0;
    uint32_t slots_out_ = 0;  // taken by splices and not given back yet, at most kSpliceSlots
    WaitQueue reader_queue_, writer_queue_, opens_;
    const uint64_t number_;

    PipeFile* first_end_ = nullptr;  // those that are open; under the mutex
};

// One open end of a pipe; both at once for a FIFO opened for reading and writing.
class PipeFile final : public File {
public:
    static inline constinit char kTypeTag = 0;
    const void* type_tag() const override { return &kTypeTag; }

    // `inode` is a FIFO's, else null. The pipe's counts include the new end.
    PipeFile(Path path, uint32_t flags, Ref<Pipe> pipe, Inode* inode);
    Ref<Pipe> pipe_reference() const { return pipe_; }
    ~PipeFile() override;

    Result<size_t> read(IoCursor& to, Patience patience) override;
    Result<size_t> write(IoCursor& from, Patience patience) override;
    Result<long> ioctl(linux::CallContext& context, uint32_t command, uintptr_t argument) override;
    Result<long> control(linux::CallContext& context, uint32_t command,
                         uintptr_t argument) override;
    Status status(FileStatus& status) override;
    size_t describe(std::span<char> buffer) const override;
    Signals signals() const override;

    Pipe& pipe() const { return *pipe_; }
    bool reads() const { return reads_; }
    bool writes() const { return writes_; }
    // For an end of a FIFO opened when nobody wrote: hang-up is not reported before the first
    // writer came and went.
    void set_writers_seen(uint32_t opens) { writers_seen_ = opens; }

    // The pipe's list of its ends, under the pipe's lock.
    PipeFile* next_end = nullptr;
    PipeFile** previous_end = nullptr;

private:
    Result<long> set_capacity(uint64_t bytes, bool is_privileged);

    Ref<Pipe> pipe_;
    Inode* const inode_;
    const bool reads_, writes_;
    uint32_t writers_seen_ = UINT32_MAX;
    const uint32_t uid_, gid_;
    const int64_t created_ns_;
};

// A place for a nameless pipe, by which it can be opened again (/proc/PID/fd/N). Errors: NoMemory.
Result<Path> pipe_place(PipeFile& end);

struct PipeEnds {
    Ref<File> reader, writer;
};
// `flags` are O_NONBLOCK and O_DIRECT (packets). Errors: NoMemory.
Result<PipeEnds> make_pipe(uint32_t flags);

}  // namespace gyre
