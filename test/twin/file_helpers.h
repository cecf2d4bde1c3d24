// SPDX-License-Identifier: MIT
//
// What the cases of opening, and of reading and writing, share.
#pragma once

#include "twin.h"

namespace twin {

inline int create(const char* name, int flags = O_RDWR | O_CREAT, mode_t mode = 0644) {
    int fd = open(name, flags, mode);
    CHECK_OK(fd);
    return fd;
}

}  // namespace twin
