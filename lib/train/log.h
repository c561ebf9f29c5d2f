/* A training run's log (TSV, a line per step or validation) and its progress line. */
#ifndef TRAIN_LOG_H
#define TRAIN_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct train_log train_log;

/* Opens path for appending. columns: names separated by tabs, the first being "step". A log that exists must begin with the same line
 * (ERR_CONFIG); its lines from step `from` on, and a last line cut short, are dropped: they will be written again. from 0: a new log. */
int log_open(train_log **out, const char *path, const char *columns, int64_t from, err *e);
/* Appends a line: the step and n numbers (NAN: an empty field). Handed to the system when it returns. */
int log_line(train_log *l, int64_t step, const double *v, int n, err *e);
int log_close(train_log *l, err *e);

/* Time left, in seconds, from the pace of the steps made in this process. */
typedef struct pace {
	double begun;
	int64_t first, total;
} pace;
pace pace_begin(int64_t first, int64_t total);
double pace_left(const pace *p, int64_t done);
/* "1:02:03" or "2:03" into buf. */
const char *pace_text(double seconds, char buf[32]);

#endif
