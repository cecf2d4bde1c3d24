// SPDX-License-Identifier: MIT
//
// adjtimex(2) and clock_adjtime(2): what the clock's discipline is. There is none: the machine's counter is trusted, nobody
// corrects it. So the values are those of a Linux that no time daemon has spoken to yet, and can be read; of the changes only
// a jump (ADJ_SETOFFSET) exists.
#include "call_handlers.h"
#include "kernel/linux/clocks.h"
#include "kernel/linux/wall_clock.h"

namespace gyre::linux {
namespace {

// struct timex.
struct Timex {
    uint32_t modes, padding;
    int64_t offset, frequency, most_error, estimated_error;
    int32_t status, padding2;
    int64_t constant, precision, tolerance;
    abi::Timeval time;
    int64_t tick, pps_frequency, jitter;
    int32_t shift, padding3;
    int64_t stability, jitter_count, calibration_count, error_count, stability_count;
    int32_t tai;
    int32_t padding4[11];
};
static_assert(sizeof(Timex) == 208);

constexpr uint32_t kSetOffset = 0x0100, kNanoseconds = 0x2000;   // ADJ_SETOFFSET, ADJ_NANO
constexpr uint32_t kReadSingleShot = 0xa001;                     // ADJ_OFFSET_SS_READ
constexpr int32_t kUnsynchronised = 0x0040;                      // STA_UNSYNC
constexpr int kTimeError = 5;                                    // TIME_ERROR: what an unsynchronised clock says
constexpr int64_t kMostErrorUs = 16'000'000, kTickUs = 10'000, kToleranceScaled = 500 << 16;

void describe(Timex& timex) {
    const int64_t now_ns = arch::clock_now_ns() + time::realtime_offset_ns();
    const uint32_t modes = timex.modes;
    timex = {};
    timex.modes = modes;
    timex.most_error = timex.estimated_error = kMostErrorUs;
    timex.status = kUnsynchronised;
    timex.constant = 2;
    timex.precision = 1;
    timex.tolerance = kToleranceScaled;
    timex.time = {now_ns / kNsPerSecond, now_ns % kNsPerSecond / kNsPerMicrosecond};
    timex.tick = kTickUs;
}

// Errors: InvalidArgument, NotPermitted.
Status jump(CallContext& context, const Timex& timex) {
    const int64_t unit_ns = timex.modes & kNanoseconds ? 1 : kNsPerMicrosecond;
    const int64_t fraction = timex.time.microseconds;
    if (fraction < 0 || fraction >= kNsPerSecond / unit_ns) return fail(Error::InvalidArgument);
    if (!context.credentials().has(Capability::SysTime)) return fail(Error::NotPermitted);
    int64_t moment_ns;
    const int64_t now_ns = arch::clock_now_ns() + time::realtime_offset_ns();
    if (__builtin_mul_overflow(timex.time.seconds, kNsPerSecond, &moment_ns) ||
        __builtin_add_overflow(moment_ns, now_ns + fraction * unit_ns, &moment_ns) || moment_ns < arch::clock_now_ns())
        return fail(Error::InvalidArgument);
    time::set_realtime_ns(moment_ns);
    return {};
}

CallResult adjust(CallContext& context, uint64_t address) {
    Timex timex = TRY(UserIn<Timex>(address).read());
    if (timex.modes & kSetOffset && timex.modes != kReadSingleShot) {
        if (timex.modes & ~(kSetOffset | kNanoseconds)) return fail(Error::InvalidArgument);
        TRY_VOID(jump(context, timex));
    } else if (timex.modes != 0 && timex.modes != kReadSingleShot) {
        return fail(context.credentials().has(Capability::SysTime) ? Error::InvalidArgument : Error::NotPermitted);
    }
    describe(timex);
    TRY_VOID(UserOut<Timex>(address).write(timex));
    return kTimeError;
}

}  // namespace

CallResult sys_adjtimex(CallContext& context, UserInOut<std::byte> buffer) { return adjust(context, buffer.address()); }

CallResult sys_clock_adjtime(CallContext& context, int number, UserInOut<std::byte> buffer) {
    TRY(find_clock(context, number));
    if (number != abi::kClockRealtime) return fail(Error::NotSupported);
    return adjust(context, buffer.address());
}

}  // namespace gyre::linux
