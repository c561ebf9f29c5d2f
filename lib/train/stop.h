/* SIGINT and SIGTERM ask a trainer to finish its step, save and leave. */
#ifndef TRAIN_STOP_H
#define TRAIN_STOP_H

/* From now on both signals only set a flag; a second one kills as usual. */
void stop_arm(void);
/* 0, or the exit status that the signal asks for: 130 (SIGINT), 143 (SIGTERM). */
int stop_asked(void);

#endif
