// SPDX-License-Identifier: MIT
//
// The pieces of a new task while it is being made. Whatever is here goes back by itself when the making fails.
#pragma once

#include "kernel/linux/fork.h"
#include "kernel/linux/process_parts.h"

namespace gyre::linux {

// What a task is counted for: a place among its user's tasks and in its job.
class TaskCharges {
public:
    TaskCharges() = default;
    TaskCharges(const TaskCharges&) = delete;
    TaskCharges& operator=(const TaskCharges&) = delete;
    ~TaskCharges();
    // Errors: WouldBlock.
    Status take(UserAccount& account, Job& job, uint64_t task_limit, bool ignores_limit);
    void keep() {
        account_ = nullptr;
        job_ = nullptr;
    }

private:
    UserAccount* account_ = nullptr;
    Job* job_ = nullptr;
};

// A process and its first task, or a further task of a process, in no list yet.
struct UnbornTask {
    UnbornTask() = default;
    UnbornTask(const UnbornTask&) = delete;
    UnbornTask& operator=(const UnbornTask&) = delete;
    ~UnbornTask();

    // A new process: memory, handlers and limits as the flags say. Errors: NoMemory.
    Status make_process(Process& parent, const CloneRequest& request);
    // A task of that process, or else of the caller's, with its thread ready to start. Errors: NoMemory, WouldBlock.
    Status make_task(CallContext& context, const CloneRequest& request);

    Ref<Process> new_process;
    Ref<Task> task;
};

}  // namespace gyre::linux
