// SPDX-License-Identifier: MIT
//
// The makers of the files of one process or task; each is named for its file where that is a word.
#pragma once

#include "kernel/fs/procfs/entry.h"

namespace gyre::procfs::process_files {

// process_status.cpp
Status stat(TextBuilder& out, const Subject& subject);
Status memory_counts(TextBuilder& out, const Subject& subject);  // statm
// process_status_lines.cpp
Status status(TextBuilder& out, const Subject& subject);
// process_memory.cpp
Status maps(TextBuilder& out, const Subject& subject);
Status detailed_maps(TextBuilder& out, const Subject& subject);  // smaps
Status command_line(TextBuilder& out, const Subject& subject);
Status environment(TextBuilder& out, const Subject& subject);
// process_small.cpp
Status cgroup(TextBuilder& out, const Subject& subject);
Status comm(TextBuilder& out, const Subject& subject);
Status set_comm(std::string_view text, const Subject& subject);
Status limits(TextBuilder& out, const Subject& subject);
Status login_uid(TextBuilder& out, const Subject& subject);
Status oom_score(TextBuilder& out, const Subject& subject);
Status oom_score_adjust(TextBuilder& out, const Subject& subject);
Status set_oom_score_adjust(std::string_view text, const Subject& subject);
Status wait_channel(TextBuilder& out, const Subject& subject);
// process_more.cpp
Status auxiliary_vector(TextBuilder& out, const Subject& subject);
Status children(TextBuilder& out, const Subject& subject);
Status personality(TextBuilder& out, const Subject& subject);
Status schedule_statistics(TextBuilder& out, const Subject& subject);
Status summed_maps(TextBuilder& out, const Subject& subject);  // smaps_rollup
Status timer_slack(TextBuilder& out, const Subject& subject);
// process_links.cpp
Result<size_t> read_cwd(const Subject& subject, std::span<char> buffer);
Result<Path> follow_cwd(const Subject& subject);
Result<size_t> read_root(const Subject& subject, std::span<char> buffer);
Result<Path> follow_root(const Subject& subject);
Result<size_t> read_exe(const Subject& subject, std::span<char> buffer);
Result<Path> follow_exe(const Subject& subject);
// memory_file.cpp
Result<Ref<File>> open_memory(const Path& path, uint32_t flags, const Subject& subject);
// mounts.cpp; without a process: the reader's
Status mounts(TextBuilder& out, const Subject& subject);
Status mount_info(TextBuilder& out, const Subject& subject);

// 'R', 'S', 'D', 'T', 'Z' of a task.
char state_letter(const linux::Task& task);
// The place as the running task sees it, for links. Errors: NotFound (an empty place), NameTooLong.
Result<size_t> write_place(const Path& place, std::span<char> buffer);

}  // namespace gyre::procfs::process_files
