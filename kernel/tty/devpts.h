// SPDX-License-Identifier: MIT
//
// devpts: the file system of the slaves of pseudo-terminals, mounted on /dev/pts. One instance, however often it is mounted.
#pragma once

#include <cstdint>

#include "lib/base/result.h"

namespace gyre::tty {

Status start_devpts();
// The node of a slave appears, owned by who opened the master. Errors: NoMemory.
Status add_devpts_node(uint32_t number, uint32_t uid);
void remove_devpts_node(uint32_t number);

}  // namespace gyre::tty
