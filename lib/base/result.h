// SPDX-License-Identifier: MIT
//
// Errors are values: Result<T> is what every fallible function returns, Status where there is no value.
// TRY(x) hands an error up, as in Serenity; it is a macro because only a macro can return from its caller.
#pragma once

#include <expected>
#include <utility>

#include "lib/base/error.h"

namespace gyre {

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

// The error half of any Result: `return fail(Error::NotFound);`
[[nodiscard]] constexpr std::unexpected<Error> fail(Error error) { return std::unexpected(error); }

}  // namespace gyre

// Evaluates to the value of a Result or returns its error from the enclosing function.
#define TRY(expression)                                              \
    ({                                                               \
        auto&& try_result_ = (expression);                           \
        if (!try_result_) [[unlikely]]                               \
            return ::std::unexpected(try_result_.error());           \
        ::std::move(try_result_).value();                            \
    })
// The same for a Status, which has no value.
#define TRY_VOID(expression)                                         \
    do {                                                             \
        if (auto&& try_result_ = (expression); !try_result_) [[unlikely]] \
            return ::std::unexpected(try_result_.error());           \
    } while (0)
