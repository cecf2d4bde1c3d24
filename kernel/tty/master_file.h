// SPDX-License-Identifier: MIT
//
// The master side of a pseudo-terminal as a file (pty(7)). Closing it hangs the terminal up.
#pragma once

#include "kernel/fs/file.h"
#include "kernel/tty/pseudo_terminal.h"

namespace gyre {

class MasterFile final : public File {
public:
    static Result<Ref<File>> open(Ref<PseudoTerminal> terminal, const Path& path, uint32_t flags);
    MasterFile(Ref<PseudoTerminal> terminal, const Path& path, uint32_t flags);
    ~MasterFile() override;

    Signals signals() const override;
    // When the slave is closed and nothing is left to read: InputOutput.
    Result<size_t> read(IoCursor& to, Patience patience) override;
    Result<size_t> write(IoCursor& from, Patience patience) override;
    Result<long> ioctl(linux::CallContext& context, uint32_t command, uintptr_t argument) override;

private:
    Result<long> send_signal(uintptr_t number);
    Result<long> flush(uintptr_t queue);

    const Ref<PseudoTerminal> terminal_;
};

}  // namespace gyre
