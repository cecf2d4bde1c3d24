// SPDX-License-Identifier: GPL-2.0
/*
 * accept, accept4 and connect run inside whole: by the function that the trap itself would reach.
 *
 * The kernel exports kernel_accept() and kernel_connect(), but those pass by the hooks of the
 * security module, which a ring must not evade, and the hooks are not exported. So the address of
 * the system call's own function is asked of kprobes, as follow.c asks for what it probes. Where it
 * cannot be had, the call steps out. These three are all that this is meant for: what a server
 * waits in, and nothing that the VFS exports properly.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <asm/ptrace.h>
#include <asm/unistd.h>

#include "instance.h"

typedef long (*whole_call)(const struct pt_regs *registers);

static struct {
	u32 syscall_nr;
	const char *symbol;
	whole_call call;
} calls[] = {
	{ __NR_accept, "__x64_sys_accept" },
	{ __NR_accept4, "__x64_sys_accept4" },
	{ __NR_connect, "__x64_sys_connect" },
};

/* A probe on a function that begins with ENDBR64 sits behind it; an indirect call must not. */
static void *function_of(void *probed)
{
	static const u8 endbr64[4] = { 0xf3, 0x0f, 0x1e, 0xfa };

	return memcmp(probed - sizeof(endbr64), endbr64, sizeof(endbr64)) ?
		       probed :
		       probed - sizeof(endbr64);
}

void ksvc_whole_calls_init(void)
{
	struct kprobe probes[ARRAY_SIZE(calls)] = {};
	struct kprobe *registered[ARRAY_SIZE(calls)];
	unsigned int index, count = 0;

	for (index = 0; index < ARRAY_SIZE(calls); index++) {
		struct kprobe *probe = &probes[index];

		probe->symbol_name = calls[index].symbol;
		probe->flags = KPROBE_FLAG_DISABLED; /* never armed */
		if (register_kprobe(probe))
			continue;
		calls[index].call = function_of(probe->addr);
		registered[count++] = probe;
	}
	if (count)
		unregister_kprobes(registered, count);
}

static whole_call find(u32 syscall_nr)
{
	unsigned int index;

	for (index = 0; index < ARRAY_SIZE(calls); index++)
		if (calls[index].syscall_nr == syscall_nr)
			return calls[index].call;
	return NULL;
}

bool ksvc_has_whole_call(u32 syscall_nr)
{
	return find(syscall_nr) != NULL;
}

s64 ksvc_whole_call(struct ksvc_request *request)
{
	whole_call call = find(request->syscall_nr);
	struct pt_regs registers = {
		.di = request->args[0],
		.si = request->args[1],
		.dx = request->args[2],
		.r10 = request->args[3],
		.r8 = request->args[4],
		.r9 = request->args[5],
		.orig_ax = request->syscall_nr,
	};

	return call ? call(&registers) : KSVC_STEP_OUT;
}
