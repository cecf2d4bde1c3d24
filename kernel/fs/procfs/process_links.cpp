// SPDX-License-Identifier: MIT
//
// The links of a process to places: cwd, root, exe.
#include <cstring>

#include "kernel/fs/dentry.h"
#include "kernel/fs/filesystem_context.h"
#include "kernel/fs/lookup.h"
#include "kernel/fs/procfs/process_files.h"
#include "kernel/linux/task.h"

namespace gyre::procfs::process_files {

Result<size_t> write_place(const Path& place, std::span<char> buffer) {
    if (place.is_empty()) return fail(Error::NotFound);
    const Path root = linux::Task::current().filesystem().root();
    const std::string_view text = TRY(path_text(place, root, buffer, PathStyle::Plain));
    std::memmove(buffer.data(), text.data(), text.size());
    return text.size();
}

namespace {

Result<Ref<FilesystemContext>> places_of(const Subject& subject) {
    const Ref<linux::Task> task = TRY(subject.task());
    TRY_VOID(check_inspect(*task));
    Ref<FilesystemContext> places = task->filesystem_reference();
    if (!places) return fail(Error::NotFound);
    return places;
}

}  // namespace

Result<Path> follow_cwd(const Subject& subject) {
    return TRY(places_of(subject))->working_directory();
}
Result<size_t> read_cwd(const Subject& subject, std::span<char> buffer) {
    return write_place(TRY(follow_cwd(subject)), buffer);
}

Result<Path> follow_root(const Subject& subject) {
    return TRY(places_of(subject))->root();
}
Result<size_t> read_root(const Subject& subject, std::span<char> buffer) {
    return write_place(TRY(follow_root(subject)), buffer);
}

Result<Path> follow_exe(const Subject& subject) {
    const Ref<linux::Task> task = TRY(subject.task());
    TRY_VOID(check_inspect(*task));
    Path place = task->process().executable();
    if (place.is_empty()) return fail(Error::NotFound);
    return place;
}
Result<size_t> read_exe(const Subject& subject, std::span<char> buffer) {
    return write_place(TRY(follow_exe(subject)), buffer);
}

}  // namespace gyre::procfs::process_files
