// SPDX-License-Identifier: GPL-2.0
/*
 * Which call goes where, and those that run inside and are no file calls: poll and sleep.
 *
 * A call runs inside only where a trap would meet nothing more (cover.c). Everything that this file
 * does not name steps out.
 */
#include <linux/hrtimer.h>
#include <linux/file.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/resource.h>
#include <linux/sched/signal.h>
#include <linux/time.h>
#include <linux/uaccess.h>
#include <asm/unistd.h>

#include "instance.h"

/* Above the last system call of any kernel this builds for. */
#define CALL_NUMBERS 512u
/* More descriptors than this and poll steps out; the array lies on the stack. */
#define POLL_DESCRIPTORS_INSIDE 32u

u32 ksvc_tier(u32 syscall_nr)
{
	if (syscall_nr == KSVC_NR_NOP)
		return KSVC_TIER_INSIDE;
	if (syscall_nr >= CALL_NUMBERS)
		return KSVC_TIER_NONE;
	switch (syscall_nr) {
	case __NR_read:
	case __NR_write:
	case __NR_open:
	case __NR_openat:
	case __NR_close:
	case __NR_pread64:
	case __NR_pwrite64:
	case __NR_readv:
	case __NR_writev:
	case __NR_preadv:
	case __NR_pwritev:
	case __NR_fsync:
	case __NR_fdatasync:
	case __NR_sendto:
	case __NR_recvfrom:
	case __NR_sendmsg:
	case __NR_recvmsg:
	case __NR_poll:
	case __NR_nanosleep:
	case __NR_clock_nanosleep:
		return KSVC_TIER_INSIDE;
	case __NR_accept:
	case __NR_accept4:
	case __NR_connect:
		return ksvc_has_whole_call(syscall_nr) ? KSVC_TIER_INSIDE : KSVC_TIER_OUTSIDE;
	/* Calls about the calling thread itself: they would hit the worker, not the submitter. */
	case __NR_rt_sigreturn:
	case __NR_rt_sigprocmask:
	case __NR_sigaltstack:
	case __NR_arch_prctl:
	case __NR_set_tid_address:
	case __NR_set_robust_list:
	case __NR_rseq:
	case __NR_restart_syscall:
	case __NR_exit:
	case __NR_fork:
	case __NR_vfork:
	case __NR_clone:
	case __NR_clone3:
		return KSVC_TIER_NONE;
	default:
		return KSVC_TIER_OUTSIDE;
	}
}

bool ksvc_may_repeat(u32 syscall_nr)
{
	return syscall_nr == __NR_accept || syscall_nr == __NR_accept4;
}

/* The deadline survives a restart, so that a stopped sleeper does not sleep longer. */
static int set_deadline(struct ksvc_request *request, u64 address, bool may_be_null)
{
	struct timespec64 time;

	if (request->has_deadline || (!address && may_be_null))
		return 0;
	if (get_timespec64(&time, u64_to_user_ptr(address)))
		return -EFAULT;
	if (!timespec64_valid(&time))
		return -EINVAL;
	request->deadline = ktime_add_safe(ktime_get(), timespec64_to_ktime(time));
	request->has_deadline = true;
	return 0;
}

static s64 sleep_until_deadline(struct ksvc_request *request)
{
	while (ktime_before(ktime_get(), request->deadline)) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (signal_pending(current)) {
			__set_current_state(TASK_RUNNING);
			return -ERESTARTNOHAND;
		}
		schedule_hrtimeout_range(&request->deadline, current->timer_slack_ns,
					 HRTIMER_MODE_ABS);
	}
	return 0;
}

static s64 nanosleep_call(struct ksvc_request *request)
{
	int error = set_deadline(request, request->args[0], false);

	return error ? error : sleep_until_deadline(request);
}

/* Relative sleeps only: absolute ones know time namespaces and clocks that are set. */
static s64 clock_nanosleep_call(struct ksvc_request *request)
{
	clockid_t clock = request->args[0];
	int error;

	if ((clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME) || (int)request->args[1] != 0)
		return KSVC_STEP_OUT;
	error = set_deadline(request, request->args[2], false);
	return error ? error : sleep_until_deadline(request);
}

static __poll_t poll_one(struct pollfd *entry, poll_table *table)
{
	__poll_t wanted = demangle_poll(entry->events) | EPOLLERR | EPOLLHUP;
	__poll_t ready = 0;
	struct file *file;

	entry->revents = 0;
	if (entry->fd < 0)
		return 0;
	file = fget(entry->fd);
	if (!file) {
		ready = EPOLLNVAL;
	} else {
		table->_key = wanted | EPOLLNVAL;
		ready = vfs_poll(file, table) & wanted;
		fput(file);
	}
	entry->revents = mangle_poll(ready);
	return ready;
}

static s64 poll_wait_loop(struct ksvc_request *request, struct pollfd *entries, u32 count,
			  bool only_look)
{
	struct poll_wqueues waiters;
	poll_table *table = &waiters.pt;
	s64 result;
	u32 index;

	poll_initwait(&waiters);
	if (only_look)
		table->_qproc = NULL;
	for (;;) {
		result = 0;
		for (index = 0; index < count; index++) {
			if (poll_one(&entries[index], table)) {
				result++;
				table->_qproc = NULL;
			}
		}
		table->_qproc = NULL; /* everything is watched after the first round */
		if (!result)
			result = waiters.error;
		if (result || only_look)
			break;
		result = -ERESTARTNOHAND;
		if (signal_pending(current))
			break;
		result = 0;
		set_current_state(TASK_INTERRUPTIBLE);
		if (!waiters.triggered &&
		    !schedule_hrtimeout_range(request->has_deadline ? &request->deadline : NULL,
					      current->timer_slack_ns, HRTIMER_MODE_ABS))
			only_look = true; /* the time is up: look once more */
		__set_current_state(TASK_RUNNING);
		smp_store_mb(waiters.triggered, 0);
	}
	poll_freewait(&waiters);
	return result;
}

static s64 poll_call(struct ksvc_request *request)
{
	struct pollfd __user *user_entries = u64_to_user_ptr(request->args[0]);
	struct pollfd entries[POLL_DESCRIPTORS_INSIDE];
	unsigned int count = request->args[1];
	int timeout_ms = request->args[2];
	s64 result;
	u32 index;

	if (count > rlimit(RLIMIT_NOFILE))
		return -EINVAL;
	if (count > POLL_DESCRIPTORS_INSIDE)
		return KSVC_STEP_OUT;
	if (copy_from_user(entries, user_entries, count * sizeof(*entries)))
		return -EFAULT;
	if (timeout_ms > 0 && !request->has_deadline) {
		request->deadline = ktime_add_ms(ktime_get(), timeout_ms);
		request->has_deadline = true;
	}
	result = poll_wait_loop(request, entries, count, timeout_ms == 0);
	if (result < 0)
		return result;
	for (index = 0; index < count; index++)
		if (put_user(entries[index].revents, &user_entries[index].revents))
			return -EFAULT;
	return result;
}

s64 ksvc_run_inside(struct ksvc_instance *instance, struct ksvc_request *request)
{
	if (ksvc_tier(request->syscall_nr) != KSVC_TIER_INSIDE)
		return KSVC_STEP_OUT;
	switch (request->syscall_nr) {
	case __NR_nanosleep:
		return nanosleep_call(request);
	case __NR_clock_nanosleep:
		return clock_nanosleep_call(request);
	case __NR_poll:
		return poll_call(request);
	case __NR_sendto:
	case __NR_recvfrom:
	case __NR_sendmsg:
	case __NR_recvmsg:
		return ksvc_socket_call(request);
	case __NR_accept:
	case __NR_accept4:
	case __NR_connect:
		return ksvc_whole_call(request);
	default:
		return ksvc_file_call(request);
	}
}
