// SPDX-License-Identifier: GPL-2.0
/*
 * Who may run a call for whom, and what happens where nobody may.
 *
 * Whatever watches the calls of a thread (a seccomp filter, audit, a tracer, a tracepoint) a trap
 * meets, so a call of a watched process steps out. But the trap is a worker's, and Linux lets a
 * filter be of one thread alone. An entry does not say who wrote it. So a worker covers the process
 * only while each of its threads has no filter or the worker's own; filters are compared, never
 * followed. One that does not cover puts the entry back and leaves WORK with EACCES. The ring then
 * asks for a worker: the submit ring says so, and ENTER answers EACCES to the first thread that can
 * make one, because a new thread inherits what its maker has. Where nobody helps in time the
 * entries complete with -EACCES. None runs uncovered.
 *
 * The question is asked after the entry was taken, and so after whatever its writer did before. A
 * filter that comes later meets it no more than it meets a trap that is under way. What an entry
 * had that a thread wrote which has ended since is not known any more: it meets what the others have.
 */
#include <linux/audit.h>
#include <linux/entry-common.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/seccomp.h>

#include "instance.h"

static unsigned int grace_ms = 2000;
module_param(grace_ms, uint, 0644);
MODULE_PARM_DESC(grace_ms, "how long entries wait for a worker that may run them");
/* And how long at most once nobody has come. */
#define GRACE_AFTER_REFUSAL_MS 20u
#define GRACE_MS_MAX (60u * 1000u)

static unsigned long grace(struct ksvc_instance *instance)
{
	unsigned int most = instance->was_refused ? GRACE_AFTER_REFUSAL_MS : GRACE_MS_MAX;

	return msecs_to_jiffies(min(READ_ONCE(grace_ms), most));
}

#ifdef CONFIG_SECCOMP_FILTER
/*
 * Two filters that differ do not say whether one contains the other. Who has fewer gives way to who
 * has more; it is a matter of who waits for whom, and never lets a call run.
 */
static enum ksvc_cover cover_filter(struct task_struct *thread)
{
	const struct seccomp_filter *filter = READ_ONCE(thread->seccomp.filter);

	if (READ_ONCE(thread->seccomp.mode) == SECCOMP_MODE_STRICT)
		return KSVC_BEHIND; /* it may neither ENTER nor make a thread */
	if (!filter || filter == READ_ONCE(current->seccomp.filter))
		return KSVC_COVERED;
	return atomic_read(&thread->seccomp.filter_count) <
			       atomic_read(&current->seccomp.filter_count) ?
		       KSVC_AHEAD : KSVC_BEHIND;
}
#else
static enum ksvc_cover cover_filter(struct task_struct *thread)
{
	return KSVC_COVERED;
}
#endif

/* By current, of a call that this thread may have written. */
static enum ksvc_cover cover_thread(struct task_struct *thread, bool by_new_thread)
{
	unsigned long work = READ_ONCE(task_thread_info(thread)->syscall_work);
	unsigned long own = READ_ONCE(current_thread_info()->syscall_work);

	if (likely(!(work & SYSCALL_WORK_ENTER) && !READ_ONCE(thread->ptrace)))
		return KSVC_UNWATCHED;
	if (READ_ONCE(thread->flags) & PF_EXITING)
		return KSVC_COVERED; /* writes no more */
	/* Threads made while audit is on have it, whatever their maker has. */
	if ((work & ~own & SYSCALL_WORK_SYSCALL_AUDIT) && !by_new_thread)
		return KSVC_BEHIND;
	return work & SYSCALL_WORK_SECCOMP ? cover_filter(thread) : KSVC_COVERED;
}

static enum ksvc_cover cover_threads(bool by_new_thread)
{
	enum ksvc_cover cover = KSVC_UNWATCHED;
	struct task_struct *thread;

	rcu_read_lock();
	for_each_thread(current, thread)
		cover = max(cover, cover_thread(thread, by_new_thread));
	rcu_read_unlock();
	return cover;
}

static enum ksvc_cover cover_settled(bool by_new_thread)
{
	enum ksvc_cover cover = cover_threads(by_new_thread);

	if (likely(cover <= KSVC_COVERED))
		return cover;
	/* TSYNC gives a filter to one thread after the other, and holds this meanwhile. */
	spin_lock_irq(&current->sighand->siglock);
	cover = cover_threads(by_new_thread);
	spin_unlock_irq(&current->sighand->siglock);
	return cover;
}

enum ksvc_cover ksvc_cover(void)
{
	return cover_settled(false);
}

bool ksvc_trap_would_meet_more(void)
{
	return cover_threads(false) != KSVC_UNWATCHED;
}

/* A set-user-id program must not gain by a worker what a thread has given up for itself. */
bool ksvc_may_exec(void)
{
	struct task_struct *thread;
	bool answer = true;

	rcu_read_lock();
	for_each_thread(current, thread)
		answer &= task_no_new_privs(current) || !task_no_new_privs(thread);
	rcu_read_unlock();
	return answer;
}

/* ---- the ring asks for a worker ---- */

/* Shown to the program and never read back. */
static void show_locked(struct ksvc_instance *instance)
{
	WRITE_ONCE(instance->submit->flags, instance->wants_worker && !instance->is_promised ?
						    KSVC_RING_WANTS_WORKER : 0);
}

/* `is_promised`: one that will do is here already, and waits for others to go. */
void ksvc_want_worker_locked(struct ksvc_instance *instance, bool is_promised)
{
	if (instance->is_closed)
		return;
	WRITE_ONCE(instance->must_look, true);
	WRITE_ONCE(instance->wants_worker, true);
	instance->is_promised |= is_promised;
	show_locked(instance);
}

/* A worker that may run what the ring brings is here. */
void ksvc_worker_covers(struct ksvc_instance *instance)
{
	spin_lock(&instance->lock);
	WRITE_ONCE(instance->must_look, false);
	WRITE_ONCE(instance->wants_worker, false);
	instance->is_promised = false;
	instance->was_refused = false;
	show_locked(instance);
	spin_unlock(&instance->lock);
}

/*
 * ENTER asks one that can help, once (`promise`). One that has taken entries cannot be told in this
 * call: it returns early, and its next asks.
 */
bool ksvc_asks_for_worker(struct ksvc_instance *instance, bool promise)
{
	bool asks;

	if (cover_settled(true) == KSVC_BEHIND)
		return false;
	spin_lock(&instance->lock);
	asks = instance->wants_worker && !instance->is_promised;
	if (asks && promise) {
		instance->is_promised = true;
		instance->is_dismissed = false; /* or what comes would be sent away */
		instance->was_refused = false;
		mod_delayed_work(system_wq, &instance->refuse, grace(instance));
		show_locked(instance);
	}
	spin_unlock(&instance->lock);
	return asks;
}

/* Under the lock, wherever something may have become ready. */
void ksvc_refuse_later(struct ksvc_instance *instance)
{
	schedule_delayed_work(&instance->refuse, grace(instance));
}

/* Nobody has come. What a program has written without a trap since is refused with the rest. */
void ksvc_refuse(struct work_struct *work)
{
	struct ksvc_instance *instance =
		container_of(to_delayed_work(work), struct ksvc_instance, refuse);
	struct ksvc_request *request;
	int taken;

	ksvc_withdraw_doorbell(instance);
	do {
		spin_lock(&instance->lock);
		if (!instance->wants_worker || instance->is_closed) {
			spin_unlock(&instance->lock);
			return;
		}
		taken = ksvc_take_locked(instance, KSVC_BATCH_MAX);
		while ((request = list_first_entry_or_null(&instance->ready, struct ksvc_request,
							   queue_node))) {
			ksvc_count(KSVC_COUNT_REFUSED, 1);
			ksvc_complete_locked(instance, request, -EACCES);
			ksvc_settle_locked(instance);
		}
		instance->was_refused = true;
		instance->is_promised = false;
		show_locked(instance);
		ksvc_unlock(instance);
		cond_resched();
	} while (taken > 0);
}
