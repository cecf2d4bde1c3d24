// SPDX-License-Identifier: MIT
//
// A place in the tree of names: a dentry within a mount. (dentry.h, mount.h hold the two.)
#pragma once

#include "lib/base/ref.h"

namespace gyre {

class Dentry;
class Mount;

struct Path {
    Ref<Mount> mount;
    Ref<Dentry> dentry;

    Path();
    Path(Ref<Mount> mount, Ref<Dentry> dentry);
    Path(const Path&);
    Path(Path&&) noexcept;
    Path& operator=(const Path&);
    Path& operator=(Path&&) noexcept;
    ~Path();
    bool is_empty() const { return !dentry; }
    bool operator==(const Path& other) const {
        return mount == other.mount && dentry == other.dentry;
    }
};

}  // namespace gyre
