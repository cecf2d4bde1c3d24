// SPDX-License-Identifier: GPL-2.0
/*
 * The five mappings, and with two of them the kick and the wait that need no trap.
 *
 * Doorbell: present means that a worker will look at the submit ring again before it sleeps. The
 * last thing a worker does before sleeping is to withdraw the page and look once more; the next
 * store faults, and the fault wakes a worker and puts the page back.
 *
 * Wait page: a load faults; the fault sleeps until a completion waits, then lends the page for a
 * moment, so that the load can finish, and takes it back a tick later. Within that tick a load on
 * an empty ring returns early: a program looks at the ring after every load anyway.
 *
 * Insertion and withdrawal happen under page_lock, or a fault could put a page back that a worker
 * has just withdrawn.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>

#include "instance.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static void vm_flags_mod(struct vm_area_struct *vma, vm_flags_t set, vm_flags_t clear)
{
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
static void release_fault_lock(struct vm_fault *fault)
{
	mmap_read_unlock(fault->vma->vm_mm);
}
#endif

static int refuse_mremap(struct vm_area_struct *vma)
{
	return -EINVAL;
}

/* ---- rings ---- */

static const struct vm_operations_struct ring_operations = {
	.mremap = refuse_mremap,
};

static int map_ring(struct vm_area_struct *vma, void *memory, u32 bytes)
{
	u32 offset;
	int error;

	if (vma->vm_end - vma->vm_start != bytes)
		return -EINVAL;
	/* remap_vmalloc_range() takes only what vmalloc_user() made, which nobody is charged for. */
	for (offset = 0; offset < bytes; offset += PAGE_SIZE) {
		error = vm_insert_page(vma, vma->vm_start + offset,
				       vmalloc_to_page(memory + offset));
		if (error)
			return error;
	}
	vma->vm_ops = &ring_operations;
	return 0;
}

/* ---- shared page ---- */

static void shared_open(struct vm_area_struct *vma)
{
	/* A fork or a split: whoever touches the copy first fills it for itself. */
	vma->vm_private_data = NULL;
}

static void shared_close(struct vm_area_struct *vma)
{
	struct ksvc_shared_record *record = vma->vm_private_data;

	if (record)
		ksvc_record_put(record);
}

static vm_fault_t shared_fault(struct vm_fault *fault)
{
	struct vm_area_struct *vma = fault->vma;
	struct ksvc_instance *instance = vma->vm_file->private_data;
	struct ksvc_shared_record *record = READ_ONCE(vma->vm_private_data);

	if (!record) {
		/* Filled for the process that touches it, so nobody else may touch it first. */
		if (current->mm != vma->vm_mm)
			return VM_FAULT_SIGBUS;
		if (ksvc_record_is_of_current(instance->record)) {
			record = instance->record;
			ksvc_record_get(record);
		} else {
			record = ksvc_record_new(instance->inode);
		}
		if (!record)
			return VM_FAULT_OOM;
		if (cmpxchg(&vma->vm_private_data, NULL, record)) {
			ksvc_record_put(record);
			record = READ_ONCE(vma->vm_private_data);
		}
	}
	fault->page = ksvc_record_lend(record);
	return VM_FAULT_LOCKED;
}

static const struct vm_operations_struct shared_operations = {
	.open = shared_open,
	.close = shared_close,
	.fault = shared_fault,
	.mremap = refuse_mremap,
};

/* ---- doorbell ---- */

static vm_fault_t doorbell_fault(struct vm_fault *fault)
{
	struct ksvc_instance *instance = fault->vma->vm_file->private_data;
	vm_fault_t result;

	ksvc_count(KSVC_COUNT_DOORBELL_FAULTS, 1);
	mutex_lock(&instance->page_lock);
	result = vmf_insert_pfn(fault->vma, fault->address, page_to_pfn(instance->doorbell_page));
	WRITE_ONCE(instance->doorbell_is_mapped, true);
	spin_lock(&instance->lock);
	instance->is_kicked = true; /* after the page: see worker_sleeps() in work.c */
	instance->is_dismissed = false;
	if (instance->wants_worker) /* and nobody to take what was written */
		ksvc_refuse_later(instance);
	spin_unlock(&instance->lock);
	mutex_unlock(&instance->page_lock);
	wake_up(&instance->worker_wait);
	return result;
}

void ksvc_withdraw_doorbell(struct ksvc_instance *instance)
{
	mutex_lock(&instance->page_lock);
	if (instance->doorbell_is_mapped) {
		unmap_mapping_range(instance->inode->i_mapping, KSVC_MMAP_DOORBELL, PAGE_SIZE, 1);
		WRITE_ONCE(instance->doorbell_is_mapped, false);
		ksvc_count(KSVC_COUNT_WITHDRAWALS, 1);
	}
	mutex_unlock(&instance->page_lock);
}

static const struct vm_operations_struct doorbell_operations = {
	.fault = doorbell_fault,
	.mremap = refuse_mremap,
};

/* ---- wait page ---- */

static bool may_return(struct ksvc_instance *instance)
{
	return READ_ONCE(instance->is_closed) || ksvc_completions_waiting(instance) != 0 ||
	       (READ_ONCE(instance->wants_worker) && !READ_ONCE(instance->is_promised) &&
		!list_empty(&instance->ready)); /* so that it can ENTER */
}

/* Lends the page for a tick. */
static vm_fault_t lend_wait_page(struct ksvc_instance *instance, struct vm_fault *fault)
{
	vm_fault_t result;

	mutex_lock(&instance->page_lock);
	result = vmf_insert_pfn(fault->vma, fault->address, page_to_pfn(instance->doorbell_page));
	instance->wait_is_mapped = true;
	mutex_unlock(&instance->page_lock);
	schedule_delayed_work(&instance->withdraw_wait_page, 1);
	return result;
}

void ksvc_withdraw_wait_page(struct work_struct *work)
{
	struct ksvc_instance *instance =
		container_of(to_delayed_work(work), struct ksvc_instance, withdraw_wait_page);

	mutex_lock(&instance->page_lock);
	if (instance->wait_is_mapped) {
		unmap_mapping_range(instance->inode->i_mapping, KSVC_MMAP_WAIT, PAGE_SIZE, 1);
		instance->wait_is_mapped = false;
		ksvc_count(KSVC_COUNT_WITHDRAWALS, 1);
	}
	mutex_unlock(&instance->page_lock);
}

static vm_fault_t wait_fault(struct vm_fault *fault)
{
	struct file *file = fault->vma->vm_file;
	struct ksvc_instance *instance = file->private_data;

	ksvc_count(KSVC_COUNT_WAIT_FAULTS, 1);
	/* A program must not be able to park a system call in the middle of copying from here. */
	if (!(fault->flags & FAULT_FLAG_USER))
		return VM_FAULT_SIGBUS;
	if (may_return(instance))
		return lend_wait_page(instance, fault);
	if (!(fault->flags & FAULT_FLAG_ALLOW_RETRY))
		return VM_FAULT_SIGBUS;
	if (fault->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	/* What back pressure has held up may go on now that the program has emptied its ring. */
	if (ksvc_can_take(instance))
		ksvc_go_on(instance);
	/* Without the mmap lock the mapping may go; the file must not. */
	get_file(file);
	release_fault_lock(fault);
	wait_event_interruptible(instance->complete_wait, may_return(instance));
	fput(file);
	return VM_FAULT_RETRY;
}

static const struct vm_operations_struct wait_operations = {
	.fault = wait_fault,
	.mremap = refuse_mremap,
};

int ksvc_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ksvc_instance *instance = file->private_data;
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	bool is_one_page = vma->vm_end - vma->vm_start == PAGE_SIZE;

	if (!smp_load_acquire(&instance->is_created))
		return -EINVAL;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EACCES;
	switch (offset) {
	case KSVC_MMAP_SUBMIT:
	case KSVC_MMAP_COMPLETE:
		vm_flags_mod(vma, VM_DONTEXPAND | VM_DONTDUMP, VM_MAYEXEC);
		if (offset == KSVC_MMAP_SUBMIT)
			return map_ring(vma, instance->submit_memory, instance->submit_map_bytes);
		return map_ring(vma, instance->complete_memory, instance->complete_map_bytes);
	case KSVC_MMAP_SHARED:
		if (!is_one_page)
			return -EINVAL;
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		vm_flags_mod(vma, VM_DONTEXPAND | VM_DONTDUMP, VM_MAYWRITE | VM_MAYEXEC);
		vma->vm_private_data = NULL;
		vma->vm_ops = &shared_operations;
		return 0;
	case KSVC_MMAP_DOORBELL:
		if (!is_one_page)
			return -EINVAL;
		vm_flags_mod(vma, VM_PFNMAP | VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP | VM_IO,
			     VM_MAYEXEC);
		vma->vm_ops = &doorbell_operations;
		return 0;
	case KSVC_MMAP_WAIT:
		if (!is_one_page)
			return -EINVAL;
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		vm_flags_mod(vma, VM_PFNMAP | VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP | VM_IO,
			     VM_MAYWRITE | VM_MAYEXEC);
		vma->vm_ops = &wait_operations;
		return 0;
	default:
		return -EINVAL;
	}
}
