// SPDX-License-Identifier: MIT
//
// See inode.h.
#include "kernel/fs/procfs/inode.h"

#include "kernel/fs/procfs/text_file.h"
#include "kernel/fs/text.h"
#include "kernel/linux/task.h"

namespace gyre::procfs {

Result<Ref<linux::Process>> Subject::process() const {
    Ref<linux::Process> found = linux::PidNamespace::initial().find_process(pid);
    if (!found || found->koid() != koid) return fail(Error::NoSuchProcess);
    return found;
}

Result<Ref<linux::Task>> Subject::task() const {
    if (tid != 0) {
        Ref<linux::Task> found = linux::PidNamespace::initial().find_task(tid);
        if (!found || found->process().koid() != koid) return fail(Error::NoSuchProcess);
        return found;
    }
    const Ref<linux::Process> process = TRY(this->process());
    Ref<linux::Task> leader = process->leader();
    if (!leader) return fail(Error::NoSuchProcess);
    return leader;
}

Status check_inspect(const linux::Task& target) {
    const linux::Task& caller = linux::Task::current();
    if (&caller.process() == &target.process()) return {};
    const Credentials& mine = caller.credentials();
    if (mine.has(Capability::SysPtrace)) return {};
    const Ref<Credentials> theirs = target.credentials_reference();
    const uint32_t uid = mine->filesystem_uid, gid = mine->filesystem_gid;
    const CredentialValues& their = theirs->values();
    const bool is_same_user = uid == their.uid && uid == their.effective_uid &&
                              uid == their.saved_uid && gid == their.gid &&
                              gid == their.effective_gid && gid == their.saved_gid;
    if (is_same_user && target.process().is_dumpable && (their.permitted & ~mine->permitted) == 0)
        return {};
    return fail(Error::AccessDenied);
}

// splitmix64's mixing of what makes the thing unique.
uint64_t inode_number(const Subject& subject, const void* what, uint64_t which) {
    uint64_t x = reinterpret_cast<uintptr_t>(what) + 0x9e3779b97f4a7c15 * (which + 1);
    for (const uint64_t part : {subject.koid, static_cast<uint64_t>(subject.tid)}) {
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        x = (x ^ (x >> 31)) + part * 0x9e3779b97f4a7c15;
    }
    x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9;
    return (x >> 16) + 2;  // 48 bits: safe in every program's ino_t; 1 is the root's
}

namespace {

struct Owner {
    uint32_t uid = 0, gid = 0;
};
Owner owner_of(const Subject& subject) {
    if (!subject.is_process()) return {};
    const Result<Ref<linux::Task>> task = subject.task();
    if (!task || !(*task)->process().is_dumpable) return {};
    const Ref<Credentials> credentials = (*task)->credentials_reference();
    return {credentials->values().effective_uid, credentials->values().effective_gid};
}

}  // namespace

ProcInode::ProcInode(Superblock& superblock, uint64_t number, uint32_t mode, const Subject& subject)
    : Inode(superblock, number, mode, 0, 0), subject_(subject) {
    const Owner owner = owner_of(subject);
    set_owner(owner.uid, owner.gid);
    add_links((mode & file_mode::kTypeMask) == file_mode::kDirectory ? 2 : 1);
}

bool ProcInode::is_stale() const {
    if (!subject_.is_process()) return false;
    return subject_.tid != 0 ? !subject_.task() : !subject_.process();
}

void ProcInode::status(FileStatus& status) {
    Inode::status(status);
    status.block_size = 1024;
    const Owner owner = owner_of(subject_);  // it may have changed its user since
    if (subject_.is_process()) {
        status.uid = owner.uid;
        status.gid = owner.gid;
    }
}

Result<Ref<File>> EntryFile::open(const Path& path, uint32_t flags) {
    if (entry_.open) return entry_.open(path, flags, subject());
    if ((flags & open_flags::kAccessMode) != open_flags::kReadOnly && !entry_.accept)
        return fail(Error::AccessDenied);
    return Ref<File>(TRY(make_ref<TextFile>(path, flags, entry_, subject())));
}

Result<Ref<Inode>> make_inode(Superblock& superblock, const Entry& entry, const Subject& subject) {
    if (entry.make) return entry.make(superblock, subject);
    switch (entry.mode & file_mode::kTypeMask) {
        case file_mode::kDirectory:
            return Ref<Inode>(TRY(make_ref<TableDirectory>(
                superblock, inode_number(subject, &entry), entry.mode, entry.children, subject)));
        case file_mode::kSymlink:
            return Ref<Inode>(TRY(make_ref<EntryLink>(superblock, entry, subject)));
        default:
            return Ref<Inode>(TRY(make_ref<EntryFile>(superblock, entry, subject)));
    }
}

Result<int32_t> parse_name_number(std::string_view name) {
    constexpr size_t kMostDigits = 10;
    if (name.empty() || name.size() > kMostDigits || (name[0] == '0' && name.size() > 1))
        return fail(Error::NotFound);
    const Result<uint64_t> number = text::parse_number(name);
    if (!number || *number > INT32_MAX) return fail(Error::NotFound);
    return static_cast<int32_t>(*number);
}

bool emit_number(Inode::EmitEntry emit, void* argument, uint64_t inode, uint64_t number,
                 uint64_t next_position, uint32_t mode) {
    char name[24];
    const size_t length = format_to(name, "{}", number);
    return emit(argument, {inode,
                           static_cast<int64_t>(next_position),
                           static_cast<uint8_t>((mode & file_mode::kTypeMask) >> 12),
                           {name, length}});
}

// Positions 0 and 1 are "." and ".."; entry i of the table stands at i + 2.
Result<Ref<Inode>> TableDirectory::look_up(std::string_view name) {
    for (const Entry& entry : entries_)
        if (entry.name == name) return make_inode(superblock(), entry, subject());
    return fail(Error::NotFound);
}

Status TableDirectory::emit_dynamic_entries(uint64_t position, EmitEntry emit, void* argument) {
    emit_table(position, emit, argument);
    return {};
}

bool TableDirectory::emit_table(uint64_t position, EmitEntry emit, void* argument) {
    for (uint64_t i = position < 2 ? 0 : position - 2; i < entries_.size(); ++i) {
        const Entry& entry = entries_[i];
        const DirectoryEntry given{inode_number(subject(), &entry), static_cast<int64_t>(i + 3),
                                   static_cast<uint8_t>((entry.mode & file_mode::kTypeMask) >> 12),
                                   entry.name};
        if (!emit(argument, given)) return false;
    }
    return true;
}

}  // namespace gyre::procfs
