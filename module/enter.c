// SPDX-License-Identifier: GPL-2.0
/* ENTER, CANCEL and PROBE: the ways of a program that prefers a trap to a doorbell. */
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "instance.h"

/* Between batches others may have the lock and the CPU. */
static int take(struct ksvc_instance *instance, u32 count)
{
	u32 taken = 0;
	int result = 0;

	do {
		u32 batch = min(count - taken, KSVC_BATCH_MAX);

		spin_lock(&instance->lock);
		if (instance->is_closed) {
			spin_unlock(&instance->lock);
			result = -ESHUTDOWN;
			break;
		}
		instance->is_dismissed = false;
		result = ksvc_take_locked(instance, batch);
		ksvc_unlock(instance);
		if (result <= 0)
			break;
		taken += result;
		if ((u32)result < batch || taken == count)
			break;
		cond_resched();
	} while (true);
	return taken ? (int)taken : result;
}

static int sleep_until_complete(struct ksvc_instance *instance, u32 min_complete, s64 timeout_ns,
				bool may_promise)
{
	DEFINE_WAIT(wait);
	ktime_t deadline = 0;
	int result = 0;

	if (timeout_ns > 0)
		deadline = ktime_add_safe(ktime_get(), ns_to_ktime(timeout_ns));
	for (;;) {
		prepare_to_wait(&instance->complete_wait, &wait, TASK_INTERRUPTIBLE);
		if (ksvc_completions_waiting(instance) >= min_complete)
			break;
		result = -ESHUTDOWN;
		if (READ_ONCE(instance->is_closed))
			break;
		result = -ETIME;
		if (timeout_ns == 0)
			break;
		result = -EACCES;
		if (unlikely(READ_ONCE(instance->wants_worker)) &&
		    ksvc_asks_for_worker(instance, may_promise))
			break;
		/* EINTR where a handler runs; after a mere stop the wait starts over. */
		result = -ERESTARTNOHAND;
		if (signal_pending(current))
			break;
		result = 0;
		if (timeout_ns < 0) {
			schedule();
		} else if (!schedule_hrtimeout_range(&deadline, current->timer_slack_ns,
						     HRTIMER_MODE_ABS)) {
			__set_current_state(TASK_RUNNING);
			if (ksvc_completions_waiting(instance) < min_complete)
				result = -ETIME;
			break;
		}
	}
	finish_wait(&instance->complete_wait, &wait);
	return result;
}

/* As ppoll(2): the mask holds while waiting; a signal that it lets through finds its handler run
 * under it, and the old mask back afterwards. */
static int wait_under_mask(struct ksvc_instance *instance, const struct ksvc_enter *enter,
			   bool may_promise)
{
	sigset_t mask, old;
	int result;

	if (!enter->sigmask)
		return sleep_until_complete(instance, enter->min_complete, enter->timeout_ns,
					    may_promise);
	if (copy_from_user(&mask, u64_to_user_ptr(enter->sigmask), sizeof(mask)))
		return -EFAULT;
	sigdelsetmask(&mask, sigmask(SIGKILL) | sigmask(SIGSTOP));
	sigprocmask(SIG_SETMASK, &mask, &old);
	result = sleep_until_complete(instance, enter->min_complete, enter->timeout_ns,
				      may_promise);
	if (result == -ERESTARTNOHAND) {
		current->saved_sigmask = old;
		set_restore_sigmask();
	} else {
		sigprocmask(SIG_SETMASK, &old, NULL);
	}
	return result;
}

/* As copy_from_user(), in a fifth of the instructions. */
static __always_inline int copy_enter(struct ksvc_enter *enter, const void __user *user)
{
	const u64 __user *from = user;
	u64 *to = (u64 *)enter;

	BUILD_BUG_ON(sizeof(*enter) != 4 * sizeof(u64));
	if (!user_read_access_begin(from, sizeof(*enter)))
		return -EFAULT;
	unsafe_get_user(to[0], &from[0], failed);
	unsafe_get_user(to[1], &from[1], failed);
	unsafe_get_user(to[2], &from[2], failed);
	unsafe_get_user(to[3], &from[3], failed);
	user_read_access_end();
	return 0;
failed:
	user_read_access_end();
	return -EFAULT;
}

long ksvc_enter(struct ksvc_instance *instance, void __user *argument)
{
	struct ksvc_enter enter;
	int taken = 0;
	int error;

	if (copy_enter(&enter, argument))
		return -EFAULT;
	if ((enter.flags & ~KSVC_ENTER_FLAGS_KNOWN) ||
	    enter.min_complete > instance->complete_size || enter.timeout_ns < KSVC_TIMEOUT_NONE ||
	    (enter.sigmask ? enter.sigmask_bytes != sizeof(sigset_t) : enter.sigmask_bytes))
		return -EINVAL;
	if (READ_ONCE(instance->is_closed))
		return -ESHUTDOWN;
	if (unlikely(READ_ONCE(instance->wants_worker)) && ksvc_asks_for_worker(instance, true))
		return -EACCES;
	ksvc_count(KSVC_COUNT_ENTERS, 1);
	if (enter.submit_count) {
		taken = take(instance, enter.submit_count);
		if (taken < 0)
			return taken;
	}
	if (!enter.min_complete || ksvc_completions_waiting(instance) >= enter.min_complete)
		return taken;
	/* Room in the ring again: workers that back pressure has put to sleep go on. */
	if (ksvc_can_take(instance))
		ksvc_go_on(instance);
	error = wait_under_mask(instance, &enter, !taken);
	return taken ? taken : error;
}

/*
 * Makes a worker's sleep end. TIF_NOTIFY_SIGNAL is what task work uses for that; unlike a real
 * signal it needs no signal number and meets no mask. work.c clears it when the call is over.
 */
void ksvc_interrupt_worker(struct ksvc_request *request)
{
	struct task_struct *worker = request->worker;

	set_tsk_thread_flag(worker, TIF_NOTIFY_SIGNAL);
	smp_mb__after_atomic(); /* pairs with set_current_state() in whatever it sleeps in */
	if (READ_ONCE(worker->__state) & TASK_INTERRUPTIBLE)
		wake_up_process(worker);
}

long ksvc_cancel(struct ksvc_instance *instance, void __user *argument)
{
	struct ksvc_request *request, *next;
	struct ksvc_cancel cancel;
	bool found = false;
	long reached = 0;

	if (copy_from_user(&cancel, argument, sizeof(cancel)))
		return -EFAULT;
	if (cancel.flags || cancel.reserved)
		return -EINVAL;
	spin_lock(&instance->lock);
	list_for_each_entry_safe(request, next, &instance->in_flight, in_flight_node) {
		if (request->corr_id != cancel.corr_id)
			continue;
		found = true;
		switch (request->state) {
		case KSVC_OUTSIDE:
			continue;
		case KSVC_RUNNING:
			request->is_cancelled = true;
			ksvc_interrupt_worker(request);
			break;
		case KSVC_READY:
			ksvc_complete_locked(instance, request, -ECANCELED);
			break;
		default: /* completes in its turn, so that order holds */
			request->has_result = true;
			request->result = -ECANCELED;
			break;
		}
		reached++;
	}
	ksvc_settle_locked(instance);
	ksvc_unlock(instance);
	return reached ? reached : found ? -EALREADY : -ENOENT;
}

long ksvc_probe(void __user *argument)
{
	struct ksvc_probe probe;
	bool meets_more = ksvc_trap_would_meet_more();
	u32 index;

	if (copy_from_user(&probe, argument, sizeof(probe)))
		return -EFAULT;
	if (probe.count > 4096)
		return -EINVAL;
	for (index = 0; index < probe.count; index++) {
		u32 syscall_nr = probe.first_nr + index;
		u32 tier = ksvc_tier(syscall_nr);
		u8 __user *tiers = u64_to_user_ptr(probe.tiers);

		if (tier == KSVC_TIER_INSIDE && meets_more && syscall_nr != KSVC_NR_NOP)
			tier = KSVC_TIER_OUTSIDE;
		if (put_user((u8)tier, tiers + index))
			return -EFAULT;
	}
	return 0;
}
