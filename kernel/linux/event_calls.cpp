// SPDX-License-Identifier: MIT
//
// eventfd(2), timerfd_create(2) and its kin, signalfd(2).
#include "call_handlers.h"
#include "kernel/fs/event_file.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/signal_file.h"
#include "kernel/fs/timer_file.h"
#include "kernel/linux/context.h"
#include "kernel/linux/timeouts.h"

namespace gyre::linux {
namespace {

constexpr uint32_t kSemaphore = 1;  // EFD_SEMAPHORE
constexpr uint32_t kCommonFlags = open_flags::kCloseOnExec | open_flags::kNonBlock;
constexpr int kCancelOnSet = 2;  // TFD_TIMER_CANCEL_ON_SET

CallResult install(CallContext& context, Ref<File> file, uint32_t flags) {
    return TRY(context.files().install(std::move(file), (flags & open_flags::kCloseOnExec) != 0,
                                       context.limit(kLimitFiles)));
}

abi::Itimerspec to_program(const TimerFile::Setting& setting) {
    return {to_timespec(setting.interval_ns), to_timespec(setting.value_ns)};
}

struct TimerReference {
    Ref<File> file;
    TimerFile* timer;
};
Result<TimerReference> find_timer(CallContext& context, int fd) {
    Ref<File> file = TRY(context.files().get(fd));
    TimerFile* timer = file_cast<TimerFile>(*file);
    if (!timer) return fail(Error::InvalidArgument);
    return TimerReference{std::move(file), timer};
}

}  // namespace

CallResult sys_eventfd2(CallContext& context, uint32_t initial, int flags) {
    const uint32_t given = static_cast<uint32_t>(flags);
    if (given & ~(kSemaphore | kCommonFlags)) return fail(Error::InvalidArgument);
    return install(
        context,
        TRY(make_ref<EventFile>(initial, (given & kSemaphore) != 0, given & open_flags::kNonBlock)),
        given);
}

CallResult sys_eventfd(CallContext& context, uint32_t initial) {
    return sys_eventfd2(context, initial, 0);
}

CallResult sys_timerfd_create(CallContext& context, int clock, int flags) {
    const uint32_t given = static_cast<uint32_t>(flags);
    if (given & ~kCommonFlags) return fail(Error::InvalidArgument);
    TimerFile::Clock kind;
    switch (clock) {
        case abi::kClockMonotonic:
        case abi::kClockBoottime:
            kind = TimerFile::Clock::Monotonic;
            break;  // the machine never sleeps
        case abi::kClockRealtime:
            kind = TimerFile::Clock::Realtime;
            break;
        case abi::kClockRealtimeAlarm:
        case abi::kClockBoottimeAlarm:
            if (!context.credentials().has(Capability::WakeAlarm)) return fail(Error::NotPermitted);
            kind = clock == abi::kClockRealtimeAlarm ? TimerFile::Clock::Realtime
                                                     : TimerFile::Clock::Monotonic;
            break;
        default:
            return fail(Error::InvalidArgument);
    }
    return install(context, TRY(make_ref<TimerFile>(kind, clock, given & open_flags::kNonBlock)),
                   given);
}

CallResult sys_timerfd_settime(CallContext& context, int fd, int flags,
                               UserIn<abi::Itimerspec> value, UserOut<abi::Itimerspec> old_value) {
    const abi::Itimerspec wanted = TRY(value.read());
    if (flags & ~(abi::kTimerAbstime | kCancelOnSet)) return fail(Error::InvalidArgument);
    const TimerFile::Setting setting{TRY(duration_ns(wanted.interval)),
                                     TRY(duration_ns(wanted.value))};
    const TimerReference found = TRY(find_timer(context, fd));
    const TimerFile::Setting before =
        found.timer->set(setting, (flags & abi::kTimerAbstime) != 0, (flags & kCancelOnSet) != 0);
    if (!old_value.is_null()) TRY_VOID(old_value.write(to_program(before)));
    return 0;
}

CallResult sys_timerfd_gettime(CallContext& context, int fd, UserOut<abi::Itimerspec> value) {
    const TimerReference found = TRY(find_timer(context, fd));
    TRY_VOID(value.write(to_program(found.timer->get())));
    return 0;
}

CallResult sys_signalfd4(CallContext& context, int fd, UserIn<uint64_t> mask, size_t sigset_size,
                         int flags) {
    const uint32_t given = static_cast<uint32_t>(flags);
    if (sigset_size != sizeof(SignalSet)) return fail(Error::InvalidArgument);
    const SignalSet wanted = TRY(mask.read()) & ~kUnblockable;
    if (given & ~kCommonFlags) return fail(Error::InvalidArgument);
    if (fd == -1)
        return install(
            context,
            TRY(SignalFile::create(wanted, given & open_flags::kNonBlock, context.process)), given);
    const Ref<File> file = TRY(context.files().get(fd));
    SignalFile* signals = file_cast<SignalFile>(*file);
    if (!signals) return fail(Error::InvalidArgument);
    signals->set_mask(wanted);
    return fd;
}

CallResult sys_signalfd(CallContext& context, int fd, UserIn<uint64_t> mask, size_t sigset_size) {
    return sys_signalfd4(context, fd, mask, sigset_size, 0);
}

}  // namespace gyre::linux
