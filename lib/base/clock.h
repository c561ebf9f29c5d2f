/* Time that has passed, for paces and plans: never part of a result. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/* Seconds since some moment in the past, never going back. */
double clock_seconds(void);

#endif
