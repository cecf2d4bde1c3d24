// SPDX-License-Identifier: MIT
//
// Root, working directory and umask of a process (shared by CLONE_FS).
#pragma once

#include <atomic>
#include <cstdint>

#include "kernel/fs/path.h"
#include "kernel/sync/guarded.h"

namespace gyre {

class FilesystemContext : public RefCounted {
public:
    FilesystemContext(Path root, Path working_directory, uint32_t umask);
    Path root() const;
    Path working_directory() const;
    void set_root(Path path);
    void set_working_directory(Path path);
    // What stands at `from` itself stands at `to` then (pivot_root).
    void replace(const Path& from, const Path& to);
    uint32_t umask() const { return umask_.load(std::memory_order_relaxed); }
    uint32_t exchange_umask(uint32_t umask) { return umask_.exchange(umask & 0777); }
    Result<Ref<FilesystemContext>> copy() const;

private:
    struct Places {
        Path root, working_directory;
    };
    mutable Guarded<Places, LockRank::InodeSpin> places_;
    std::atomic<uint32_t> umask_;
};

}  // namespace gyre
