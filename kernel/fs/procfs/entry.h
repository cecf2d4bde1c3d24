// SPDX-License-Identifier: MIT
//
// What stands in a directory of /proc, as tables: a name, a mode, and the function that makes the
// content. The same tables serve every process; whom a file speaks of is its Subject.
#pragma once

#include <span>
#include <string_view>

#include "kernel/fs/inode.h"
#include "kernel/fs/path.h"
#include "kernel/fs/procfs/text_builder.h"
#include "kernel/linux/pid_table.h"
#include "kernel/linux/process.h"

namespace gyre::procfs {

// A process or one task of it, by number: it is looked up anew at each use, and is another one's
// when the number was used again. The machine's own files have an empty subject.
struct Subject {
    linux::Pid pid = 0;
    linux::Pid tid = 0;  // 0: the whole process
    uint64_t koid = 0;   // of the process

    bool is_process() const { return pid != 0; }
    // Errors: NoSuchProcess.
    Result<Ref<linux::Process>> process() const;
    // The task, or the leader. Errors: NoSuchProcess.
    Result<Ref<linux::Task>> task() const;
    static Subject of(const linux::Process& process) { return {process.pid(), 0, process.koid()}; }
};

// Numbers of the set bits as ranges: 0-3,7.
void append_list(TextBuilder& out, uint64_t bits);

// Whether the running task may look into another process's insides (ptrace(2), "Ptrace access mode
// checking"). Errors: AccessDenied.
Status check_inspect(const linux::Task& target);

struct Entry {
    std::string_view name;
    uint32_t mode;  // type and permissions
    // Text files.
    Status (*generate)(TextBuilder& out, const Subject& subject) = nullptr;
    Status (*accept)(std::string_view text, const Subject& subject) = nullptr;
    // Directories: a table, or a function that makes the inode of a special one.
    std::span<const Entry> children = {};
    Result<Ref<Inode>> (*make)(Superblock& superblock, const Subject& subject) = nullptr;
    // Links: what they say, and where they lead when that is not what they say (magic links).
    Result<size_t> (*read_link)(const Subject& subject, std::span<char> buffer) = nullptr;
    Result<Path> (*follow)(const Subject& subject) = nullptr;
    // A file of a class of its own.
    Result<Ref<File>> (*open)(const Path& path, uint32_t flags, const Subject& subject) = nullptr;
};

constexpr uint32_t kFile = file_mode::kRegular | 0444, kWritableFile = file_mode::kRegular | 0644,
                   kOwnersFile = file_mode::kRegular | 0400, kFolder = file_mode::kDirectory | 0555,
                   kLink = file_mode::kSymlink | 0777;

extern const std::span<const Entry> kRootEntries;     // beside the processes
extern const std::span<const Entry> kProcessEntries;  // /proc/PID
extern const std::span<const Entry> kTaskEntries;     // /proc/PID/task/TID

extern const std::span<const Entry> kSystemEntries;  // /sys

// The inode of an entry.
Result<Ref<Inode>> make_inode(Superblock& superblock, const Entry& entry, const Subject& subject);
// /proc/sys.
Result<Ref<Inode>> make_system_controls(Superblock& superblock, const Subject& subject);
// /proc/PID/fd, fdinfo and task.
Result<Ref<Inode>> make_descriptor_directory(Superblock& superblock, const Subject& subject);
Result<Ref<Inode>> make_descriptor_info_directory(Superblock& superblock, const Subject& subject);
Result<Ref<Inode>> make_task_directory(Superblock& superblock, const Subject& subject);

}  // namespace gyre::procfs
