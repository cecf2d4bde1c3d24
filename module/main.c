// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/ksvc: the device, and the order in which the module comes up.
 *
 * instance.c  open, CREATE, close         order.c   taking, LINKED, DRAIN, completing
 * map.c       the five mappings           enter.c   ENTER, CANCEL, PROBE
 * work.c      threads that stay inside    signals.c what a call sends to its caller
 * cover.c     who may run a call for whom
 * calls.c, file_calls.c, socket_calls.c, whole_calls.c    what runs inside
 * shared_page.c, follow.c                 what a process may read about itself, kept current
 * counters.c  debugfs                     trace.h   tracepoints
 *
 * There is no 32-bit entry: compat_ioctl is absent on purpose, because entries carry the numbers
 * of the 64-bit table.
 */
#include <linux/fdtable.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>

#include "instance.h"

static int ksvc_open(struct inode *inode, struct file *file)
{
	if ((file->f_mode & (FMODE_READ | FMODE_WRITE)) != (FMODE_READ | FMODE_WRITE))
		return -EACCES;
	return ksvc_instance_open(file);
}

static int ksvc_release(struct inode *inode, struct file *file)
{
	ksvc_instance_free(file->private_data);
	return 0;
}

static int is_this_file(const void *wanted, struct file *file, unsigned int descriptor)
{
	return file == wanted;
}

/* close(2) of one descriptor, and the end of the process. The instance is closed when the process
 * that made it has no descriptor left; what is passed to others keeps the memory, not the work. */
static int ksvc_flush(struct file *file, fl_owner_t id)
{
	struct ksvc_instance *instance = file->private_data;

	if (!smp_load_acquire(&instance->is_created) || id != instance->owner_files)
		return 0;
	if (!current->files || current->files != instance->owner_files ||
	    !iterate_fd(current->files, 0, is_this_file, file))
		ksvc_close(instance);
	return 0;
}

static bool is_owner(struct ksvc_instance *instance)
{
	return current->mm == instance->owner_mm && task_tgid(current) == instance->owner;
}

static long ksvc_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct ksvc_instance *instance = file->private_data;
	void __user *address = (void __user *)argument;

	switch (command) {
	case KSVC_IOC_CREATE:
		return ksvc_create(instance, address);
	case KSVC_IOC_PROBE:
		return ksvc_probe(address);
	case KSVC_IOC_ENTER:
	case KSVC_IOC_WORK:
	case KSVC_IOC_CANCEL:
	case KSVC_IOC_DISMISS:
		break;
	default:
		return -ENOTTY;
	}
	if (!smp_load_acquire(&instance->is_created))
		return -EINVAL;
	if (!is_owner(instance))
		return -EPERM;
	switch (command) {
	case KSVC_IOC_ENTER:
		return ksvc_enter(instance, address);
	case KSVC_IOC_WORK:
		return ksvc_work(instance, address);
	case KSVC_IOC_CANCEL:
		return ksvc_cancel(instance, address);
	default:
		return ksvc_dismiss(instance);
	}
}

static __poll_t ksvc_poll(struct file *file, poll_table *table)
{
	struct ksvc_instance *instance = file->private_data;
	__poll_t ready = 0;

	if (!smp_load_acquire(&instance->is_created))
		return EPOLLERR;
	poll_wait(file, &instance->complete_wait, table);
	if (ksvc_completions_waiting(instance))
		ready |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(instance->is_closed))
		ready |= EPOLLHUP;
	else if (smp_load_acquire(&instance->submit->tail) - READ_ONCE(instance->submit_head) <
		 instance->submit_size)
		ready |= EPOLLOUT | EPOLLWRNORM;
	return ready;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.open = ksvc_open,
	.release = ksvc_release,
	.flush = ksvc_flush,
	.unlocked_ioctl = ksvc_ioctl,
	.mmap = ksvc_mmap,
	.poll = ksvc_poll,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ksvc",
	.fops = &operations,
	.mode = 0666,
};

static int __init ksvc_init(void)
{
	int error = ksvc_filesystem_init();

	if (error)
		return error;
	error = ksvc_follow_init();
	if (error)
		goto no_follow;
	ksvc_whole_calls_init();
	ksvc_counters_init();
	error = misc_register(&device);
	if (error)
		goto no_device;
	return 0;
no_device:
	ksvc_counters_exit();
	ksvc_follow_exit();
no_follow:
	ksvc_filesystem_exit();
	return error;
}

static void __exit ksvc_exit(void)
{
	misc_deregister(&device);
	ksvc_counters_exit();
	ksvc_follow_exit();
	ksvc_filesystem_exit();
}

module_init(ksvc_init);
module_exit(ksvc_exit);
MODULE_DESCRIPTION("System calls by rings in shared memory (/dev/ksvc, version 3)");
MODULE_LICENSE("GPL");
MODULE_VERSION("3.0.0");
