// SPDX-License-Identifier: MIT
//
// signalfd(2): taking one's pending signals by read. What is ready is the pending signals of
// whoever looks, so the state is computed for the running task, and observers are tied to its
// process.
#pragma once

#include "kernel/fs/file.h"
#include "kernel/linux/process.h"
#include "kernel/sync/spin_lock.h"

namespace gyre {

class SignalFile final : public File {
public:
    static inline constinit char kTypeTag = 0;
    const void* type_tag() const override { return &kTypeTag; }

    // Errors: NoMemory.
    static Result<Ref<SignalFile>> create(linux::SignalSet mask, uint32_t flags,
                                          linux::Process& creator);
    ~SignalFile() override;

    Result<size_t> read(IoCursor& to, Patience patience) override;
    Result<uint64_t> seek(int64_t, int) override {
        return 0;
    }  // as Linux's: taken, and means nothing
    size_t describe(std::span<char> buffer) const override;
    Signals signals() const override;
    Object& observed() override;

    linux::SignalSet mask() const { return mask_.load(std::memory_order_acquire); }
    void set_mask(linux::SignalSet mask);

private:
    friend Result<Ref<SignalFile>> make_ref<SignalFile>(linux::SignalSet&, uint32_t&);
    SignalFile(linux::SignalSet mask, uint32_t flags);
    // Processes that look through this file: each tells its signals while it is in the list. The
    // first is the creator.
    struct Reader {
        Ref<linux::Process> process;
        Reader* next;
    };
    Result<linux::Process*> add_reader(linux::Process& process);

    std::atomic<linux::SignalSet> mask_;
    SpinLock lock_{LockRank::FileSpin};
    Reader* readers_ = nullptr;
};

}  // namespace gyre
