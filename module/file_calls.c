// SPDX-License-Identifier: GPL-2.0
/*
 * Calls on files that run inside, by exported functions of the VFS; each does what the system call
 * of that number does, in the same order of errors, and steps out where it cannot. It runs in a
 * thread of the submitter, so `current` is right.
 */
#include <linux/file.h>
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/fsnotify.h>
#include <linux/module.h>
#include <linux/sched/xacct.h>
#include <linux/slab.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "instance.h"

/* Vectors up to this length need no allocation. */
#define VECTORS_ON_STACK 8

enum place { AT_FILE_POSITION, AT_OFFSET };

static ssize_t write_started(struct file *file, struct kiocb *operation, struct iov_iter *iterator)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	return vfs_iocb_iter_write(file, operation, iterator); /* starts the write itself */
#else
	ssize_t result;

	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	file_start_write(file);
	result = vfs_iocb_iter_write(file, operation, iterator);
	file_end_write(file);
	return result;
#endif
}

static ssize_t transfer_at(struct file *file, int direction, struct iov_iter *iterator,
			   loff_t *position)
{
	struct kiocb operation;
	ssize_t result;

	init_sync_kiocb(&operation, file);
	operation.ki_pos = *position;
	if (direction == READ) {
		result = vfs_iocb_iter_read(file, &operation, iterator);
		if (result > 0)
			add_rchar(current, result);
		inc_syscr(current);
	} else {
		result = write_started(file, &operation, iterator);
		if (result > 0)
			add_wchar(current, result);
		inc_syscw(current);
	}
	*position = operation.ki_pos;
	return result;
}

/* The file's own position, which threads and dup'ed descriptors share. */
static ssize_t transfer_here(struct file *file, int direction, struct iov_iter *iterator)
{
	loff_t position = 0;
	ssize_t result;

	if (file->f_mode & FMODE_STREAM)
		return transfer_at(file, direction, iterator, &position);
	if (file->f_mode & FMODE_ATOMIC_POS)
		mutex_lock(&file->f_pos_lock);
	position = file->f_pos;
	result = transfer_at(file, direction, iterator, &position);
	if (result >= 0)
		file->f_pos = position;
	if (file->f_mode & FMODE_ATOMIC_POS)
		mutex_unlock(&file->f_pos_lock);
	return result;
}

/* As vfs_read() chooses: an old-style operation goes first, and that one is not ours to call. */
static bool has_iterator(struct file *file, int direction, bool is_vector)
{
	if (direction == READ)
		return file->f_op->read_iter && (is_vector || !file->f_op->read);
	return file->f_op->write_iter && (is_vector || !file->f_op->write);
}

static s64 transfer(struct ksvc_request *request, int direction, enum place place, bool is_vector)
{
	fmode_t needed = direction == READ ? FMODE_READ : FMODE_WRITE;
	struct iovec stack_vector[VECTORS_ON_STACK];
	struct iovec *vector = stack_vector;
	loff_t position = request->args[3];
	struct iov_iter iterator;
	struct file *file;
	s64 result;

	if (place == AT_OFFSET && position < 0)
		return -EINVAL;
	file = fget(request->args[0]);
	if (!file)
		return -EBADF;
	result = -ESPIPE;
	if (place == AT_OFFSET &&
	    !(file->f_mode & (direction == READ ? FMODE_PREAD : FMODE_PWRITE)))
		goto out;
	result = -EBADF;
	if (!(file->f_mode & needed))
		goto out;
	result = -EFAULT; /* vfs_read() looks at the whole length; the importer cuts it first */
	if (!is_vector && !access_ok(u64_to_user_ptr(request->args[1]), request->args[2]))
		goto out;
	result = KSVC_STEP_OUT;
	if (!has_iterator(file, direction, is_vector))
		goto out;
	if (is_vector)
		result = import_iovec(direction, u64_to_user_ptr(request->args[1]),
				      request->args[2], VECTORS_ON_STACK, &vector, &iterator);
	else
		result = ksvc_import_buffer(direction, request->args[1], request->args[2], vector,
				       &iterator);
	if (result < 0)
		goto out;
	if (place == AT_OFFSET)
		result = transfer_at(file, direction, &iterator, &position);
	else
		result = transfer_here(file, direction, &iterator);
	if (is_vector)
		kfree(vector); /* NULL where the stack sufficed */
out:
	fput(file);
	return result;
}

static s64 sync_call(struct ksvc_request *request, int data_only)
{
	struct file *file = fget(request->args[0]);
	s64 result;

	if (!file)
		return -EBADF;
	result = vfs_fsync(file, data_only);
	fput(file);
	return result;
}

/* Relative to the working directory or absolute; relative to a descriptor steps out. */
static s64 open_call(u64 path_address, int flags, umode_t mode, bool is_at_descriptor)
{
	struct file *file;
	long length;
	char *path;
	int fd;

	path = __getname();
	if (!path)
		return -ENOMEM;
	length = strncpy_from_user(path, u64_to_user_ptr(path_address), PATH_MAX);
	fd = length < 0 ? length : length == 0 ? -ENOENT : length == PATH_MAX ? -ENAMETOOLONG : 0;
	if (fd < 0)
		goto out;
	if (is_at_descriptor && path[0] != '/') {
		__putname(path);
		return KSVC_STEP_OUT;
	}
	fd = get_unused_fd_flags(flags & O_CLOEXEC);
	if (fd < 0)
		goto out;
	file = filp_open(path, flags | O_LARGEFILE, mode);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		fd = PTR_ERR(file);
		goto out;
	}
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
	fsnotify_open(file); /* later kernels do it in filp_open() */
#endif
	fd_install(fd, file);
out:
	__putname(path);
	return fd;
}

static s64 close_call(struct ksvc_request *request)
{
	s64 result = close_fd(request->args[0]);

	/* As close(2): the descriptor is gone, so it must not be tried again. */
	if (result == -ERESTARTSYS || result == -ERESTARTNOINTR || result == -ERESTARTNOHAND ||
	    result == -ERESTART_RESTARTBLOCK)
		result = -EINTR;
	return result;
}

s64 ksvc_file_call(struct ksvc_request *request)
{
	const u64 *args = request->args;

	switch (request->syscall_nr) {
	case __NR_read:
		return transfer(request, READ, AT_FILE_POSITION, false);
	case __NR_write:
		return transfer(request, WRITE, AT_FILE_POSITION, false);
	case __NR_pread64:
		return transfer(request, READ, AT_OFFSET, false);
	case __NR_pwrite64:
		return transfer(request, WRITE, AT_OFFSET, false);
	case __NR_readv:
		return transfer(request, READ, AT_FILE_POSITION, true);
	case __NR_writev:
		return transfer(request, WRITE, AT_FILE_POSITION, true);
	case __NR_preadv:
		return transfer(request, READ, AT_OFFSET, true);
	case __NR_pwritev:
		return transfer(request, WRITE, AT_OFFSET, true);
	case __NR_fsync:
		return sync_call(request, 0);
	case __NR_fdatasync:
		return sync_call(request, 1);
	case __NR_open:
		return open_call(args[0], args[1], args[2], false);
	case __NR_openat:
		return open_call(args[1], args[2], args[3], (int)args[0] != AT_FDCWD);
	case __NR_close:
		return close_call(request);
	default:
		return KSVC_STEP_OUT;
	}
}
