// SPDX-License-Identifier: MIT
//
// The root of /proc beside the processes.
#include "kernel/fs/procfs/machine_files.h"
#include "kernel/fs/procfs/process_files.h"
#include "kernel/linux/task.h"

namespace gyre::procfs {
namespace {

using namespace machine_files;

Result<size_t> read_self(const Subject&, std::span<char> buffer) {
    return format_to(buffer, "{}", linux::Task::current().process().pid());
}
Result<size_t> read_thread_self(const Subject&, std::span<char> buffer) {
    const linux::Task& task = linux::Task::current();
    return format_to(buffer, "{}/task/{}", task.process().pid(), task.tid());
}
Result<size_t> read_mounts_link(const Subject&, std::span<char> buffer) {
    return format_to(buffer, "self/mounts");
}

constexpr Entry kOurs[] = {
    {.name = "accounting", .mode = kFile, .generate = accounting},
#if GYRE_DEBUG
    {.name = "fail_allocation",
     .mode = kWritableFile,
     .generate = injected_failures,
     .accept = inject_failure},
#endif
};

constexpr Entry kRootTable[] = {
    {.name = "cgroups", .mode = kFile, .generate = cgroups},
    {.name = "cmdline", .mode = kFile, .generate = command_line},
    {.name = "cpuinfo", .mode = kFile, .generate = cpu_info},
    {.name = "devices", .mode = kFile, .generate = devices},
    {.name = "diskstats", .mode = kFile, .generate = nothing},
    {.name = "filesystems", .mode = kFile, .generate = filesystems},
    {.name = "gyre", .mode = kFolder, .children = kOurs},
    {.name = "interrupts", .mode = kFile, .generate = interrupts},
    {.name = "kmsg", .mode = kOwnersFile, .open = open_kernel_log},
    {.name = "loadavg", .mode = kFile, .generate = load_average},
    {.name = "meminfo", .mode = kFile, .generate = memory_info},
    {.name = "modules", .mode = kFile, .generate = nothing},
    {.name = "mounts", .mode = kLink, .read_link = read_mounts_link},
    {.name = "partitions", .mode = kFile, .generate = partitions},
    {.name = "self", .mode = kLink, .read_link = read_self},
    {.name = "stat", .mode = kFile, .generate = machine_files::stat},
    {.name = "swaps", .mode = kFile, .generate = swaps},
    {.name = "sys", .mode = kFolder, .make = make_system_controls},
    {.name = "thread-self", .mode = kLink, .read_link = read_thread_self},
    {.name = "uptime", .mode = kFile, .generate = uptime},
    {.name = "version", .mode = kFile, .generate = version},
    {.name = "vmstat", .mode = kFile, .generate = vm_statistics},
};

}  // namespace

constinit const std::span<const Entry> kRootEntries = kRootTable;

}  // namespace gyre::procfs
