// SPDX-License-Identifier: MIT
//
// Reading and setting clocks. Left out: adjtimex(2), and the time zone of settimeofday(2), which is kept and handed back but
// means nothing (as on Linux, save that the first setting does not move the clock).
#include "call_handlers.h"
#include "kernel/linux/clocks.h"
#include "kernel/linux/usage.h"
#include "kernel/linux/wall_clock.h"

namespace gyre::linux {
namespace {

constexpr int64_t kTickNs = 4'000'000;  // what Linux at 250 Hz says of the coarse clocks; ours are finer
constexpr int64_t kMostRealtimeNs = INT64_MAX / 2;

constinit std::atomic<uint64_t> g_zone{0};  // struct timezone in one word

Status set_time(CallContext& context, int64_t realtime_ns) {
    if (!context.credentials().has(Capability::SysTime)) return fail(Error::NotPermitted);
    // Before boot would make the monotonic clock's start lie before 1970.
    if (realtime_ns < arch::clock_now_ns() || realtime_ns > kMostRealtimeNs) return fail(Error::InvalidArgument);
    time::set_realtime_ns(realtime_ns);
    return {};
}

int64_t now_realtime_ns() { return arch::clock_now_ns() + time::realtime_offset_ns(); }

}  // namespace

CallResult sys_clock_gettime(CallContext& context, int number, UserOut<abi::Timespec> time) {
    const Clock clock = TRY(find_clock(context, number));
    TRY_VOID(time.write(to_timespec(read_clock(clock))));
    return 0;
}

CallResult sys_clock_getres(CallContext& context, int number, UserOut<abi::Timespec> resolution) {
    const Clock clock = TRY(find_clock(context, number));
    if (!resolution.is_null()) TRY_VOID(resolution.write(to_timespec(clock.is_coarse ? kTickNs : 1)));
    return 0;
}

CallResult sys_clock_settime(CallContext& context, int number, UserIn<abi::Timespec> time) {
    const Clock clock = TRY(find_clock(context, number));
    const abi::Timespec wanted = TRY(time.read());
    if (clock.kind == ClockKind::ProcessCpu || clock.kind == ClockKind::ThreadCpu) return fail(Error::NotPermitted);
    if (number != abi::kClockRealtime) return fail(Error::InvalidArgument);
    const int64_t wanted_ns = TRY(to_nanoseconds(wanted));
    TRY_VOID(set_time(context, wanted_ns));
    return 0;
}

CallResult sys_gettimeofday(CallContext&, UserOut<abi::Timeval> time, UserOut<abi::Timezone> zone) {
    if (!time.is_null()) TRY_VOID(time.write(to_timeval(now_realtime_ns())));
    if (!zone.is_null()) TRY_VOID(zone.write(std::bit_cast<abi::Timezone>(g_zone.load(std::memory_order_relaxed))));
    return 0;
}

CallResult sys_settimeofday(CallContext& context, UserIn<abi::Timeval> time, UserIn<abi::Timezone> zone) {
    abi::Timeval wanted{};
    abi::Timezone wanted_zone{};
    if (!time.is_null()) wanted = TRY(time.read());
    if (!zone.is_null()) wanted_zone = TRY(zone.read());
    if (!time.is_null() && (wanted.microseconds < 0 || wanted.microseconds >= 1'000'000)) return fail(Error::InvalidArgument);
    if (!context.credentials().has(Capability::SysTime)) return fail(Error::NotPermitted);
    if (!zone.is_null()) {
        constexpr int kMostMinutes = 15 * 60;
        if (wanted_zone.minutes_west > kMostMinutes || wanted_zone.minutes_west < -kMostMinutes)
            return fail(Error::InvalidArgument);
        g_zone.store(std::bit_cast<uint64_t>(wanted_zone), std::memory_order_relaxed);
    }
    if (time.is_null()) return 0;
    const int64_t wanted_ns = TRY(to_nanoseconds(wanted));
    TRY_VOID(set_time(context, wanted_ns));
    return 0;
}

CallResult sys_time(CallContext&, UserOut<int64_t> time) {
    const int64_t seconds = now_realtime_ns() / kNsPerSecond;
    if (!time.is_null()) TRY_VOID(time.write(seconds));
    return seconds;
}

}  // namespace gyre::linux
