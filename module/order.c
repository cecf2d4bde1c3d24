// SPDX-License-Identifier: GPL-2.0
/*
 * From an entry in the submit ring to its place in the completion ring: taking, LINKED, DRAIN,
 * completing. Pure bookkeeping under instance->lock; runs no call and never sleeps.
 *
 * The rings are user memory. An entry is copied once and only the copy is read; head and tail that
 * are ours live in the instance and are merely shown to the program.
 *
 * Why nothing is lost: an entry is taken only while completions waiting + entries in flight is
 * below the completion ring's size, so every accepted entry owns a free slot until it is posted.
 */
#include <linux/module.h>

#include "instance.h"
#define CREATE_TRACE_POINTS
#include "trace.h"

/* An impossible head counts as a full ring: the program harms itself alone. */
u32 ksvc_completions_waiting(struct ksvc_instance *instance)
{
	u64 head = smp_load_acquire(&instance->complete->head);
	u64 waiting = READ_ONCE(instance->complete_tail) - head;

	return waiting > instance->complete_size ? instance->complete_size : (u32)waiting;
}

static u32 free_slots(struct ksvc_instance *instance)
{
	u32 used = ksvc_completions_waiting(instance) + READ_ONCE(instance->in_flight_count);

	return used >= instance->complete_size ? 0 : instance->complete_size - used;
}

/* Entries in the submit ring, or -EINVAL where the program's tail is impossible. */
static int entries_waiting(struct ksvc_instance *instance)
{
	u64 tail = smp_load_acquire(&instance->submit->tail);
	u64 waiting = tail - READ_ONCE(instance->submit_head);

	return waiting > instance->submit_size ? -EINVAL : (int)waiting;
}

bool ksvc_can_take(struct ksvc_instance *instance)
{
	return entries_waiting(instance) > 0 && free_slots(instance) > 0;
}

static void post(struct ksvc_instance *instance, u64 corr_id, s64 result, u32 flags)
{
	u64 tail = instance->complete_tail;
	struct ksvc_completion *slot = &instance->completions[tail & (instance->complete_size - 1)];

	slot->corr_id = corr_id;
	slot->result = result;
	slot->flags = flags;
	slot->pad = 0;
	WRITE_ONCE(instance->complete_tail, tail + 1);
	smp_store_release(&instance->complete->tail, tail + 1);
	instance->unannounced++;
}

static bool waits_for_drain(struct ksvc_instance *instance, struct ksvc_request *request)
{
	struct ksvc_request *drain;

	if (request->flags & KSVC_ENTRY_DRAIN)
		return !list_is_first(&request->in_flight_node, &instance->in_flight);
	drain = list_first_entry_or_null(&instance->drains, struct ksvc_request, drain_node);
	return drain && drain->sequence < request->sequence;
}

static void defer(struct ksvc_instance *instance, struct ksvc_request *request)
{
	struct ksvc_request *earlier;

	request->state = KSVC_WAITS_FOR_DRAIN;
	list_for_each_entry_reverse(earlier, &instance->deferred, queue_node) {
		if (earlier->sequence < request->sequence) {
			list_add(&request->queue_node, &earlier->queue_node);
			return;
		}
	}
	list_add(&request->queue_node, &instance->deferred);
}

static void start(struct ksvc_instance *instance, struct ksvc_request *request)
{
	if (request->has_result) {
		ksvc_complete_locked(instance, request, request->result);
	} else if (instance->is_closed) {
		ksvc_complete_locked(instance, request, -ECANCELED);
	} else if (request->syscall_nr == KSVC_NR_NOP) { /* no trap does nothing: never outside */
		ksvc_count(KSVC_COUNT_NOPS, 1);
		ksvc_complete_locked(instance, request, 0);
	} else {
		request->state = KSVC_READY;
		list_add_tail(&request->queue_node, &instance->ready);
	}
}

/*
 * Starts what may start. A loop and not a recursion, because a chain or a row of drained entries
 * may be as long as the ring.
 */
void ksvc_settle_locked(struct ksvc_instance *instance)
{
	struct ksvc_request *request;

	for (;;) {
		request = list_first_entry_or_null(&instance->to_start, struct ksvc_request,
						   queue_node);
		if (request) {
			list_del_init(&request->queue_node);
			if (waits_for_drain(instance, request))
				defer(instance, request);
			else
				start(instance, request);
			continue;
		}
		/* The first of the deferred is the earliest: if it must wait, all must. */
		request = list_first_entry_or_null(&instance->deferred, struct ksvc_request,
						   queue_node);
		if (!request || waits_for_drain(instance, request))
			return;
		list_del_init(&request->queue_node);
		start(instance, request);
	}
}

static void to_start(struct ksvc_instance *instance, struct ksvc_request *request)
{
	request->state = KSVC_TO_START;
	list_add_tail(&request->queue_node, &instance->to_start);
}

/* The one place where an accepted entry ends. The caller settles afterwards. */
void ksvc_complete_locked(struct ksvc_instance *instance, struct ksvc_request *request, s64 result)
{
	struct ksvc_request *successor = request->successor;

	trace_ksvc_exit(request->corr_id, request->syscall_nr, result);
	if (result == -ECANCELED)
		ksvc_count(KSVC_COUNT_CANCELLED, 1);
	list_del_init(&request->queue_node);
	list_del_init(&request->in_flight_node);
	list_del_init(&request->drain_node);
	WRITE_ONCE(instance->in_flight_count, instance->in_flight_count - 1);
	post(instance, request->corr_id, result, 0);
	if (instance->chain_last == request) {
		instance->chain_last = NULL;
		instance->chain_failed = result < 0;
	}
	if (successor) {
		if (result < 0) {
			successor->has_result = true;
			successor->result = -ECANCELED;
		}
		to_start(instance, successor);
	}
	request->state = KSVC_FREE;
	request->worker = NULL;
	request->successor = NULL;
	list_add(&request->queue_node, &instance->free);
}

/* A completion that has successors. False where no slot is free that nobody has reserved. */
bool ksvc_post_more_locked(struct ksvc_instance *instance, struct ksvc_request *request, s64 result)
{
	if (!free_slots(instance))
		return false;
	post(instance, request->corr_id, result, KSVC_COMPLETION_MORE);
	return true;
}

static s64 refusal(const struct ksvc_entry *entry)
{
	if (entry->flags & ~KSVC_ENTRY_FLAGS_KNOWN)
		return -EINVAL;
	if (entry->syscall_nr != KSVC_NR_NOP && ksvc_tier(entry->syscall_nr) == KSVC_TIER_NONE)
		return -ENOSYS;
	if ((entry->flags & KSVC_ENTRY_MULTI) && !ksvc_may_repeat(entry->syscall_nr))
		return -EINVAL;
	return 0;
}

static void accept(struct ksvc_instance *instance, const struct ksvc_entry *entry)
{
	struct ksvc_request *request;
	struct ksvc_request *before = instance->chain_last;
	bool is_successor = instance->chain_is_open;

	request = list_first_entry(&instance->free, struct ksvc_request, queue_node);
	list_del_init(&request->queue_node);
	request->sequence = instance->next_sequence++;
	request->corr_id = entry->corr_id;
	request->syscall_nr = entry->syscall_nr;
	request->flags = entry->flags;
	memcpy(request->args, entry->args, sizeof(request->args));
	request->is_cancelled = false;
	request->has_deadline = false;
	request->result = refusal(entry);
	request->has_result = request->result != 0;
	request->successor = NULL;
	list_add_tail(&request->in_flight_node, &instance->in_flight);
	WRITE_ONCE(instance->in_flight_count, instance->in_flight_count + 1);
	if (request->flags & KSVC_ENTRY_DRAIN)
		list_add_tail(&request->drain_node, &instance->drains);
	trace_ksvc_enter(request->corr_id, request->syscall_nr, request->args);

	instance->chain_is_open = request->flags & KSVC_ENTRY_LINKED;
	instance->chain_last = instance->chain_is_open ? request : NULL;
	if (is_successor && before) {
		request->state = KSVC_WAITS_FOR_LINK;
		before->successor = request;
		return;
	}
	if (is_successor && instance->chain_failed) {
		request->has_result = true;
		request->result = -ECANCELED;
	}
	to_start(instance, request);
	ksvc_settle_locked(instance);
}

/* The single copy: what the program does to the slot now is its own affair. */
static noinline void accept_slot(struct ksvc_instance *instance, const struct ksvc_entry *slot)
{
	struct ksvc_entry entry;

	memcpy(&entry, slot, sizeof(entry));
	barrier();
	accept(instance, &entry);
}

/*
 * What nine NOPs of ten are: alone, and nobody watches. Number and flags are read once; what comes
 * of it depends on nothing else that the program can change.
 */
static bool is_lone_nop(struct ksvc_instance *instance, const struct ksvc_entry *slot)
{
	u64 number_and_flags = READ_ONCE(*(const u64 *)&slot->syscall_nr);

	BUILD_BUG_ON(offsetof(struct ksvc_entry, flags) !=
		     offsetof(struct ksvc_entry, syscall_nr) + 4);
	return number_and_flags == KSVC_NR_NOP && !instance->chain_is_open &&
	       list_empty(&instance->drains) && !trace_ksvc_enter_enabled() &&
	       !trace_ksvc_exit_enabled();
}

/* Takes up to count entries. Returns how many, or -EINVAL for an impossible tail. */
int ksvc_take_locked(struct ksvc_instance *instance, u32 count)
{
	struct ksvc_shared_page *view = instance->view;
	int waiting = entries_waiting(instance);
	u32 taken = 0, nops = 0;

	if (unlikely(waiting < 0)) {
		ksvc_count(KSVC_COUNT_BAD_TAILS, 1);
		return waiting;
	}
	count = min(count, (u32)waiting);
	while (taken < count) {
		u32 batch = min(count - taken, free_slots(instance));

		if (!batch)
			break;
		taken += batch;
		while (batch--) {
			u64 head = instance->submit_head;
			const struct ksvc_entry *slot =
				&instance->entries[head & (instance->submit_size - 1)];

			WRITE_ONCE(instance->submit_head, head + 1);
			if (is_lone_nop(instance, slot)) {
				nops++;
				post(instance, READ_ONCE(slot->corr_id), 0, 0);
				continue;
			}
			accept_slot(instance, slot);
		}
	}
	if (taken) {
		smp_store_release(&instance->submit->head, instance->submit_head);
		WRITE_ONCE(view->entries_processed, view->entries_processed + taken);
		WRITE_ONCE(view->batches, view->batches + 1);
		ksvc_count(KSVC_COUNT_ENTRIES, taken);
		if (nops)
			ksvc_count(KSVC_COUNT_NOPS, nops);
	}
	return taken;
}

/*
 * Ends a hold of the lock: whoever waits for completions learns of those posted under it, and a
 * sleeping worker of what became ready. One worker is enough: it wakes the next as it starts.
 */
void ksvc_unlock(struct ksvc_instance *instance)
{
	u32 posted = instance->unannounced;
	bool wake_worker = instance->idle_workers && !list_empty(&instance->ready);

	instance->unannounced = 0;
	if (unlikely(instance->wants_worker) && !list_empty(&instance->ready))
		ksvc_refuse_later(instance);
	WRITE_ONCE(instance->view->in_flight, instance->in_flight_count);
	spin_unlock(&instance->lock);
	if (wake_worker)
		wake_up(&instance->worker_wait);
	if (!posted)
		return;
	ksvc_count(KSVC_COUNT_COMPLETIONS, posted);
	ksvc_announce(instance);
}

/* Wakes whoever waits for completions, or for the end of the ring. */
void ksvc_announce(struct ksvc_instance *instance)
{
	if (wq_has_sleeper(&instance->complete_wait))
		wake_up_poll(&instance->complete_wait, EPOLLIN | EPOLLRDNORM);
	if (instance->eventfd)
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
		eventfd_signal(instance->eventfd);
#else
		eventfd_signal(instance->eventfd, 1);
#endif
}
