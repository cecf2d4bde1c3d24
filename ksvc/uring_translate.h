// SPDX-License-Identifier: MIT
//
// System calls as io_uring operations, exactly: where an operation would mean something else than
// the call (an offset, a length of 64 bits, an error), the call is declared unfit and goes by Tier 2.
#pragma once

#include "ksvc/uring_ring.h"

namespace ksvc {

// The IORING_OP_* that stands for a call; -1: none.
int uring_operation(uint32_t nr);
Start uring_translate(UringRing& ring, const Entry& entry, uint64_t token, io_uring_sqe& sqe);

}  // namespace ksvc
