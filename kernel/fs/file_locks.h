// SPDX-License-Identifier: MIT
//
// Advisory locks on files: flock(2), POSIX record locks and open-file-description locks (fcntl(2)).
// Flock locks are a family of their own; the two kinds of record locks see each other. An inode has
// a list only once it was locked.
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/fs/inode.h"
#include "kernel/schedule/patience.h"

namespace gyre {

enum class LockFamily : uint8_t { Flock, Record, OpenFile };
enum class LockType : uint8_t { Read, Write, Unlock };

struct FileLockRequest {
    LockFamily family;
    LockType type;
    const void* owner;   // the File (Flock, OpenFile) or the FileTable (Record)
    int32_t pid;         // who is told to F_GETLK; -1 for OpenFile
    uint64_t start = 0;  // bytes [start, end]
    uint64_t end = UINT64_MAX;
};

namespace file_locks {

// Errors: WouldBlock (patience none), Interrupted, Deadlock (Record), NoMemory.
Status set(Inode& inode, const FileLockRequest& request, Patience patience);
// The first lock that is in the way, if any.
std::optional<FileLockRequest> test(Inode& inode, const FileLockRequest& request);
// Everything of this owner (close). Cheap when the inode never was locked.
void release(Inode& inode, LockFamily family, const void* owner);
// For /proc/locks: calls body for each lock of all inodes; under a spin lock.
using Visitor = void (*)(void* argument, const Inode& inode, const FileLockRequest& lock);
void for_each(Visitor visitor, void* argument);

}  // namespace file_locks

void free_file_locks(FileLockList* list);

}  // namespace gyre
