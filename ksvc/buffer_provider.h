// SPDX-License-Identifier: MIT
//
// Memory for input and output: from the heap; from one region that an io_uring has registered (no
// page is mapped per call); and from a ring of buffers out of which the kernel itself chooses when
// data has come (5.19), so that a thousand idle connections hold none.
#pragma once

#include <sys/uio.h>

#include <memory>
#include <vector>

#include "ksvc/concepts.h"
#include "ksvc/uring_ring.h"

namespace ksvc {

class HeapBuffers {
public:
    Result<BufferView> take(size_t bytes);
    void give_back(BufferView view);
};

// A pool of equal blocks in one region, page aligned.
class BlockBuffers {
public:
    Result<void> create(size_t block_bytes, uint32_t count);
    ~BlockBuffers();
    BlockBuffers() = default;
    BlockBuffers(const BlockBuffers&) = delete;
    BlockBuffers& operator=(const BlockBuffers&) = delete;

    // ENOBUFS: all are lent. EMSGSIZE: a block is smaller than that.
    Result<BufferView> take(size_t bytes);
    void give_back(BufferView view);
    std::span<std::byte> region() const { return {region_, block_bytes_ * count_}; }
    BufferView block(uint32_t id) const { return {{region_ + size_t{id} * block_bytes_, block_bytes_}, id}; }
    uint32_t count() const { return count_; }

private:
    std::byte* region_ = nullptr;
    size_t block_bytes_ = 0;
    uint32_t count_ = 0;
    std::vector<uint32_t> free_;
};

class RegisteredBuffers {
public:
    // Registers the whole region with the backend: reads and writes within it go as *_FIXED.
    template <class Backend>
    Result<void> create(Backend& backend, size_t block_bytes, uint32_t count) {
        if (auto made = blocks_.create(block_bytes, count); !made) return made;
        const iovec region{.iov_base = blocks_.region().data(), .iov_len = blocks_.region().size()};
        return backend.register_buffers(std::span(&region, 1));
    }
    Result<BufferView> take(size_t bytes) { return blocks_.take(bytes); }
    void give_back(BufferView view) { blocks_.give_back(view); }

private:
    BlockBuffers blocks_;
};

// The kernel takes a buffer of group() when data has come; give_back() returns it to the kernel.
class ProvidedBuffers {
public:
    ProvidedBuffers() = default;
    ~ProvidedBuffers();
    ProvidedBuffers(const ProvidedBuffers&) = delete;
    ProvidedBuffers& operator=(const ProvidedBuffers&) = delete;

    // `count` is a power of two. EINVAL: this kernel has no buffer rings.
    Result<void> create(UringRing& ring, uint16_t group, size_t block_bytes, uint32_t count);
    Result<BufferView> take(size_t) { return fail(EOPNOTSUPP); }  // only the kernel takes
    void give_back(BufferView view);
    uint16_t group() const { return group_; }
    // An entry for recv(2) into one of these: submit() it as any other.
    Entry receive(uint64_t corr_id, int fd, uint32_t message_flags = 0) const {
        return {.corr_id = corr_id, .syscall_nr = kReceiveChosen, .flags = 0,
                .args = {static_cast<uint64_t>(fd), group_, 0, message_flags, 0, 0}};
    }
    // The buffer that its completion names, or nothing where it names none (an error, or the end).
    std::optional<BufferView> chosen(const Completion& completion) const {
        if ((completion.flags & kCompletionChosen) == 0 || completion.flags >> 16 >= blocks_.count()) return {};
        return chosen(completion.flags >> 16, completion.result > 0 ? static_cast<size_t>(completion.result) : 0);
    }
    BufferView chosen(uint32_t id, size_t bytes) const {
        BufferView view = blocks_.block(id);
        view.bytes = view.bytes.first(bytes);
        return view;
    }

private:
    void add(uint32_t id);
    BlockBuffers blocks_;
    UringRing* ring_ = nullptr;
    io_uring_buf_ring* shared_ = nullptr;
    uint16_t group_ = 0;
    size_t shared_bytes_ = 0;
};

static_assert(BufferProvider<HeapBuffers> && BufferProvider<BlockBuffers> && BufferProvider<RegisteredBuffers> &&
              BufferProvider<ProvidedBuffers>);

}  // namespace ksvc
