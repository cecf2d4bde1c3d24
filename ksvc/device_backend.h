// SPDX-License-Identifier: MIT
//
// /dev/ksvc, on Gyre or by the Linux module: entries go into the submission ring as they are, the
// doorbell page kicks without a trap, ENTER waits. Where the kernel side needs threads of this
// process (KSVC_FEATURE_NEEDS_WORKERS) the backend lends it some.
#pragma once

#include <pthread.h>

#include <atomic>
#include <bitset>
#include <vector>

#include "ksvc/concepts.h"

namespace ksvc {

class DeviceBackend {
public:
    static constexpr bool kRunsPoolTier = true;
    static constexpr bool kWaits = true;
    static constexpr bool kHasShortWay = false;
    DeviceBackend() = default;
    ~DeviceBackend();
    DeviceBackend(const DeviceBackend&) = delete;
    DeviceBackend& operator=(const DeviceBackend&) = delete;

    // ENOENT, ENXIO, ENODEV or EACCES: no device here.
    Result<void> open(unsigned entries, unsigned workers = 4);
    bool is_open() const { return fd_ >= 0; }
    uint32_t features() const { return features_; }
    const ksvc_shared_page* shared_page() const { return page_; }
    int fd() const { return fd_; }

    bool can_run(uint32_t nr) const;
    Start start(const Entry& entry, uint64_t token);
    uint32_t room() const {
        return static_cast<uint32_t>(submit_mask_ + 1 - (submit_tail_ - ksvc_load_acquire(&submit_->head)));
    }
    bool has_fresh() const { return submit_tail_ != published_tail_; }
    Result<void> flush();
    Result<void> wait(unsigned count, Patience patience);
    bool watch(int) { return false; }
    Result<unsigned> cancel(uint64_t token);
    // CREATE takes the eventfd: before open(). A program may as well poll fd() of the device.
    void signal_by(int eventfd) { eventfd_ = eventfd; }
    Result<void> notify_by(int eventfd) {
        if (eventfd < 0 || eventfd != eventfd_) return std::unexpected(std::errc::operation_not_supported);
        return {};
    }
    void cancel_all() {}  // closing the device ends what is left

    template <CompletionTaker Take>
    unsigned reap(Take&& take) {
        if (complete_ == nullptr) return 0;
        const uint64_t tail = ksvc_load_acquire(&complete_->tail);
        unsigned handed_on = 0;
        for (; complete_head_ != tail; ++complete_head_, ++handed_on) {
            const Completion completion = completions_[complete_head_ & complete_mask_];
            if (!take(completion.corr_id, completion.result, completion.flags)) break;
        }
        if (handed_on != 0) ksvc_store_release(&complete_->head, complete_head_);
        else if (wants_worker()) [[unlikely]] help();
        return handed_on;
    }

private:
    Result<void> map_all(const ksvc_create_params& params);
    Result<void> probe();
    bool wants_worker() const {
        return (*const_cast<const volatile ksvc_u32*>(&submit_->flags) & KSVC_RING_WANTS_WORKER) != 0;
    }
    void help();  // a ring that wants a worker gets one where this thread can make it
    Result<void> enter(ksvc_enter& request);
    bool bring_workers();
    bool start_worker();
    static void* worker_main(void* self);
    void close_all();

    int fd_ = -1;
    int eventfd_ = -1;
    uint32_t features_ = 0;
    uint32_t in_ring_bytes_ = 0;
    uint32_t out_ring_bytes_ = 0;
    ksvc_ring_header* submit_ = nullptr;
    ksvc_ring_header* complete_ = nullptr;
    Entry* entries_ = nullptr;
    Completion* completions_ = nullptr;
    uint64_t submit_tail_ = 0;
    uint64_t published_tail_ = 0;
    uint64_t complete_head_ = 0;
    uint64_t submit_mask_ = 0;
    uint64_t complete_mask_ = 0;
    const ksvc_shared_page* page_ = nullptr;
    volatile uint32_t* doorbell_ = nullptr;
    std::bitset<kCallLimit> inside_;
    bool nop_inside_ = false;
    std::vector<pthread_t> workers_;
    size_t worker_goal_ = 1;
    std::atomic<bool> is_ending_{false};
};

}  // namespace ksvc
