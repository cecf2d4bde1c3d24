// SPDX-License-Identifier: MIT
//
// Mounts of a case's own: on a host in a mount namespace of its own; Gyre has one namespace, and there every case takes its
// mounts away again.
#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <sys/utsname.h>

#include "twin.h"

namespace twin {

inline bool is_gyre() {
    utsname machine;
    CHECK_OK(uname(&machine));
    return strstr(machine.release, "gyre") != nullptr;
}
// Nothing that the case mounts may be seen by the host.
inline void own_mounts() {
    if (is_gyre()) {
        CHECK_OK(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
        return;
    }
    if (syscall(SYS_unshare, CLONE_NEWNS) != 0) SKIP("this host allows no mounts: %s", errno_name(errno));
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        SKIP("the root of this host is no mount (a chroot): %s", errno_name(errno));
}
// A directory with a tmpfs on it.
inline void make_tmpfs(const char* path, const char* options = nullptr, unsigned long flags = 0) {
    CHECK_OK(mkdir(path, 0755));
    CHECK_OK(mount("twin", path, "tmpfs", flags, options));
}

}  // namespace twin
