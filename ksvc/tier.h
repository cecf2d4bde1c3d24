// SPDX-License-Identifier: MIT
//
// The words that every part of the library shares: an entry, a completion, the four ways a call can
// take, and what class a system call belongs to. Nothing here allocates or makes a call.
#pragma once

#include <cerrno>
#include <cstdint>
#include <expected>
#include <system_error>

#include "abi/ksvc/ksvc.h"

namespace ksvc {

using Entry = ::ksvc_entry;
using Completion = ::ksvc_completion;
template <class T>
using Result = std::expected<T, std::errc>;

[[nodiscard]] inline std::unexpected<std::errc> fail(int error_number) {
    return std::unexpected(static_cast<std::errc>(error_number < 0 ? -error_number : error_number));
}

// design.md, "Tiers". The numbers are those that programs and the C API see.
enum class Tier : uint8_t {
    SharedPage = 0,  // a load from the shared page
    Kernel = 1,      // run in the kernel from a ring: /dev/ksvc or io_uring
    Pool = 2,        // made by a worker thread of this process
    Trap = 3,        // made by the submitting thread itself, at submission
    None = 0xFF,     // cannot be an entry: completes with -ENOSYS
};

// Table size for system-call numbers; x86-64 ends at 462 in Linux 6.12.
inline constexpr uint32_t kCallLimit = 512;

// The library's own, above every system call: recv(2) into a buffer that the kernel chooses out of a
// ProvidedBuffers when data has come. args: descriptor, group, most bytes (0: a whole buffer), flags.
inline constexpr uint32_t kReceiveChosen = 0xFFFFFF00u;
// In a completion's flags: the number of the chosen buffer is in the upper half.
inline constexpr uint32_t kCompletionChosen = 1u << 15;

// ETIME has a name in std::errc that C++23 calls old, for no fault of its own.
inline constexpr auto kTimeIsUp = static_cast<std::errc>(ETIME);

enum class CallClass : uint8_t {
    Anywhere,  // the same result from every thread of the process
    Caller,    // about the calling thread (its id, signals, credentials, scheduling): Tier 3 only
    Arguments, // Caller or Anywhere, depending on the arguments
    Never,     // returns twice or not where it was called (fork, vfork, clone, rt_sigreturn)
};

CallClass class_of(uint32_t syscall_nr);
// For CallClass::Arguments: whether this very entry is about the calling thread.
bool is_about_caller(const Entry& entry);

// What a backend says to an entry.
enum class Start : uint8_t {
    Started,  // exactly one final completion will come
    Full,     // no room now; flush and try again
    Unfit,    // this backend would change what the call means; take the next tier
};

}  // namespace ksvc
