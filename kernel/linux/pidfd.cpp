// SPDX-License-Identifier: MIT
//
// See pidfd.h.
#include "kernel/linux/pidfd.h"

#include "call_handlers.h"
#include "kernel/fs/file_table.h"
#include "kernel/linux/process_tree.h"

namespace gyre::linux {
namespace {

constexpr char kDescription[] = "anon_inode:[pidfd]";
constexpr uint32_t kPidfdNonBlock = open_flags::kNonBlock;

}  // namespace

PidFile::PidFile(Ref<Process> process, uint32_t flags)
    : File(Path(), flags | open_flags::kReadWrite, Signals::None), process_(std::move(process)) {
    ended = [](EndWatcher& watcher) {
        static_cast<PidFile&>(watcher).update_signals(Signals::None, Signals::Readable);
    };
}

Result<Ref<File>> PidFile::create(Ref<Process> process, uint32_t flags) {
    auto* file = new (std::nothrow) PidFile(std::move(process), flags);
    if (!file) return fail(Error::NoMemory);
    Ref<File> made = Ref<File>::adopt(file);
    SpinGuard guard(g_tree_lock);
    file->process_->end_watchers.push_back(*file);
    if (file->process_->state() != ProcessState::Alive) file->update_signals(Signals::None, Signals::Readable);
    return made;
}

PidFile::~PidFile() {
    SpinGuard guard(g_tree_lock);
    if (hook.is_linked()) process_->end_watchers.erase(process_->end_watchers.iterator_to(*this));
}

size_t PidFile::describe(std::span<char> buffer) const {
    const size_t length = std::min(buffer.size(), sizeof(kDescription) - 1);
    std::copy_n(kDescription, length, buffer.begin());
    return length;
}

PidFile* PidFile::from(File& file) {
    // Without RTTI the description tells the class: nobody else has this one.
    char text[sizeof(kDescription)];
    const size_t length = file.path().is_empty() ? file.describe(text) : 0;
    if (std::string_view(text, length) != kDescription) return nullptr;
    return static_cast<PidFile*>(&file);
}

Result<Ref<Process>> process_of_pidfd(CallContext& context, int descriptor) {
    const Ref<File> file = TRY(context.files().get(descriptor));
    PidFile* pid_file = PidFile::from(*file);
    if (!pid_file) return fail(Error::BadDescriptor);
    return Ref<Process>(pid_file->process());
}

NewPidfd::~NewPidfd() {
    if (number_ >= 0) (void)table_->close(number_);
}

Status NewPidfd::install(CallContext& context, Ref<Process> process) {
    table_ = &context.files();
    Ref<File> file = TRY(PidFile::create(std::move(process), 0));
    number_ = TRY(table_->install(std::move(file), true, context.limit(kLimitFiles)));
    return {};
}

CallResult sys_pidfd_open(CallContext& context, int pid, uint32_t flags) {
    if (flags & ~kPidfdNonBlock) return fail(Error::InvalidArgument);
    if (pid <= 0) return fail(Error::InvalidArgument);
    Ref<Process> process = context.process.pid_namespace().find_process(pid);
    if (!process) {
        // A thread that leads no process is the wrong kind of number (EINVAL until PIDFD_THREAD).
        return fail(context.process.pid_namespace().find_task(pid) ? Error::InvalidArgument : Error::NoSuchProcess);
    }
    Ref<File> file = TRY(PidFile::create(std::move(process), flags));
    return TRY(context.files().install(std::move(file), true, context.limit(kLimitFiles)));
}

}  // namespace gyre::linux
