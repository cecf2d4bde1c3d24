// SPDX-License-Identifier: MIT
//
// On whose behalf a call runs. Every handler takes a CallContext as its first argument and finds everything there: no
// hidden global, so that a ring worker can run the same handler for its submitter.
#pragma once

#include "kernel/linux/call_result.h"
#include "kernel/linux/process.h"
#include "kernel/linux/task.h"
#include "kernel/schedule/patience.h"

namespace gyre::linux {

struct CallContext {
    Task& task;         // the Linux thread that calls
    Process& process;   // its process

    // Each is a load or two, and inline: every call goes through here.
    FileTable& files() const { return task.files(); }                        // descriptors
    FilesystemContext& filesystem() const { return task.filesystem(); }      // root, working directory, umask
    AddressSpace& address_space() const { return process.address_space(); }
    const Credentials& credentials() const { return task.credentials(); }    // of the calling thread, stable for the call
    uint64_t limit(int resource) const { return process.limit(resource); }   // the soft RLIMIT_*; UINT64_MAX is infinity
};

}  // namespace gyre::linux
