// SPDX-License-Identifier: MIT
//
// The split virtqueue; see virtqueue.h.
#include "kernel/driver/virtio/virtqueue.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "kernel/log/log.h"

namespace gyre::driver::virtio {

namespace {
constexpr uint16_t kDeviceWrites = 2;       // VIRTQ_DESC_F_WRITE
constexpr uint16_t kNoInterrupt = 1;        // VIRTQ_AVAIL_F_NO_INTERRUPT
constexpr uint16_t kNoNotify = 1;           // VIRTQ_USED_F_NO_NOTIFY
constexpr size_t kSharedBytes = 1024;       // a size that the heap keeps within one page

PhysicalAddress physical_of(const void* heap_memory) {
    return PhysicalAddress{reinterpret_cast<uintptr_t>(heap_memory) - kDirectMapBase};
}
}  // namespace

Status Virtqueue::set_up(Transport& transport, uint16_t index) {
    const uint16_t most = transport.most_queue_size(index);
    if (most == 0) return fail(Error::NotFound);
    size_ = std::bit_floor(std::min(most, kMostBuffers));
    void* memory = ::operator new(kSharedBytes, std::align_val_t{kSharedBytes}, std::nothrow);
    if (!memory) return fail(Error::NoMemory);
    std::memset(memory, 0, kSharedBytes);
    auto* shared = static_cast<Shared*>(memory);
    const PhysicalAddress base = physical_of(memory);
    transport_ = &transport;
    index_ = index;
    free_count_ = size_;
    for (uint16_t i = 0; i < size_; ++i) free_[i] = i;
    TRY_VOID(transport.set_up_queue(index, {.size = size_,
                                            .descriptors = base,
                                            .available = base + offsetof(Shared, available),
                                            .used = base + offsetof(Shared, used)}));
    shared_ = shared;
    return {};
}

bool Virtqueue::add(PhysicalAddress address, uint32_t length, Direction direction, void* token) {
    if (!shared_ || is_full()) return false;
    const uint16_t id = free_[--free_count_];
    slots_[id] = {token, length, true};
    shared_->descriptors[id] = {address.value, length, direction == Direction::FromDevice ? kDeviceWrites : uint16_t{0},
                                0};
    shared_->available.ring[next_available_ % size_] = id;
    ++next_available_;
    return true;
}

void Virtqueue::publish() {
    if (published_ == next_available_) return;
    std::atomic_thread_fence(std::memory_order_release);
    shared_->available.index = published_ = next_available_;
    // The device sees the index before we look whether it sleeps (2.7.13.4.1).
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!(shared_->used.flags & kNoNotify)) transport_->notify(index_);
}

bool Virtqueue::has_used() const { return shared_ && !is_broken_ && shared_->used.index != next_used_; }

std::optional<Virtqueue::Used> Virtqueue::take_used() {
    if (!has_used()) return std::nullopt;
    std::atomic_thread_fence(std::memory_order_acquire);
    const uint32_t id = shared_->used.ring[next_used_ % size_].id;
    const uint32_t length = shared_->used.ring[next_used_ % size_].length;
    if (id >= size_ || !slots_[id].is_in_flight) {
        is_broken_ = true;
        log_error("virtio: queue {} gave back buffer {}, which it does not have; the queue is given up", index_, id);
        return std::nullopt;
    }
    ++next_used_;
    Slot& slot = slots_[id];
    slot.is_in_flight = false;
    free_[free_count_++] = uint16_t(id);
    return Used{slot.token, std::min(length, slot.length)};
}

void Virtqueue::want_interrupts(bool is_wanted) {
    if (!shared_) return;
    const uint16_t flags = is_wanted ? 0 : kNoInterrupt;
    if (shared_->available.flags == flags) return;
    shared_->available.flags = flags;
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

}  // namespace gyre::driver::virtio
