// SPDX-License-Identifier: MIT
//
// Path's members, here because the header knows neither Mount nor Dentry.
#include "kernel/fs/path.h"

#include <utility>

#include "kernel/fs/dentry.h"
#include "kernel/fs/mount.h"

namespace gyre {

Path::Path() = default;
Path::Path(Ref<Mount> of_mount, Ref<Dentry> at)
    : mount(std::move(of_mount)), dentry(std::move(at)) {}
Path::Path(const Path&) = default;
Path::Path(Path&&) noexcept = default;
Path& Path::operator=(const Path&) = default;
Path& Path::operator=(Path&&) noexcept = default;
Path::~Path() = default;

}  // namespace gyre
