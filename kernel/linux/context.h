// SPDX-License-Identifier: MIT
//
// On whose behalf a call runs. Every handler takes a CallContext as its first argument and finds everything there: no
// hidden global, so that a ring worker can run the same handler for its submitter.
#pragma once

#include "kernel/schedule/patience.h"
#include "lib/base/result.h"

namespace gyre {
class AddressSpace;
class Credentials;
class FileTable;
class FilesystemContext;
}  // namespace gyre

namespace gyre::linux {

class Process;
class Task;

struct CallContext {
    Task& task;         // the Linux thread that calls
    Process& process;   // its process

    FileTable& files() const;                   // descriptors
    FilesystemContext& filesystem() const;      // root, working directory, umask
    AddressSpace& address_space() const;
    const Credentials& credentials() const;     // of the calling thread, stable for the call
    uint64_t limit(int resource) const;         // the soft RLIMIT_*; UINT64_MAX is infinity
};

// What a handler returns; the trap turns it into rax, a ring into a completion.
using CallResult = Result<long>;

}  // namespace gyre::linux
