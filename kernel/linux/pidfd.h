// SPDX-License-Identifier: MIT
//
// A descriptor that stands for a process (pidfd_open(2), CLONE_PIDFD): readable once the process has ended.
#pragma once

#include "kernel/fs/file.h"
#include "kernel/linux/context.h"

namespace gyre::linux {

class PidFile final : public File, private EndWatcher {
public:
    static Result<Ref<File>> create(Ref<Process> process, uint32_t flags);
    ~PidFile() override;
    Process& process() const { return *process_; }
    size_t describe(std::span<char> buffer) const override;
    // Null when the file is something else.
    static PidFile* from(File& file);

private:
    PidFile(Ref<Process> process, uint32_t flags);
    const Ref<Process> process_;
};

// The process that a descriptor stands for. Errors: BadDescriptor (also when it is not a pidfd).
Result<Ref<Process>> process_of_pidfd(CallContext& context, int descriptor);

// A descriptor installed early in a call that may still fail: closed again unless kept.
class NewPidfd {
public:
    NewPidfd() = default;
    NewPidfd(const NewPidfd&) = delete;
    NewPidfd& operator=(const NewPidfd&) = delete;
    ~NewPidfd();
    // Errors: TooManyFiles, NoMemory.
    Status install(CallContext& context, Ref<Process> process);
    int number() const { return number_; }
    void keep() { number_ = -1; }

private:
    FileTable* table_ = nullptr;
    int number_ = -1;
};

}  // namespace gyre::linux
