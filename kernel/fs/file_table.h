// SPDX-License-Identifier: MIT
//
// A process's descriptors. A slot of the same kind of table as the handles'; the slot's bits hold
// close-on-exec.
#pragma once

#include "kernel/fs/file.h"
#include "kernel/object/slot_table.h"

namespace gyre {

class FileTable : public RefCounted {
public:
    static constexpr uint32_t kCloseOnExec = 1;
    static constexpr uint32_t kMostDescriptors = 1u << 20;  // fs.nr_open

    // Lock-free. Errors: BadDescriptor. get() refuses O_PATH descriptors (most calls must),
    // get_any() gives them.
    Result<Ref<File>> get(int descriptor) const;
    Result<Ref<File>> get_any(int descriptor) const;
    Result<Ref<File>> get_for_read(
        int descriptor) const;  // BadDescriptor unless opened for reading
    Result<Ref<File>> get_for_write(int descriptor) const;
    // Lowest free at or above `minimum`. Errors: TooManyFiles (limit is RLIMIT_NOFILE), NoMemory.
    Result<int> install(Ref<File> file, bool close_on_exec, uint64_t limit, int minimum = 0);
    SlotTable<File, LockRank::FileTable>& slots() { return slots_; }
    // dup2: exactly this slot; what was there is closed. Errors: BadDescriptor (beyond the limit),
    // NoMemory.
    Status install_at(int descriptor, Ref<File> file, bool close_on_exec, uint64_t limit);
    Status close(int descriptor);
    // Every descriptor from first to last (inclusive), or only their close-on-exec bits set.
    void close_range(uint32_t first, uint32_t last);
    void mark_range_close_on_exec(uint32_t first, uint32_t last);
    void close_on_exec();                 // by exec
    void close_all();                     // at exit, by the last process that uses the table
    Result<Ref<FileTable>> copy() const;  // fork

private:
    mutable SlotTable<File, LockRank::FileTable> slots_;
};

}  // namespace gyre
