/* Where the time of a trace went: each step's, and each iteration's. */
#ifndef EDDY_TOOLS_SPANS_H
#define EDDY_TOOLS_SPANS_H

#include "tools/diff.h"

/* A line of diff_lines. */
struct span {
  long from; /* the line that queued it, or -1: it was no line's doing */
  eddy_time over;
};

/* An iteration that ran something: the poll before it and what it ran, in nanoseconds. */
struct spans_turn {
  uint64_t number;
  eddy_time begun; /* with its poll, if there is one */
  int64_t steps, of_io, of_timers, others;
  int64_t polling;   /* asking without permission to sleep */
  int64_t idle;      /* asking with it */
  size_t polls;      /* more than one: it found nothing to run at first */
  size_t reported;   /* operations that the polls said can go on */
  size_t tried;      /* operations tried */
  size_t first_line; /* of its lines; there are those up to the next one's */
};

struct spans_cancel {
  long from; /* the line that asks, or -1 */
  uint32_t task;
  eddy_time time;
};

struct spans {
  struct span *lines;
  size_t count;
  struct spans_turn *turns;
  size_t turns_count;
  size_t turns_capacity;
  long *created; /* by task: the line that created it, or -1 */
  struct spans_cancel *cancels;
  size_t cancels_count;
  size_t cancels_capacity;
};

void spans_make(
    struct read_loop *loop, const struct diff_lines *lines, struct spans *spans);
void spans_free(struct spans *spans);

#endif
