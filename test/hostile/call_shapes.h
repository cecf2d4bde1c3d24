// SPDX-License-Identifier: MIT
//
// For call_fuzz.c: calls and of what kind their arguments are, a letter each (shaped_argument): f descriptor, d directory or
// AT_FDCWD, s name, p memory, m pages, l length, b flags, c small command, i ioctl, g signal, t brief time, o futex operation, z 0.
#pragma once
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

struct CallShape {
    long number;
    const char* arguments;
};

static const struct CallShape kShapes[] = {
    {SYS_ioctl, "fip"}, {SYS_ioctl, "fip"}, {SYS_ioctl, "fip"}, {SYS_ioctl, "fic"}, {SYS_fcntl, "fcp"}, {SYS_fcntl, "fcl"},
    {SYS_fcntl, "fcf"}, {SYS_prctl, "cpppp"}, {SYS_prctl, "clzzz"}, {SYS_read, "fpl"}, {SYS_write, "fpl"}, {SYS_pread64, "fpll"},
    {SYS_pwrite64, "fpll"}, {SYS_readv, "fpc"}, {SYS_writev, "fpc"}, {SYS_preadv2, "fpclzb"}, {SYS_pwritev2, "fpclzb"},
    {SYS_lseek, "flc"}, {SYS_openat, "dsbl"}, {SYS_openat, "dsbl"}, {SYS_openat2, "dspl"}, {SYS_close, "f"}, {SYS_dup, "f"},
    {SYS_dup2, "ff"}, {SYS_dup3, "ffb"}, {SYS_close_range, "ffb"}, {SYS_fstat, "fp"}, {SYS_newfstatat, "dspb"},
    {SYS_statx, "dsbbp"}, {SYS_statfs, "sp"}, {SYS_fstatfs, "fp"}, {SYS_getdents64, "fpl"}, {SYS_ftruncate, "fl"},
    {SYS_truncate, "sl"}, {SYS_fallocate, "fbll"}, {SYS_fsync, "f"}, {SYS_flock, "fc"}, {SYS_sendfile, "ffpl"},
    {SYS_copy_file_range, "fpfpl"}, {SYS_splice, "fpfplb"}, {SYS_splice, "fzfzlb"}, {SYS_tee, "fflb"}, {SYS_vmsplice, "fpcb"},
    {SYS_pipe2, "pb"}, {SYS_mkdirat, "dsl"}, {SYS_mknodat, "dsbl"}, {SYS_unlinkat, "dsb"}, {SYS_unlinkat, "dsz"},
    {SYS_renameat2, "dsdsc"}, {SYS_renameat2, "dsdsz"}, {SYS_linkat, "dsdsb"}, {SYS_symlinkat, "sds"}, {SYS_readlinkat, "dspl"},
    {SYS_fchmodat, "dsl"}, {SYS_fchownat, "dsllb"}, {SYS_utimensat, "dspb"}, {SYS_faccessat2, "dscb"}, {SYS_chdir, "s"},
    {SYS_fchdir, "f"}, {SYS_getcwd, "pl"}, {SYS_setxattr, "ssplc"}, {SYS_getxattr, "sspl"}, {SYS_listxattr, "spl"},
    {SYS_fsetxattr, "fsplc"}, {SYS_removexattr, "ss"}, {SYS_epoll_ctl, "fcfp"}, {SYS_epoll_ctl, "fcfp"},
    {SYS_epoll_pwait, "fpczpl"}, {SYS_epoll_pwait2, "fpctz"}, {SYS_poll, "pcz"}, {SYS_ppoll, "pctzz"}, {SYS_pselect6, "cppptz"},
    {SYS_eventfd2, "lb"}, {SYS_timerfd_create, "cb"}, {SYS_timerfd_settime, "fcpp"}, {SYS_timerfd_gettime, "fp"},
    {SYS_signalfd4, "fpcb"}, {SYS_memfd_create, "sb"}, {SYS_pidfd_open, "lb"}, {SYS_pidfd_getfd, "ffz"},
    {SYS_pidfd_send_signal, "fgpz"}, {SYS_mmap, "mlbbfl"}, {SYS_mmap, "zlbbfz"}, {SYS_mmap, "zlccfz"}, {SYS_munmap, "ml"},
    {SYS_mprotect, "mlc"}, {SYS_mremap, "mllcm"}, {SYS_madvise, "mlc"}, {SYS_msync, "mlc"}, {SYS_mincore, "mlp"}, {SYS_brk, "p"},
    {SYS_mlock2, "mlc"}, {SYS_futex, "poctpl"}, {SYS_futex, "poctpl"}, {SYS_futex_waitv, "pczpc"}, {SYS_set_robust_list, "pl"},
    {SYS_rt_sigaction, "gppc"}, {SYS_rt_sigprocmask, "cppc"}, {SYS_rt_sigtimedwait, "pptc"}, {SYS_rt_sigpending, "pc"},
    {SYS_sigaltstack, "pp"}, {SYS_rt_sigqueueinfo, "lgp"}, {SYS_timer_create, "cpp"}, {SYS_timer_settime, "ccpp"},
    {SYS_timer_gettime, "cp"}, {SYS_timer_getoverrun, "c"}, {SYS_timer_delete, "c"}, {SYS_setitimer, "cpp"},
    {SYS_clock_gettime, "cp"}, {SYS_clock_nanosleep, "czt"}, {SYS_nanosleep, "tp"}, {SYS_sched_setscheduler, "zcp"},
    {SYS_sched_setaffinity, "zlp"}, {SYS_sched_setattr, "zpz"}, {SYS_setpriority, "ccc"}, {SYS_getrusage, "cp"},
    {SYS_prlimit64, "zcpp"}, {SYS_wait4, "lpbp"}, {SYS_waitid, "clpbp"}, {SYS_setpgid, "zl"}, {SYS_setsid, ""},
    {SYS_getgroups, "cp"}, {SYS_setresuid, "lll"}, {SYS_capset, "pp"}, {SYS_unshare, "b"}, {SYS_mount, "sssbs"},
    {SYS_umount2, "sb"}, {SYS_arch_prctl, "bp"}, {SYS_rseq, "pcbl"}, {SYS_membarrier, "bz"}, {SYS_getrandom, "plc"},
    {SYS_sysinfo, "p"}, {SYS_execveat, "dsppb"}, {SYS_process_vm_readv, "lpcpcz"}, {SYS_get_robust_list, "zpp"},
    {SYS_name_to_handle_at, "dsppb"}, {SYS_readahead, "fll"}, {SYS_sync_file_range, "fllc"}, {SYS_fadvise64, "fllc"},
};

// TCGETS and its neighbours, window size, queues, pseudo terminals, pipes and files.
static const uint32_t kIoctls[] = {
    0x5401, 0x5402, 0x5403, 0x5404, 0x5405, 0x5406, 0x5409, 0x540a, 0x540b, 0x540c, 0x540d, 0x540e, 0x540f, 0x5410, 0x5411,
    0x5412, 0x5413, 0x5414, 0x5415, 0x5418, 0x541b, 0x5420, 0x5421, 0x5422, 0x5423, 0x5424, 0x5425, 0x5429, 0x5450, 0x5451,
    0x5452, 0x5460, 0x80045430, 0x40045431, 0x40045436, 0x80045438, 0x80045439, 0x5441, 0x5437, 0x5440, 0x80086601, 0x40086602,
    0x802c542a, 0x402c542b, 0x402c542c, 0x402c542d, 0x80045432, 0x1260, 0x5421, 0x5600, 0x4b33, 0xb701, 0xb702, 0x40085400};

static const char* const kNames[] = {"/", ".", "..", "file", "fifo", "a", "b", "d", "d/a", "d/b", "d/d", "link", "link/a", "a/", "./d/../a",
    "", "/proc/self/maps", "/proc/self/mem", "/proc/self/fd/3", "/proc/self/fd/5", "/proc/self/exe", "/proc/self/cwd/a",
    "/proc/self/root", "/proc/self/environ", "/proc/self/task", "/proc/self/oom_score_adj", "/proc/self/comm", "/proc/1/maps",
    "/proc/gyre/accounting", "/proc/thread-self/stat", "/proc/mounts", "/dev/null", "/dev/zero", "/dev/full", "/dev/tty",
    "/dev/ptmx", "/dev/pts", "/dev/pts/0", "/dev/pts/1", "/dev/console", "/dev/ttyS0", "/dev/kmsg", "/dev/shm", "/tmp/call_fuzz",
    "user.a", "user.b", "trusted.x", "/etc/passwd", "/proc/self/fdinfo/4", "/sys", "/proc/self/mountinfo"};

static const struct timespec kBriefTimes[] = {{0, 0}, {0, 1}, {0, 1000}, {0, 1000000}, {0, 20000000}, {-1, 0}, {0, -1}, {0, 2000000000}};
