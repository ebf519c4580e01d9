// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fatal.c - signals that end the process leave the terminal as it was
 */
#include "fatal.h"

#include <rondo.h>
#include <signal.h>
#include <stddef.h>
#include "console.h"

static void on_fatal(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (number == SIGBUS && rondo_sigbus_fixup(info->si_addr))
		return;
	console_restore();
	signal(number, SIG_DFL);
	raise(number); /* for one that was sent; a fault comes again by itself on return */
}

void fatal_init(void)
{
	/* All but events.c's, a vCPU's kick, and what ends nobody; the sandbox takes SIGSYS later. */
	static const int numbers[] = { SIGQUIT, SIGILL,    SIGTRAP, SIGABRT, SIGBUS,
				       SIGFPE,  SIGSEGV,   SIGALRM, SIGSYS,  SIGSTKFLT,
				       SIGXCPU, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR };
	struct sigaction action = { .sa_sigaction = on_fatal, .sa_flags = SA_SIGINFO };
	size_t i;
	int rt;

	sigemptyset(&action.sa_mask);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
	for (rt = SIGRTMIN; rt <= SIGRTMAX; rt++)
		sigaction(rt, &action, NULL);
	/* Errors of write() as well: of a reader that has gone, of the guest's disk. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}
