// SPDX-License-Identifier: MIT
//
// An open file description of a terminal.
#pragma once

#include <atomic>

#include "kernel/fs/file.h"
#include "kernel/tty/terminal.h"

namespace gyre {

class TerminalFile : public File {
public:
    // Through /dev/console a terminal is seen without job control, and hang-ups pass it by.
    enum class Through : uint8_t { OwnDevice, Console };

    // Opens: checks, adds it to the terminal, and makes the terminal the controlling one where that is due.
    // Errors: those of Terminal::check_open, NoMemory.
    static Result<Ref<File>> open(Ref<Terminal> terminal, const Path& path, uint32_t flags, Through through);

    TerminalFile(Ref<Terminal> terminal, const Path& path, uint32_t flags, Through through);
    ~TerminalFile() override;

    Terminal& terminal() const { return *terminal_; }
    bool is_console() const { return through_ == Through::Console; }
    bool is_hung_up() const { return is_hung_up_.load(std::memory_order_acquire); }
    void set_hung_up() { is_hung_up_.store(true, std::memory_order_release); }

    static constexpr Signals kHungUp = Signals::Readable | Signals::Writable | Signals::PeerClosed |
                                       Signals::PeerReadClosed | Signals::Failed;
    Signals signals() const override { return is_hung_up() ? kHungUp : terminal_->readiness(); }
    Result<size_t> read(IoCursor& to, Patience patience) override;
    Result<size_t> write(IoCursor& from, Patience patience) override;
    Result<long> ioctl(linux::CallContext& context, uint32_t command, uintptr_t argument) override;

    TerminalFile* next_of_terminal = nullptr;  // under the terminal's files_lock_

private:
    const Ref<Terminal> terminal_;
    const Through through_;
    std::atomic<bool> is_hung_up_{false};
};

}  // namespace gyre
