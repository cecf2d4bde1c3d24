// SPDX-License-Identifier: MIT
//
// See poll_deadline.h; select(2), "The Linux system call modifies timeout".
#include "kernel/linux/poll_deadline.h"

#include <algorithm>

namespace gyre::linux {

Result<PollDeadline> PollDeadline::from(UserInOut<abi::Timespec> timeout) {
    if (timeout.is_null()) return PollDeadline(Form::None, 0, 0);
    const int64_t duration = TRY(duration_ns(TRY(timeout.in().read())));
    return PollDeadline(Form::Timespec, timeout.address(), duration);
}

Result<PollDeadline> PollDeadline::from(UserInOut<abi::Timeval> timeout) {
    if (timeout.is_null()) return PollDeadline(Form::None, 0, 0);
    const abi::Timeval given = TRY(timeout.in().read());
    // More than a million microseconds are allowed here, and carried over.
    if (given.microseconds < 0) return fail(Error::InvalidArgument);
    int64_t seconds;
    if (__builtin_add_overflow(given.seconds, given.microseconds / 1'000'000, &seconds))
        seconds = INT64_MAX;
    const int64_t duration = TRY(duration_ns({seconds, given.microseconds % 1'000'000 * 1000}));
    return PollDeadline(Form::Timeval, timeout.address(), duration);
}

Status PollDeadline::write_remaining() const {
    if (form_ == Form::None || patience_.is_none()) return {};
    // For ever, because it was beyond the range: nothing to subtract from.
    if (patience_.is_forever()) return {};
    const int64_t left = std::max<int64_t>(patience_.deadline_ns() - arch::clock_now_ns(), 0);
    if (form_ == Form::Timespec) return UserOut<abi::Timespec>(address_).write(to_timespec(left));
    return UserOut<abi::Timeval>(address_).write({left / kSecondNs, left % kSecondNs / 1000});
}

CallResult PollDeadline::finish_without_mask(CallResult result) const {
    const bool was_interrupted = !result && result.error() == Error::Interrupted;
    const Status written = write_remaining();
    if (!was_interrupted) return result;
    // A timeout in read-only memory is no error, but then a restart would wait for all of it again.
    return fail(written ? Error::RestartUnlessHandler : Error::Interrupted);
}

CallResult PollDeadline::finish(CallContext& context, CallResult result) const {
    finish_temporary_mask(context, !result && result.error() == Error::Interrupted);
    return finish_without_mask(result);
}

}  // namespace gyre::linux
