// SPDX-License-Identifier: GPL-2.0
/*
 * Signals that a call sends to its caller: SIGPIPE by a write that nobody will read, SIGXFSZ by
 * one past RLIMIT_FSIZE. The caller is the worker, which blocks them; they are meant for the
 * program. So what such a call has left pending for the worker goes to the process: it kills, runs
 * a handler, waits or is dropped as the program has it. A worker that does not block them has them
 * itself, as any thread has.
 *
 * The other signals that a call can send to its caller (SIGTTIN and SIGTTOU) go to a whole process
 * group anyway.
 */
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/signal.h>

#include "instance.h"

#define OWN_SIGNALS (sigmask(SIGPIPE) | sigmask(SIGXFSZ))

static int take_pending(int number)
{
	kernel_siginfo_t information;
	enum pid_type type;
	sigset_t others;
	int taken = 0;

	siginitset(&others, 0);
	sigaddset(&others, number);
	signotset(&others);
	spin_lock_irq(&current->sighand->siglock);
	/* Its own come first, so that this never takes one that was sent to the process. */
	if (sigismember(&current->pending.signal, number) &&
	    sigismember(&current->blocked, number)) {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
		taken = dequeue_signal(&others, &information, &type);
#else
		taken = dequeue_signal(current, &others, &information, &type);
#endif
	}
	spin_unlock_irq(&current->sighand->siglock);
	return taken;
}

void ksvc_pass_on_signals(struct ksvc_instance *instance)
{
	if (likely(!(READ_ONCE(current->pending.signal.sig[0]) & OWN_SIGNALS)))
		return;
	if (take_pending(SIGPIPE) == SIGPIPE)
		kill_pid(instance->owner, SIGPIPE, 0);
	if (take_pending(SIGXFSZ) == SIGXFSZ)
		kill_pid(instance->owner, SIGXFSZ, 0);
}
