// SPDX-License-Identifier: MIT
//
// See job.h.
#include "kernel/object/job.h"

namespace gyre {
namespace {

constinit Job* g_root = nullptr;

}  // namespace

Job& Job::root() { return *g_root; }

Status Job::initialize_root(uint32_t most_threads) {
    g_root = new (std::nothrow) Job({}, most_threads);
    if (!g_root) return fail(Error::NoMemory);
    return {};
}

Result<Ref<Job>> Job::create(Ref<Job> parent, uint32_t most_threads) {
    Job* job = new (std::nothrow) Job(std::move(parent), most_threads);
    if (!job) return fail(Error::NoMemory);
    return Ref<Job>::adopt(job);
}

Status Job::charge_thread() {
    for (Job* job = this; job; job = job->parent_.get()) {
        const uint32_t before = job->threads_.fetch_add(1, std::memory_order_relaxed);
        if (before < job->most_threads()) continue;
        // Undo up to and with the job that is full.
        for (Job* undo = this;; undo = undo->parent_.get()) {
            undo->threads_.fetch_sub(1, std::memory_order_relaxed);
            if (undo == job) break;
        }
        return fail(Error::WouldBlock);
    }
    return {};
}

void Job::release_thread() {
    for (Job* job = this; job; job = job->parent_.get()) job->threads_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace gyre
