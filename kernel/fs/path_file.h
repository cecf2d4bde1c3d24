// SPDX-License-Identifier: MIT
//
// O_PATH: a descriptor that only names a place. FileTable::get() refuses it, so hardly anything
// reaches it.
#pragma once

#include "kernel/fs/file.h"

namespace gyre {

class PathFile final : public File {
public:
    PathFile(Path path, uint32_t flags) : File(std::move(path), flags, Signals::None) {}
};

}  // namespace gyre
