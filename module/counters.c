// SPDX-License-Identifier: GPL-2.0
/* What the module has done since it was loaded: /sys/kernel/debug/ksvc/counters, one name and one
 * sum over all CPUs a line. Numbers for people; nothing decides by them. */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>

#include "instance.h"

static const char *const names[KSVC_COUNTERS] = {
	[KSVC_COUNT_INSTANCES] = "instances",
	[KSVC_COUNT_ENTERS] = "enters",
	[KSVC_COUNT_ENTRIES] = "entries",
	[KSVC_COUNT_INSIDE] = "inside",
	[KSVC_COUNT_OUTSIDE] = "outside",
	[KSVC_COUNT_NOPS] = "nops",
	[KSVC_COUNT_COMPLETIONS] = "completions",
	[KSVC_COUNT_CANCELLED] = "cancelled",
	[KSVC_COUNT_REFUSED] = "refused",
	[KSVC_COUNT_DOORBELL_FAULTS] = "doorbell_faults",
	[KSVC_COUNT_WAIT_FAULTS] = "wait_faults",
	[KSVC_COUNT_WITHDRAWALS] = "withdrawals",
	[KSVC_COUNT_WORKER_SLEEPS] = "worker_sleeps",
	[KSVC_COUNT_BAD_TAILS] = "bad_tails",
};

DEFINE_PER_CPU(u64[KSVC_COUNTERS], ksvc_counts);
static struct dentry *folder;

static int counters_show(struct seq_file *out, void *unused)
{
	unsigned int counter, cpu;

	for (counter = 0; counter < KSVC_COUNTERS; counter++) {
		u64 sum = 0;

		for_each_possible_cpu(cpu)
			sum += per_cpu(ksvc_counts, cpu)[counter];
		seq_printf(out, "%s %llu\n", names[counter], sum);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counters);

void ksvc_counters_init(void)
{
	/* debugfs may be absent; its functions then do nothing, and so do we. */
	folder = debugfs_create_dir("ksvc", NULL);
	debugfs_create_file("counters", 0400, folder, NULL, &counters_fops);
}

void ksvc_counters_exit(void)
{
	debugfs_remove_recursive(folder);
}
