// SPDX-License-Identifier: MIT
//
// The owner of a file for signals (fcntl(2)).
#include "kernel/linux/file_owner.h"

#include <climits>

#include "kernel/linux/abi_file.h"
#include "kernel/linux/pid_table.h"
#include "kernel/linux/signal.h"

namespace gyre::linux {

namespace {

enum OwnerKind : int32_t { kThread = 0, kProcess = 1, kGroup = 2 };  // F_OWNER_*

CallResult set(File& file, int32_t kind, int32_t number) {
    if (number != 0 && !PidNamespace::initial().find_slot(number))
        return fail(Error::NoSuchProcess);
    File::SignalOwner owner = file.signal_owner();
    owner.kind = static_cast<uint8_t>(kind);
    owner.number = number;
    file.set_signal_owner(owner);
    return 0;
}

}  // namespace

CallResult set_owner(File& file, int owner) {
    if (owner == INT_MIN) return fail(Error::InvalidArgument);
    return owner < 0 ? set(file, kGroup, -owner) : set(file, kProcess, owner);
}

CallResult get_owner(File& file) {
    const File::SignalOwner owner = file.signal_owner();
    return owner.kind == kGroup ? -owner.number : owner.number;
}

CallResult set_owner_signal(File& file, uint64_t signal) {
    if (signal > kSigLast) return fail(Error::InvalidArgument);
    File::SignalOwner owner = file.signal_owner();
    owner.signal = static_cast<uint8_t>(signal);
    file.set_signal_owner(owner);
    return 0;
}

CallResult set_owner_extended(File& file, uintptr_t argument) {
    const abi::FileOwner owner = TRY(UserIn<abi::FileOwner>(argument).read());
    if (owner.kind < kThread || owner.kind > kGroup || owner.number < 0)
        return fail(Error::InvalidArgument);
    return set(file, owner.kind, owner.number);
}

CallResult get_owner_extended(File& file, uintptr_t argument) {
    const File::SignalOwner owner = file.signal_owner();
    TRY_VOID(UserOut<abi::FileOwner>(argument).write({owner.kind, owner.number}));
    return 0;
}

}  // namespace gyre::linux
