// SPDX-License-Identifier: MIT
// For headers of others (Boost). Our own code uses kernel/log/assert.h.
#undef assert
#define assert(condition) ((void)0)
