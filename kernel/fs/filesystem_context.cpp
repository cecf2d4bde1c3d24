// SPDX-License-Identifier: MIT
//
// Root and working directory. A place that is replaced is let go outside the lock: its last
// reference may sleep.
#include "kernel/fs/filesystem_context.h"

#include <utility>

namespace gyre {

FilesystemContext::FilesystemContext(Path root, Path working_directory, uint32_t umask)
    : places_(Places{std::move(root), std::move(working_directory)}), umask_(umask & 0777) {}

Path FilesystemContext::root() const {
    return places_.with([](const Places& places) { return places.root; });
}

Path FilesystemContext::working_directory() const {
    return places_.with([](const Places& places) { return places.working_directory; });
}

void FilesystemContext::replace(const Path& from, const Path& to) {
    Path old_root, old_directory;  // let go after the lock
    Path fresh_root = to, fresh_directory = to;
    places_.with([&](Places& places) {
        if (places.root == from) old_root = std::exchange(places.root, std::move(fresh_root));
        if (places.working_directory == from)
            old_directory = std::exchange(places.working_directory, std::move(fresh_directory));
    });
}

void FilesystemContext::set_root(Path path) {
    places_.with([&](Places& places) { std::swap(places.root, path); });
}

void FilesystemContext::set_working_directory(Path path) {
    places_.with([&](Places& places) { std::swap(places.working_directory, path); });
}

Result<Ref<FilesystemContext>> FilesystemContext::copy() const {
    Places places = places_.with([](const Places& now) { return now; });
    return make_ref<FilesystemContext>(std::move(places.root), std::move(places.working_directory),
                                       umask());
}

}  // namespace gyre
