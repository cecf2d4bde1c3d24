// SPDX-License-Identifier: MIT
//
// open(2): from a path and O_* flags to an open file description.
#pragma once

#include "kernel/fs/file.h"
#include "kernel/fs/lookup.h"

namespace gyre {

struct OpenRequest {
    uint32_t flags = 0;  // O_*
    uint32_t mode = 0;   // permission bits of a new file, the umask applied already
    LookupFlag resolve = LookupFlag::None;
};
// Errors as open(2).
Result<Ref<File>> open_path(const LookupContext& context, const PathText& path,
                            const OpenRequest& request);

// Opens a place that is known, with the rights checked (the last part of open_path). `is_created`:
// it was made just now, so its own mode is not asked.
Result<Ref<File>> open_place(const Path& place, const OpenRequest& request,
                             const Credentials& credentials, bool is_created);
// For exec: a regular file with execute permission on a mount that allows it; writers are kept out
// until the file is closed. Errors: AccessDenied, TextBusy, SymlinkLoop, and those of the walk.
Result<Ref<File>> open_for_execution(const LookupContext& context, const PathText& path,
                                     LookupFlag flags);
Result<Ref<File>> open_for_execution(const Path& place, const Credentials& credentials);

}  // namespace gyre
