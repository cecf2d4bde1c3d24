// SPDX-License-Identifier: MIT
//
// The root of /proc: the machine's files from a table, and a directory for each process.
#include <algorithm>

#include "kernel/fs/dentry.h"
#include "kernel/fs/procfs/inode.h"
#include "kernel/fs/procfs/procfs.h"
#include "kernel/fs/superblock.h"
#include "kernel/linux/task.h"
#include "kernel/schedule/thread.h"

namespace gyre::procfs {
namespace {

constexpr uint64_t kMagic = 0x9fa0;            // PROC_SUPER_MAGIC
constexpr uint64_t kSystemMagic = 0x62656572;  // SYSFS_MAGIC
constexpr uint64_t kRootNumber = 1;
constexpr uint64_t kFirstProcess =
    256;  // position of process 0 in the listing, as Linux's; the table comes before it

class ProcSuperblock final : public Superblock {
public:
    ProcSuperblock(const char* type_name, uint64_t magic)
        : Superblock(type_name, Entries::Dynamic), magic_(magic) {}
    static Result<Ref<Superblock>> make(std::string_view, std::string_view) {
        Ref<ProcSuperblock> superblock = TRY(make_ref<ProcSuperblock>("proc", kMagic));
        Ref<Inode> root = TRY(make_ref<RootDirectory>(*superblock));
        superblock->set_root(TRY(Dentry::create(nullptr, "/", std::move(root))));
        return Ref<Superblock>(std::move(superblock));
    }
    // sysfs(5) is a tree of tables, too.
    static Result<Ref<Superblock>> make_system(std::string_view, std::string_view) {
        Ref<ProcSuperblock> superblock = TRY(make_ref<ProcSuperblock>("sysfs", kSystemMagic));
        Ref<Inode> root = TRY(
            make_ref<TableDirectory>(*superblock, kRootNumber, kFolder, kSystemEntries, Subject()));
        superblock->set_root(TRY(Dentry::create(nullptr, "/", std::move(root))));
        return Ref<Superblock>(std::move(superblock));
    }
    void statistics(FilesystemStatistics& statistics) override { statistics.magic = magic_; }

private:
    const uint64_t magic_;
};

constinit FilesystemType g_type{"proc", false, &ProcSuperblock::make};
constinit FilesystemType g_system_type{"sysfs", false, &ProcSuperblock::make_system};

Result<Ref<Inode>> make_process_directory(Superblock& superblock, const linux::Process& process) {
    const Subject subject = Subject::of(process);
    return Ref<Inode>(TRY(make_ref<TableDirectory>(
        superblock, inode_number(subject, &kProcessEntries), kFolder, kProcessEntries, subject)));
}

}  // namespace

RootDirectory::RootDirectory(Superblock& superblock)
    : TableDirectory(superblock, kRootNumber, kFolder, kRootEntries, {}) {}

Result<Ref<Inode>> RootDirectory::look_up(std::string_view name) {
    if (name[0] < '0' || name[0] > '9') return TableDirectory::look_up(name);
    const linux::Pid number = TRY(parse_name_number(name));
    const linux::PidNamespace& pids = linux::PidNamespace::initial();
    if (const Ref<linux::Process> process = pids.find_process(number))
        return make_process_directory(superblock(), *process);
    // The number of a thread is found, though not listed: it shows its process, as seen by the
    // thread.
    const Ref<linux::Task> task = pids.find_task(number);
    if (!task) return fail(Error::NotFound);
    return make_process_directory(superblock(), task->process());
}

Status RootDirectory::emit_dynamic_entries(uint64_t position, EmitEntry emit, void* argument) {
    if (position < kFirstProcess && !emit_table(position, emit, argument)) return {};
    const linux::PidNamespace& pids = linux::PidNamespace::initial();
    uint64_t next = position > kFirstProcess ? position - kFirstProcess : 0;
    while (next <= linux::PidNamespace::kMostPids) {
        const Ref<linux::Process> process = pids.next_process(static_cast<linux::Pid>(next));
        if (!process) break;
        const auto pid = static_cast<uint64_t>(process->pid());
        if (!emit_number(emit, argument, inode_number(Subject::of(*process), &kProcessEntries), pid,
                         kFirstProcess + pid + 1, kFolder))
            break;
        next = pid + 1;
        Thread::preemption_point();
    }
    return {};
}

void initialize() {
    register_filesystem(g_type);
    register_filesystem(g_system_type);
}

}  // namespace gyre::procfs
