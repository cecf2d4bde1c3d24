// SPDX-License-Identifier: MIT
//
// /proc/PID and /proc/PID/task/TID: which files there are. Their contents are in process_*.cpp.
#include "kernel/fs/procfs/process_files.h"

namespace gyre::procfs {
namespace {

using namespace process_files;

constexpr uint32_t kPrivateFolder = file_mode::kDirectory | 0500;

// Everything that a process and each of its tasks have.
#define GYRE_PROC_COMMON_ENTRIES                                                            \
    {.name = "auxv", .mode = kOwnersFile, .generate = auxiliary_vector},                    \
        {.name = "personality", .mode = kOwnersFile, .generate = personality},              \
        {.name = "schedstat", .mode = kFile, .generate = schedule_statistics},              \
        {.name = "smaps_rollup", .mode = kFile, .generate = summed_maps},                   \
        {.name = "cgroup", .mode = kFile, .generate = cgroup},                                  \
        {.name = "cmdline", .mode = kFile, .generate = command_line},                       \
        {.name = "comm", .mode = kWritableFile, .generate = comm, .accept = set_comm},      \
        {.name = "cwd", .mode = kLink, .read_link = read_cwd, .follow = follow_cwd},        \
        {.name = "environ", .mode = kOwnersFile, .generate = environment},                  \
        {.name = "exe", .mode = kLink, .read_link = read_exe, .follow = follow_exe},        \
        {.name = "fd", .mode = kPrivateFolder, .make = make_descriptor_directory},          \
        {.name = "fdinfo", .mode = kPrivateFolder, .make = make_descriptor_info_directory}, \
        {.name = "limits", .mode = kFile, .generate = limits},                              \
        {.name = "loginuid", .mode = kFile, .generate = login_uid},                         \
        {.name = "maps", .mode = kFile, .generate = maps},                                  \
        {.name = "mem", .mode = file_mode::kRegular | 0600, .open = open_memory},           \
        {.name = "mountinfo", .mode = kFile, .generate = mount_info},                       \
        {.name = "mounts", .mode = kFile, .generate = mounts},                              \
        {.name = "oom_score", .mode = kFile, .generate = oom_score},                        \
        {.name = "oom_score_adj",                                                           \
         .mode = kWritableFile,                                                             \
         .generate = oom_score_adjust,                                                      \
         .accept = set_oom_score_adjust},                                                   \
        {.name = "root", .mode = kLink, .read_link = read_root, .follow = follow_root},     \
        {.name = "smaps", .mode = kFile, .generate = detailed_maps},                        \
        {.name = "stat", .mode = kFile, .generate = stat},                                  \
        {.name = "statm", .mode = kFile, .generate = memory_counts},                        \
        {.name = "status", .mode = kFile, .generate = status}, {                            \
        .name = "wchan", .mode = kFile, .generate = wait_channel                            \
    }

constexpr Entry kProcessTable[] = {
    GYRE_PROC_COMMON_ENTRIES,
    {.name = "task", .mode = kFolder, .make = make_task_directory},
    {.name = "timerslack_ns", .mode = kFile, .generate = timer_slack},
};
constexpr Entry kTaskTable[] = {
    GYRE_PROC_COMMON_ENTRIES,
    {.name = "children", .mode = kFile, .generate = children},
};

#undef GYRE_PROC_COMMON_ENTRIES

}  // namespace

constinit const std::span<const Entry> kProcessEntries = kProcessTable;
constinit const std::span<const Entry> kTaskEntries = kTaskTable;

}  // namespace gyre::procfs
