// SPDX-License-Identifier: MIT
//
// Changes of the tree of names: making, linking, removing, renaming. Each takes the parent's place
// and a name that is neither empty nor . nor .., checks the caller's rights as Linux orders its
// errors, and does it under the locks that superblock.h describes.
#pragma once

#include <string_view>

#include "kernel/fs/dentry.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/path.h"
#include "kernel/object/credentials.h"

namespace gyre::names {

// Errors: Exists, AccessDenied, ReadOnlyFilesystem, NotFound, NoSpace, NotPermitted, NoMemory.
Result<Ref<Dentry>> make(const Path& parent, std::string_view name, NewNode node,
                         const Credentials& credentials);
// Without asking for rights: how the kernel fills its own file systems.
Result<Ref<Dentry>> make_unchecked(Dentry& parent, std::string_view name, const NewNode& node);
Result<Ref<Dentry>> add_inode(Dentry& parent, std::string_view name, Ref<Inode> inode);
// A file without a name (O_TMPFILE).
Result<Ref<Dentry>> make_unnamed(const Path& directory, NewNode node,
                                 const Credentials& credentials);

Status link(const Path& existing, const Path& parent, std::string_view name,
            const Credentials& credentials);
Status unlink(const Path& parent, std::string_view name, bool has_trailing_slash,
              const Credentials& credentials);
Status remove_directory(const Path& parent, std::string_view name, const Credentials& credentials);
Status remove_unchecked(Dentry& entry);

enum RenameFlag : uint32_t { kNoReplace = 1, kExchange = 2 };
struct RenameSide {
    const Path& parent;
    std::string_view name;
    bool has_trailing_slash;
};
Status rename(const RenameSide& from, const RenameSide& to, uint32_t flags,
              const Credentials& credentials);

}  // namespace gyre::names
