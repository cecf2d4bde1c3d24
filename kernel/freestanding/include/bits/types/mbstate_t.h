// SPDX-License-Identifier: MIT
// libc++ wants the name.
#pragma once
typedef struct { int state; } mbstate_t;
