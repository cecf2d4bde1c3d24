// SPDX-License-Identifier: MIT
//
// The io_uring backends: basic, with a submission thread in the kernel, with registered files, with
// registered buffers, and any composition of these, chosen by one constant.
#pragma once

#include <algorithm>
#include <cstring>

#include "ksvc/uring_ring.h"

namespace ksvc {

template <UringFeatures kFeatures>
class UringBackend : public UringRing {
public:
    static constexpr bool kRunsPoolTier = false;
    static constexpr bool kWaits = true;  // wait() sleeps in the kernel
    // hand_over() and enter() submit all and wait: with a submission thread there is more to it.
    static constexpr bool kHasShortWay = !kFeatures.sqpoll;
    Result<void> open(unsigned entries) { return UringRing::open(entries, kFeatures); }

    Start start(const Entry& entry, uint64_t token) {
        io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
        if (sqe == nullptr) [[unlikely]] return Start::Full;
        if (entry.syscall_nr == KSVC_NR_NOP) {
            make_nop(*sqe, token);
            return Start::Started;
        }
        return start_call(entry, token, *sqe);
    }
    // Only within room(): does not look.
    [[gnu::always_inline]] void start_nop(uint64_t token) {
        io_uring_sq& queue = ring_.sq;
        make_nop(queue.sqes[queue.sqe_tail & queue.ring_mask], token);
        ++queue.sqe_tail;
    }

    // Those at the start of `entries` that are NOPs without flags, and whose token is below 2^62; says how many.
    [[gnu::always_inline]] uint32_t start_nops(std::span<const Entry> entries) {
        io_uring_sq& queue = ring_.sq;
        io_uring_sqe* const sqes = queue.sqes;
        const unsigned mask = queue.ring_mask;
        unsigned tail = queue.sqe_tail;
        uint32_t count = 0;
        for (const Entry& entry : entries) {
            if (((entry.syscall_nr ^ KSVC_NR_NOP) | entry.flags) != 0 || entry.corr_id >> 62 != 0) [[unlikely]] break;
            make_nop(sqes[tail++ & mask], entry.corr_id);
            ++count;
        }
        queue.sqe_tail = tail;
        return count;
    }

    // Plain results are handed on in one go while the ring is all that there is: what is not the
    // library's own business and final needs no decision. Stops at the first that does.
    template <class Writer>
    [[gnu::always_inline]] unsigned reap_plain(Writer& writer) {
        const unsigned mask = ring_.cq.ring_mask;
        const unsigned first = *ring_.cq.khead;
        const unsigned ready = io_uring_smp_load_acquire(ring_.cq.ktail) - first;
        unsigned count = 0;
        while (count < ready) {
            // As far as neither ring wraps.
            const unsigned at = (first + count) & mask;
            const std::span<Completion> to = writer.stretch(std::min(ready - count, mask + 1 - at));
            const unsigned copied = copy_plain(ring_.cq.cqes + at, to.data(), static_cast<unsigned>(to.size()));
            writer.wrote(copied);
            count += copied;
            if (copied != to.size()) [[unlikely]] break;
        }
        if (count != 0) io_uring_smp_store_release(ring_.cq.khead, first + count);
        return count;
    }
    template <CompletionTaker Take>
    unsigned reap(Take&& take) {
        const unsigned ready = io_uring_cq_ready(&ring_);
        if (ready == 0) return overflow_check(take);
        return reap_ready(ready, take);
    }

    // ---- registered files: the descriptor stays the name that entries use -----------------------

    // The kernel keeps its own reference until forget_file(): call that before close().
    Result<void> register_file(int fd) requires(kFeatures.files) {
        if (fd < 0) return fail(EBADF);
        if (auto made = make_table(); !made) return made;
        const auto hole = std::find(table_.begin(), table_.end(), -1);
        if (hole == table_.end()) return fail(ENFILE);
        const auto index = static_cast<unsigned>(hole - table_.begin());
        const int count = io_uring_register_files_update(&ring_, index, &fd, 1);
        if (count != 1) return fail(count < 0 ? count : EBADF);
        *hole = fd;
        if (index_of_.size() <= static_cast<size_t>(fd)) index_of_.resize(static_cast<size_t>(fd) + 1, -1);
        index_of_[static_cast<size_t>(fd)] = static_cast<int>(index);
        return {};
    }
    Result<void> forget_file(int fd) requires(kFeatures.files) {
        const int index = registered_index(fd);
        if (index < 0) return fail(EBADF);
        const int nothing = -1;
        if (auto flushed = flush(); !flushed) return flushed;
        const int count = io_uring_register_files_update(&ring_, static_cast<unsigned>(index), &nothing, 1);
        if (count != 1) return fail(count < 0 ? count : EBADF);
        table_[static_cast<size_t>(index)] = -1;
        index_of_[static_cast<size_t>(fd)] = -1;
        return {};
    }
    bool is_registered(int fd) const requires(kFeatures.files) { return registered_index(fd) >= 0; }

    // ---- registered buffers: reads and writes within them skip the mapping of pages -------------

    Result<void> register_buffers(std::span<const iovec> regions) requires(kFeatures.buffers) {
        const int error = io_uring_register_buffers(&ring_, regions.data(), static_cast<unsigned>(regions.size()));
        if (error < 0) return fail(error);
        regions_.assign(regions.begin(), regions.end());
        return {};
    }

private:
    static constexpr unsigned kFileTableSize = 1024;

    [[gnu::always_inline]] static unsigned copy_plain(const io_uring_cqe* from, Completion* to, unsigned count) {
        for (unsigned i = 0; i < count; ++i) {
            if (((from[i].user_data >> 62) | (from[i].flags & (IORING_CQE_F_MORE | IORING_CQE_F_BUFFER))) != 0) [[unlikely]] return i;
            to[i] = {.corr_id = from[i].user_data, .result = from[i].res, .flags = 0, .pad = 0};
        }
        return count;
    }
    static void make_nop(io_uring_sqe& sqe, uint64_t token) {
        static_assert(IORING_OP_NOP == 0);
        std::memset(&sqe, 0, sizeof sqe);
        sqe.user_data = token;
    }
    [[gnu::noinline]] Start start_call(const Entry& entry, uint64_t token, io_uring_sqe& sqe) {
        if (translate(entry, token, sqe) != Start::Started) {
            --ring_.sq.sqe_tail;  // hand the unused one back
            return Start::Unfit;
        }
        if constexpr (kFeatures.buffers) use_registered_memory(sqe);
        if constexpr (kFeatures.files) use_registered_file(sqe);
        return Start::Started;
    }

    template <CompletionTaker Take>
    unsigned reap_ready(unsigned ready, Take& take) {
        unsigned head = *ring_.cq.khead;
        unsigned handed_on = 0;
        for (unsigned i = 0; i < ready; ++i, ++head) {
            const io_uring_cqe& cqe = ring_.cq.cqes[head & *ring_.cq.kring_mask];
            const uint64_t data = cqe.user_data;
            uint32_t flags = cqe.flags & IORING_CQE_F_MORE ? KSVC_COMPLETION_MORE : 0;
            if (cqe.flags & IORING_CQE_F_BUFFER) [[unlikely]]
                flags |= kCompletionChosen | (cqe.flags >> IORING_CQE_BUFFER_SHIFT << 16);
            if (data & kBackendBit) [[unlikely]] {
                uint64_t token = data;
                int64_t result = cqe.res;
                if (!take.has_room(flags)) break;
                if (!finish_special(token, result, cqe.flags)) continue;
                take(token, result, flags);
            } else if (!take(data, cqe.res, flags)) {
                break;
            }
            ++handed_on;
        }
        io_uring_smp_store_release(ring_.cq.khead, head);
        return handed_on;
    }

    // Completions that the kernel keeps aside while its ring is full come by a call.
    template <CompletionTaker Take>
    unsigned overflow_check(Take& take) {
        if (!io_uring_cq_has_overflow(&ring_)) return 0;
        (void)io_uring_get_events(&ring_);
        return reap_ready(io_uring_cq_ready(&ring_), take);
    }

    Result<void> make_table() {
        if (!table_.empty()) return {};
        const int error = io_uring_register_files_sparse(&ring_, kFileTableSize);
        if (error < 0) return fail(error);
        table_.assign(kFileTableSize, -1);
        return {};
    }
    int registered_index(int fd) const {
        return fd >= 0 && static_cast<size_t>(fd) < index_of_.size() ? index_of_[static_cast<size_t>(fd)] : -1;
    }
    void use_registered_file(io_uring_sqe& sqe) {
        switch (sqe.opcode) {
            case IORING_OP_READ:
            case IORING_OP_WRITE:
            case IORING_OP_READV:
            case IORING_OP_WRITEV:
            case IORING_OP_READ_FIXED:
            case IORING_OP_WRITE_FIXED:
            case IORING_OP_FSYNC:
            case IORING_OP_SEND:
            case IORING_OP_RECV:
            case IORING_OP_SENDMSG:
            case IORING_OP_RECVMSG:
            case IORING_OP_ACCEPT:
            case IORING_OP_POLL_ADD:
                break;
            default:
                return;
        }
        const int index = registered_index(sqe.fd);
        if (index < 0) return;
        sqe.fd = index;
        sqe.flags |= IOSQE_FIXED_FILE;
    }
    void use_registered_memory(io_uring_sqe& sqe) {
        if (sqe.opcode != IORING_OP_READ && sqe.opcode != IORING_OP_WRITE) return;
        for (size_t i = 0; i < regions_.size(); ++i) {
            const auto base = reinterpret_cast<uint64_t>(regions_[i].iov_base);
            if (sqe.addr < base || sqe.addr + sqe.len > base + regions_[i].iov_len) continue;
            sqe.opcode = sqe.opcode == IORING_OP_READ ? IORING_OP_READ_FIXED : IORING_OP_WRITE_FIXED;
            sqe.buf_index = static_cast<uint16_t>(i);
            return;
        }
    }

    std::vector<int> table_;     // index -> descriptor
    std::vector<int> index_of_;  // descriptor -> index
    std::vector<iovec> regions_;
};

using BasicUring = UringBackend<UringFeatures{}>;
using PollingUring = UringBackend<UringFeatures{.sqpoll = true}>;
using FilesUring = UringBackend<UringFeatures{.files = true}>;
using BuffersUring = UringBackend<UringFeatures{.buffers = true}>;
// For coroutines, which want to wait and not to hear EAGAIN.
using ServerUring = UringBackend<UringFeatures{.trusting = true, .single_issuer = true}>;
using FullUring = UringBackend<UringFeatures{.sqpoll = true, .files = true, .buffers = true}>;

// For a machine without io_uring and without the device: everything by workers.
class NoBackend {
public:
    static constexpr bool kRunsPoolTier = false;
    static constexpr bool kWaits = false;
    static constexpr bool kHasShortWay = false;
    Result<void> open(unsigned) { return {}; }
    bool can_run(uint32_t) const { return false; }
    uint32_t room() const { return UINT32_MAX; }
    bool has_fresh() const { return false; }
    Start start(const Entry&, uint64_t) { return Start::Unfit; }
    Result<void> flush() { return {}; }
    template <CompletionTaker Take>
    unsigned reap(Take&&) { return 0; }
    Result<void> wait(unsigned, Patience) { return {}; }
    bool watch(int) { return false; }
    Result<unsigned> cancel(uint64_t) { return fail(ENOENT); }
    Result<void> notify_by(int) { return {}; }
    void cancel_all() {}
};

}  // namespace ksvc
