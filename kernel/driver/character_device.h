// SPDX-License-Identifier: MIT
//
// Character devices: who opens which number, and the names that devtmpfs shows for them. A driver
// registers once, at any time from its own bring-up on; before devtmpfs exists the name is kept and
// appears with it.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/fs/file.h"
#include "kernel/fs/path.h"

namespace gyre::driver {

// Makes the open file description of a device: `path` is the place that was opened (hand it to
// File's constructor), `flags` are O_*, `device` the number (make_device). Rights have been
// checked. May sleep.
using OpenDevice = Result<Ref<File>> (*)(const Path& path, uint32_t flags, uint64_t device,
                                         void* argument);

// One number and its node in /dev: `name` without "/dev/"; with one slash in
// it, the folder is made on the fly. `mode`: permission bits. Context: thread.
// Errors: Exists, NameTooLong, NoMemory.
Status register_character_device(uint32_t major, uint32_t minor, std::string_view name,
                                 uint32_t mode, OpenDevice open, void* argument = nullptr,
                                 uint32_t gid = 0);
// Numbers without nodes (pseudo terminals: their nodes are devpts's).
Status register_character_range(uint32_t major, uint32_t first_minor, uint32_t count,
                                OpenDevice open, void* argument = nullptr);

// Used by fs: opens by number. Errors: NoSuchAddress, and the driver's.
Result<Ref<File>> open_character_device(const Path& path, uint32_t flags, uint64_t device);
// Calls body(name, major, minor, mode, gid) for each registered node (devtmpfs, once).
using NodeVisitor = Status (*)(std::string_view name, uint64_t device, uint32_t mode, uint32_t gid);
// From now on every new node goes to the visitor as well; those of before are given to it first.
Status set_node_visitor(NodeVisitor visitor);

// Calls body for each major number with the name of one of its devices (/proc/devices).
void for_each_character_major(void (*body)(uint32_t major, std::string_view name, void* argument),
                              void* argument);

// null, zero, full, random, urandom, kmsg.
Status register_memory_devices();

}  // namespace gyre::driver
