// SPDX-License-Identifier: MIT
//
// See signal_file.h.
#include "kernel/fs/signal_file.h"

#include <new>

#include "kernel/fs/poll.h"
#include "kernel/linux/signal.h"
#include "kernel/linux/task.h"
#include "lib/base/format.h"

namespace gyre {

namespace {

// The first fields of each kind of information (signalfd(2)).
linux::abi::SignalFdInfo to_program(const linux::SignalInfo& info) {
    using namespace linux;
    abi::SignalFdInfo out{};
    out.signal = static_cast<uint32_t>(info.signal);
    out.error = info.error;
    out.code = info.code;
    if (info.code == abi::kSiTimer) {
        out.timer = static_cast<uint32_t>(info.timer.timer);
        out.overrun = static_cast<uint32_t>(info.timer.overrun);
        out.pointer = info.timer.value;
        out.integer = static_cast<int32_t>(info.timer.value);
    } else if (info.code > 0 && info.code != abi::kSiKernel &&
               (signal_bit(info.signal) & kSynchronousSignals)) {
        out.address = info.fault.address;
    } else if (info.signal == kSigChild && info.code > 0 && info.code != abi::kSiKernel) {
        out.pid = static_cast<uint32_t>(info.child.pid);
        out.uid = info.child.uid;
        out.status = info.child.status;
        out.user_ticks = static_cast<uint64_t>(info.child.user_ticks);
        out.system_ticks = static_cast<uint64_t>(info.child.system_ticks);
    } else {
        out.pid = static_cast<uint32_t>(info.sender.pid);
        out.uid = info.sender.uid;
        out.pointer = info.sender.value;
        out.integer = static_cast<int32_t>(info.sender.value);
    }
    return out;
}

}  // namespace

SignalFile::SignalFile(linux::SignalSet mask, uint32_t flags)
    : File(Path(), open_flags::kReadWrite | flags, Signals::None), mask_(mask) {}

Result<Ref<SignalFile>> SignalFile::create(linux::SignalSet mask, uint32_t flags,
                                           linux::Process& creator) {
    Ref<SignalFile> file = TRY(make_ref<SignalFile>(mask, flags));
    (void)TRY(file->add_reader(creator));
    return file;
}

SignalFile::~SignalFile() {
    while (Reader* reader = readers_) {
        readers_ = reader->next;
        reader->process->signal_readers.fetch_sub(1);
        delete reader;
    }
}

Result<linux::Process*> SignalFile::add_reader(linux::Process& process) {
    {
        SpinGuard guard(lock_);
        for (Reader* reader = readers_; reader; reader = reader->next)
            if (reader->process == &process) return &process;
    }
    // Two threads that look for the first time at once add their process twice, which does no harm.
    Reader* fresh = new (std::nothrow) Reader{Ref<linux::Process>(process), nullptr};
    if (!fresh) return fail(Error::NoMemory);
    process.signal_readers.fetch_add(1);
    SpinGuard guard(lock_);
    fresh->next = readers_;
    readers_ = fresh;
    return &process;
}

Object& SignalFile::observed() {
    const Result<linux::Process*> process = add_reader(linux::Task::current().process());
    if (process) return **process;
    // Without memory for it the creator's signals must do.
    SpinGuard guard(lock_);
    return *readers_->process;
}

Signals SignalFile::signals() const {
    return (linux::pending_signals(linux::Task::current()) & mask()) != 0 ? Signals::Readable
                                                                          : Signals::None;
}

void SignalFile::set_mask(linux::SignalSet mask) {
    mask_.store(mask, std::memory_order_release);
    // What was pending already may be wanted now.
    linux::Task::current().process().update_signals(Signals::None, Signals::Readable);
}

Result<size_t> SignalFile::read(IoCursor& to, Patience patience) {
    using linux::abi::SignalFdInfo;
    if (to.remaining() < sizeof(SignalFdInfo)) return fail(Error::InvalidArgument);
    linux::Task& task = linux::Task::current();
    size_t total = 0;
    while (to.remaining() >= sizeof(SignalFdInfo)) {
        linux::SignalInfo info{};
        if (linux::take_signal(task, mask(), info) == 0) {
            if (total != 0) break;
            TRY_VOID(wait_for_signals(*this, Signals::Readable, patience));
            continue;
        }
        const SignalFdInfo out = to_program(info);
        const Result<size_t> put = to.put(std::as_bytes(std::span(&out, 1)));
        if (!put || *put < sizeof(out)) {
            if (total == 0) return fail(Error::BadAddress);
            break;
        }
        total += sizeof(out);
    }
    return total;
}

size_t SignalFile::describe(std::span<char> buffer) const {
    return format_to(buffer, "anon_inode:[signalfd]");
}

}  // namespace gyre
