// SPDX-License-Identifier: MIT
//
// Memory of a program, typed: a pointer that came from user mode is a UserIn<T>, UserOut<T>, UserInOut<T> or UserString,
// and copying is the only thing one can do with it. A copy may fault, sleep and fail (BadAddress); so no spin
// lock may be held. Every copy is of the *current* address space: a ring worker switches to its submitter's first.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "kernel/memory/types.h"
#include "lib/base/result.h"

namespace gyre {

namespace user_memory {
// The only ways through. Bytes copied before a fault stay copied. Errors: BadAddress.
Status copy_in(void* to, uintptr_t from, size_t length);
Status copy_out(uintptr_t to, const void* from, size_t length);
Status zero(uintptr_t to, size_t length);
// How many bytes were copied before a fault (all: length).
size_t copy_in_partial(void* to, uintptr_t from, size_t length);
size_t copy_out_partial(uintptr_t to, const void* from, size_t length);
size_t zero_partial(uintptr_t to, size_t length);
// Copies up to and with the terminating zero; the result counts without it. Errors: BadAddress,
// NameTooLong when there is none within the capacity.
Result<size_t> copy_string_in(char* to, uintptr_t from, size_t capacity);
// Futex words: atomic, do not sleep, fail with BadAddress instead of faulting in (caller faults in by a copy and
// tries again). Usable under spin locks.
Result<uint32_t> load_u32_nofault(uintptr_t from);
Result<bool> compare_exchange_u32_nofault(uintptr_t at, uint32_t& expected, uint32_t desired);
}  // namespace user_memory

template <class T>
class UserPointer {
public:
    constexpr UserPointer() = default;
    constexpr explicit UserPointer(uintptr_t address) : address_(address) {}
    constexpr uintptr_t address() const { return address_; }
    constexpr bool is_null() const { return address_ == 0; }

protected:
    uintptr_t address_ = 0;
};

template <class T>
    requires std::is_trivially_copyable_v<T>
class UserIn : public UserPointer<T> {
public:
    using UserPointer<T>::UserPointer;
    Result<T> read(size_t index = 0) const {
        T value;
        TRY_VOID(user_memory::copy_in(&value, this->address_ + index * sizeof(T), sizeof(T)));
        return value;
    }
    Status read_all(std::span<T> to) const { return user_memory::copy_in(to.data(), this->address_, to.size_bytes()); }
    UserIn offset(size_t count) const { return UserIn(this->address_ + count * sizeof(T)); }
};

template <class T>
    requires std::is_trivially_copyable_v<T>
class UserOut : public UserPointer<T> {
public:
    using UserPointer<T>::UserPointer;
    Status write(const T& value, size_t index = 0) const {
        return user_memory::copy_out(this->address_ + index * sizeof(T), &value, sizeof(T));
    }
    Status write_all(std::span<const T> from) const {
        return user_memory::copy_out(this->address_, from.data(), from.size_bytes());
    }
    UserOut offset(size_t count) const { return UserOut(this->address_ + count * sizeof(T)); }
};

template <class T>
class UserInOut : public UserPointer<T> {
public:
    using UserPointer<T>::UserPointer;
    UserIn<T> in() const { return UserIn<T>(this->address_); }
    UserOut<T> out() const { return UserOut<T>(this->address_); }
};

// A zero-terminated string.
class UserString : public UserPointer<char> {
public:
    using UserPointer<char>::UserPointer;
    // The view is into `buffer`. Errors: BadAddress, NameTooLong.
    Result<std::string_view> read(std::span<char> buffer) const {
        const size_t length = TRY(user_memory::copy_string_in(buffer.data(), address_, buffer.size()));
        return std::string_view(buffer.data(), length);
    }
};

// Raw bytes with a length that stands in another argument.
using UserBytesIn = UserIn<std::byte>;
using UserBytesOut = UserOut<std::byte>;

}  // namespace gyre
