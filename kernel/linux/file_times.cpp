// SPDX-License-Identifier: MIT
//
// utimensat(2), utime(2), utimes(2), futimesat(2).
#include <optional>

#include "call_handlers.h"
#include "kernel/fs/permission.h"
#include "kernel/linux/file_paths.h"

namespace gyre::linux {

namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kNow = 0x3fff'ffff,
                  kOmit = 0x3fff'fffe;  // UTIME_NOW, UTIME_OMIT in the nanoseconds
constexpr int64_t kMostSeconds = INT64_MAX / kNsPerSecond;

// One of the two times: left alone, now, or a moment.
struct NewTime {
    bool is_omitted = false, is_now = false, is_wrong = false;
    int64_t ns = 0;
};
struct NewTimes {
    NewTime access{.is_now = true}, modify{.is_now = true};
};

int64_t to_ns(int64_t seconds, int64_t ns) {
    // What a 64-bit count of nanoseconds cannot hold becomes the nearest that it can, as file
    // systems with a narrower range do on Linux.
    if (seconds > kMostSeconds - 1) return kMostSeconds * kNsPerSecond;
    if (seconds < -kMostSeconds + 1) return -kMostSeconds * kNsPerSecond;
    return seconds * kNsPerSecond + ns;
}

NewTime from_timespec(const abi::Timespec& time) {
    if (time.nanoseconds == kNow) return NewTime{.is_now = true};
    if (time.nanoseconds == kOmit) return NewTime{.is_omitted = true};
    if (time.nanoseconds < 0 || time.nanoseconds >= kNsPerSecond) return NewTime{.is_wrong = true};
    return NewTime{.ns = to_ns(time.seconds, time.nanoseconds)};
}

Status set_times(const Path& place, const NewTimes& times, const Credentials& credentials) {
    // Told as late as here: a file that is not there comes first.
    if (times.access.is_wrong || times.modify.is_wrong) return fail(Error::InvalidArgument);
    TRY_VOID(check_writable(place));
    Inode& inode = place.dentry->inode();
    MutexGuard guard(inode.lock());
    if (!permission::is_owner_or_capable(inode, credentials)) {
        // "Now" is what writing would do as well.
        if (!times.access.is_now || !times.modify.is_now) return fail(Error::NotPermitted);
        TRY_VOID(permission::check(inode, credentials, permission::kWrite));
    }
    const int64_t now = wall_clock_ns();
    const auto choose = [now](const NewTime& time, int64_t old) {
        return time.is_omitted ? old : time.is_now ? now : time.ns;
    };
    inode.set_times(choose(times.access, inode.access_ns()),
                    choose(times.modify, inode.modify_ns()), now);
    return {};
}

CallResult set_times_at(CallContext& context, int dirfd, UserString pathname, const NewTimes& times,
                        int flags) {
    // A null path with a descriptor: the file of the descriptor (how futimens(3) is made).
    if (pathname.is_null() && dirfd != abi::kAtWorkingDirectory && !(flags & abi::kAtEmptyPath)) {
        if (flags != 0) return fail(Error::InvalidArgument);
        const Ref<File> file = TRY(context.files().get(dirfd));
        if (file->path().is_empty()) return fail(Error::NotSupported);
        TRY_VOID(set_times(file->path(), times, context.credentials()));
        return 0;
    }
    const LookupFlag follow = follow_unless((flags & abi::kAtSymlinkNoFollow) != 0);
    const Path place = TRY(find_place_or_descriptor(context, dirfd, pathname, follow, flags));
    TRY_VOID(set_times(place, times, context.credentials()));
    return 0;
}

Result<NewTimes> read_timevals(UserIn<abi::Timeval> times) {
    NewTimes result;
    if (times.is_null()) return result;
    for (size_t i = 0; i < 2; ++i) {
        const abi::Timeval value = TRY(times.read(i));
        if (value.microseconds < 0 || value.microseconds >= 1'000'000)
            return fail(Error::InvalidArgument);
        (i == 0 ? result.access : result.modify) =
            NewTime{.ns = to_ns(value.seconds, value.microseconds * 1000)};
    }
    return result;
}

}  // namespace

CallResult sys_utimensat(CallContext& context, int dirfd, UserString pathname,
                         UserIn<abi::Timespec> times, int flags) {
    NewTimes wanted;
    if (!times.is_null()) {
        wanted.access = from_timespec(TRY(times.read(0)));
        wanted.modify = from_timespec(TRY(times.read(1)));
    }
    // Nothing to do: nobody looks at the rest (utimensat(2)).
    if (wanted.access.is_omitted && wanted.modify.is_omitted) return 0;
    if (flags & ~(abi::kAtSymlinkNoFollow | abi::kAtEmptyPath)) return fail(Error::InvalidArgument);
    return set_times_at(context, dirfd, pathname, wanted, flags);
}

CallResult sys_utime(CallContext& context, UserString pathname, UserIn<abi::Utimbuf> times) {
    NewTimes wanted;
    if (!times.is_null()) {
        const abi::Utimbuf value = TRY(times.read());
        wanted.access = NewTime{.ns = to_ns(value.access_time, 0)};
        wanted.modify = NewTime{.ns = to_ns(value.modification_time, 0)};
    }
    return set_times_at(context, abi::kAtWorkingDirectory, pathname, wanted, 0);
}

CallResult sys_utimes(CallContext& context, UserString pathname, UserIn<abi::Timeval> times) {
    return set_times_at(context, abi::kAtWorkingDirectory, pathname, TRY(read_timevals(times)), 0);
}

CallResult sys_futimesat(CallContext& context, int dirfd, UserString pathname,
                         UserIn<abi::Timeval> times) {
    return set_times_at(context, dirfd, pathname, TRY(read_timevals(times)), 0);
}

}  // namespace gyre::linux
