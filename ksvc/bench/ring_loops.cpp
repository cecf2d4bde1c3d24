// SPDX-License-Identifier: MIT
#include "ksvc/bench/ring_loops.h"

#include <liburing.h>
#include <sys/syscall.h>

#include "ksvc/compositions.h"
#include "ksvc/libksvc.h"
#include "ksvc/tier0.h"

namespace ksvc::bench {
namespace {

constexpr unsigned kEntries = 256;

// Keeps the compiler from moving or dropping a load.
template <class T>
void use(T value) {
    asm volatile("" : : "r"(value) : "memory");
}

}  // namespace

struct Rings::Parts {
    io_uring hand{};
    Default cpp{kEntries};
    ksvc_ring* c = nullptr;
};

Rings::Rings(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Rings::~Rings() {
    ksvc_close(parts_->c);
    io_uring_queue_exit(&parts_->hand);
}

std::expected<std::unique_ptr<Rings>, int> Rings::open() {
    auto parts = std::make_unique<Parts>();
    io_uring_params params{};
    params.flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_COOP_TASKRUN;
    params.cq_entries = kEntries * 2;
    if (const int error = io_uring_queue_init_params(kEntries, &parts->hand, &params); error < 0)
        return std::unexpected(-error);
    int error = ksvc_open(&parts->c, kEntries, KSVC_WAY_URING);
    if (auto opened = parts->cpp.open(); error == 0 && !opened) error = -static_cast<int>(opened.error());
    if (error == 0) return std::unique_ptr<Rings>(new Rings(std::move(parts)));
    ksvc_close(parts->c);
    io_uring_queue_exit(&parts->hand);
    return std::unexpected(-error);
}

void Rings::liburing_nops(unsigned batch, unsigned calls) {
    io_uring* const ring = &parts_->hand;
    for (unsigned done = 0; done < calls; done += batch) {
        for (unsigned i = 0; i < batch; ++i) {
            io_uring_sqe* sqe = io_uring_get_sqe(ring);
            io_uring_prep_nop(sqe);
            sqe->user_data = i;
        }
        io_uring_submit_and_wait(ring, batch);
        io_uring_cqe* cqe;
        unsigned head;
        unsigned seen = 0;
        io_uring_for_each_cqe(ring, head, cqe) {
            use(cqe->user_data);
            use(cqe->res);
            ++seen;
        }
        io_uring_cq_advance(ring, seen);
    }
}

void Rings::cpp_nops(unsigned batch, unsigned calls) {
    Default& ring = parts_->cpp;
    for (unsigned done = 0; done < calls; done += batch) {
        for (unsigned i = 0; i < batch; ++i)
            (void)ring.submit({.corr_id = i, .syscall_nr = KSVC_NR_NOP, .flags = 0, .args = {}});
        (void)ring.wait(batch);
        for (unsigned i = 0; i < batch; ++i) {
            const Completion* completion = ring.peek();
            use(completion->corr_id);
            use(completion->result);
            ring.advance(1);
        }
    }
}

void Rings::c_nops(unsigned batch, unsigned calls) {
    ksvc_ring* const ring = parts_->c;
    for (unsigned done = 0; done < calls; done += batch) {
        for (unsigned i = 0; i < batch; ++i) ksvc_prepare(ksvc_get_entry(ring), i, KSVC_NR_NOP, 0, 0, 0, 0, 0, 0);
        ksvc_submit_and_wait(ring, batch);
        for (unsigned i = 0; i < batch; ++i) {
            const ksvc_completion* completion = ksvc_next(ring);
            use(completion->corr_id);
            use(completion->result);
            ksvc_advance(ring, 1);
        }
    }
}

void getpids_by_trap(unsigned calls) {
    while (calls-- > 0) use(trap(SYS_getpid));
}

void getpids_by_tier0(unsigned calls) {
    while (calls-- > 0) use(ksvc::getpid());
}

}  // namespace ksvc::bench
