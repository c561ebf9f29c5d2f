#include "train/stop.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t asked;

static void ask(int number)
{
	if (!asked)
		asked = 128 + number;
}

void stop_arm(void)
{
	/* SIGPIPE: a trainer's results are files; that nobody reads its messages any more is no reason to lose them */
	static const int ends[] = { SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU };
	struct sigaction before, a = { .sa_handler = ask, .sa_flags = SA_RESTART };
	sigemptyset(&a.sa_mask);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (!sigaction(ends[i], NULL, &before) && ((before.sa_flags & SA_SIGINFO) || before.sa_handler != SIG_IGN))
			sigaction(ends[i], &a, NULL);
}

int stop_asked(void) { return asked; }
