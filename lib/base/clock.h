/* The monotonic clock and what else of the system's state the core asks for. */
#ifndef EDDY_BASE_CLOCK_H
#define EDDY_BASE_CLOCK_H

#include <eddy/time.h>

/* Nanoseconds since some fixed point; never goes back. */
eddy_time eddy__clock_now(void);

/* now + delay without overflow: a negative delay counts as 0, one too long as EDDY_NEVER. */
eddy_time eddy__time_after(eddy_time now, eddy_time delay);

/* The id of this process, to recognise a fork. */
long eddy__process_id(void);

/* At every fork of this process from now on, calls `before`, and after it one of the others in
 * each of the two processes. 0 or EDDY_ENOMEM. */
int eddy__on_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void));

/* How many threads this process has; 0 where the system does not tell. */
int eddy__thread_count(void);

/* Whether the calling thread is the process's first; true where the system does not tell. */
bool eddy__thread_is_main(void);

#endif
