// SPDX-License-Identifier: MIT
// No errno in the kernel: errors are values. <cerrno> must only find a header.
#pragma once
