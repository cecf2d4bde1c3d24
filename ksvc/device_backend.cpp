// SPDX-License-Identifier: MIT
//
// Opening and mapping the device, the kick, the wait, and the worker threads. The contract is
// abi/ksvc/ksvc.h; what it promises is not checked twice here.
#include "ksvc/device_backend.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "ksvc/trap.h"

namespace ksvc {

DeviceBackend::~DeviceBackend() { close_all(); }

void DeviceBackend::close_all() {
    if (fd_ < 0) return;
    is_ending_ = true;
    (void)::ioctl(fd_, KSVC_IOC_DISMISS);
    for (pthread_t worker : workers_) pthread_join(worker, nullptr);
    workers_.clear();
    if (doorbell_ != nullptr) ::munmap(const_cast<uint32_t*>(doorbell_), KSVC_PAGE_BYTES);
    if (page_ != nullptr) ::munmap(const_cast<ksvc_shared_page*>(page_), KSVC_PAGE_BYTES);
    if (complete_ != nullptr) ::munmap(complete_, out_ring_bytes_);
    if (submit_ != nullptr) ::munmap(submit_, in_ring_bytes_);
    ::close(fd_);
    fd_ = -1;
}

Result<void> DeviceBackend::open(unsigned entries, unsigned workers) {
    fd_ = ::open(KSVC_DEVICE_PATH, O_RDWR | O_CLOEXEC);
    if (fd_ < 0) return fail(errno);
    ksvc_create_params params{};
    params.submit_ring_entries = std::clamp(std::bit_ceil(entries), KSVC_RING_ENTRIES_MIN, KSVC_RING_ENTRIES_MAX);
    params.complete_ring_entries = std::min(params.submit_ring_entries * 2, KSVC_RING_ENTRIES_MAX);
    params.eventfd = eventfd_;
    if (::ioctl(fd_, KSVC_IOC_CREATE, &params) != 0) {
        const int error = errno;
        close_all();
        return fail(error);
    }
    features_ = params.out.features;
    if (auto mapped = map_all(params); !mapped) {
        close_all();
        return mapped;
    }
    if (auto probed = probe(); !probed) {
        close_all();
        return probed;
    }
    if (features_ & KSVC_FEATURE_NEEDS_WORKERS) {
        worker_goal_ = std::max(workers, 1u);
        if (!bring_workers()) {
            close_all();
            return fail(EAGAIN);
        }
    }
    return {};
}

Result<void> DeviceBackend::map_all(const ksvc_create_params& params) {
    in_ring_bytes_ = params.out.submit_map_bytes;
    out_ring_bytes_ = params.out.complete_map_bytes;
    const auto map = [this](size_t bytes, int protection, uint64_t offset) {
        return ::mmap(nullptr, bytes, protection, MAP_SHARED, fd_, static_cast<off_t>(offset));
    };
    void* in = map(in_ring_bytes_, PROT_READ | PROT_WRITE, KSVC_MMAP_SUBMIT);
    if (in == MAP_FAILED) return fail(errno);
    submit_ = static_cast<ksvc_ring_header*>(in);
    void* out = map(out_ring_bytes_, PROT_READ | PROT_WRITE, KSVC_MMAP_COMPLETE);
    if (out == MAP_FAILED) return fail(errno);
    complete_ = static_cast<ksvc_ring_header*>(out);
    void* page = map(KSVC_PAGE_BYTES, PROT_READ, KSVC_MMAP_SHARED);
    if (page == MAP_FAILED) return fail(errno);
    page_ = static_cast<const ksvc_shared_page*>(page);
    if (features_ & KSVC_FEATURE_DOORBELL) {
        void* bell = map(KSVC_PAGE_BYTES, PROT_READ | PROT_WRITE, KSVC_MMAP_DOORBELL);
        if (bell != MAP_FAILED) doorbell_ = static_cast<volatile uint32_t*>(bell);
    }
    if (submit_->magic != KSVC_RING_MAGIC || complete_->magic != KSVC_RING_MAGIC ||
        submit_->version != KSVC_VERSION || submit_->entry_size != sizeof(Entry) ||
        complete_->entry_size != sizeof(Completion))
        return fail(EPROTO);
    entries_ = reinterpret_cast<Entry*>(reinterpret_cast<std::byte*>(submit_) + submit_->entries_offset);
    completions_ = reinterpret_cast<Completion*>(reinterpret_cast<std::byte*>(complete_) + complete_->entries_offset);
    submit_mask_ = submit_->mask;
    complete_mask_ = complete_->mask;
    return {};
}

Result<void> DeviceBackend::probe() {
    std::array<uint8_t, kCallLimit> tiers{};
    ksvc_probe request{.first_nr = 0, .count = kCallLimit, .tiers = reinterpret_cast<uint64_t>(tiers.data())};
    if (::ioctl(fd_, KSVC_IOC_PROBE, &request) != 0) return fail(errno);
    for (uint32_t nr = 0; nr < kCallLimit; ++nr) inside_[nr] = tiers[nr] == KSVC_TIER_INSIDE;
    uint8_t nop = 0;
    request = {.first_nr = KSVC_NR_NOP, .count = 1, .tiers = reinterpret_cast<uint64_t>(&nop)};
    if (::ioctl(fd_, KSVC_IOC_PROBE, &request) == 0) nop_inside_ = nop == KSVC_TIER_INSIDE;
    return {};
}

bool DeviceBackend::can_run(uint32_t nr) const {
    if (fd_ < 0) return false;
    return nr == KSVC_NR_NOP ? nop_inside_ : nr < kCallLimit && inside_[nr];
}

Start DeviceBackend::start(const Entry& entry, uint64_t token) {
    if (submit_tail_ - ksvc_load_acquire(&submit_->head) > submit_mask_) return Start::Full;
    Entry& slot = entries_[submit_tail_ & submit_mask_];
    slot = entry;
    slot.corr_id = token;
    // Order across tiers is the instance's work (order in instance.h); here every entry is free.
    slot.flags &= ~(KSVC_ENTRY_LINKED | KSVC_ENTRY_DRAIN);
    ++submit_tail_;
    return Start::Started;
}

Result<void> DeviceBackend::flush() {
    if (published_tail_ == submit_tail_) return {};
    if (doorbell_ == nullptr || wants_worker()) return wait(0, std::chrono::nanoseconds{0});
    ksvc_store_release(&submit_->tail, submit_tail_);
    published_tail_ = submit_tail_;
    *doorbell_ = 1;
    return {};
}

Result<void> DeviceBackend::wait(unsigned count, Patience patience) {
    const auto fresh = static_cast<uint32_t>(submit_tail_ - ksvc_load_acquire(&submit_->head));
    ksvc_store_release(&submit_->tail, submit_tail_);
    published_tail_ = submit_tail_;
    ksvc_enter request{};
    request.submit_count = fresh;
    request.min_complete = count;
    request.timeout_ns = patience ? patience->count() : KSVC_TIMEOUT_NONE;
    return enter(request);
}

void DeviceBackend::help() {
    ksvc_enter request{};
    (void)enter(request);
}

Result<void> DeviceBackend::enter(ksvc_enter& request) {
    while (::ioctl(fd_, KSVC_IOC_ENTER, &request) < 0) {
        // This thread has a seccomp filter that the workers lack: a thread that it makes has it too. The
        // kernel says so once and completes with -EACCES what nobody comes for, so this ends.
        if (errno != EACCES) return fail(errno);
        (void)bring_workers();
    }
    return {};
}

Result<unsigned> DeviceBackend::cancel(uint64_t token) {
    if (auto flushed = flush(); !flushed) return std::unexpected(flushed.error());
    ksvc_cancel request{.corr_id = token, .flags = 0, .reserved = 0};
    const int reached = ::ioctl(fd_, KSVC_IOC_CANCEL, &request);
    if (reached < 0) return fail(errno);
    return static_cast<unsigned>(reached);
}

bool DeviceBackend::bring_workers() {
    std::erase_if(workers_, [](pthread_t worker) { return pthread_tryjoin_np(worker, nullptr) == 0; });
    // At least one, for those that are left may be about to leave; when they have, the kernel asks again.
    bool is_one_here = false;
    do {
        if (!start_worker()) return is_one_here;
        is_one_here = true;
    } while (workers_.size() < worker_goal_);
    return true;
}

bool DeviceBackend::start_worker() {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    const int error = pthread_create(&thread, nullptr, &worker_main, this);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (error == 0) workers_.push_back(thread);
    return error == 0;
}

void* DeviceBackend::worker_main(void* self) {
    auto& backend = *static_cast<DeviceBackend*>(self);
    ksvc_work work{};
    while (!backend.is_ending_) {
        if (::ioctl(backend.fd_, KSVC_IOC_WORK, &work) != 0) {
            if (errno == EINTR) continue;
            break;  // ESHUTDOWN: closed or dismissed. EACCES: a thread has a filter that this one lacks
        }
        if (work.ticket == 0) continue;
        const auto& a = work.args;
        work.result = trap(work.syscall_nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
    return nullptr;
}

}  // namespace ksvc
