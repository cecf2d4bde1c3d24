// SPDX-License-Identifier: MIT
//
// What every io_uring backend shares: the ring itself, the probe of its operations, the slots for
// calls whose completion needs work (stat from statx, the address of recvfrom), and waiting. The
// features are chosen at compile time in uring_backend.h.
#pragma once

#include <liburing.h>
#include <linux/time_types.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <bitset>
#include <csignal>
#include <deque>
#include <vector>

#include "ksvc/concepts.h"
#include "ksvc/trap.h"

namespace ksvc {

struct UringFeatures {
    bool sqpoll = false;         // a kernel thread takes entries: no trap to submit
    bool files = false;          // registered descriptors
    bool buffers = false;        // registered memory
    bool trusting = false;       // waits on O_NONBLOCK descriptors too: see set_trusting()
    bool single_issuer = false;  // one thread for the ring's life; completions run when it waits (6.1)
};

// A call whose completion is not simply the result.
struct UringSlot {
    enum class Kind : uint8_t { Free, Stat, ReceiveFrom, Send, Sleep, Poll };
    Kind kind = Kind::Free;
    uint64_t token = 0;
    uint32_t next_free = 0;
    void* user = nullptr;  // struct stat, socklen_t or struct pollfd of the program
    union {
        struct statx status;
        struct {
            msghdr header;
            iovec piece;
        } message;
        __kernel_timespec time;
    };
    UringSlot() : status{} {}
};

inline constexpr uint64_t kBackendBit = 1ull << 62;
inline constexpr uint64_t kWatchToken = ~0ull;
inline constexpr uint64_t kIgnoreToken = ~0ull - 1;

class UringRing {
public:
    UringRing() = default;
    ~UringRing();
    UringRing(const UringRing&) = delete;
    UringRing& operator=(const UringRing&) = delete;

    // `entries` may be under way at once. ENOSYS or EPERM: no io_uring here.
    Result<void> open(unsigned entries, UringFeatures features);
    bool is_open() const { return is_open_; }
    bool can_run(uint32_t nr) const;
    // io_uring waits where a descriptor is O_NONBLOCK; so that a call means the same as by trap, every
    // read, write, send, receive, accept and connect looks at the descriptor first (one fcntl). A
    // program whose descriptors block, or that likes to wait on all of them, saves that.
    void set_trusting(bool is_trusting) { is_trusting_ = is_trusting; }
    bool is_trusting() const { return is_trusting_; }
    // A server's receives come before their data: waiting first spares the attempt that would find nothing.
    // (Linux 5.19; a kernel that has the ring's flags has it.)
    bool waits_first() const { return is_trusting_ && (ring_.flags & IORING_SETUP_DEFER_TASKRUN) != 0; }
    io_uring& raw() { return ring_; }
    int fd() const { return ring_.ring_fd; }

    uint32_t room() const { return io_uring_sq_space_left(&ring_); }
    bool has_fresh() const { return ring_.sq.sqe_tail != ring_.sq.sqe_head; }
    // Publishes the entries that were filled; says how many the kernel has not taken. The index array
    // of the submission queue is the identity (open() fills it), so nothing is written per entry.
    unsigned hand_over() {
        io_uring_sq& queue = ring_.sq;
        queue.sqe_head = queue.sqe_tail;
        io_uring_smp_store_release(queue.ktail, queue.sqe_tail);
        return queue.sqe_tail - IO_URING_READ_ONCE(*queue.khead);
    }
    [[gnu::always_inline]] int enter(unsigned fresh, unsigned count) {
        return static_cast<int>(trap(SYS_io_uring_enter, static_cast<uint64_t>(ring_.ring_fd), fresh, count,
                                     IORING_ENTER_GETEVENTS, 0, _NSIG / 8));
    }

    Result<void> flush();
    Result<void> wait(unsigned count, Patience patience);
    bool watch(int fd);
    Result<unsigned> cancel(uint64_t token);
    Result<void> notify_by(int fd);
    void cancel_all();

    UringSlot* new_slot(UringSlot::Kind kind, uint64_t token, void* user);
    uint64_t slot_data(const UringSlot& slot) const { return kBackendBit | slot_index(slot); }
    void free_slot(UringSlot& slot);

protected:
    // Fills `sqe`; Unfit leaves it unused. The number's row has been checked by can_run().
    Start translate(const Entry& entry, uint64_t token, io_uring_sqe& sqe);
    // A completion of a slot or of the ring's own; false: nothing to hand on.
    bool finish_special(uint64_t& token, int64_t& result, uint32_t flags);

    io_uring ring_{};
    bool is_open_ = false;
    bool is_watching_ = false;
    bool is_trusting_ = false;

private:
    uint32_t slot_index(const UringSlot& slot) const { return slot.next_free; }  // own index while in use
    std::bitset<256> operations_;
    std::deque<UringSlot> slots_;
    std::vector<uint32_t> free_slots_;
};

}  // namespace ksvc
