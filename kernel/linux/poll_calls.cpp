// SPDX-License-Identifier: MIT
//
// poll(2) and ppoll(2).
#include <memory>
#include <new>

#include "call_handlers.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/poll.h"
#include "kernel/linux/context.h"
#include "kernel/linux/poll_deadline.h"

namespace gyre::linux {
namespace {

// A few entries live on the stack; more are allocated.
constexpr uint32_t kInlineEntries = 6;

struct Entries {
    PollEntry inline_entries[kInlineEntries];
    std::unique_ptr<PollEntry[]> allocated;
    std::span<PollEntry> all;

    Status reserve(uint32_t count) {
        if (count <= kInlineEntries) {
            all = std::span(inline_entries, count);
            return {};
        }
        allocated.reset(new (std::nothrow) PollEntry[count]);
        if (!allocated) return fail(Error::NoMemory);
        all = std::span(allocated.get(), count);
        return {};
    }
};

Status read_entries(CallContext& context, UserIn<abi::PollFd> fds, std::span<PollEntry> entries) {
    for (size_t i = 0; i < entries.size(); ++i) {
        const abi::PollFd given = TRY(fds.read(i));
        PollEntry& entry = entries[i];
        entry.events = static_cast<uint16_t>(given.events);
        if (given.fd < 0) continue;
        Result<Ref<File>> file = context.files().get(given.fd);
        if (file)
            entry.file = std::move(*file);
        else
            entry.returned = poll_events::kInvalid;
    }
    return {};
}

Status write_results(UserOut<abi::PollFd> fds, std::span<const PollEntry> entries) {
    for (size_t i = 0; i < entries.size(); ++i) {
        const int16_t returned = static_cast<int16_t>(entries[i].returned);
        const uintptr_t address =
            fds.address() + i * sizeof(abi::PollFd) + offsetof(abi::PollFd, returned);
        TRY_VOID(UserOut<int16_t>(address).write(returned));
    }
    return {};
}

CallResult poll_until(CallContext& context, UserInOut<abi::PollFd> fds, uint32_t count,
                      Patience patience) {
    if (count > context.limit(kLimitFiles)) return fail(Error::InvalidArgument);
    Entries entries;
    TRY_VOID(entries.reserve(count));
    TRY_VOID(read_entries(context, fds.in(), entries.all));
    const uint32_t ready = TRY(poll_files(entries.all, patience));
    TRY_VOID(write_results(fds.out(), entries.all));
    return static_cast<long>(ready);
}

// After a signal without a handler the rest of the time is waited for, not all of it anew.
CallResult poll_and_remember(CallContext& context, UserInOut<abi::PollFd> fds, uint32_t count,
                             Patience patience);

CallResult poll_again(CallContext& context, RestartBlock& block) {
    const int64_t deadline_ns = static_cast<int64_t>(block.values[2]);
    return poll_and_remember(
        context, UserInOut<abi::PollFd>(block.values[0]), static_cast<uint32_t>(block.values[1]),
        deadline_ns == kNeverNs ? Patience::forever() : Patience::until_ns(deadline_ns));
}

CallResult poll_and_remember(CallContext& context, UserInOut<abi::PollFd> fds, uint32_t count,
                             Patience patience) {
    const CallResult result = poll_until(context, fds, count, patience);
    if (result || result.error() != Error::Interrupted) return result;
    context.task.restart = {poll_again,
                            {fds.address(), count, static_cast<uint64_t>(patience.deadline_ns())}};
    return fail(Error::RestartUnlessHandler);
}

}  // namespace

CallResult sys_poll(CallContext& context, UserInOut<abi::PollFd> fds, uint32_t count,
                    int timeout_ms) {
    const Patience patience =
        timeout_ms < 0 ? Patience::forever() : patience_for_ns(int64_t{timeout_ms} * 1'000'000);
    return poll_and_remember(context, fds, count, patience);
}

CallResult sys_ppoll(CallContext& context, UserInOut<abi::PollFd> fds, uint32_t count,
                     UserInOut<abi::Timespec> timeout, UserIn<uint64_t> sigmask,
                     size_t sigset_size) {
    const PollDeadline deadline = TRY(PollDeadline::from(timeout));
    TRY_VOID(set_temporary_mask(context, sigmask.address(), sigset_size));
    return deadline.finish(context, poll_until(context, fds, count, deadline.patience()));
}

}  // namespace gyre::linux
