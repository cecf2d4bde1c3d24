// SPDX-License-Identifier: MIT
//
// devtmpfs: the one instance of a tmpfs that drivers put their nodes into; every mount of it shows
// the same tree.
#pragma once

#include <string_view>

#include "kernel/fs/superblock.h"

namespace gyre::devtmpfs {

// Makes the instance with the links and directories that every /dev has, and the nodes of the
// drivers so far.
Status initialize();
const Ref<Superblock>& instance();

// For drivers: more than the nodes that registration makes. Errors: Exists, NoMemory.
Status make_node(std::string_view name, uint64_t device, uint32_t mode, uint32_t gid);
Status make_link(std::string_view name, std::string_view target);
Status make_directory(std::string_view name, uint32_t mode);
// Removes a node (hot unplug). Errors: NotFound.
Status remove_node(std::string_view name);

}  // namespace gyre::devtmpfs
