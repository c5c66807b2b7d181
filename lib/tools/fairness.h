/* Each task's share of a loop. */
#ifndef EDDY_TOOLS_FAIRNESS_H
#define EDDY_TOOLS_FAIRNESS_H

#include "tools/read.h"

struct fairness {
  uint32_t task;
  size_t steps;
  int64_t ran;                         /* how long, in all its steps */
  int64_t longest;                     /* for which it was ready before it ran */
  const eddy_trace_event *longest_run; /* and that run; NULL: it was never ready */
};

/* A row of those that ran, the one that ran longest first; to be freed. */
struct fairness *fairness_make(struct read_loop *loop, size_t *count);

#endif
