// SPDX-License-Identifier: MIT
//
// Opening and probing an io_uring, waiting on it, cancelling, and finishing the calls that need
// more than their result. How each call becomes an operation is uring_translate.cpp.
#include "ksvc/uring_ring.h"

#include <poll.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "ksvc/trap.h"
#include "ksvc/uring_translate.h"

namespace ksvc {
namespace {

// statx(2) to stat(2), as the kernel's cp_new_stat fills it on x86-64.
void copy_status(const struct statx& from, struct stat& to) {
    std::memset(&to, 0, sizeof to);
    to.st_dev = makedev(from.stx_dev_major, from.stx_dev_minor);
    to.st_ino = from.stx_ino;
    to.st_nlink = from.stx_nlink;
    to.st_mode = from.stx_mode;
    to.st_uid = from.stx_uid;
    to.st_gid = from.stx_gid;
    to.st_rdev = makedev(from.stx_rdev_major, from.stx_rdev_minor);
    to.st_size = static_cast<off_t>(from.stx_size);
    to.st_blksize = from.stx_blksize;
    to.st_blocks = static_cast<blkcnt_t>(from.stx_blocks);
    to.st_atim = {.tv_sec = from.stx_atime.tv_sec, .tv_nsec = from.stx_atime.tv_nsec};
    to.st_mtim = {.tv_sec = from.stx_mtime.tv_sec, .tv_nsec = from.stx_mtime.tv_nsec};
    to.st_ctim = {.tv_sec = from.stx_ctime.tv_sec, .tv_nsec = from.stx_ctime.tv_nsec};
}

__kernel_timespec to_timespec(std::chrono::nanoseconds time) {
    const auto ns = std::max<int64_t>(time.count(), 0);
    return {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
}

}  // namespace

UringRing::~UringRing() {
    if (is_open_) io_uring_queue_exit(&ring_);
}

Result<void> UringRing::open(unsigned entries, UringFeatures features) {
    io_uring_params params{};
    // Entries that the kernel refuses complete with their error and do not hold up the rest.
    params.cq_entries = std::max(entries * 2, 32u);
    unsigned wanted = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
    if (features.sqpoll) {
        wanted |= IORING_SETUP_SQPOLL;
        params.sq_thread_idle = 20;
    } else if (features.single_issuer) {
        wanted |= IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    } else {
        wanted |= IORING_SETUP_COOP_TASKRUN;
    }
    params.flags = wanted;
    int error = io_uring_queue_init_params(entries, &ring_, &params);
    if (error == -EINVAL) {  // a kernel older than the flags: ask for less
        params = {};
        params.cq_entries = std::max(entries * 2, 32u);
        params.flags = IORING_SETUP_CQSIZE | (features.sqpoll ? unsigned{IORING_SETUP_SQPOLL} : 0u);
        params.sq_thread_idle = 20;
        error = io_uring_queue_init_params(entries, &ring_, &params);
    }
    if (error < 0) return fail(error);
    is_open_ = true;
    is_trusting_ = features.trusting;
    for (unsigned i = 0; i < ring_.sq.ring_entries; ++i) ring_.sq.array[i] = i;
    io_uring_probe* probe = io_uring_get_probe_ring(&ring_);
    if (probe == nullptr) return fail(ENOSYS);
    for (unsigned operation = 0; operation < operations_.size(); ++operation)
        operations_[operation] = io_uring_opcode_supported(probe, static_cast<int>(operation)) != 0;
    io_uring_free_probe(probe);
    return {};
}

bool UringRing::can_run(uint32_t nr) const {
    if (!is_open_) return false;
    if (nr == KSVC_NR_NOP) return operations_[IORING_OP_NOP];
    const int operation = uring_operation(nr);
    return operation >= 0 && operations_[static_cast<unsigned>(operation)];
}

Start UringRing::translate(const Entry& entry, uint64_t token, io_uring_sqe& sqe) {
    return uring_translate(*this, entry, token, sqe);
}

UringSlot* UringRing::new_slot(UringSlot::Kind kind, uint64_t token, void* user) {
    if (free_slots_.empty()) {
        free_slots_.push_back(static_cast<uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    UringSlot& slot = slots_[free_slots_.back()];
    slot.next_free = free_slots_.back();
    free_slots_.pop_back();
    slot.kind = kind;
    slot.token = token;
    slot.user = user;
    return &slot;
}

void UringRing::free_slot(UringSlot& slot) {
    slot.kind = UringSlot::Kind::Free;
    free_slots_.push_back(slot.next_free);
}

bool UringRing::finish_special(uint64_t& token, int64_t& result, uint32_t flags) {
    if (token == kWatchToken) {
        is_watching_ = false;
        return false;
    }
    if (token == kIgnoreToken) return false;
    UringSlot& slot = slots_[static_cast<uint32_t>(token)];
    token = slot.token;
    switch (slot.kind) {
        case UringSlot::Kind::Stat:
            if (result >= 0) copy_status(slot.status, *static_cast<struct stat*>(slot.user));
            break;
        case UringSlot::Kind::ReceiveFrom:
            if (result >= 0) *static_cast<socklen_t*>(slot.user) = slot.message.header.msg_namelen;
            break;
        case UringSlot::Kind::Send:
            // io_uring never raises SIGPIPE; send(2) without MSG_NOSIGNAL does.
            if (result == -EPIPE && slot.user != nullptr) std::raise(SIGPIPE);
            break;
        case UringSlot::Kind::Sleep:
            if (result == -ETIME) result = 0;
            break;
        case UringSlot::Kind::Poll: {
            // A bad descriptor is not an error of poll(2) but an answer.
            auto& descriptor = *static_cast<pollfd*>(slot.user);
            if (result == -EBADF) result = POLLNVAL;
            if (result < 0) break;
            descriptor.revents = static_cast<short>(result);
            result = 1;
            break;
        }
        case UringSlot::Kind::Free: break;
    }
    if ((flags & IORING_CQE_F_MORE) == 0) free_slot(slot);
    return true;
}

Result<void> UringRing::flush() {
    while (io_uring_sq_ready(&ring_) != 0) {
        const int count = io_uring_submit(&ring_);
        if (count == -EINTR) continue;
        // The completion queue has run over: the caller reaps and comes back.
        if (count == -EBUSY || count == -EAGAIN) return {};
        if (count < 0) return fail(count);
        if (ring_.flags & IORING_SETUP_SQPOLL) return {};  // the kernel thread takes them
        if (count == 0) return {};
    }
    return {};
}

Result<void> UringRing::wait(unsigned count, Patience patience) {
    if (count == 0) return flush();
    if (is_watching_) count = 1;
    int result;
    if (!patience) {
        result = io_uring_submit_and_wait(&ring_, count);
    } else {
        io_uring_cqe* first = nullptr;
        __kernel_timespec time = to_timespec(*patience);
        result = io_uring_submit_and_wait_timeout(&ring_, &first, count, &time, nullptr);
    }
    if (result >= 0 || result == -EBUSY || result == -EAGAIN) return {};
    return fail(result);
}

bool UringRing::watch(int fd) {
    if (is_watching_) return true;
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) {
        (void)flush();
        sqe = io_uring_get_sqe(&ring_);
        if (sqe == nullptr) return false;
    }
    io_uring_prep_poll_add(sqe, fd, POLLIN);
    sqe->user_data = kWatchToken;
    is_watching_ = true;
    return true;
}

Result<unsigned> UringRing::cancel(uint64_t token) {
    if (auto flushed = flush(); !flushed) return std::unexpected(flushed.error());
    const auto one = [&](uint64_t data) -> int64_t {
        io_uring_sync_cancel_reg request{};
        request.addr = data;
        request.fd = -1;
        request.flags = IORING_ASYNC_CANCEL_ALL;
        return io_uring_register_sync_cancel(&ring_, &request);
    };
    unsigned reached = 0;
    bool is_out_of_reach = false;
    const auto count = [&](int64_t result) {
        if (result > 0) reached += static_cast<unsigned>(result);
        if (result == -EALREADY || result == -ETIME) is_out_of_reach = true;
    };
    count(one(token));
    for (const UringSlot& slot : slots_)
        if (slot.kind != UringSlot::Kind::Free && slot.token == token) count(one(slot_data(slot)));
    if (reached != 0) return reached;
    return fail(is_out_of_reach ? EALREADY : ENOENT);
}

void UringRing::cancel_all() {
    if (!is_open_ || !flush()) return;
    io_uring_sync_cancel_reg request{};
    request.fd = -1;
    request.flags = IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY;
    (void)io_uring_register_sync_cancel(&ring_, &request);
}

Result<void> UringRing::notify_by(int fd) {
    const int error = io_uring_register_eventfd(&ring_, fd);
    if (error < 0) return fail(error);
    return {};
}

}  // namespace ksvc
