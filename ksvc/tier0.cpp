// SPDX-License-Identifier: MIT
//
// Finding or making the page. The library's own page is private memory that fork wipes, so that a
// child never reads its parent's pid and fills its own at the first question. (A child of vfork or
// clone(CLONE_VM) shares its parent's memory and must not ask: vfork(2) forbids it anyway.)
#include "ksvc/tier0.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "ksvc/shared_page.h"
#include "ksvc/trap.h"

namespace ksvc {
namespace {

constinit const ksvc_shared_page kNothing{};
constinit std::once_flag g_once;
constinit std::mutex g_fill_lock;
ksvc_shared_page* g_own = nullptr;
std::atomic<bool> g_caches_identity{false};

int32_t ask(uint32_t number, uint64_t argument = 0) { return static_cast<int32_t>(trap(number, argument)); }

template <class T, class V>
void store(T& place, V value) {
    __atomic_store_n(&place, static_cast<T>(value), __ATOMIC_RELAXED);
}

// The pid is stored last and with release order: who sees it sees the rest.
void fill_own() {
    ksvc_shared_page& page = *g_own;
    store(page.ppid, ask(SYS_getppid));
    store(page.pgid, ask(SYS_getpgrp));
    store(page.sid, ask(SYS_getsid));
    store(page.uid, ask(SYS_getuid));
    store(page.gid, ask(SYS_getgid));
    store(page.euid, ask(SYS_geteuid));
    store(page.egid, ask(SYS_getegid));
    const int32_t pid = ask(SYS_getpid);
    store(page.tgid, pid);
    __atomic_store_n(&page.pid, pid, __ATOMIC_RELEASE);
}

const ksvc_shared_page* map_device() {
    const int fd = ::open(KSVC_DEVICE_PATH, O_RDWR | O_CLOEXEC);
    if (fd < 0) return nullptr;
    ksvc_create_params params{};
    params.submit_ring_entries = KSVC_RING_ENTRIES_MIN;
    params.complete_ring_entries = KSVC_RING_ENTRIES_MIN;
    params.eventfd = -1;
    void* page = MAP_FAILED;
    if (::ioctl(fd, KSVC_IOC_CREATE, &params) == 0)
        page = ::mmap(nullptr, KSVC_PAGE_BYTES, PROT_READ, MAP_SHARED, fd, KSVC_MMAP_SHARED);
    ::close(fd);  // the mapping keeps the instance
    if (page == MAP_FAILED) return nullptr;
    const auto* mapped = static_cast<const ksvc_shared_page*>(page);
    return mapped->magic == KSVC_SHARED_MAGIC && mapped->version >= 3 ? mapped : nullptr;
}

void set_up() {
    if (const auto* device = map_device()) {
        for (detail::PagePointer* page : {&detail::device_page, &detail::identity_page, &detail::pid_page})
            page->store(device, std::memory_order_release);
        return;
    }
    void* memory = ::mmap(nullptr, sizeof(ksvc_shared_page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;  // plain calls, then
    if (::madvise(memory, sizeof(ksvc_shared_page), MADV_WIPEONFORK) != 0) {
        ::munmap(memory, sizeof(ksvc_shared_page));  // Linux before 4.14
        return;
    }
    g_own = static_cast<ksvc_shared_page*>(memory);
    fill_own();
    detail::pid_page.store(g_own, std::memory_order_release);
}

// Reads a consistent set of fields of the device's page.
template <class F>
bool consistently(const ksvc_shared_page& page, F&& read) {
    for (int attempt = 0; attempt < 1000; ++attempt) {
        const uint32_t before = __atomic_load_n(&page.sequence, __ATOMIC_ACQUIRE);
        if (before & 1) continue;
        read();
        std::atomic_thread_fence(std::memory_order_acquire);
        if (detail::field(page.sequence) == before) return true;
    }
    return false;
}

uint64_t time_stamp() { return __builtin_ia32_rdtsc(); }

}  // namespace

namespace detail {

constinit PagePointer pid_page = &kNothing;
constinit PagePointer identity_page = &kNothing;
constinit PagePointer device_page = &kNothing;

int64_t identity_slowly(uint32_t syscall_nr) {
    std::call_once(g_once, set_up);
    if (g_own != nullptr && !holds(g_own)) {  // wiped by fork
        std::lock_guard guard(g_fill_lock);
        fill_own();
    }
    return trap(syscall_nr);
}

}  // namespace detail

PageKind which_page() {
    (void)getpid();
    if (detail::holds(detail::page_of(detail::device_page))) return PageKind::Device;
    return g_caches_identity ? PageKind::Cached : PageKind::Filled;
}

void cache_identity() {
    if (which_page() == PageKind::Device || g_own == nullptr) return;
    g_caches_identity = true;
    refresh_identity();
    detail::identity_page.store(g_own, std::memory_order_release);
}

void refresh_identity() {
    if (g_own == nullptr) return;
    std::lock_guard guard(g_fill_lock);
    fill_own();
}

Result<void> uname(struct ::utsname& names) {
    (void)getpid();
    const ksvc_shared_page& page = *detail::page_of(detail::device_page);
    if (detail::holds(&page) && consistently(page, [&] {
            std::memcpy(names.sysname, page.sysname, sizeof names.sysname);
            std::memcpy(names.nodename, page.nodename, sizeof names.nodename);
            std::memcpy(names.release, page.release, sizeof names.release);
            std::memcpy(names.version, page.kernel_version, sizeof names.version);
            std::memcpy(names.machine, page.machine, sizeof names.machine);
            std::memcpy(names.domainname, page.domainname, sizeof names.domainname);
        }))
        return {};
    const int64_t result = trap(SYS_uname, reinterpret_cast<uint64_t>(&names));
    if (result < 0) return fail(static_cast<int>(result));
    return {};
}

Result<rlimit> getrlimit(int resource) {
    (void)getpid();
    rlimit limit{};
    const ksvc_shared_page& page = *detail::page_of(detail::device_page);
    const bool is_files = resource == RLIMIT_NOFILE;
    if (detail::holds(&page) && (is_files || resource == RLIMIT_NPROC) && consistently(page, [&] {
            limit.rlim_cur = detail::field(is_files ? page.nofile_limit : page.nproc_limit);
            limit.rlim_max = detail::field(is_files ? page.nofile_limit_hard : page.nproc_limit_hard);
        }))
        return limit;
    const int64_t result = trap(SYS_getrlimit, static_cast<uint64_t>(resource), reinterpret_cast<uint64_t>(&limit));
    if (result < 0) return fail(static_cast<int>(result));
    return limit;
}

Result<timespec> clock_gettime(clockid_t clock) {
    (void)getpid();
    const ksvc_shared_page& page = *detail::page_of(detail::device_page);
    uint64_t time_ns = 0;
    const bool is_known = clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME || clock == CLOCK_BOOTTIME;
    if (is_known && detail::holds(&page) && detail::field(page.clock_mode) == KSVC_CLOCK_TSC &&
        consistently(page, [&] {
            const uint64_t last = detail::field(page.clock_cycle_last);
            const uint64_t now = std::max(time_stamp(), last);  // another CPU may be a little behind
            time_ns = detail::field(page.clock_base_ns) +
                      (((now - last) * detail::field(page.clock_mult) + detail::field(page.clock_frac)) >>
                       detail::field(page.clock_shift));
            if (clock == CLOCK_REALTIME) time_ns += static_cast<uint64_t>(detail::field(page.realtime_offset_ns));
            if (clock == CLOCK_BOOTTIME) time_ns += static_cast<uint64_t>(detail::field(page.boottime_offset_ns));
        }))
        return timespec{.tv_sec = static_cast<time_t>(time_ns / 1'000'000'000),
                        .tv_nsec = static_cast<long>(time_ns % 1'000'000'000)};
    timespec time{};
    if (::clock_gettime(clock, &time) != 0) return fail(errno);  // the vDSO: no trap either
    return time;
}

// ---- the pages as an Instance asks them ---------------------------------------------------------

namespace {

std::optional<int64_t> identity(uint32_t nr, const Entry& entry) {
    switch (nr) {
        case SYS_getpid: return ksvc::getpid();
        case SYS_getppid: return ksvc::getppid();
        case SYS_getpgrp: return ksvc::getpgrp();
        case SYS_getuid: return ksvc::getuid();
        case SYS_geteuid: return ksvc::geteuid();
        case SYS_getgid: return ksvc::getgid();
        case SYS_getegid: return ksvc::getegid();
        case SYS_getsid:
            if (static_cast<pid_t>(entry.args[0]) != 0) return {};
            return ksvc::getsid();
        default: return {};
    }
}

bool is_identity(uint32_t nr) {
    constexpr uint32_t kCalls[] = {SYS_getpid, SYS_getppid, SYS_getpgrp, SYS_getsid,
                                   SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid};
    return std::ranges::find(kCalls, nr) != std::end(kCalls);
}

}  // namespace

bool FilledPage::answers(uint32_t nr) const { return nr == SYS_getpid; }
std::optional<int64_t> FilledPage::answer(const Entry& entry) const {
    if (entry.syscall_nr != SYS_getpid) return {};
    return ksvc::getpid();
}

CachedPage::CachedPage() { cache_identity(); }
bool CachedPage::answers(uint32_t nr) const { return is_identity(nr); }
std::optional<int64_t> CachedPage::answer(const Entry& entry) const { return identity(entry.syscall_nr, entry); }
void CachedPage::refresh() { refresh_identity(); }

DevicePage::DevicePage() { (void)ksvc::getpid(); }
bool DevicePage::answers(uint32_t nr) const { return which_page() == PageKind::Device && is_identity(nr); }
std::optional<int64_t> DevicePage::answer(const Entry& entry) const { return identity(entry.syscall_nr, entry); }

}  // namespace ksvc
