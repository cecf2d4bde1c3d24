// SPDX-License-Identifier: MIT
//
// epoll_create(2), epoll_ctl(2), epoll_wait(2) and its kin.
#include "call_handlers.h"
#include "kernel/fs/dentry.h"
#include "kernel/fs/epoll.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/poll.h"
#include "kernel/linux/context.h"
#include "kernel/linux/timeouts.h"

namespace gyre::linux {
namespace {

constexpr int kAdd = 1, kDelete = 2, kModify = 3;  // EPOLL_CTL_*
constexpr int kMostEvents = INT32_MAX / static_cast<int>(sizeof(abi::EpollEvent));

// What EPOLLEXCLUSIVE may come with.
constexpr uint32_t kExclusiveCompanions =
    poll_events::kIn | poll_events::kOut | poll_events::kError | poll_events::kHangUp |
    epoll_flags::kWakeUp | epoll_flags::kEdge | epoll_flags::kExclusive;

// Regular files and directories are always ready, so epoll refuses them (EPERM).
bool can_be_polled(const File& file) {
    if (!file.path().dentry) return true;
    const Inode& inode = file.path().dentry->inode();
    return !inode.is_regular() && !inode.is_directory();
}

CallResult create(CallContext& context, int flags) {
    if (static_cast<uint32_t>(flags) & ~open_flags::kCloseOnExec)
        return fail(Error::InvalidArgument);
    return TRY(context.files().install(TRY(make_ref<EpollFile>(0)), flags != 0,
                                       context.limit(kLimitFiles)));
}

Status emit_to_program(void* argument, size_t index, const EpollInterest& event) {
    return static_cast<UserOut<abi::EpollEvent>*>(argument)->write({event.events, event.data},
                                                                   index);
}

CallResult wait(CallContext& context, int epfd, UserOut<abi::EpollEvent> events, int most,
                Patience patience) {
    if (most <= 0 || most > kMostEvents) return fail(Error::InvalidArgument);
    const Ref<File> file = TRY(context.files().get(epfd));
    EpollFile* epoll = file_cast<EpollFile>(*file);
    if (!epoll) return fail(Error::InvalidArgument);
    return static_cast<long>(
        TRY(epoll->wait(static_cast<size_t>(most), patience, emit_to_program, &events)));
}

CallResult wait_with_mask(CallContext& context, int epfd, UserOut<abi::EpollEvent> events, int most,
                          Patience patience, UserIn<uint64_t> sigmask, size_t sigset_size) {
    TRY_VOID(set_temporary_mask(context, sigmask.address(), sigset_size));
    const CallResult result = wait(context, epfd, events, most, patience);
    finish_temporary_mask(context, !result && result.error() == Error::Interrupted);
    return result;
}

Patience patience_for_ms(int timeout_ms) {
    return timeout_ms < 0 ? Patience::forever() : patience_for_ns(int64_t{timeout_ms} * 1'000'000);
}

}  // namespace

CallResult sys_epoll_create(CallContext& context, int size) {
    if (size <= 0) return fail(Error::InvalidArgument);
    return create(context, 0);
}

CallResult sys_epoll_create1(CallContext& context, int flags) {
    return create(context, flags);
}

CallResult sys_epoll_ctl(CallContext& context, int epfd, int operation, int fd,
                         UserIn<abi::EpollEvent> event) {
    EpollInterest interest;
    if (operation != kDelete) {
        const abi::EpollEvent given = TRY(event.read());
        interest = {given.events, given.data};
    }
    const Ref<File> file = TRY(context.files().get(epfd));
    const Ref<File> target = TRY(context.files().get(fd));
    if (!can_be_polled(*target)) return fail(Error::NotPermitted);
    EpollFile* epoll = file_cast<EpollFile>(*file);
    if (file == target || !epoll) return fail(Error::InvalidArgument);
    if (interest.events & epoll_flags::kExclusive) {
        if (operation == kModify) return fail(Error::InvalidArgument);
        if (file_cast<EpollFile>(*target) || (interest.events & ~kExclusiveCompanions) != 0)
            return fail(Error::InvalidArgument);
    }
    switch (operation) {
        case kAdd:
            TRY_VOID(epoll->add(*target, fd, interest));
            return 0;
        case kDelete:
            TRY_VOID(epoll->remove(*target, fd));
            return 0;
        case kModify:
            TRY_VOID(epoll->modify(*target, fd, interest));
            return 0;
        default:
            return fail(Error::InvalidArgument);
    }
}

CallResult sys_epoll_wait(CallContext& context, int epfd, UserOut<abi::EpollEvent> events, int most,
                          int timeout_ms) {
    return wait(context, epfd, events, most, patience_for_ms(timeout_ms));
}

CallResult sys_epoll_pwait(CallContext& context, int epfd, UserOut<abi::EpollEvent> events,
                           int most, int timeout_ms, UserIn<uint64_t> sigmask, size_t sigset_size) {
    return wait_with_mask(context, epfd, events, most, patience_for_ms(timeout_ms), sigmask,
                          sigset_size);
}

CallResult sys_epoll_pwait2(CallContext& context, int epfd, UserOut<abi::EpollEvent> events,
                            int most, UserIn<abi::Timespec> timeout, UserIn<uint64_t> sigmask,
                            size_t sigset_size) {
    Patience patience = Patience::forever();
    if (!timeout.is_null()) patience = patience_for_ns(TRY(duration_ns(TRY(timeout.read()))));
    return wait_with_mask(context, epfd, events, most, patience, sigmask, sigset_size);
}

}  // namespace gyre::linux
