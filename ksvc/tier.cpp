// SPDX-License-Identifier: MIT
//
// Which calls may leave their thread. The list names the exceptions; a number that is not in it is
// a call on the process (descriptors, memory, files), which all threads share.
#include "ksvc/tier.h"

#include <linux/futex.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

namespace ksvc {

CallClass class_of(uint32_t syscall_nr) {
    switch (syscall_nr) {
        case SYS_fork:
        case SYS_vfork:
        case SYS_clone:
        case SYS_clone3:
        case SYS_rt_sigreturn:
        case SYS_restart_syscall:
            return CallClass::Never;
        // Signals: the mask, the alternate stack and pending signals are a thread's (signal(7)).
        case SYS_rt_sigprocmask:
        case SYS_rt_sigpending:
        case SYS_rt_sigtimedwait:
        case SYS_rt_sigsuspend:
        case SYS_sigaltstack:
        case SYS_pause:
        // Identity and life of the thread.
        case SYS_gettid:
        case SYS_set_tid_address:
        case SYS_exit:
        case SYS_exit_group:
        case SYS_execve:
        case SYS_execveat:
        case SYS_arch_prctl:
        case SYS_prctl:
        case SYS_set_robust_list:
        case SYS_get_robust_list:
        case SYS_rseq:
        case SYS_ptrace:
        case SYS_personality:
        // Credentials: the raw calls change one thread only (nptl(7)); and who asks decides.
        case SYS_setuid:
        case SYS_setgid:
        case SYS_setreuid:
        case SYS_setregid:
        case SYS_setresuid:
        case SYS_setresgid:
        case SYS_setfsuid:
        case SYS_setfsgid:
        case SYS_setgroups:
        case SYS_capget:
        case SYS_capset:
        case SYS_seccomp:
        case SYS_unshare:
        case SYS_setns:
        case SYS_landlock_restrict_self:
        case SYS_add_key:
        case SYS_request_key:
        case SYS_keyctl:
        // Scheduling: pid 0 is the calling thread.
        case SYS_sched_yield:
        case SYS_sched_setparam:
        case SYS_sched_getparam:
        case SYS_sched_setscheduler:
        case SYS_sched_getscheduler:
        case SYS_sched_rr_get_interval:
        case SYS_sched_setaffinity:
        case SYS_sched_getaffinity:
        case SYS_sched_setattr:
        case SYS_sched_getattr:
        case SYS_getpriority:
        case SYS_setpriority:
        case SYS_ioprio_get:
        case SYS_ioprio_set:
        case SYS_getcpu:
        case SYS_set_mempolicy:
        case SYS_get_mempolicy:
            return CallClass::Caller;
        case SYS_futex:
        case SYS_getrusage:
        case SYS_clock_gettime:
        case SYS_clock_nanosleep:
        case SYS_clock_getres:
        case SYS_timer_create:
            return CallClass::Arguments;
        default:
            return CallClass::Anywhere;
    }
}

bool is_about_caller(const Entry& entry) {
    switch (entry.syscall_nr) {
        case SYS_futex:
            // Priority inheritance writes the locker's thread id into the word.
            switch (static_cast<int>(entry.args[1]) & FUTEX_CMD_MASK) {
                case FUTEX_LOCK_PI:
                case FUTEX_UNLOCK_PI:
                case FUTEX_TRYLOCK_PI:
                case FUTEX_LOCK_PI2:
                case FUTEX_WAIT_REQUEUE_PI:
                case FUTEX_CMP_REQUEUE_PI:
                    return true;
                default:
                    return false;
            }
        case SYS_getrusage:
            return static_cast<int>(entry.args[0]) == RUSAGE_THREAD;
        case SYS_clock_gettime:
        case SYS_clock_nanosleep:
        case SYS_clock_getres:
        case SYS_timer_create:
            // Negative numbers are CPU clocks, some of them of the calling thread.
            return static_cast<int>(entry.args[0]) == CLOCK_THREAD_CPUTIME_ID ||
                   static_cast<int>(entry.args[0]) < 0;
        default:
            return class_of(entry.syscall_nr) == CallClass::Caller;
    }
}

}  // namespace ksvc
