// SPDX-License-Identifier: MIT
//
// What the calls that take (directory descriptor, path) have in common.
#pragma once

#include "kernel/fs/file_table.h"
#include "kernel/fs/filesystem_context.h"
#include "kernel/fs/lookup.h"
#include "kernel/linux/abi_file.h"
#include "kernel/linux/context.h"

namespace gyre::linux {

// The caller's view, starting at `dirfd` when the path is relative, or when every path is to stay below it
// (LookupFlag::InRoot). Errors: BadDescriptor, NotDirectory.
Result<LookupContext> lookup_context(CallContext& context, int dirfd, const PathText& path,
                                     LookupFlag flags = LookupFlag::None);

// Reads a path that must not be empty. Errors: BadAddress, NameTooLong, NotFound, NoMemory.
Status read_path(PathText& text, UserString path);

// The place that a path names. Errors as path_resolution(7).
Result<Path> find_place(CallContext& context, int dirfd, UserString path, LookupFlag flags);
// The same, and with `at_flags` holding AT_EMPTY_PATH an empty path means dirfd itself (which may
// be any file with a place). Errors: also BadDescriptor, NotFound.
Result<Path> find_place_or_descriptor(CallContext& context, int dirfd, UserString path,
                                      LookupFlag flags, int at_flags);

constexpr LookupFlag follow_unless(bool is_no_follow) {
    return is_no_follow ? LookupFlag::None : LookupFlag::Follow;
}

// Where a path's last component is made, removed or renamed; the name is a view into `text`.
struct ParentPlace {
    PathText text;
    Path parent;
    std::string_view name;
    LastKind kind = LastKind::Root;
    bool has_trailing_slash = false;
};
Status find_parent(CallContext& context, int dirfd, UserString path, ParentPlace& place);

// The file system can be changed through this mount. Errors: ReadOnlyFilesystem.
Status check_writable(const Path& place);

}  // namespace gyre::linux
