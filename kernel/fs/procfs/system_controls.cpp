// SPDX-License-Identifier: MIT
//
// /proc/sys (sysctl(8)): facts of the kernel that programs ask for, and the few that can be
// changed. What is shown is what the kernel does; a knob that would turn nothing is not here.
#include "kernel/fs/epoll.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/procfs/entry.h"
#include "kernel/fs/procfs/inode.h"
#include "kernel/linux/host_identity.h"
#include "kernel/linux/task.h"
#include "kernel/object/credentials.h"
#include "kernel/object/job.h"
#include "kernel/random/random.h"

namespace gyre::procfs {
namespace {

template <uint64_t kValue>
Status constant(TextBuilder& out, const Subject&) {
    out.format("{}\n", kValue);
    return {};
}
Status line(TextBuilder& out, std::string_view text) {
    out.text(text);
    out.character('\n');
    return {};
}
std::string_view first_line(std::string_view text) {
    return text.substr(0, text.find('\n'));
}

Status host_name(TextBuilder& out, const Subject&) {
    char name[linux::kMostHostNameBytes];
    return line(out, {name, linux::host_name(name)});
}
Status domain_name(TextBuilder& out, const Subject&) {
    char name[linux::kMostHostNameBytes];
    return line(out, {name, linux::domain_name(name)});
}
Status check_administrator() {
    if (linux::Task::current().credentials().has(Capability::SysAdmin)) return {};
    return fail(Error::NotPermitted);
}
Status set_host_name(std::string_view text, const Subject&) {
    TRY_VOID(check_administrator());
    return linux::set_host_name(first_line(text));
}
Status set_domain_name(std::string_view text, const Subject&) {
    TRY_VOID(check_administrator());
    return linux::set_domain_name(first_line(text));
}
Status system_name(TextBuilder& out, const Subject&) {
    return line(out, linux::kSystemName);
}
Status release(TextBuilder& out, const Subject&) {
    return line(out, linux::kRelease);
}
Status version(TextBuilder& out, const Subject&) {
    return line(out, linux::kVersion);
}

// What a core file would be called; none is ever written.
Status core_pattern(TextBuilder& out, const Subject&) {
    return line(out, "core");
}

Status most_threads(TextBuilder& out, const Subject&) {
    out.format("{}\n", Job::root().most_threads());
    return {};
}

// RFC 9562: version 4, variant 10.
struct Uuid {
    uint8_t bytes[16];
};
Uuid make_uuid() {
    Uuid uuid;
    random::fill(std::as_writable_bytes(std::span(uuid.bytes)));
    uuid.bytes[6] = uint8_t((uuid.bytes[6] & 0x0f) | 0x40);
    uuid.bytes[8] = uint8_t((uuid.bytes[8] & 0x3f) | 0x80);
    return uuid;
}
Status write_uuid(TextBuilder& out, const Uuid& uuid) {
    for (size_t i = 0; i < sizeof(uuid.bytes); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out.character('-');
        out.format("{02x}", uuid.bytes[i]);
    }
    out.character('\n');
    return {};
}
Status fresh_uuid(TextBuilder& out, const Subject&) {
    return write_uuid(out, make_uuid());
}

// Made when it is first asked for, the same until the machine stops.
constinit Mutex g_boot_id_lock{LockRank::Inode};
constinit bool g_has_boot_id = false;
constinit Uuid g_boot_id{};
Status boot_id(TextBuilder& out, const Subject&) {
    MutexGuard guard(g_boot_id_lock);
    if (!g_has_boot_id) {
        g_boot_id = make_uuid();
        g_has_boot_id = true;
    }
    return write_uuid(out, g_boot_id);
}

Status file_counts(TextBuilder& out, const Subject&) {
    out.format("{}\t0\t{}\n", live_object_count(ObjectKind::File), INT64_MAX);
    return {};
}

constexpr Entry kRandom[] = {
    {.name = "boot_id", .mode = kFile, .generate = boot_id},
    {.name = "entropy_avail",
     .mode = kFile,
     .generate = constant<256>},  // the generator is seeded, as Linux says it
    {.name = "poolsize", .mode = kFile, .generate = constant<256>},
    {.name = "uuid", .mode = kFile, .generate = fresh_uuid},
};
constexpr Entry kKernel[] = {
    {.name = "cap_last_cap",
     .mode = kFile,
     .generate = constant<static_cast<uint64_t>(Capability::CheckpointRestore)>},
    {.name = "core_pattern", .mode = kFile, .generate = core_pattern},
    {.name = "core_uses_pid", .mode = kFile, .generate = constant<0>},
    {.name = "domainname",
     .mode = kWritableFile,
     .generate = domain_name,
     .accept = set_domain_name},
    {.name = "hostname", .mode = kWritableFile, .generate = host_name, .accept = set_host_name},
    {.name = "ngroups_max", .mode = kFile, .generate = constant<kMaxGroups>},
    {.name = "osrelease", .mode = kFile, .generate = release},
    {.name = "ostype", .mode = kFile, .generate = system_name},
    {.name = "overflowgid", .mode = kFile, .generate = constant<65534>},
    {.name = "overflowuid", .mode = kFile, .generate = constant<65534>},
    {.name = "panic", .mode = kFile, .generate = constant<0>},
    {.name = "pid_max", .mode = kFile, .generate = constant<linux::PidNamespace::kMostPids>},
    {.name = "random", .mode = kFolder, .children = kRandom},
    {.name = "randomize_va_space", .mode = kFile, .generate = constant<2>},
    {.name = "threads-max", .mode = kFile, .generate = most_threads},
    {.name = "version", .mode = kFile, .generate = version},
};
constexpr Entry kMemory[] = {
    {.name = "mmap_min_addr", .mode = kFile, .generate = constant<65536>},
    {.name = "overcommit_memory",
     .mode = kFile,
     .generate = constant<1>},  // always: pages are found when touched
    {.name = "swappiness", .mode = kFile, .generate = constant<0>},
};
Status most_watches(TextBuilder& out, const Subject&) {
    out.format("{}\n", EpollItem::most());
    return {};
}
constexpr Entry kEpoll[] = {{.name = "max_user_watches", .mode = kFile, .generate = most_watches}};
constexpr Entry kFiles[] = {
    {.name = "epoll", .mode = kFolder, .children = kEpoll},
    {.name = "file-max", .mode = kFile, .generate = constant<uint64_t{INT64_MAX}>},
    {.name = "file-nr", .mode = kFile, .generate = file_counts},
    {.name = "nr_open", .mode = kFile, .generate = constant<FileTable::kMostDescriptors>},
    {.name = "pipe-max-size", .mode = kFile, .generate = constant<Pipe::kMostBytesUnprivileged>},
};
constexpr Entry kTop[] = {
    {.name = "fs", .mode = kFolder, .children = kFiles},
    {.name = "kernel", .mode = kFolder, .children = kKernel},
    {.name = "vm", .mode = kFolder, .children = kMemory},
};

}  // namespace

Result<Ref<Inode>> make_system_controls(Superblock& superblock, const Subject& subject) {
    return Ref<Inode>(TRY(make_ref<TableDirectory>(superblock, inode_number(subject, kTop), kFolder,
                                                   std::span<const Entry>(kTop), subject)));
}

}  // namespace gyre::procfs
