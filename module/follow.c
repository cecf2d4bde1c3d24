// SPDX-License-Identifier: GPL-2.0
/*
 * How the module learns that something has changed. Linux offers modules no notifier for a new
 * user id or parent, so the functions through which every such change goes are probed:
 *
 *   commit_creds (return)          user and group ids: setuid and its family, exec, user namespaces
 *   __x64_sys_setpgid (return)     process groups, one's own and a child's
 *   ksys_setsid (return)           sessions
 *   do_notify_parent (entry)       a process has died; its children have been given away by then
 *   __x64_sys_prlimit64, __x64_sys_setrlimit (return)
 *   uts_proc_notify (entry)        host name, by call and by sysctl, after it was written
 *   switch_task_namespaces (return)
 *
 * and of the tracepoints sched_process_exec and sched_process_exit. The time comes from the
 * timekeeper's own notifier. Every one of these returns before the caller can look at its page.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/pvclock_gtod.h>
#include <linux/tracepoint.h>

#include "instance.h"

/* Calls of one probed function in flight at once that can still be followed. */
#define RETURNS_IN_FLIGHT_MAX 128

static int current_changed(struct kretprobe_instance *instance, struct pt_regs *registers)
{
	ksvc_records_refresh_current();
	return 0;
}

static int somebody_changed(struct kretprobe_instance *instance, struct pt_regs *registers)
{
	ksvc_records_refresh_all();
	return 0;
}

static int process_died(struct kprobe *probe, struct pt_regs *registers)
{
	ksvc_records_reparent((struct task_struct *)regs_get_kernel_argument(registers, 0));
	return 0;
}

static int name_changed(struct kprobe *probe, struct pt_regs *registers)
{
	ksvc_records_rename();
	return 0;
}

#define ON_RETURN(function, action)                                                     \
	{                                                                               \
		.kp.symbol_name = function, .handler = action,                          \
		.maxactive = RETURNS_IN_FLIGHT_MAX                                      \
	}

static struct kretprobe returns[] = {
	ON_RETURN("commit_creds", current_changed),
	ON_RETURN("switch_task_namespaces", current_changed),
	ON_RETURN("ksys_setsid", somebody_changed),
	ON_RETURN("__x64_sys_setpgid", somebody_changed),
	ON_RETURN("__x64_sys_prlimit64", somebody_changed),
	ON_RETURN("__x64_sys_setrlimit", somebody_changed),
};

static struct kprobe entries[] = {
	{ .symbol_name = "do_notify_parent", .pre_handler = process_died },
	{ .symbol_name = "uts_proc_notify", .pre_handler = name_changed },
};

static void on_exec(void *unused, struct task_struct *task, pid_t old, struct linux_binprm *binary)
{
	ksvc_process_execs(task);
}

static void on_exit(void *unused, struct task_struct *task)
{
	ksvc_thread_exits(task);
}

static struct {
	const char *name;
	void *action;
	struct tracepoint *tracepoint;
	bool is_registered;
} tracepoints[] = {
	{ .name = "sched_process_exec", .action = on_exec },
	{ .name = "sched_process_exit", .action = on_exit },
};

static void find_tracepoint(struct tracepoint *tracepoint, void *unused)
{
	unsigned int index;

	for (index = 0; index < ARRAY_SIZE(tracepoints); index++)
		if (!strcmp(tracepoint->name, tracepoints[index].name))
			tracepoints[index].tracepoint = tracepoint;
}

static int time_moved(struct notifier_block *block, unsigned long was_set, void *timekeeper)
{
	ksvc_records_tick(timekeeper);
	return 0;
}

static struct notifier_block clock = { .notifier_call = time_moved };

static struct kretprobe *return_list[ARRAY_SIZE(returns)];
static struct kprobe *entry_list[ARRAY_SIZE(entries)];
static unsigned int returns_count, entries_count;
static bool follows_clock;

void ksvc_follow_exit(void)
{
	unsigned int index;

	if (follows_clock)
		pvclock_gtod_unregister_notifier(&clock);
	for (index = 0; index < ARRAY_SIZE(tracepoints); index++)
		if (tracepoints[index].is_registered)
			tracepoint_probe_unregister(tracepoints[index].tracepoint,
						    tracepoints[index].action, NULL);
	tracepoint_synchronize_unregister();
	/* All at once: each call waits for a grace period. */
	if (entries_count)
		unregister_kprobes(entry_list, entries_count);
	if (returns_count)
		unregister_kretprobes(return_list, returns_count);
	entries_count = 0;
	returns_count = 0;
	rcu_barrier(); /* records on their way out */
}

int ksvc_follow_init(void)
{
	const char *what = "";
	unsigned int index;
	int error = 0;

	for (; returns_count < ARRAY_SIZE(returns); returns_count++) {
		what = returns[returns_count].kp.symbol_name;
		return_list[returns_count] = &returns[returns_count];
		error = register_kretprobe(&returns[returns_count]);
		if (error)
			goto failed;
		/*
		 * A probe at a function's entry goes by ftrace, which looks through the records of
		 * every function of the kernel without a pause: 15 to 30 ms where every instruction is
		 * translated. Others may run between two of those.
		 */
		cond_resched();
	}
	for (; entries_count < ARRAY_SIZE(entries); entries_count++) {
		what = entries[entries_count].symbol_name;
		entry_list[entries_count] = &entries[entries_count];
		error = register_kprobe(&entries[entries_count]);
		if (error)
			goto failed;
		cond_resched();
	}
	for_each_kernel_tracepoint(find_tracepoint, NULL);
	for (index = 0; index < ARRAY_SIZE(tracepoints); index++) {
		what = tracepoints[index].name;
		error = tracepoints[index].tracepoint ?
				tracepoint_probe_register(tracepoints[index].tracepoint,
							  tracepoints[index].action, NULL) :
				-ENOENT;
		if (error)
			goto failed;
		tracepoints[index].is_registered = true;
	}
	what = "the timekeeper";
	error = pvclock_gtod_register_notifier(&clock);
	if (error)
		goto failed;
	follows_clock = true;
	return 0;
failed:
	pr_err("ksvc: cannot follow %s: error %d\n", what, error);
	ksvc_follow_exit();
	return error;
}
