// SPDX-License-Identifier: GPL-2.0
/*
 * WORK and DISMISS: threads of the program that enter and stay inside. Whatever they run they run
 * as what they are, so memory, descriptors, credentials, limits and accounting need no code here.
 */
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/task_work.h>
#include <linux/uaccess.h>
#include <asm/unistd.h>

#include "instance.h"

static unsigned int spin_us = 20;
module_param(spin_us, uint, 0644);
MODULE_PARM_DESC(spin_us, "how long a worker looks at an empty ring before it sleeps (not on one CPU)");

/* How soon a worker asks again whether those that are in its way have gone. */
#define LOOK_AGAIN (HZ / 50 + 1)

static bool has_reason_to_wake(struct ksvc_instance *instance)
{
	return !list_empty(&instance->ready) || READ_ONCE(instance->is_kicked) ||
	       READ_ONCE(instance->is_closed) || READ_ONCE(instance->is_dismissed) ||
	       ksvc_can_take(instance);
}

/* There is room in the ring again: workers that back pressure has put to sleep go on. */
void ksvc_go_on(struct ksvc_instance *instance)
{
	wake_up(&instance->worker_wait);
	if (unlikely(READ_ONCE(instance->wants_worker)))
		ksvc_refuse_later(instance);
}

static bool spun_into_work(struct ksvc_instance *instance)
{
	u64 end;

	if (num_online_cpus() == 1) {
		/*
		 * Nobody can write while this looks. But who has just rung, and whose store has yet to
		 * be tried again, must get that far before the page is withdrawn, or it rings for ever.
		 */
		yield();
		return ksvc_can_take(instance);
	}
	if (!READ_ONCE(spin_us))
		return false;
	end = local_clock() + (u64)min(READ_ONCE(spin_us), 10000u) * NSEC_PER_USEC;
	while (local_clock() < end && !need_resched() && !signal_pending(current)) {
		if (!list_empty(&instance->ready) || READ_ONCE(instance->is_closed) ||
		    ksvc_can_take(instance))
			return true;
		cpu_relax();
	}
	return false;
}

/*
 * Why no kick is lost. While the doorbell page is present a store tells nobody, so it must never
 * stay present over the sleep of the last worker that could answer. Whoever puts it back sets
 * is_kicked afterwards; is_kicked is cleared only here, by a worker that then withdraws the page
 * and looks at the ring once more. A worker that goes off to run a call instead leaves is_kicked
 * as it is and wakes another (run_one()).
 */
static void worker_sleeps(struct ksvc_instance *instance)
{
	struct ksvc_shared_page *view = instance->view;
	DEFINE_WAIT(wait);

	spin_lock(&instance->lock);
	instance->is_kicked = false;
	instance->idle_workers++;
	spin_unlock(&instance->lock);
	ksvc_withdraw_doorbell(instance);
	prepare_to_wait_exclusive(&instance->worker_wait, &wait, TASK_INTERRUPTIBLE);
	if (!has_reason_to_wake(instance) && !signal_pending(current)) {
		ksvc_count(KSVC_COUNT_WORKER_SLEEPS, 1);
		WRITE_ONCE(view->worker_state, 0);
		schedule();
	}
	finish_wait(&instance->worker_wait, &wait);
	spin_lock(&instance->lock);
	instance->idle_workers--;
	spin_unlock(&instance->lock);
	WRITE_ONCE(view->worker_state, 1);
	WRITE_ONCE(view->worker_cpu, raw_smp_processor_id());
}

static bool is_restart(s64 result)
{
	return result == -ERESTARTSYS || result == -ERESTARTNOINTR || result == -ERESTARTNOHAND ||
	       result == -ERESTART_RESTARTBLOCK;
}

/* Ends a run or an absence. With KSVC_ENTRY_MULTI a success may be one of many. */
static void finish_locked(struct ksvc_instance *instance, struct ksvc_request *request, s64 result)
{
	if ((request->flags & KSVC_ENTRY_MULTI) && result >= 0 && !request->is_cancelled &&
	    !instance->is_closed && ksvc_post_more_locked(instance, request, result)) {
		request->state = KSVC_READY;
		request->worker = NULL;
		list_add_tail(&request->queue_node, &instance->ready);
		return;
	}
	ksvc_complete_locked(instance, request, result);
	ksvc_settle_locked(instance);
}

/* A worker comes back with the result of a call that it made by trap. */
static long bring_back(struct ksvc_instance *instance, const struct ksvc_work *work)
{
	u64 index = work->ticket % KSVC_RING_ENTRIES_MAX;
	struct ksvc_request *request;
	long error = 0;

	spin_lock(&instance->lock);
	request = index < instance->complete_size ? &instance->requests[index] : NULL;
	if (!request || request->state != KSVC_OUTSIDE || request->ticket != work->ticket ||
	    request->worker != current) {
		error = instance->is_closed ? -ESHUTDOWN : -EINVAL;
	} else {
		instance->busy_workers--;
		finish_locked(instance, request, work->result);
	}
	ksvc_unlock(instance);
	return error;
}

enum outcome { WENT_ON, STEPS_OUT, MUST_RESTART, IS_BEHIND, MUST_WAIT };

static void put_back_locked(struct ksvc_instance *instance, struct ksvc_request *request)
{
	instance->busy_workers--;
	WRITE_ONCE(instance->view->workers_busy, instance->busy_workers);
	request->state = KSVC_READY;
	request->worker = NULL;
	list_add(&request->queue_node, &instance->ready);
}

static bool is_exec(u32 syscall_nr)
{
	return syscall_nr == __NR_execve || syscall_nr == __NR_execveat;
}

/* Runs one ready request. Called with the lock held, returns without it. */
static enum outcome run_one(struct ksvc_instance *instance, struct ksvc_request *request,
			    struct ksvc_work *work)
{
	struct ksvc_shared_page *view = instance->view;
	enum outcome outcome = WENT_ON;
	enum ksvc_cover cover;
	bool pass_on;
	s64 result;

	list_del_init(&request->queue_node);
	request->state = KSVC_RUNNING;
	request->worker = current;
	instance->busy_workers++;
	WRITE_ONCE(view->workers_busy, instance->busy_workers);
	pass_on = READ_ONCE(instance->doorbell_is_mapped) && instance->idle_workers;
	ksvc_unlock(instance);
	if (pass_on)
		wake_up(&instance->worker_wait);

	cover = ksvc_cover();
	if (is_exec(request->syscall_nr) && !ksvc_may_exec())
		result = -EACCES;
	else if (cover != KSVC_UNWATCHED || (request->flags & KSVC_ENTRY_OUTSIDE))
		result = KSVC_STEP_OUT;
	else
		result = ksvc_run_inside(instance, request);
	ksvc_pass_on_signals(instance);

	spin_lock(&instance->lock);
	if (request->is_cancelled && !task_work_pending(current))
		clear_thread_flag(TIF_NOTIFY_SIGNAL);
	if (result == KSVC_STEP_OUT && request->is_cancelled)
		result = -ECANCELED;
	if (result == KSVC_STEP_OUT && cover > KSVC_COVERED) {
		put_back_locked(instance, request);
		ksvc_want_worker_locked(instance, cover == KSVC_AHEAD);
		ksvc_unlock(instance);
		return cover == KSVC_AHEAD ? MUST_WAIT : IS_BEHIND;
	}
	if (result == KSVC_STEP_OUT) {
		request->state = KSVC_OUTSIDE;
		request->ticket = ++instance->next_ticket * KSVC_RING_ENTRIES_MAX +
				  (request - instance->requests);
		*work = (struct ksvc_work){ .ticket = request->ticket,
					    .syscall_nr = request->syscall_nr };
		memcpy(work->args, request->args, sizeof(work->args));
		ksvc_count(KSVC_COUNT_OUTSIDE, 1);
		ksvc_unlock(instance);
		return STEPS_OUT;
	}
	ksvc_count(KSVC_COUNT_INSIDE, 1);
	/* A wait with a time limit of its own (SO_RCVTIMEO) is not restarted: it says EINTR. */
	if (result == -EINTR && request->is_cancelled)
		result = -ECANCELED;
	if (is_restart(result)) {
		if (request->is_cancelled) {
			result = -ECANCELED;
		} else if (fatal_signal_pending(current)) {
			result = -EINTR;
		} else {
			/* A stop, the freezer, a tracer: let it happen; whoever is free goes on. */
			put_back_locked(instance, request);
			outcome = MUST_RESTART;
		}
	}
	if (outcome == WENT_ON) {
		instance->busy_workers--;
		WRITE_ONCE(view->workers_busy, instance->busy_workers);
		finish_locked(instance, request, result);
	}
	ksvc_unlock(instance);
	return outcome;
}

static void worker_leaves(struct ksvc_instance *instance, bool is_behind)
{
	bool wake_another;

	if (is_behind) {
		/* In this order, so that a store that nobody sees faults and finds that out. */
		spin_lock(&instance->lock);
		ksvc_want_worker_locked(instance, false);
		spin_unlock(&instance->lock);
		ksvc_withdraw_doorbell(instance);
		ksvc_workers_look_again(instance);
	}
	spin_lock(&instance->lock);
	instance->all_workers--;
	WRITE_ONCE(instance->view->workers_total, instance->all_workers);
	wake_another = instance->idle_workers && !instance->is_dismissed;
	if (is_behind && ksvc_can_take(instance))
		ksvc_refuse_later(instance);
	ksvc_unlock(instance);
	if (is_behind)
		ksvc_announce(instance); /* who waits there may be able to help */
	if (wake_another) /* in case the wake-up that this one got was meant for work */
		wake_up(&instance->worker_wait);
}

/* A thread of this process has a filter or had one. May this worker stay? */
static bool may_stay(struct ksvc_instance *instance)
{
	switch (ksvc_cover()) {
	case KSVC_BEHIND:
		return false;
	case KSVC_AHEAD:
		ksvc_workers_look_again(instance);
		return true;
	default:
		ksvc_worker_covers(instance);
		return true;
	}
}

static long work_inside(struct ksvc_instance *instance, struct ksvc_work *work)
{
	struct ksvc_request *request;

	for (;;) {
		long taken;

		if (unlikely(READ_ONCE(instance->must_look)) && !may_stay(instance))
			return -EACCES;
		spin_lock(&instance->lock);
		if (instance->is_closed || instance->is_dismissed) {
			spin_unlock(&instance->lock);
			return -ESHUTDOWN;
		}
		taken = ksvc_take_locked(instance, KSVC_BATCH_MAX);
		request = list_first_entry_or_null(&instance->ready, struct ksvc_request,
						   queue_node);
		if (request) {
			switch (run_one(instance, request, work)) {
			case STEPS_OUT:
				return 0;
			case MUST_RESTART:
				return -ERESTARTSYS;
			case IS_BEHIND:
				return -EACCES;
			case MUST_WAIT:
				schedule_timeout_interruptible(LOOK_AGAIN);
				break;
			case WENT_ON:
				break;
			}
		} else {
			ksvc_unlock(instance);
			if (signal_pending(current))
				return -ERESTARTSYS;
			if (taken <= 0 && !spun_into_work(instance))
				worker_sleeps(instance);
		}
		if (signal_pending(current))
			return -ERESTARTSYS;
		cond_resched();
	}
}

/* The worker has a call in hand that it cannot hand to its program. */
static void take_back(struct ksvc_instance *instance, struct ksvc_work *work)
{
	work->result = -EFAULT;
	bring_back(instance, work);
}

long ksvc_work(struct ksvc_instance *instance, void __user *argument)
{
	struct ksvc_work __user *user_work = argument;
	struct ksvc_work work;
	long error;

	if (copy_from_user(&work, argument, sizeof(work)))
		return -EFAULT;
	if (work.reserved)
		return -EINVAL;
	if (work.ticket) {
		/* First, so that a restart of this ioctl does not bring the result twice. */
		if (put_user(0, &user_work->ticket))
			return -EFAULT;
		ksvc_pass_on_signals(instance);
		error = bring_back(instance, &work);
		if (error == -EINVAL)
			return error;
	} else {
		spin_lock(&instance->lock);
		instance->all_workers++;
		WRITE_ONCE(instance->view->workers_total,
			   instance->all_workers);
		spin_unlock(&instance->lock);
	}
	error = work_inside(instance, &work);
	if (!error && copy_to_user(argument, &work, sizeof(work))) {
		take_back(instance, &work);
		error = -EFAULT;
	}
	if (error)
		worker_leaves(instance, error == -EACCES);
	return error;
}

long ksvc_dismiss(struct ksvc_instance *instance)
{
	spin_lock(&instance->lock);
	instance->is_dismissed = true;
	spin_unlock(&instance->lock);
	wake_up_all(&instance->worker_wait);
	return 0;
}
