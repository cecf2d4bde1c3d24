// SPDX-License-Identifier: MIT
//
// proc(5): processes and the machine as files of text.
#pragma once

namespace gyre::procfs {

// Makes the file system types known to mount(2). Once, at boot.
void initialize();

}  // namespace gyre::procfs
