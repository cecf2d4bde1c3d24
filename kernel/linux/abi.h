// SPDX-License-Identifier: MIT
//
// The structures that cross the Linux border, by topic. Each layout is proven where it is declared.
#pragma once

#include "kernel/linux/abi_file.h"
#include "kernel/linux/abi_process.h"
#include "kernel/linux/abi_signal.h"
#include "kernel/linux/abi_time.h"
