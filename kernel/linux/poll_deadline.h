// SPDX-License-Identifier: MIT
//
// The timeout of ppoll, select and pselect6: it is read before the wait, and what is left of it is
// written back after.
#pragma once

#include "kernel/linux/context.h"
#include "kernel/linux/signal.h"
#include "kernel/linux/timeouts.h"
#include "kernel/memory/user.h"

namespace gyre::linux {

class PollDeadline {
public:
    // A null pointer means for ever. Errors: BadAddress, InvalidArgument.
    static Result<PollDeadline> from(UserInOut<abi::Timespec> timeout);
    static Result<PollDeadline> from(UserInOut<abi::Timeval> timeout);

    Patience patience() const { return patience_; }
    // Puts the signal mask back (set_temporary_mask), writes what is left of the time, and makes of
    // an interruption an automatic restart where the program can be told how much time it has left.
    CallResult finish(CallContext& context, CallResult result) const;
    // The same for calls without a mask.
    CallResult finish_without_mask(CallResult result) const;

private:
    enum class Form : uint8_t { None, Timespec, Timeval };
    PollDeadline(Form form, uintptr_t address, int64_t duration)
        : form_(form),
          address_(address),
          patience_(form == Form::None ? Patience::forever() : patience_for_ns(duration)) {}
    Status write_remaining() const;

    Form form_;
    uintptr_t address_;
    Patience patience_;
};

}  // namespace gyre::linux
