// SPDX-License-Identifier: GPL-2.0
/*
 * What a process may read about itself without a call: one page for each process that looks,
 * written in that process's own PID, user and UTS namespaces, under a sequence count.
 *
 * follow.c says when something has changed; this file writes it down. It is called from probes and
 * from the timekeeper, so nothing there sleeps, and the time is never asked for under write_lock
 * (the timekeeper calls in with its own sequence count held).
 *
 * The times cost something at every tick, so a page has them written only while it is lent: a
 * fault brings it up to date and lends it for LENT_FOR, after which it is withdrawn. A page that
 * nobody reads costs nothing; one that is read costs a fault a second. The page's own lock keeps
 * the two apart: the fault returns with it held, and the memory manager maps the page under it.
 */
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/pagemap.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rculist.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/time_namespace.h>
#include <linux/timekeeper_internal.h>
#include <linux/user_namespace.h>
#include <linux/utsname.h>
#include <asm/vdso/clocksource.h>

#include "instance.h"

struct ksvc_shared_record {
	struct kref references;
	struct rcu_head rcu;
	struct list_head node; /* records, read under RCU */
	struct list_head lent_node; /* lent, read under RCU; changed under the page's lock */
	struct inode *inode; /* whose mapping it is lent through */
	struct delayed_work withdraw;
	s64 monotonic_shift_ns, boottime_shift_ns; /* of the time namespace; under write_lock */
	struct pid *process;
	struct pid *parent; /* compared, never followed; under write_lock */
	raw_spinlock_t write_lock;
	struct page *page;
	struct ksvc_shared_page *view;
};

static LIST_HEAD(records);
static LIST_HEAD(lent);
static DEFINE_SPINLOCK(records_lock); /* both lists */

#define LENT_FOR HZ

/* The clock as the timekeeper last told it; guarded by its own sequence count. */
struct clock_state {
	u64 monotonic_ns, realtime_ns, boottime_ns;
	u64 cycle_last, base_ns, frac;
	s64 realtime_offset_ns, boottime_offset_ns;
	u32 mode, mult, shift;
};
static struct clock_state clock_now;
static DEFINE_RAW_SPINLOCK(clock_lock);

static unsigned long begin_write(struct ksvc_shared_record *record)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&record->write_lock, flags);
	WRITE_ONCE(record->view->sequence, record->view->sequence + 1);
	smp_wmb();
	return flags;
}

static void end_write(struct ksvc_shared_record *record, unsigned long flags)
{
	smp_wmb();
	WRITE_ONCE(record->view->sequence, record->view->sequence + 1);
	raw_spin_unlock_irqrestore(&record->write_lock, flags);
}

static void write_process(struct ksvc_shared_record *record, struct task_struct *task)
{
	struct ksvc_shared_page *view = record->view;
	struct pid_namespace *namespace = ns_of_pid(record->process);
	struct task_struct *parent = rcu_dereference(task->real_parent);
	const struct cred *cred = task_tgid(current) == record->process ? current_cred() :
									  __task_cred(task);
	struct user_namespace *users = cred->user_ns;
	const struct rlimit *limits = task->signal->rlim;

	record->parent = task_tgid(parent);
	view->tgid = pid_nr_ns(record->process, namespace);
	view->pid = view->tgid;
	view->ppid = pid_nr_ns(task_tgid(parent), namespace);
	view->pgid = pid_nr_ns(task_pgrp(task), namespace);
	view->sid = pid_nr_ns(task_session(task), namespace);
	view->uid = from_kuid_munged(users, cred->uid);
	view->gid = from_kgid_munged(users, cred->gid);
	view->euid = from_kuid_munged(users, cred->euid);
	view->egid = from_kgid_munged(users, cred->egid);
	view->suid = from_kuid_munged(users, cred->suid);
	view->sgid = from_kgid_munged(users, cred->sgid);
	view->nofile_limit = READ_ONCE(limits[RLIMIT_NOFILE].rlim_cur);
	view->nproc_limit = READ_ONCE(limits[RLIMIT_NPROC].rlim_cur);
	view->nofile_limit_hard = READ_ONCE(limits[RLIMIT_NOFILE].rlim_max);
	view->nproc_limit_hard = READ_ONCE(limits[RLIMIT_NPROC].rlim_max);
}

/* Under RCU. */
static void refresh(struct ksvc_shared_record *record)
{
	struct task_struct *task = pid_task(record->process, PIDTYPE_TGID);
	unsigned long flags;

	/* Gone, or a leader that is being released: nobody is left to read. */
	if (!task || !task_pgrp(task) || !task_session(task))
		return;
	flags = begin_write(record);
	write_process(record, task);
	end_write(record, flags);
}

static void write_names(struct ksvc_shared_record *record, struct uts_namespace *uts)
{
	unsigned long flags = begin_write(record);
	struct ksvc_shared_page *view = record->view;

	strscpy(view->sysname, uts->name.sysname, sizeof(view->sysname));
	strscpy(view->nodename, uts->name.nodename, sizeof(view->nodename));
	strscpy(view->release, uts->name.release, sizeof(view->release));
	strscpy(view->kernel_version, uts->name.version, sizeof(view->kernel_version));
	strscpy(view->machine, uts->name.machine, sizeof(view->machine));
	strscpy(view->domainname, uts->name.domainname, sizeof(view->domainname));
	end_write(record, flags);
}

static void write_clock(struct ksvc_shared_record *record, const struct clock_state *clock)
{
	unsigned long flags = begin_write(record);
	struct ksvc_shared_page *view = record->view;
	s64 shift_ns = record->monotonic_shift_ns;

	WRITE_ONCE(view->monotonic_ns, clock->monotonic_ns + shift_ns);
	WRITE_ONCE(view->realtime_ns, clock->realtime_ns);
	WRITE_ONCE(view->boottime_ns, clock->boottime_ns + record->boottime_shift_ns);
	view->clock_mode = clock->mode;
	view->clock_cycle_last = clock->cycle_last;
	view->clock_base_ns = clock->base_ns + shift_ns;
	view->clock_frac = clock->frac;
	view->clock_mult = clock->mult;
	view->clock_shift = clock->shift;
	view->realtime_offset_ns = clock->realtime_offset_ns - shift_ns;
	view->boottime_offset_ns =
		clock->boottime_offset_ns + record->boottime_shift_ns - shift_ns;
	end_write(record, flags);
}

/* The time namespace of the calling process, whose clocks begin elsewhere. */
static void set_time_namespace(struct ksvc_shared_record *record)
{
#ifdef CONFIG_TIME_NS
	const struct timens_offsets *offsets = &current->nsproxy->time_ns->offsets;
	unsigned long flags = begin_write(record);

	record->monotonic_shift_ns = timespec64_to_ns(&offsets->monotonic);
	record->boottime_shift_ns = timespec64_to_ns(&offsets->boottime);
	end_write(record, flags);
#endif
}

static void set_clock(struct ksvc_shared_record *record)
{
	struct clock_state clock;
	unsigned long flags;

	raw_spin_lock_irqsave(&clock_lock, flags);
	clock = clock_now;
	raw_spin_unlock_irqrestore(&clock_lock, flags);
	write_clock(record, &clock);
}

/* For a fault: the page, locked and up to date, to be mapped and unlocked by the caller's caller. */
struct page *ksvc_record_lend(struct ksvc_shared_record *record)
{
	struct page *page = record->page;
	unsigned long flags;

	lock_page(page);
	if (list_empty(&record->lent_node)) {
		/* First into the list, so that no tick falls between. */
		spin_lock_irqsave(&records_lock, flags);
		list_add_rcu(&record->lent_node, &lent);
		spin_unlock_irqrestore(&records_lock, flags);
		set_clock(record);
		schedule_delayed_work(&record->withdraw, LENT_FOR);
	}
	get_page(page);
	return page;
}

static void stop_lending(struct ksvc_shared_record *record)
{
	unsigned long flags;

	spin_lock_irqsave(&records_lock, flags);
	__list_del_entry(&record->lent_node);
	spin_unlock_irqrestore(&records_lock, flags);
	/* A tick may be standing on it; until that is over its way on must stay. */
	synchronize_rcu();
	INIT_LIST_HEAD(&record->lent_node);
}

static void withdraw(struct work_struct *work)
{
	struct ksvc_shared_record *record =
		container_of(to_delayed_work(work), struct ksvc_shared_record, withdraw);

	lock_page(record->page);
	unmap_mapping_range(record->inode->i_mapping, KSVC_MMAP_SHARED, PAGE_SIZE, 1);
	stop_lending(record);
	unlock_page(record->page);
	ksvc_count(KSVC_COUNT_WITHDRAWALS, 1);
}

/* A record for the calling process. The inode outlives it. */
struct ksvc_shared_record *ksvc_record_new(struct inode *inode)
{
	struct ksvc_shared_record *record = kzalloc(sizeof(*record), GFP_KERNEL_ACCOUNT);
	unsigned long flags;

	if (!record)
		return NULL;
	record->page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!record->page) {
		kfree(record);
		return NULL;
	}
	kref_init(&record->references);
	raw_spin_lock_init(&record->write_lock);
	INIT_LIST_HEAD(&record->lent_node);
	INIT_DELAYED_WORK(&record->withdraw, withdraw);
	record->inode = inode;
	record->view = page_address(record->page);
	record->view->magic = KSVC_SHARED_MAGIC;
	record->view->version = KSVC_VERSION;
	record->process = get_pid(task_tgid(current));
	/* First into the list, then filled: a change in between is written twice, not missed. */
	spin_lock_irqsave(&records_lock, flags);
	list_add_rcu(&record->node, &records);
	spin_unlock_irqrestore(&records_lock, flags);
	rcu_read_lock();
	refresh(record);
	rcu_read_unlock();
	write_names(record, current->nsproxy->uts_ns);
	set_time_namespace(record);
	return record;
}

void ksvc_record_get(struct ksvc_shared_record *record)
{
	kref_get(&record->references);
}

static void free_after_grace(struct rcu_head *rcu)
{
	struct ksvc_shared_record *record = container_of(rcu, struct ksvc_shared_record, rcu);

	put_pid(record->process);
	put_page(record->page);
	kfree(record);
}

static void last_reference(struct kref *references)
{
	struct ksvc_shared_record *record =
		container_of(references, struct ksvc_shared_record, references);
	unsigned long flags;

	/* No mapping is left, so no fault lends it again. */
	cancel_delayed_work_sync(&record->withdraw);
	spin_lock_irqsave(&records_lock, flags);
	if (!list_empty(&record->lent_node))
		list_del_rcu(&record->lent_node);
	list_del_rcu(&record->node);
	spin_unlock_irqrestore(&records_lock, flags);
	call_rcu(&record->rcu, free_after_grace);
}

void ksvc_record_put(struct ksvc_shared_record *record)
{
	kref_put(&record->references, last_reference);
}

struct ksvc_shared_page *ksvc_record_view(struct ksvc_shared_record *record)
{
	return record->view;
}

bool ksvc_record_is_of_current(struct ksvc_shared_record *record)
{
	return record->process == task_tgid(current);
}

/* Identity or UTS namespace of the calling process. */
void ksvc_records_refresh_current(void)
{
	struct ksvc_shared_record *record;

	rcu_read_lock();
	list_for_each_entry_rcu(record, &records, node) {
		if (record->process != task_tgid(current))
			continue;
		refresh(record);
		if (!current->nsproxy) /* while exiting */
			continue;
		write_names(record, current->nsproxy->uts_ns);
		set_time_namespace(record);
	}
	rcu_read_unlock();
}

/* Something whose victim is not at hand: a process group, a session, another's limits. */
void ksvc_records_refresh_all(void)
{
	struct ksvc_shared_record *record;

	rcu_read_lock();
	list_for_each_entry_rcu(record, &records, node)
		refresh(record);
	rcu_read_unlock();
}

/* A process has died and its children have another parent. */
void ksvc_records_reparent(struct task_struct *dead)
{
	struct ksvc_shared_record *record;

	rcu_read_lock();
	list_for_each_entry_rcu(record, &records, node)
		if (READ_ONCE(record->parent) == task_tgid(dead))
			refresh(record);
	rcu_read_unlock();
}

/*
 * The host or domain name of the caller's UTS namespace has changed. Whoever is in the same one is
 * found by its nsproxy, which task_lock guards; where another holds that lock (an exit, an
 * unshare), it is about to leave the namespace or will be written by its own switch.
 */
void ksvc_records_rename(void)
{
	struct uts_namespace *uts = current->nsproxy->uts_ns;
	struct ksvc_shared_record *record;

	rcu_read_lock();
	list_for_each_entry_rcu(record, &records, node) {
		struct task_struct *task = pid_task(record->process, PIDTYPE_TGID);
		bool is_same = false;

		if (!task)
			continue;
		if (task_tgid(current) == record->process) {
			is_same = true;
		} else if (spin_trylock(&task->alloc_lock)) {
			is_same = task->nsproxy && task->nsproxy->uts_ns == uts;
			spin_unlock(&task->alloc_lock);
		}
		if (is_same)
			write_names(record, uts);
	}
	rcu_read_unlock();
}

/* From the timekeeper, at every tick that moves the clock and whenever it is set. */
void ksvc_records_tick(void *argument)
{
	const struct timekeeper *timekeeper = argument;
	const struct tk_read_base *mono = &timekeeper->tkr_mono;
	struct ksvc_shared_record *record;
	struct clock_state clock = {
		.cycle_last = mono->cycle_last,
		.base_ns = ktime_to_ns(mono->base),
		.frac = mono->xtime_nsec,
		.mult = mono->mult,
		.shift = mono->shift,
		.realtime_offset_ns = ktime_to_ns(timekeeper->offs_real),
		.boottime_offset_ns = ktime_to_ns(timekeeper->offs_boot),
		.mode = KSVC_CLOCK_NONE,
	};
	unsigned long flags;

	if (mono->clock && mono->clock->vdso_clock_mode == VDSO_CLOCKMODE_TSC)
		clock.mode = KSVC_CLOCK_TSC;
	clock.monotonic_ns = clock.base_ns + (clock.frac >> clock.shift);
	clock.realtime_ns = clock.monotonic_ns + clock.realtime_offset_ns;
	clock.boottime_ns = clock.monotonic_ns + clock.boottime_offset_ns;
	raw_spin_lock_irqsave(&clock_lock, flags);
	clock_now = clock;
	raw_spin_unlock_irqrestore(&clock_lock, flags);
	rcu_read_lock();
	list_for_each_entry_rcu(record, &lent, lent_node)
		write_clock(record, &clock);
	rcu_read_unlock();
}
