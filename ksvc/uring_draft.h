// SPDX-License-Identifier: MIT
//
// An operation while it is drafted, what a descriptor allows it, and the drafts of calls on sockets.
// For uring_translate.cpp, which holds the rules, and uring_sockets.cpp alone.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "ksvc/trap.h"
#include "ksvc/uring_ring.h"

namespace ksvc {

constexpr uint64_t kMaxTransfer = 0x7ffff000;  // MAX_RW_COUNT: what one read or write moves at most
constexpr uint64_t kLowestAddress = 0x10000;

struct Draft {
    UringRing& ring;
    const Entry& entry;
    uint64_t token;
    io_uring_sqe& sqe;
    UringSlot* slot = nullptr;

    uint64_t arg(int index) const { return entry.args[index]; }
    int integer(int index) const { return static_cast<int>(entry.args[index]); }
    uint32_t word(int index) const { return static_cast<uint32_t>(entry.args[index]); }
    void put(int operation, int fd, uint64_t address, uint64_t length, uint64_t offset) {
        sqe.opcode = static_cast<uint8_t>(operation);
        sqe.fd = fd;
        sqe.addr = address;
        sqe.len = static_cast<uint32_t>(length);
        sqe.off = offset;
    }
    bool is_multi() const { return (entry.flags & KSVC_ENTRY_MULTI) != 0; }
};

inline bool is_word(uint64_t value) { return value <= UINT32_MAX; }
inline bool is_memory(uint64_t address) { return address >= kLowestAddress; }

inline bool may_wait(const Draft& d, int fd) {
    if (d.ring.is_trusting()) return true;
    const int64_t flags = trap(SYS_fcntl, static_cast<uint64_t>(fd), F_GETFL);
    return flags < 0 || (flags & O_NONBLOCK) == 0;
}
// SO_RCVTIMEO or SO_SNDTIMEO: io_uring does not know them.
inline bool has_time_limit(const Draft& d, int fd, int option) {
    if (d.ring.is_trusting()) return false;
    timeval limit{};
    socklen_t bytes = sizeof limit;
    const int64_t result = trap(SYS_getsockopt, static_cast<uint64_t>(fd), SOL_SOCKET, static_cast<uint64_t>(option),
                                reinterpret_cast<uint64_t>(&limit), reinterpret_cast<uint64_t>(&bytes));
    return result == 0 && (limit.tv_sec != 0 || limit.tv_usec != 0);
}
inline bool may_wait_long(const Draft& d, int fd, int option) { return may_wait(d, fd) && !has_time_limit(d, fd, option); }

// Each fills the draft, or says by false that the call is unfit.
namespace on_socket {
bool socket(Draft& d);
bool bind(Draft& d);
bool listen(Draft& d);
bool connect(Draft& d);
bool accept(Draft& d);
bool accept4(Draft& d);
bool shutdown(Draft& d);
bool sendto(Draft& d);
bool recvfrom(Draft& d);
bool sendmsg(Draft& d);
bool recvmsg(Draft& d);
bool receive_chosen(Draft& d);  // kReceiveChosen: into a buffer that the kernel picks

inline constexpr int kOpBind = 56;    // newer than the liburing of Debian 12: 6.11
inline constexpr int kOpListen = 57;  // 6.11
}  // namespace on_socket

}  // namespace ksvc
