/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the module share: an instance (one open file of /dev/ksvc with its two rings),
 * a request (one accepted entry until its final completion), a shared page (one process's view).
 *
 * Locks, outermost first:
 *   mmap lock -> instance.page_lock (mutex) -> the kernel's own i_mmap and page-table locks
 *   mmap lock -> lock of the shared page -> the same
 *   ksvc_instances_lock -> instance.lock -> wait queues, eventfd
 *   timekeeper -> shared_page.write_lock (raw; never read the time under it)
 * Never touch user memory under any of them.
 */
#ifndef KSVC_INSTANCE_H
#define KSVC_INSTANCE_H

#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/version.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "abi/ksvc/ksvc.h"

/* Entries taken or settled under one hold of the lock. */
#define KSVC_BATCH_MAX 64u

enum ksvc_state {
	KSVC_FREE,
	KSVC_WAITS_FOR_LINK, /* its predecessor in the chain has not completed */
	KSVC_WAITS_FOR_DRAIN,
	KSVC_TO_START, /* on instance.to_start */
	KSVC_READY,    /* on instance.ready: a worker may have it */
	KSVC_RUNNING,  /* a worker runs it inside */
	KSVC_OUTSIDE,  /* a worker makes the call by trap */
};

struct ksvc_request {
	u64 sequence; /* order of acceptance */
	u64 corr_id;
	u64 args[6];
	u64 ticket;
	u32 syscall_nr;
	u32 flags;
	enum ksvc_state state;
	bool is_cancelled;
	bool has_result; /* decided before it ran: `result` */
	bool has_deadline;
	s64 result;
	ktime_t deadline; /* of a sleep or a poll, kept over a restart */
	struct task_struct *worker; /* RUNNING, OUTSIDE */
	struct ksvc_request *successor; /* of the chain */
	struct list_head in_flight_node; /* all accepted, by sequence */
	struct list_head drain_node;     /* those with DRAIN, by sequence */
	struct list_head queue_node;     /* free, to_start, deferred, ready */
};

struct ksvc_shared_record;

struct ksvc_instance {
	struct mutex create_lock;
	struct inode *inode; /* whose mapping holds our VMAs and nobody else's */
	bool is_created;

	/* Set once by CREATE. */
	struct mm_struct *owner_mm;
	struct files_struct *owner_files; /* compared, never followed */
	struct pid *owner;                /* the process */
	struct eventfd_ctx *eventfd;
	void *submit_memory;
	void *complete_memory;
	struct ksvc_ring_header *submit;
	struct ksvc_ring_header *complete;
	struct ksvc_entry *entries;
	struct ksvc_completion *completions;
	u32 submit_size, complete_size;
	u32 submit_map_bytes, complete_map_bytes;
	unsigned long locked_pages; /* counted against RLIMIT_MEMLOCK of owner_mm */
	struct ksvc_request *requests; /* complete_size of them */
	struct ksvc_shared_record *record;
	struct ksvc_shared_page *view; /* the record's */
	struct list_head instances_node;

	spinlock_t lock;
	bool is_closed;
	bool is_dismissed;
	bool is_kicked;
	bool must_look;    /* workers ask again whether they cover the process: see cover.c */
	bool wants_worker; /* one has left because it does not, or none is left */
	bool is_promised;  /* a thread was told to make one, or one waits for others to go */
	bool was_refused;
	u32 unannounced; /* completions posted since the last notification */
	u64 submit_head;
	u64 complete_tail;
	u64 next_sequence;
	u64 next_ticket;
	u32 in_flight_count;
	u32 idle_workers;
	u32 busy_workers;
	u32 all_workers;
	struct list_head free;
	struct list_head in_flight;
	struct list_head drains;
	struct list_head to_start;
	struct list_head deferred;
	struct list_head ready;
	bool chain_is_open;  /* the last accepted entry had LINKED */
	bool chain_failed;
	struct ksvc_request *chain_last; /* NULL: it has completed */

	wait_queue_head_t worker_wait;
	wait_queue_head_t complete_wait;

	struct mutex page_lock;
	bool doorbell_is_mapped;
	bool wait_is_mapped;
	struct page *doorbell_page;
	struct delayed_work withdraw_wait_page;
	struct delayed_work refuse;
};

/* ---- instance.c */
extern spinlock_t ksvc_instances_lock;
int ksvc_instance_open(struct file *file);
void ksvc_instance_free(struct ksvc_instance *instance);
long ksvc_create(struct ksvc_instance *instance, void __user *argument);
void ksvc_close(struct ksvc_instance *instance);
void ksvc_process_execs(struct task_struct *task);
void ksvc_thread_exits(struct task_struct *task);
void ksvc_workers_look_again(struct ksvc_instance *instance);
int ksvc_filesystem_init(void);
void ksvc_filesystem_exit(void);

/* ---- order.c: all under instance->lock */
int ksvc_take_locked(struct ksvc_instance *instance, u32 count);
void ksvc_complete_locked(struct ksvc_instance *instance, struct ksvc_request *request, s64 result);
void ksvc_settle_locked(struct ksvc_instance *instance);
bool ksvc_post_more_locked(struct ksvc_instance *instance, struct ksvc_request *request, s64 result);
bool ksvc_can_take(struct ksvc_instance *instance);
u32 ksvc_completions_waiting(struct ksvc_instance *instance);
void ksvc_unlock(struct ksvc_instance *instance); /* and announce what was posted */
void ksvc_announce(struct ksvc_instance *instance);

/* ---- enter.c, work.c, map.c */
long ksvc_enter(struct ksvc_instance *instance, void __user *argument);
long ksvc_cancel(struct ksvc_instance *instance, void __user *argument);
long ksvc_probe(void __user *argument);
long ksvc_work(struct ksvc_instance *instance, void __user *argument);
long ksvc_dismiss(struct ksvc_instance *instance);
void ksvc_go_on(struct ksvc_instance *instance);
void ksvc_interrupt_worker(struct ksvc_request *request);
int ksvc_mmap(struct file *file, struct vm_area_struct *vma);
void ksvc_withdraw_doorbell(struct ksvc_instance *instance);
void ksvc_withdraw_wait_page(struct work_struct *work);

/* ---- cover.c: what a trap of current would meet of all that its process's threads' own would */
enum ksvc_cover {
	KSVC_UNWATCHED, /* there is nothing to meet: calls may run inside */
	KSVC_COVERED,   /* all of it: current may make the trap */
	KSVC_AHEAD,     /* not all, but those that have something else may have less, and may go */
	KSVC_BEHIND,    /* not all: current may run nothing */
};
enum ksvc_cover ksvc_cover(void);
bool ksvc_may_exec(void);
bool ksvc_trap_would_meet_more(void);
void ksvc_want_worker_locked(struct ksvc_instance *instance, bool is_promised);
void ksvc_worker_covers(struct ksvc_instance *instance);
bool ksvc_asks_for_worker(struct ksvc_instance *instance, bool promise);
void ksvc_refuse_later(struct ksvc_instance *instance);
void ksvc_refuse(struct work_struct *work);

/* ---- calls.c, file_calls.c, socket_calls.c, whole_calls.c, signals.c */
#define KSVC_STEP_OUT S64_MIN
u32 ksvc_tier(u32 syscall_nr);
bool ksvc_may_repeat(u32 syscall_nr);
s64 ksvc_run_inside(struct ksvc_instance *instance, struct ksvc_request *request);
s64 ksvc_file_call(struct ksvc_request *request);
s64 ksvc_socket_call(struct ksvc_request *request);
void ksvc_whole_calls_init(void);
bool ksvc_has_whole_call(u32 syscall_nr);
s64 ksvc_whole_call(struct ksvc_request *request);
void ksvc_pass_on_signals(struct ksvc_instance *instance);

/* READ, WRITE and their kin were macros in 6.1 and ITER_* later; both are these numbers. */
static inline int ksvc_import_buffer(int direction, u64 address, u64 length, struct iovec *vector,
				     struct iov_iter *iterator)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return import_ubuf(direction, u64_to_user_ptr(address), length, iterator);
#else
	return import_single_range(direction, u64_to_user_ptr(address), length, vector, iterator);
#endif
}

/* ---- shared_page.c, follow.c */
struct ksvc_shared_record *ksvc_record_new(struct inode *inode);
void ksvc_record_get(struct ksvc_shared_record *record);
void ksvc_record_put(struct ksvc_shared_record *record);
struct page *ksvc_record_lend(struct ksvc_shared_record *record);
struct ksvc_shared_page *ksvc_record_view(struct ksvc_shared_record *record);
bool ksvc_record_is_of_current(struct ksvc_shared_record *record);
void ksvc_records_refresh_current(void);
void ksvc_records_refresh_all(void);
void ksvc_records_reparent(struct task_struct *dead);
void ksvc_records_rename(void);
void ksvc_records_tick(void *timekeeper);
int ksvc_follow_init(void);
void ksvc_follow_exit(void);

/* ---- counters.c */
enum ksvc_counter {
	KSVC_COUNT_INSTANCES,
	KSVC_COUNT_ENTERS,
	KSVC_COUNT_ENTRIES,
	KSVC_COUNT_INSIDE,
	KSVC_COUNT_OUTSIDE,
	KSVC_COUNT_NOPS,
	KSVC_COUNT_COMPLETIONS,
	KSVC_COUNT_CANCELLED,
	KSVC_COUNT_REFUSED,
	KSVC_COUNT_DOORBELL_FAULTS,
	KSVC_COUNT_WAIT_FAULTS,
	KSVC_COUNT_WITHDRAWALS,
	KSVC_COUNT_WORKER_SLEEPS,
	KSVC_COUNT_BAD_TAILS,
	KSVC_COUNTERS,
};
DECLARE_PER_CPU(u64[KSVC_COUNTERS], ksvc_counts);
static inline void ksvc_count(enum ksvc_counter counter, u64 amount)
{
	this_cpu_add(ksvc_counts[counter], amount);
}
void ksvc_counters_init(void);
void ksvc_counters_exit(void);

#endif
