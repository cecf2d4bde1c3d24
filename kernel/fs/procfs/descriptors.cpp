// SPDX-License-Identifier: MIT
//
// /proc/PID/fd, /proc/PID/fdinfo and /proc/PID/task: directories of numbers.
#include "kernel/fs/epoll.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/mount.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/procfs/inode.h"
#include "kernel/fs/procfs/process_files.h"
#include "kernel/fs/procfs/text_file.h"
#include "kernel/fs/text.h"
#include "kernel/linux/task.h"
#include "kernel/schedule/thread.h"

namespace gyre::procfs {
namespace {

constexpr int kSeekCurrent = 1;

Result<Ref<FileTable>> files_of(const Subject& subject) {
    const Ref<linux::Task> task = TRY(subject.task());
    TRY_VOID(check_inspect(*task));
    Ref<FileTable> files = task->files_reference();
    if (!files) return fail(Error::NotFound);
    return files;
}

Result<Ref<File>> file_of(const Subject& subject, int descriptor) {
    Result<Ref<File>> file = TRY(files_of(subject))->get_any(descriptor);
    if (!file) return fail(Error::NotFound);
    return file;
}

// One link of fd/.
class DescriptorLink final : public ProcInode {
public:
    DescriptorLink(Superblock& superblock, const Subject& subject, int descriptor,
                   uint32_t permissions)
        : ProcInode(superblock, inode_number(subject, &kKind, static_cast<uint64_t>(descriptor)),
                    file_mode::kSymlink | permissions, subject),
          descriptor_(descriptor) {}
    LinkKind link_kind() const override { return LinkKind::Magic; }
    bool is_stale() const override { return !file_of(subject(), descriptor_); }
    Result<size_t> read_link(std::span<char> buffer) override {
        const Ref<File> file = TRY(file_of(subject(), descriptor_));
        if (const size_t described = file->describe(buffer)) return described;
        return process_files::write_place(file->path(), buffer);
    }
    Result<Path> follow() override {
        const Ref<File> file = TRY(file_of(subject(), descriptor_));
        if (!file->path().is_empty()) return file->path();
        if (PipeFile* end = file_cast<PipeFile>(*file)) return pipe_place(*end);
        return fail(Error::NoSuchAddress);
    }

private:
    static inline constinit char kKind = 0;
    const int descriptor_;
};

// One file of fdinfo/.
Status describe_descriptor(TextBuilder& out, const Subject& subject, int descriptor) {
    const Ref<FileTable> files = TRY(files_of(subject));
    const auto slot = files->slots().get_entry(static_cast<uint32_t>(descriptor));
    if (!slot) return fail(Error::NotFound);
    File& file = *slot->object;
    const Result<uint64_t> position = file.seek(0, kSeekCurrent);
    const uint32_t flags = file.status_flags() |
                           ((slot->bits & FileTable::kCloseOnExec) ? open_flags::kCloseOnExec : 0);
    char octal[16];
    text::Writer writer(octal);
    writer.octal(flags);
    FileStatus status;
    (void)file.status(status);
    out.format("pos:\t{}\nflags:\t0{}\nmnt_id:\t{}\nino:\t{}\n", position ? *position : 0,
               writer.view(), status.mount_id, status.inode);
    if (EpollFile* epoll = file_cast<EpollFile>(file))
        epoll->for_each([&](int number, uint32_t events, uint64_t data) {
            out.format("tfd: {8} events: {8x} data: {16x}\n", number, events, data);
        });
    return {};
}

class DescriptorInfo final : public ProcInode {
public:
    DescriptorInfo(Superblock& superblock, const Subject& subject, int descriptor)
        : ProcInode(superblock, inode_number(subject, &kKind, static_cast<uint64_t>(descriptor)),
                    kOwnersFile, subject),
          descriptor_(descriptor) {}
    bool is_stale() const override { return !file_of(subject(), descriptor_); }
    Result<Ref<File>> open(const Path& path, uint32_t flags) override;

private:
    static inline constinit char kKind = 0;
    const int descriptor_;
};

// The text is made at once: what is open under the number may change, but this file is about what
// it was.
class DescriptorInfoFile final : public File {
public:
    DescriptorInfoFile(Path path, uint32_t flags)
        : File(std::move(path), flags, Signals::Readable | Signals::Writable) {}
    TextBuilder content;

    Result<size_t> read(IoCursor& to, Patience) override {
        MutexGuard guard(lock_);
        const size_t count = TRY(put(to, position_));
        position_ += count;
        return count;
    }
    Result<size_t> read_at(IoCursor& to, uint64_t offset, Patience) override {
        return put(to, offset);
    }

private:
    Result<size_t> put(IoCursor& to, uint64_t offset) {
        const std::string_view text = content.view();
        if (offset >= text.size()) return 0;
        return to.put(std::as_bytes(std::span(text.substr(offset))));
    }
    Mutex lock_{LockRank::FilePosition};
    uint64_t position_ = 0;
};

Result<Ref<File>> DescriptorInfo::open(const Path& path, uint32_t flags) {
    Ref<DescriptorInfoFile> file = TRY(make_ref<DescriptorInfoFile>(path, flags));
    TRY_VOID(describe_descriptor(file->content, subject(), descriptor_));
    TRY_VOID(file->content.status());
    return Ref<File>(std::move(file));
}

// fd/ and fdinfo/: an entry for each open descriptor, at its number plus 2.
template <class Made>
class DescriptorDirectory final : public ProcInode {
public:
    DescriptorDirectory(Superblock& superblock, const Subject& subject)
        : ProcInode(superblock, inode_number(subject, &kKind), file_mode::kDirectory | 0500,
                    subject) {}

    Result<Ref<Inode>> look_up(std::string_view name) override {
        const int32_t number = TRY(parse_name_number(name));
        const Ref<File> file = TRY(file_of(subject(), number));
        if constexpr (std::is_same_v<Made, DescriptorLink>) {
            const uint32_t permissions =
                0100u | (file->can_read() ? 0400u : 0) | (file->can_write() ? 0200u : 0);
            return Ref<Inode>(
                TRY(make_ref<DescriptorLink>(superblock(), subject(), number, permissions)));
        } else {
            return Ref<Inode>(TRY(make_ref<DescriptorInfo>(superblock(), subject(), number)));
        }
    }
    Status emit_dynamic_entries(uint64_t position, EmitEntry emit, void* argument) override {
        constexpr uint32_t kMode = std::is_same_v<Made, DescriptorLink> ? kLink : kFile;
        const Ref<FileTable> files = TRY(files_of(subject()));
        uint32_t number = position < 2 ? 0 : static_cast<uint32_t>(position - 2);
        for (number = files->slots().next_used(number); number != UINT32_MAX;
             number = files->slots().next_used(number + 1)) {
            if (!emit_number(emit, argument, inode_number(subject(), &kKind, number + uint64_t{1}),
                             number, uint64_t{number} + 3, kMode))
                break;
            Thread::preemption_point();
        }
        return {};
    }

private:
    static inline constinit char kKind = 0;
};

class TaskDirectory final : public ProcInode {
public:
    TaskDirectory(Superblock& superblock, const Subject& subject)
        : ProcInode(superblock, inode_number(subject, &kKind), kFolder, subject) {}

    Result<Ref<Inode>> look_up(std::string_view name) override {
        Subject task = subject();
        task.tid = TRY(parse_name_number(name));
        if (task.tid == 0 || !task.task()) return fail(Error::NotFound);
        return Ref<Inode>(TRY(make_ref<TableDirectory>(
            superblock(), inode_number(task, &kTaskEntries), kFolder, kTaskEntries, task)));
    }
    Status emit_dynamic_entries(uint64_t position, EmitEntry emit, void* argument) override {
        const Result<Ref<linux::Process>> process = subject().process();
        if (!process) return fail(Error::NotFound);
        auto next = static_cast<linux::Pid>(position < 2 ? 0 : position - 2);
        while (const Ref<linux::Task> task = (*process)->next_task(next)) {
            Subject named = subject();
            named.tid = task->tid();
            if (!emit_number(emit, argument, inode_number(named, &kTaskEntries),
                             static_cast<uint64_t>(named.tid), static_cast<uint64_t>(named.tid) + 3,
                             kFolder))
                break;
            next = named.tid + 1;
            Thread::preemption_point();
        }
        return {};
    }

private:
    static inline constinit char kKind = 0;
};

}  // namespace

Result<Ref<Inode>> make_descriptor_directory(Superblock& superblock, const Subject& subject) {
    return Ref<Inode>(TRY(make_ref<DescriptorDirectory<DescriptorLink>>(superblock, subject)));
}
Result<Ref<Inode>> make_descriptor_info_directory(Superblock& superblock, const Subject& subject) {
    return Ref<Inode>(TRY(make_ref<DescriptorDirectory<DescriptorInfo>>(superblock, subject)));
}
Result<Ref<Inode>> make_task_directory(Superblock& superblock, const Subject& subject) {
    return Ref<Inode>(TRY(make_ref<TaskDirectory>(superblock, subject)));
}

}  // namespace gyre::procfs
