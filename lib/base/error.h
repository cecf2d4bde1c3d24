// SPDX-License-Identifier: MIT
//
// The one list of things that can go wrong inside Gyre. An Error is a name, not a number of somebody's
// ABI: errno exists only at the Linux edge (kernel/linux/errno.h), object status only at the native edge.
// The names are errno's meanings spelled out, because nearly all of them end there.
#pragma once

#include <cstdint>

namespace gyre {

enum class Error : uint8_t {
    NotPermitted = 1,       // EPERM
    NotFound,               // ENOENT
    NoSuchProcess,          // ESRCH
    Interrupted,            // EINTR: the wait ended for a signal; the call may be restarted (see linux/signal)
    InputOutput,            // EIO
    NoSuchAddress,          // ENXIO
    ArgumentListTooLong,    // E2BIG
    NotExecutable,          // ENOEXEC
    BadDescriptor,          // EBADF
    NoChildren,             // ECHILD
    WouldBlock,             // EAGAIN: patience was none, or a limit is reached for the moment
    NoMemory,               // ENOMEM
    AccessDenied,           // EACCES
    BadAddress,             // EFAULT
    NotBlockDevice,         // ENOTBLK
    Busy,                   // EBUSY
    Exists,                 // EEXIST
    CrossDevice,            // EXDEV
    NoDevice,               // ENODEV
    NotDirectory,           // ENOTDIR
    IsDirectory,            // EISDIR
    InvalidArgument,        // EINVAL
    TooManyFilesInSystem,   // ENFILE
    TooManyFiles,           // EMFILE
    NotTerminal,            // ENOTTY
    TextBusy,               // ETXTBSY
    FileTooLarge,           // EFBIG
    NoSpace,                // ENOSPC
    IllegalSeek,            // ESPIPE
    ReadOnlyFilesystem,     // EROFS
    TooManyLinks,           // EMLINK
    BrokenPipe,             // EPIPE
    OutOfDomain,            // EDOM
    OutOfRange,             // ERANGE
    Deadlock,               // EDEADLK
    NameTooLong,            // ENAMETOOLONG
    NoLocks,                // ENOLCK
    NotImplemented,         // ENOSYS
    NotEmpty,               // ENOTEMPTY
    SymlinkLoop,            // ELOOP
    NoMessage,              // ENOMSG
    NoData,                 // ENODATA
    Overflow,               // EOVERFLOW
    IllegalSequence,        // EILSEQ
    NotSocket,              // ENOTSOCK
    NotSupported,           // EOPNOTSUPP
    TimedOut,               // ETIMEDOUT
    Stale,                  // ESTALE
    Canceled,               // ECANCELED
    OwnerDied,              // EOWNERDEAD
    NotRecoverable,         // ENOTRECOVERABLE
    ConnectionReset,        // ECONNRESET
    NotConnected,           // ENOTCONN
    AddressFamily,          // EAFNOSUPPORT
    ProtocolUnsupported,    // EPROTONOSUPPORT
    Quota,                  // EDQUOT
    // Three ways in which an interrupted call may go on after the handler. They never leave the kernel:
    // the Linux edge turns them into a restart or into EINTR (linux/signal).
    RestartSystemCall,      // restart if SA_RESTART or no handler
    RestartUnlessHandler,   // EINTR if any handler ran, else restart (nanosleep family, poll, ...)
    Count
};

}  // namespace gyre
