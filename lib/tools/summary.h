/* A trace in numbers. */
#ifndef EDDY_TOOLS_SUMMARY_H
#define EDDY_TOOLS_SUMMARY_H

#include <stdio.h>

#include "tools/read.h"

/* What tasks waited for. */
struct summary_reason {
  char *what;
  size_t count;
  int64_t total;
};

/* A long wait. */
struct summary_wait {
  uint32_t task;
  char *what;
  int64_t took;
};

#define SUMMARY_LONGEST 5

/* Durations, sorted when the summary is complete. */
struct summary_times {
  int64_t *all;
  size_t count;
  size_t capacity;
};

struct summary {
  size_t tasks, ended, cancels;
  size_t steps, callbacks, turns;
  size_t polls, operations; /* those that polls reported */
  size_t tried;             /* operations tried, each a system call or more */
  int64_t polling, running; /* how long */
  int64_t polled_at;        /* the last poll */
  int64_t answered_at;      /* and its answer, or where the trace begins */
  struct summary_reason *reasons;
  size_t reasons_count;
  size_t reasons_capacity;
  struct summary_wait longest[SUMMARY_LONGEST];
  struct summary_times late;    /* timers: from due to fired */
  struct summary_times waiting; /* steps: from queued to run */
  struct summary_times busy;    /* between two polls, when nothing new is noticed */
};

void summary_make(struct read_loop *loop, struct summary *summary);
void summary_free(struct summary *summary);
void summary_print(struct read_loop *loop, const struct summary *summary, FILE *file);

#endif
