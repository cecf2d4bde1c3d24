// SPDX-License-Identifier: MIT
//
// What a handler of a system call returns: the value for rax (or a ring's completion), or the error that becomes -errno.
#pragma once

#include "lib/base/result.h"

namespace gyre::linux {

struct CallContext;

using CallResult = Result<long>;

}  // namespace gyre::linux
