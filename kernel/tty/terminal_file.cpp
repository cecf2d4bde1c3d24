// SPDX-License-Identifier: MIT
//
// Open file descriptions of terminals; see terminal_file.h.
#include "kernel/tty/terminal_file.h"

#include "kernel/linux/task.h"

namespace gyre {

Result<Ref<File>> TerminalFile::open(Ref<Terminal> terminal, const Path& path, uint32_t flags, Through through) {
    const linux::Task* task = static_cast<const linux::Task*>(Thread::current().owner());
    const bool may_override = !task || task->credentials().has(Capability::SysAdmin);
    TRY_VOID(terminal->check_open(may_override));
    Ref<TerminalFile> file = TRY(make_ref<TerminalFile>(terminal, path, flags, through));
    terminal->add_file(*file);
    const bool takes_control = through == Through::OwnDevice && !(flags & open_flags::kNoControllingTty) &&
                               (flags & open_flags::kAccessMode) != open_flags::kWriteOnly;
    if (takes_control && task) terminal->control_if_free(task->process());
    return file;
}

TerminalFile::TerminalFile(Ref<Terminal> terminal, const Path& path, uint32_t flags, Through through)
    : File(path, flags, Signals::None), terminal_(std::move(terminal)), through_(through) {}

TerminalFile::~TerminalFile() { terminal_->remove_file(*this); }

Result<size_t> TerminalFile::read(IoCursor& to, Patience patience) {
    if (is_hung_up()) return 0;
    return terminal_->read(*this, to, patience);
}

Result<size_t> TerminalFile::write(IoCursor& from, Patience patience) {
    if (is_hung_up()) return fail(Error::InputOutput);
    return terminal_->write(*this, from, patience);
}

Result<long> TerminalFile::ioctl(linux::CallContext& context, uint32_t command, uintptr_t argument) {
    constexpr uint32_t kSetForegroundGroup = 0x5410;
    if (is_hung_up())
        return fail(command == kSetForegroundGroup ? Error::NotTerminal : Error::InputOutput);
    return terminal_->ioctl(*this, context, command, argument);
}

}  // namespace gyre
