// SPDX-License-Identifier: MIT
//
// Lending and taking back; the shared ring of provided buffers (io_uring_register_buf_ring(3)).
#include "ksvc/buffer_provider.h"

#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <new>

namespace ksvc {

Result<BufferView> HeapBuffers::take(size_t bytes) {
    auto* memory = new (std::nothrow) std::byte[bytes];
    if (memory == nullptr) return fail(ENOMEM);
    return BufferView{{memory, bytes}, 0};
}

void HeapBuffers::give_back(BufferView view) { delete[] view.bytes.data(); }

Result<void> BlockBuffers::create(size_t block_bytes, uint32_t count) {
    if (region_ != nullptr || block_bytes == 0 || count == 0) return fail(EINVAL);
    void* memory = ::mmap(nullptr, block_bytes * count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return fail(errno);
    region_ = static_cast<std::byte*>(memory);
    block_bytes_ = block_bytes;
    count_ = count;
    for (uint32_t id = count; id-- > 0;) free_.push_back(id);
    return {};
}

BlockBuffers::~BlockBuffers() {
    if (region_ != nullptr) ::munmap(region_, block_bytes_ * count_);
}

Result<BufferView> BlockBuffers::take(size_t bytes) {
    if (bytes > block_bytes_) return fail(EMSGSIZE);
    if (free_.empty()) return fail(ENOBUFS);
    BufferView view = block(free_.back());
    free_.pop_back();
    view.bytes = view.bytes.first(bytes);
    return view;
}

void BlockBuffers::give_back(BufferView view) { free_.push_back(view.id); }

Result<void> ProvidedBuffers::create(UringRing& ring, uint16_t group, size_t block_bytes, uint32_t count) {
    if (shared_ != nullptr || !std::has_single_bit(count) || count > 32768) return fail(EINVAL);
    if (auto made = blocks_.create(block_bytes, count); !made) return made;
    shared_bytes_ = count * sizeof(io_uring_buf);
    void* memory = ::mmap(nullptr, shared_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return fail(errno);
    auto* shared = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_reg request{};
    request.ring_addr = reinterpret_cast<uint64_t>(shared);
    request.ring_entries = count;
    request.bgid = group;
    if (const int error = io_uring_register_buf_ring(&ring.raw(), &request, 0); error < 0) {
        ::munmap(memory, shared_bytes_);
        return fail(error);
    }
    ring_ = &ring;
    shared_ = shared;
    group_ = group;
    io_uring_buf_ring_init(shared_);
    for (uint32_t id = 0; id < count; ++id) add(id);
    return {};
}

ProvidedBuffers::~ProvidedBuffers() {
    if (shared_ == nullptr) return;
    (void)io_uring_unregister_buf_ring(&ring_->raw(), group_);
    ::munmap(shared_, shared_bytes_);
}

void ProvidedBuffers::add(uint32_t id) {
    const BufferView view = blocks_.block(id);
    io_uring_buf_ring_add(shared_, view.bytes.data(), static_cast<unsigned>(view.bytes.size()),
                          static_cast<uint16_t>(id), io_uring_buf_ring_mask(blocks_.count()), 0);
    io_uring_buf_ring_advance(shared_, 1);
}

void ProvidedBuffers::give_back(BufferView view) { add(view.id); }

}  // namespace ksvc
