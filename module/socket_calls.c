// SPDX-License-Identifier: GPL-2.0
/*
 * Calls on sockets that run inside, by exported functions of the network stack: sendto, recvfrom,
 * sendmsg, recvmsg. Each does what net/socket.c does for the trap, in the same order of errors;
 * the security module is asked inside sock_sendmsg() and sock_recvmsg().
 *
 * sendmmsg and recvmmsg step out: they are loops over these, with a time limit of their own.
 */
#include <linux/file.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <net/sock.h>
#include <asm/unistd.h>

#include "instance.h"

#define VECTORS_ON_STACK 8
/* An IPv6 packet information with its header, the most common ancillary data. */
#define CONTROL_ON_STACK (sizeof(struct cmsghdr) + 20)

static s64 send(struct socket *socket, struct msghdr *message, unsigned int flags)
{
#ifdef MSG_INTERNAL_SENDMSG_FLAGS
	flags &= ~MSG_INTERNAL_SENDMSG_FLAGS;
#endif
	message->msg_flags = flags;
	if (socket->file->f_flags & O_NONBLOCK)
		message->msg_flags |= MSG_DONTWAIT;
	return sock_sendmsg(socket, message);
}

static s64 sendto_call(struct ksvc_request *request)
{
	struct sockaddr_storage address;
	struct msghdr message = {};
	struct iovec vector;
	struct socket *socket;
	s64 result;
	int error;

	error = ksvc_import_buffer(WRITE, request->args[1], request->args[2], &vector,
				   &message.msg_iter);
	if (error < 0)
		return error;
	socket = sockfd_lookup(request->args[0], &error);
	if (!socket)
		return error;
	if (request->args[4]) {
		int length = request->args[5];

		result = -EINVAL;
		if (length < 0 || length > (int)sizeof(address))
			goto out;
		result = -EFAULT;
		if (copy_from_user(&address, u64_to_user_ptr(request->args[4]), length))
			goto out;
		message.msg_name = &address;
		message.msg_namelen = length;
	}
	result = send(socket, &message, request->args[3]);
out:
	fput(socket->file);
	return result;
}

static int copy_address_out(u64 user_address, int __user *user_length,
			    struct sockaddr_storage *address, int length)
{
	int room;

	if (get_user(room, user_length))
		return -EFAULT;
	room = min(room, length);
	if (room < 0)
		return -EINVAL;
	if (room && copy_to_user(u64_to_user_ptr(user_address), address, room))
		return -EFAULT;
	return put_user(length, user_length) ? -EFAULT : 0;
}

static s64 recvfrom_call(struct ksvc_request *request)
{
	struct sockaddr_storage address = {};
	struct msghdr message = { .msg_name = request->args[4] ? &address : NULL };
	int flags = request->args[3];
	struct iovec vector;
	struct socket *socket;
	int result, error;

	error = ksvc_import_buffer(READ, request->args[1], request->args[2], &vector,
				   &message.msg_iter);
	if (error < 0)
		return error;
	socket = sockfd_lookup(request->args[0], &error);
	if (!socket)
		return error;
	if (socket->file->f_flags & O_NONBLOCK)
		flags |= MSG_DONTWAIT;
	result = sock_recvmsg(socket, &message, flags);
	if (result >= 0 && request->args[4]) {
		error = copy_address_out(request->args[4], u64_to_user_ptr(request->args[5]),
					 &address, message.msg_namelen);
		if (error)
			result = error;
	}
	fput(socket->file);
	return result;
}

/* The header, the name where `take_name` says so, and the vectors; *vector is to be freed. */
static int copy_message_in(u64 user_address, int direction, bool take_name,
			   struct user_msghdr *header, struct msghdr *message, struct iovec **vector)
{
	ssize_t result;

	if (copy_from_user(header, u64_to_user_ptr(user_address), sizeof(*header)))
		return -EFAULT;
	message->msg_control_is_user = true;
	message->msg_control_user = header->msg_control;
	message->msg_controllen = header->msg_controllen;
	message->msg_namelen = header->msg_name ? header->msg_namelen : 0;
	if (message->msg_namelen < 0)
		return -EINVAL;
	message->msg_namelen = min_t(int, message->msg_namelen, sizeof(struct sockaddr_storage));
	if (take_name && message->msg_namelen) {
		if (copy_from_user(message->msg_name, header->msg_name, message->msg_namelen))
			return -EFAULT;
	} else {
		message->msg_name = NULL;
		message->msg_namelen = 0;
	}
	if (header->msg_iovlen > UIO_MAXIOV)
		return -EMSGSIZE;
	result = import_iovec(direction, header->msg_iov, header->msg_iovlen, VECTORS_ON_STACK,
			      vector, &message->msg_iter);
	return result < 0 ? result : 0;
}

/* Ancillary data is copied before anybody looks at it. */
static s64 send_with_control(struct socket *socket, struct msghdr *message, unsigned int flags)
{
	unsigned char on_stack[CONTROL_ON_STACK] __aligned(sizeof(__kernel_size_t));
	unsigned char *control = on_stack;
	int length = message->msg_controllen;
	s64 result = -EFAULT;

	if (length > (int)sizeof(on_stack)) {
		control = sock_kmalloc(socket->sk, length, GFP_KERNEL);
		if (!control)
			return -ENOBUFS;
	}
	if (!copy_from_user(control, message->msg_control_user, length)) {
		message->msg_control = control;
		message->msg_control_is_user = false;
		result = send(socket, message, flags);
	}
	if (control != on_stack)
		sock_kfree_s(socket->sk, control, length);
	return result;
}

/* What a message on its way holds beside its bytes. */
struct message_call {
	struct socket *socket;
	struct msghdr message;
	struct user_msghdr header;
	struct sockaddr_storage address;
	struct iovec stack_vector[VECTORS_ON_STACK];
	struct iovec *vector; /* NULL where that suffices */
};

static int begin_message(struct message_call *call, struct ksvc_request *request, int direction)
{
	int error;

	if (request->args[2] & MSG_CMSG_COMPAT)
		return -EINVAL;
	call->socket = sockfd_lookup(request->args[0], &error);
	if (!call->socket)
		return error;
	memset(&call->message, 0, sizeof(call->message));
	call->message.msg_name = &call->address;
	call->vector = call->stack_vector;
	error = copy_message_in(request->args[1], direction, direction == WRITE, &call->header,
				&call->message, &call->vector);
	if (error)
		fput(call->socket->file);
	return error;
}

static s64 end_message(struct message_call *call, s64 result)
{
	kfree(call->vector);
	fput(call->socket->file);
	return result;
}

static s64 sendmsg_call(struct ksvc_request *request)
{
	struct message_call call;
	s64 result = begin_message(&call, request, WRITE);

	if (result)
		return result;
	if (call.message.msg_controllen > INT_MAX)
		result = -ENOBUFS;
	else if (call.message.msg_controllen)
		result = send_with_control(call.socket, &call.message, request->args[2]);
	else
		result = send(call.socket, &call.message, request->args[2]);
	return end_message(&call, result);
}

/* What recvmsg tells beside the bytes. */
static int copy_message_out(struct message_call *call, struct user_msghdr __user *user_header)
{
	struct msghdr *message = &call->message;
	__kernel_size_t control_bytes = message->msg_control_user - call->header.msg_control;
	int error = 0;

	if (call->header.msg_name)
		error = copy_address_out((u64)(uintptr_t)call->header.msg_name,
					 &user_header->msg_namelen, &call->address,
					 message->msg_namelen);
	if (!error && put_user(message->msg_flags & ~MSG_CMSG_COMPAT, &user_header->msg_flags))
		error = -EFAULT;
	if (!error && put_user(control_bytes, &user_header->msg_controllen))
		error = -EFAULT;
	return error;
}

static s64 recvmsg_call(struct ksvc_request *request)
{
	unsigned int flags = request->args[2];
	struct message_call call;
	s64 result = begin_message(&call, request, READ);
	int error;

	if (result)
		return result;
	memset(&call.address, 0, sizeof(call.address));
	call.message.msg_name = &call.address;
	call.message.msg_flags = flags & MSG_CMSG_CLOEXEC;
	if (call.socket->file->f_flags & O_NONBLOCK)
		flags |= MSG_DONTWAIT;
	result = sock_recvmsg(call.socket, &call.message, flags);
	if (result >= 0) {
		error = copy_message_out(&call, u64_to_user_ptr(request->args[1]));
		if (error)
			result = error;
	}
	return end_message(&call, result);
}

s64 ksvc_socket_call(struct ksvc_request *request)
{
	switch (request->syscall_nr) {
	case __NR_sendto:
		return sendto_call(request);
	case __NR_recvfrom:
		return recvfrom_call(request);
	case __NR_sendmsg:
		return sendmsg_call(request);
	case __NR_recvmsg:
		return recvmsg_call(request);
	default:
		return KSVC_STEP_OUT;
	}
}
