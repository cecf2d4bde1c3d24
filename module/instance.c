// SPDX-License-Identifier: GPL-2.0
/*
 * The life of an instance: opened, made by CREATE, closed, freed.
 *
 * Closed comes before freed: a mapping or a worker may hold the file long after the last
 * descriptor is gone. It is closed when the process that made it closes its last descriptor,
 * execs or ends; then every accepted entry gets its completion and the workers leave.
 */
#include <linux/fdtable.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "instance.h"

DEFINE_SPINLOCK(ksvc_instances_lock);
static LIST_HEAD(instances);

/* An inode for each instance, so that withdrawing a page meets its own mappings only. */
static struct vfsmount *inode_mount;

static int filesystem_context(struct fs_context *context)
{
	return init_pseudo(context, KSVC_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type filesystem = {
	.name = "ksvc",
	/* No owner: it is mounted by the module itself, which could then never be unloaded. */
	.init_fs_context = filesystem_context,
	.kill_sb = kill_anon_super,
};

int ksvc_filesystem_init(void)
{
	inode_mount = kern_mount(&filesystem);
	return PTR_ERR_OR_ZERO(inode_mount);
}

void ksvc_filesystem_exit(void)
{
	kern_unmount(inode_mount);
}

int ksvc_instance_open(struct file *file)
{
	struct ksvc_instance *instance = kzalloc(sizeof(*instance), GFP_KERNEL_ACCOUNT);

	if (!instance)
		return -ENOMEM;
	instance->inode = alloc_anon_inode(inode_mount->mnt_sb);
	if (IS_ERR(instance->inode)) {
		int error = PTR_ERR(instance->inode);

		kfree(instance);
		return error;
	}
	mutex_init(&instance->create_lock);
	mutex_init(&instance->page_lock);
	spin_lock_init(&instance->lock);
	INIT_LIST_HEAD(&instance->instances_node);
	INIT_LIST_HEAD(&instance->free);
	INIT_LIST_HEAD(&instance->in_flight);
	INIT_LIST_HEAD(&instance->drains);
	INIT_LIST_HEAD(&instance->to_start);
	INIT_LIST_HEAD(&instance->deferred);
	INIT_LIST_HEAD(&instance->ready);
	init_waitqueue_head(&instance->worker_wait);
	init_waitqueue_head(&instance->complete_wait);
	INIT_DELAYED_WORK(&instance->withdraw_wait_page, ksvc_withdraw_wait_page);
	INIT_DELAYED_WORK(&instance->refuse, ksvc_refuse);
	file->private_data = instance;
	file->f_mapping = instance->inode->i_mapping;
	ksvc_count(KSVC_COUNT_INSTANCES, 1);
	return 0;
}

/* What CREATE takes from the machine for good, in pages. */
static unsigned long pages_of(u32 submit_bytes, u32 complete_bytes, u32 complete_size)
{
	return (submit_bytes + complete_bytes +
		PAGE_ALIGN(complete_size * sizeof(struct ksvc_request))) / PAGE_SIZE + 2;
}

static void free_memory(struct ksvc_instance *instance)
{
	if (instance->locked_pages)
		account_locked_vm(instance->owner_mm, instance->locked_pages, false);
	instance->locked_pages = 0;
	vfree(instance->submit_memory);
	vfree(instance->complete_memory);
	kvfree(instance->requests);
	if (instance->doorbell_page)
		__free_page(instance->doorbell_page);
	if (instance->record)
		ksvc_record_put(instance->record);
	if (instance->eventfd)
		eventfd_ctx_put(instance->eventfd);
	instance->submit_memory = NULL;
	instance->complete_memory = NULL;
	instance->requests = NULL;
	instance->doorbell_page = NULL;
	instance->record = NULL;
	instance->eventfd = NULL;
}

/* The last reference to the file is gone: no mapping, no worker, no descriptor. */
void ksvc_instance_free(struct ksvc_instance *instance)
{
	if (instance->is_created) {
		spin_lock(&ksvc_instances_lock);
		list_del(&instance->instances_node);
		spin_unlock(&ksvc_instances_lock);
		ksvc_close(instance);
		cancel_delayed_work_sync(&instance->withdraw_wait_page);
		cancel_delayed_work_sync(&instance->refuse);
	}
	free_memory(instance);
	if (instance->is_created) {
		mmdrop(instance->owner_mm);
		put_pid(instance->owner);
	}
	iput(instance->inode);
	kfree(instance);
}

static bool is_ring_size(u32 entries)
{
	return entries >= KSVC_RING_ENTRIES_MIN && entries <= KSVC_RING_ENTRIES_MAX &&
	       is_power_of_2(entries);
}

static u32 ring_bytes(u32 entries, u32 entry_size)
{
	return PAGE_ALIGN(KSVC_ENTRIES_OFFSET + entries * entry_size);
}

static void *new_ring(u32 entries, u32 entry_size)
{
	struct ksvc_ring_header *header = __vmalloc(ring_bytes(entries, entry_size),
						    GFP_KERNEL_ACCOUNT | __GFP_ZERO);

	if (!header)
		return NULL;
	header->magic = KSVC_RING_MAGIC;
	header->ring_size = entries;
	header->mask = entries - 1;
	header->entry_size = entry_size;
	header->version = KSVC_VERSION;
	header->head_offset = offsetof(struct ksvc_ring_header, head);
	header->tail_offset = offsetof(struct ksvc_ring_header, tail);
	header->entries_offset = KSVC_ENTRIES_OFFSET;
	return header;
}

static int make(struct ksvc_instance *instance, struct ksvc_create_params *params)
{
	unsigned long pages;
	u32 index;
	int error;

	if (params->eventfd >= 0) {
		struct eventfd_ctx *eventfd = eventfd_ctx_fdget(params->eventfd);

		if (IS_ERR(eventfd))
			return PTR_ERR(eventfd);
		instance->eventfd = eventfd;
	}
	instance->submit_size = params->submit_ring_entries;
	instance->complete_size = params->complete_ring_entries;
	instance->submit_map_bytes = ring_bytes(instance->submit_size, sizeof(struct ksvc_entry));
	instance->complete_map_bytes =
		ring_bytes(instance->complete_size, sizeof(struct ksvc_completion));
	pages = pages_of(instance->submit_map_bytes, instance->complete_map_bytes,
			 instance->complete_size);
	/* All of it stays in memory, so it counts against RLIMIT_MEMLOCK as mlock() would. */
	instance->owner_mm = current->mm;
	error = account_locked_vm(instance->owner_mm, pages, true);
	if (error)
		return error;
	instance->locked_pages = pages;
	instance->submit_memory = new_ring(instance->submit_size, sizeof(struct ksvc_entry));
	instance->complete_memory =
		new_ring(instance->complete_size, sizeof(struct ksvc_completion));
	instance->requests = kvcalloc(instance->complete_size, sizeof(*instance->requests),
				      GFP_KERNEL_ACCOUNT);
	instance->doorbell_page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!instance->submit_memory || !instance->complete_memory || !instance->requests ||
	    !instance->doorbell_page)
		return -ENOMEM;
	instance->record = ksvc_record_new(instance->inode);
	if (!instance->record)
		return -ENOMEM;
	instance->view = ksvc_record_view(instance->record);
	instance->submit = instance->submit_memory;
	instance->complete = instance->complete_memory;
	instance->entries = instance->submit_memory + KSVC_ENTRIES_OFFSET;
	instance->completions = instance->complete_memory + KSVC_ENTRIES_OFFSET;
	for (index = 0; index < instance->complete_size; index++) {
		struct ksvc_request *request = &instance->requests[index];

		INIT_LIST_HEAD(&request->in_flight_node);
		INIT_LIST_HEAD(&request->drain_node);
		list_add_tail(&request->queue_node, &instance->free);
	}
	return 0;
}

long ksvc_create(struct ksvc_instance *instance, void __user *argument)
{
	struct ksvc_create_params params;
	long error;

	if (copy_from_user(&params, argument, sizeof(params)))
		return -EFAULT;
	mutex_lock(&instance->create_lock);
	error = -EBUSY;
	if (instance->is_created)
		goto out;
	error = -EINVAL;
	if (!is_ring_size(params.submit_ring_entries) ||
	    !is_ring_size(params.complete_ring_entries) || params.flags ||
	    params.reserved[0] || params.reserved[1] || params.reserved[2] || params.reserved[3])
		goto out;
	error = make(instance, &params);
	if (error)
		goto undo;
	params.out.version = KSVC_VERSION;
	params.out.features = KSVC_FEATURE_NEEDS_WORKERS | KSVC_FEATURE_DOORBELL |
			      KSVC_FEATURE_WAIT_PAGE | KSVC_FEATURE_MULTI | KSVC_FEATURE_CANCEL;
	params.out.submit_map_bytes = instance->submit_map_bytes;
	params.out.complete_map_bytes = instance->complete_map_bytes;
	error = -EFAULT;
	if (copy_to_user(argument, &params, sizeof(params)))
		goto undo;
	mmgrab(instance->owner_mm);
	instance->owner_files = current->files;
	instance->owner = get_pid(task_tgid(current));
	spin_lock(&ksvc_instances_lock);
	list_add(&instance->instances_node, &instances);
	spin_unlock(&ksvc_instances_lock);
	smp_store_release(&instance->is_created, true);
	error = 0;
	goto out;
undo:
	INIT_LIST_HEAD(&instance->free);
	free_memory(instance);
out:
	mutex_unlock(&instance->create_lock);
	return error;
}

/* Idempotent. May be called with preemption off. */
void ksvc_close(struct ksvc_instance *instance)
{
	struct ksvc_request *request, *next;

	spin_lock(&instance->lock);
	if (instance->is_closed) {
		spin_unlock(&instance->lock);
		return;
	}
	WRITE_ONCE(instance->is_closed, true);
	list_for_each_entry_safe(request, next, &instance->in_flight, in_flight_node) {
		switch (request->state) {
		case KSVC_READY:
		case KSVC_OUTSIDE: /* its result would come too late to be posted */
			ksvc_complete_locked(instance, request, -ECANCELED);
			break;
		case KSVC_RUNNING:
			request->is_cancelled = true;
			ksvc_interrupt_worker(request);
			break;
		default: /* ended by settling, now or when what it waits for ends */
			break;
		}
	}
	ksvc_settle_locked(instance);
	ksvc_unlock(instance);
	wake_up_all(&instance->worker_wait);
	ksvc_announce(instance);
	wake_up_all(&instance->complete_wait);
}

/* After exec the old memory is gone and nobody can bring its workers back. */
void ksvc_process_execs(struct task_struct *task)
{
	struct ksvc_instance *instance;

	spin_lock(&ksvc_instances_lock);
	list_for_each_entry(instance, &instances, instances_node)
		if (instance->owner == task_tgid(task) && instance->owner_mm != task->mm)
			ksvc_close(instance);
	spin_unlock(&ksvc_instances_lock);
}

/*
 * A thread that dies while out on a call will not bring the result. After the last thread nobody
 * runs anything any more, even where another process shares the descriptor table and keeps it.
 */
void ksvc_thread_exits(struct task_struct *task)
{
	struct ksvc_instance *instance;
	struct ksvc_request *request, *next;

	if (list_empty(&instances))
		return;
	spin_lock(&ksvc_instances_lock);
	list_for_each_entry(instance, &instances, instances_node) {
		if (instance->owner != task_tgid(task))
			continue;
		if (!atomic_read(&task->signal->live)) {
			ksvc_close(instance);
			continue;
		}
		spin_lock(&instance->lock);
		list_for_each_entry_safe(request, next, &instance->in_flight, in_flight_node) {
			if (request->state != KSVC_OUTSIDE || request->worker != task)
				continue;
			instance->busy_workers--;
			instance->all_workers--;
			ksvc_complete_locked(instance, request, -EINTR);
			if (instance->all_workers)
				continue;
			/* Its filter has killed it, and the doorbell may be mapped still. */
			ksvc_want_worker_locked(instance, false);
			ksvc_refuse_later(instance);
		}
		ksvc_settle_locked(instance);
		ksvc_unlock(instance);
	}
	spin_unlock(&ksvc_instances_lock);
}

/*
 * A newer filter than some workers of this process have: those leave at their next look, also from
 * its other rings, because they are in the way of those that have the filter.
 */
void ksvc_workers_look_again(struct ksvc_instance *of)
{
	struct ksvc_instance *instance;

	spin_lock(&ksvc_instances_lock);
	list_for_each_entry(instance, &instances, instances_node) {
		if (instance->owner != of->owner)
			continue;
		WRITE_ONCE(instance->must_look, true);
		wake_up_all(&instance->worker_wait);
	}
	spin_unlock(&ksvc_instances_lock);
}
