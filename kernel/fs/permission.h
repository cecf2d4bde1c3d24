// SPDX-License-Identifier: MIT
//
// Who may do what to an inode: the mode bits, seen by filesystem uid, groups and capabilities
// (path_resolution(7), capabilities(7)). No ACLs.
#pragma once

#include "kernel/fs/inode.h"
#include "kernel/object/credentials.h"

namespace gyre::permission {

enum Want : uint32_t { kExecute = 1, kWrite = 2, kRead = 4 };

// Errors: AccessDenied.
Status check(const Inode& inode, const Credentials& credentials, uint32_t want);

// Passing through a directory: the fast case first, because every step of a path asks.
inline Status check_search(const Inode& inode, const Credentials& credentials) {
    // When all three classes may execute it does not matter which one asks.
    if ((inode.mode() & 0111) == 0111) [[likely]]
        return {};
    return check(inode, credentials, kExecute);
}

// The owner, or who may act as one (CAP_FOWNER).
bool is_owner_or_capable(const Inode& inode, const Credentials& credentials);

// Adding a name to `directory`. Errors: NotFound (removed directory), AccessDenied.
Status check_create(const Inode& directory, const Credentials& credentials);
// Removing `victim` from `directory`. Errors: AccessDenied, NotPermitted (sticky), NotDirectory,
// IsDirectory.
Status check_remove(const Inode& directory, const Inode& victim, bool wants_directory,
                    const Credentials& credentials);

// A write or a change of owner takes from a program the rights that it would give: the set-user-ID and set-group-ID bits, and
// the capabilities (security.capability). The inode's lock is held.
void drop_privileges_locked(Inode& inode);
// The same on behalf of the calling process, whose CAP_FSETID keeps the bits (and only them).
void drop_privileges_on_write_locked(Inode& inode);

}  // namespace gyre::permission
