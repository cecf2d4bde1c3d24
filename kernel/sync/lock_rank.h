// SPDX-License-Identifier: MIT
//
// Every lock in the kernel has a rank; a thread takes locks in strictly growing rank. The order is the
// order of this list: outer first. Sleeping locks come before spinning ones, because nobody may sleep
// while he spins. Debug builds check it at every acquisition (lock_order.h).
#pragma once

#include <cstdint>

namespace gyre {

#define GYRE_LOCK_RANKS(X) \
    X(None)               /* nothing held */ \
    /* Sleeping locks (Mutex, RwMutex). */ \
    X(ProcessTree)        /* parents, children, groups, sessions */ \
    X(Exec)               /* one exec of a process at a time */ \
    X(ProcessTimers)      /* setting a process's timers */ \
    X(Rename)             /* directory topology of a file system */ \
    X(DirectoryParent)    /* an inode's entries; two at once go by ancestor first (Rename held) */ \
    X(DirectoryChild)     \
    X(FilePosition)       /* read/write that use the file's offset */ \
    X(Inode)              /* an inode's content and attributes */ \
    X(PipeContent)        \
    X(Terminal)           /* a terminal's settings and input line */ \
    X(EpollTopology)      \
    X(EpollSet)           \
    X(AddressSpace)       /* the tree of mappings */ \
    X(VmoMappings)        /* where a Vmo is mapped */ \
    X(TlbFlush)           /* one flush of other CPUs at a time */ \
    X(Vmo)                /* a Vmo's pages */ \
    X(SleepLast)          \
    /* Spinning locks (SpinLock); interrupts are off while one is held. */ \
    X(SpinFirst)          \
    X(DentryTree)         \
    X(InodeSpin)          \
    X(MountTable)         \
    X(FileTable)          \
    X(FileLocks)          \
    X(ProcessSpin)        \
    X(SignalState)        \
    X(Credentials)        \
    X(DriverClient)       /* who uses a device now; held while he is told news */ \
    X(Terminals)          /* a terminal's open files */ \
    X(FutexBucket)        \
    X(PageTable)          \
    X(HandleTable)        /* a table of handles, the ends of a channel */ \
    X(FileList)           /* files that are told of something together (timerfds: the clock was set) */ \
    X(FileSpin)           /* the state of an eventfd, a timerfd */ \
    X(ObjectSignals)      /* an object's signals and its observers */ \
    X(EpollSignals1)      /* the same of an epoll; of one that watches epolls, and so on */ \
    X(EpollSignals2)      \
    X(EpollSignals3)      \
    X(EpollSignals4)      \
    X(EpollSignals5)      \
    X(Observer)           /* what an observer touches when told (epoll ready list, port queue) */ \
    X(TimerQueue)         \
    X(WaitQueue)          \
    X(RunQueue)           \
    X(DriverQueue)        /* virtio rings, UART */ \
    X(Slab)               \
    X(PageAllocator)      \
    X(Epoch)              \
    X(Random)             \
    X(Leaf)               /* takes nothing inside */ \
    X(Log)                /* may be taken anywhere */ \
    X(Console)            /* while a line is printed */ \
    X(ConsoleLine)        /* the UART that prints it */

enum class LockRank : uint8_t {
#define GYRE_RANK(name) name,
    GYRE_LOCK_RANKS(GYRE_RANK)
#undef GYRE_RANK
    Count
};

}  // namespace gyre
