/* Signals that end a process ask a trainer to finish its step, save and leave. */
#ifndef TRAIN_STOP_H
#define TRAIN_STOP_H

/* From now on SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2 and SIGXCPU only set a flag, however often they come: make, timeout and a
 * shell each pass theirs on, and schedulers warn before they kill. What was ignored before (nohup) stays ignored. */
void stop_arm(void);
/* 0, or the exit status that the first of the signals asks for: 128 and its number. */
int stop_asked(void);

#endif
