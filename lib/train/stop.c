#include "train/stop.h"

#include <signal.h>

static volatile sig_atomic_t asked;

static void ask(int number) { asked = 128 + number; }

void stop_arm(void)
{
	struct sigaction a = { .sa_handler = ask, .sa_flags = SA_RESETHAND | SA_RESTART };
	sigemptyset(&a.sa_mask);
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
}

int stop_asked(void) { return asked; }
