// SPDX-License-Identifier: MIT
// libc++'s math.h wants these names; the kernel computes with integers.
#pragma once
#define FP_NAN 0
#define FP_INFINITE 1
#define FP_ZERO 2
#define FP_SUBNORMAL 3
#define FP_NORMAL 4
typedef float float_t;
typedef double double_t;
