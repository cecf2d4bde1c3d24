// SPDX-License-Identifier: MIT
//
// What must be true. KREQUIRE is checked in every build, KASSERT in debug builds only; the message says what broke.
#pragma once

#include "kernel/log/panic.h"

#define KREQUIRE(condition, ...)                                                                  \
    do {                                                                                          \
        if (!(condition)) [[unlikely]]                                                            \
            ::gyre::assertion_failed(#condition, __FILE__, __LINE__, "" __VA_ARGS__);             \
    } while (0)

#if GYRE_DEBUG
#define KASSERT(condition, ...) KREQUIRE(condition, __VA_ARGS__)
#else
#define KASSERT(condition, ...) \
    do {                        \
    } while (0)
#endif

namespace gyre {

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line, const char* message);

}  // namespace gyre
