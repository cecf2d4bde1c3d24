// SPDX-License-Identifier: MIT
//
// Calls that are loads: getpid() and its kin, without a trap, right after fork too. Where no page
// holds the answer (no /dev/ksvc, and no promise as in shared_page.h) they make the plain call, so
// they are always right and sometimes slower; which_page() says what answers.
#pragma once

#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

#include "ksvc/tier.h"

namespace ksvc {

enum class PageKind : uint8_t { Filled, Cached, Device };

namespace detail {

// Never null: at first a page of zeros, in which no pid is found. `pid_page` is good for the pid,
// `identity_page` for all identities, `device_page` for the rest.
// Published with release order when the page is ready: any thread may be the first to ask.
using PagePointer = std::atomic<const ksvc_shared_page*>;
extern constinit PagePointer pid_page;
extern constinit PagePointer identity_page;
extern constinit PagePointer device_page;
inline const ksvc_shared_page* page_of(const PagePointer& pointer) { return pointer.load(std::memory_order_acquire); }
int64_t identity_slowly(uint32_t syscall_nr);

template <class T>
inline T field(const T& place) {
    return __atomic_load_n(&place, __ATOMIC_RELAXED);
}
// A wiped page (after fork) and the page of zeros have no pid. Acquire: the pid is stored last.
inline bool holds(const ksvc_shared_page* page) { return __atomic_load_n(&page->pid, __ATOMIC_ACQUIRE) != 0; }

}  // namespace detail

inline pid_t getpid() {
    const pid_t pid = detail::field(detail::page_of(detail::pid_page)->pid);
    if (pid != 0) [[likely]] return pid;
    return static_cast<pid_t>(detail::identity_slowly(39));
}

#define KSVC_IDENTITY(name, type, member, number)                                                    \
    inline type name() {                                                                             \
        const auto* page = detail::page_of(detail::identity_page);                                   \
        if (detail::holds(page)) [[likely]] return static_cast<type>(detail::field(page->member));   \
        return static_cast<type>(detail::identity_slowly(number));                                   \
    }
KSVC_IDENTITY(getppid, pid_t, ppid, 110)
KSVC_IDENTITY(getpgrp, pid_t, pgid, 111)
KSVC_IDENTITY(getsid, pid_t, sid, 124)  // of the caller, as getsid(0)
KSVC_IDENTITY(getuid, uid_t, uid, 102)
KSVC_IDENTITY(geteuid, uid_t, euid, 107)
KSVC_IDENTITY(getgid, gid_t, gid, 104)
KSVC_IDENTITY(getegid, gid_t, egid, 108)
#undef KSVC_IDENTITY

// More than one field: under the sequence count of the device's page, else the plain call.
Result<void> uname(struct ::utsname& names);
Result<rlimit> getrlimit(int resource);
Result<timespec> clock_gettime(clockid_t clock);

PageKind which_page();
// Identities become loads from a cached page from now on (shared_page.h says what is promised).
void cache_identity();
// After set*id, setpgid or setsid in a program that caches its identity.
void refresh_identity();

}  // namespace ksvc
