// SPDX-License-Identifier: MIT
//
// The one place where Error becomes errno (errno(3), asm-generic/errno.h). The two Restart errors get the numbers
// that Linux uses inside (never seen by a program): signal delivery turns them into a restart or EINTR.
#pragma once

#include <array>
#include <cstdint>

#include "lib/base/error.h"

namespace gyre::linux {

constexpr int kRestartSystemCall = 512;      // ERESTARTSYS
constexpr int kRestartUnlessHandler = 516;   // ERESTART_RESTARTBLOCK: EINTR after a handler, else restart_syscall

constexpr int to_errno(Error error) {
    switch (error) {
        case Error::NotPermitted: return 1;
        case Error::NotFound: return 2;
        case Error::NoSuchProcess: return 3;
        case Error::Interrupted: return 4;
        case Error::InputOutput: return 5;
        case Error::NoSuchAddress: return 6;
        case Error::ArgumentListTooLong: return 7;
        case Error::NotExecutable: return 8;
        case Error::BadDescriptor: return 9;
        case Error::NoChildren: return 10;
        case Error::WouldBlock: return 11;
        case Error::NoMemory: return 12;
        case Error::AccessDenied: return 13;
        case Error::BadAddress: return 14;
        case Error::NotBlockDevice: return 15;
        case Error::Busy: return 16;
        case Error::Exists: return 17;
        case Error::CrossDevice: return 18;
        case Error::NoDevice: return 19;
        case Error::NotDirectory: return 20;
        case Error::IsDirectory: return 21;
        case Error::InvalidArgument: return 22;
        case Error::TooManyFilesInSystem: return 23;
        case Error::TooManyFiles: return 24;
        case Error::NotTerminal: return 25;
        case Error::TextBusy: return 26;
        case Error::FileTooLarge: return 27;
        case Error::NoSpace: return 28;
        case Error::IllegalSeek: return 29;
        case Error::ReadOnlyFilesystem: return 30;
        case Error::TooManyLinks: return 31;
        case Error::BrokenPipe: return 32;
        case Error::OutOfDomain: return 33;
        case Error::OutOfRange: return 34;
        case Error::Deadlock: return 35;
        case Error::NameTooLong: return 36;
        case Error::NoLocks: return 37;
        case Error::NotImplemented: return 38;
        case Error::NotEmpty: return 39;
        case Error::SymlinkLoop: return 40;
        case Error::NoMessage: return 42;
        case Error::NoData: return 61;
        case Error::Overflow: return 75;
        case Error::IllegalSequence: return 84;
        case Error::NotSocket: return 88;
        case Error::ProtocolUnsupported: return 93;
        case Error::NotSupported: return 95;
        case Error::AddressFamily: return 97;
        case Error::ConnectionReset: return 104;
        case Error::NotConnected: return 107;
        case Error::TimedOut: return 110;
        case Error::Stale: return 116;
        case Error::Quota: return 122;
        case Error::Canceled: return 125;
        case Error::OwnerDied: return 130;
        case Error::NotRecoverable: return 131;
        case Error::RestartSystemCall: return kRestartSystemCall;
        case Error::RestartUnlessHandler: return kRestartUnlessHandler;
        case Error::Count: break;
    }
    return 22;
}

// The switch above as a table, because dispatch wants one load and no jumps.
inline constexpr auto kErrnoOf = [] {
    std::array<int16_t, static_cast<size_t>(Error::Count) + 1> table{};
    for (size_t i = 1; i < table.size(); ++i) table[i] = static_cast<int16_t>(to_errno(static_cast<Error>(i)));
    return table;
}();

// For calls that restart after a signal (read, write, wait4, flock, ...): a wait that a signal ended becomes
// "restart", unless something was done already.
constexpr Error restartable(Error error) { return error == Error::Interrupted ? Error::RestartSystemCall : error; }

}  // namespace gyre::linux
