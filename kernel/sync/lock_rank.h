// SPDX-License-Identifier: MIT
//
// Every lock in the kernel has a rank; a thread takes locks in strictly growing rank. The order is the
// order of this list: outer first. Sleeping locks come before spinning ones, because nobody may sleep
// while he spins. Debug builds check it at every acquisition (lock_order.h).
#pragma once

#include <cstdint>

namespace gyre {

enum class LockRank : uint8_t {
    None = 0,  // nothing held
    // Sleeping locks (Mutex, RwMutex).
    ProcessTree,       // parents, children, groups, sessions
    Exec,              // one exec of a process at a time
    Rename,            // directory topology of a file system
    DirectoryParent,   // an inode's entries; two at once go by ancestor first (Rename held)
    DirectoryChild,
    FilePosition,      // read/write that use the file's offset
    Inode,             // an inode's content and attributes
    PipeContent,
    Terminal,          // a terminal's settings and input line
    EpollTopology,
    EpollSet,
    AddressSpace,      // the tree of mappings
    VmoMappings,       // where a Vmo is mapped
    PrivateMemory,     // an address space's private pages
    Vmo,               // a Vmo's pages
    SleepLast,
    // Spinning locks (SpinLock); interrupts are off while one is held.
    SpinFirst,
    DentryTree,
    InodeSpin,
    MountTable,
    FileTable,
    FileLocks,
    ProcessSpin,
    SignalState,
    Credentials,
    Terminals,         // a terminal's open files
    FutexBucket,
    PageTable,
    ObjectSignals,     // an object's signals and its observers
    Observer,          // what an observer touches when told (epoll ready list, port queue)
    TimerQueue,
    WaitQueue,
    RunQueue,
    DriverQueue,       // virtio rings, UART
    Slab,
    PageAllocator,
    Epoch,
    Random,
    Leaf,              // takes nothing inside
    Log,               // may be taken anywhere
    Count
};

}  // namespace gyre
