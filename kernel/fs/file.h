// SPDX-License-Identifier: MIT
//
// An open file description: what a descriptor refers to, with a position and status flags, shared
// by dup and fork. One class per kind of file derives from it (inode_file, pipe, terminal, epoll,
// eventfd, ...). Readiness is Object's signals: Readable, Writable, PeerClosed, PeerReadClosed,
// Failed, Urgent become POLLIN, POLLOUT, ...
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "kernel/fs/path.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/io_cursor.h"
#include "kernel/object/credentials.h"
#include "kernel/object/object.h"
#include "kernel/schedule/patience.h"
#include "kernel/sync/epoch.h"
#include "lib/base/result.h"

namespace gyre::linux {
struct CallContext;
}

namespace gyre {

// O_* of the x86-64 ABI.
namespace open_flags {
constexpr uint32_t kAccessMode = 3, kReadOnly = 0, kWriteOnly = 1, kReadWrite = 2;
constexpr uint32_t kCreate = 0100, kExclusive = 0200, kNoControllingTty = 0400, kTruncate = 01000,
                   kAppend = 02000, kNonBlock = 04000, kDataSync = 010000, kAsync = 020000,
                   kDirect = 040000, kLargeFile = 0100000, kDirectory = 0200000,
                   kNoFollow = 0400000, kNoAccessTime = 01000000, kCloseOnExec = 02000000,
                   kSync = 04010000, kPath = 010000000, kTmpFile = 020200000;
}  // namespace open_flags

struct FileStatus;  // fs/inode.h: what stat tells
struct DirectoryEntry;
class FileTable;
class EpollItem;

class File : public Object {
public:
    static constexpr ObjectKind kKind = ObjectKind::File;

    // Where this was opened; empty for pipes and the like without a path.
    const Path& path() const { return path_; }
    uint32_t status_flags() const { return flags_.load(std::memory_order_relaxed); }
    void set_status_flags(uint32_t flags) { flags_.store(flags, std::memory_order_relaxed); }
    bool can_read() const;
    bool can_write() const;
    // What reads and writes of a call may wait: none under O_NONBLOCK, else for ever.
    Patience default_patience() const {
        return status_flags() & open_flags::kNonBlock ? Patience::none() : Patience::forever();
    }

    // Errors shared by all: WouldBlock, Interrupted, BadAddress, InputOutput, NoMemory; the default
    // of each is what Linux answers for a file that cannot do it (InvalidArgument, IllegalSeek,
    // NotTerminal, NoDevice, NotDirectory). A partial transfer is a success with the count. Access
    // mode has been checked by the caller.
    virtual Result<size_t> read(IoCursor& to, Patience patience);
    virtual Result<size_t> write(IoCursor& from, Patience patience);
    virtual Result<size_t> read_at(IoCursor& to, uint64_t offset,
                                   Patience patience);  // default IllegalSeek
    virtual Result<size_t> write_at(IoCursor& from, uint64_t offset, Patience patience);
    virtual Result<uint64_t> seek(int64_t offset, int whence);  // default IllegalSeek
    virtual Result<long> ioctl(linux::CallContext& context, uint32_t command,
                               uintptr_t argument);  // NotTerminal
    // fcntl(2) commands that only some kinds of file know (F_SETPIPE_SZ, F_ADD_SEALS, ...). The
    // default asks the inode; without one: InvalidArgument.
    virtual Result<long> control(linux::CallContext& context, uint32_t command, uintptr_t argument);
    virtual Status status(FileStatus& status);
    virtual Status truncate(uint64_t size);
    virtual Status synchronize(bool data_only);
    // The Vmo to map, and its description. `request` holds protection and sharing; the file may
    // refuse.
    virtual Result<Ref<Vmo>> mappable(MapRequest& request);
    virtual Result<Ref<MappingSource>> mapping_source();
    // Calls `emit` for each entry from the position on until it returns false. Default
    // NotDirectory.
    using EmitEntry = bool (*)(void* argument, const DirectoryEntry& entry);
    virtual Status read_directory(EmitEntry emit, void* argument);
    // fcntl(F_SETFL) wants to change these; the file may refuse.
    virtual Status flags_changed(uint32_t old_flags, uint32_t new_flags);
    // A descriptor (not the last reference) is being closed by a process whose descriptors `table`
    // are: its POSIX record locks go here.
    virtual void descriptor_closed(const FileTable& table);
    // Runs the destructor at once (which may sleep and wake others), and frees the memory when no
    // lock-free reader of a descriptor table can look at it any more. A derived class has File as
    // its first base.
    void last_reference_gone() override;
    // Text after "/proc/PID/fd/N ->" for files without a path: "pipe:[123]"; and lines for fdinfo.
    virtual size_t describe(std::span<char> buffer) const;

    // Which class this is, for calls that work on one kind of file only: the address of T::kTypeTag
    // (file_cast).
    virtual const void* type_tag() const { return nullptr; }
    // Whom poll and epoll are to observe for the readiness of this file; another object where
    // readiness is that object's (a pidfd: the process). It lives at least as long as the file.
    // What is ready is still asked of signals() here, which must not sleep.
    virtual Object& observed() { return *this; }
    // The epoll interests in this file, which end with it. For epoll only.
    std::atomic<EpollItem*>& epoll_items() { return epoll_items_; }

    // Whom signal-driven input and output would tell, as fcntl(F_SETOWN_EX) named them; remembered
    // only.
    struct SignalOwner {
        int32_t number = 0;  // 0: nobody
        uint8_t kind = 0;    // F_OWNER_*
        uint8_t signal = 0;  // F_SETSIG; 0 is SIGIO
    };
    SignalOwner signal_owner() const { return signal_owner_.load(std::memory_order_relaxed); }
    void set_signal_owner(SignalOwner owner) {
        signal_owner_.store(owner, std::memory_order_relaxed);
    }

protected:
    File(Path path, uint32_t flags, Signals initial);

private:
    Path path_;
    std::atomic<uint32_t> flags_;
    std::atomic<SignalOwner> signal_owner_{};
    std::atomic<EpollItem*> epoll_items_{nullptr};
    epoch::Node node_;
};

// The file as a T when it is one, else null. T has `static inline constinit char kTypeTag = 0;` and
// returns its address.
template <class T>
T* file_cast(File& file) {
    return file.type_tag() == &T::kTypeTag ? static_cast<T*>(&file) : nullptr;
}

}  // namespace gyre
