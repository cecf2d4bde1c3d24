// SPDX-License-Identifier: MIT
//
// What a BPF program finds in Gyre: the target `gyre`. Gyre's kernel does not load programs yet
// (kernel/bpf/ of the design); this is the set that it will offer first, so that programs can be
// checked against it: socket filters, which see one packet and nothing of a kernel's inside. Chosen so
// that a Linux program which attaches filters to its own sockets runs unmodified: numbers, layouts and
// prototypes are Linux's. Left out until there is something behind it: other program types, kernel
// functions, kernel types (CO-RE), special fields in map values. Policy on calls comes with its own
// program type, whose context is generated from abi/calls.tbl.
#pragma once

#include "lib/bpf/environment.h"

namespace gyre::bpf::gyre_place {

Environment environment(const Target& target);

}  // namespace gyre::bpf::gyre_place
