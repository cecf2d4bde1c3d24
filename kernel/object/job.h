// SPDX-License-Identifier: MIT
//
// A Job: the tree that limits and kills belong to. Every process is in one job; a job counts the threads of its whole
// subtree and refuses more than its limit, so that a program which multiplies without end leaves the machine usable.
// Today there is the root job, whose limit comes from the size of the machine, and one can make children of it; policies
// beyond the count (memory, CPU) are for later.
#pragma once

#include <atomic>
#include <cstdint>

#include "kernel/object/object.h"
#include "lib/base/result.h"

namespace gyre {

class Job final : public Object {
public:
    static constexpr ObjectKind kKind = ObjectKind::Job;

    // Null before initialize_root.
    static Job& root();
    // Once at boot. Errors: NoMemory.
    static Status initialize_root(uint32_t most_threads);
    static Result<Ref<Job>> create(Ref<Job> parent, uint32_t most_threads);

    // Counts one thread here and in all jobs above. Errors: WouldBlock when one of them is full. Context: any.
    Status charge_thread();
    void release_thread();

    uint32_t thread_count() const { return threads_.load(std::memory_order_relaxed); }
    uint32_t most_threads() const { return most_threads_.load(std::memory_order_relaxed); }
    void set_most_threads(uint32_t count) { most_threads_.store(count, std::memory_order_relaxed); }

private:
    Job(Ref<Job> parent, uint32_t most_threads)
        : Object(kKind), parent_(std::move(parent)), most_threads_(most_threads) {}

    const Ref<Job> parent_;
    std::atomic<uint32_t> threads_{0};
    std::atomic<uint32_t> most_threads_;
};

}  // namespace gyre
