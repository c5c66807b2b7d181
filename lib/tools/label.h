/* What events are called in words that are the same in every run: no addresses, no descriptors. */
#ifndef EDDY_TOOLS_LABEL_H
#define EDDY_TOOLS_LABEL_H

#include "tools/read.h"

/* Things numbered in the order in which they turn up, from 1. */
struct label_set {
  struct label_entry {
    uint64_t key;
    size_t number; /* 0: free */
  } * entries;     /* open addressing; at most half of it is in use */
  size_t count;
  size_t capacity;
};

struct labels {
  struct read_loop *loop;
  struct label_set callbacks, objects, descriptors;
  uint32_t *timers; /* by number: the task that booked it */
  size_t timers_count;
  struct label_queued {
    uint64_t callback;
    const eddy_trace_event *event;
  } * queued; /* from queued_first on: callbacks whose turn has not come */
  size_t queued_first;
  size_t queued_count;
  size_t queued_capacity;
};

void labels_begin(struct labels *labels, struct read_loop *loop);
void labels_end(struct labels *labels);

/* To be told of every event, in order, before it is asked for. */
void labels_see(struct labels *labels, const eddy_trace_event *event);

/* What a callback that runs is: "timer of Task-2", "recv on descriptor 1", "callback 3"; *queued is
 * the event that queued it, or NULL. To be freed. */
char *label_callback(
    struct labels *labels, const eddy_trace_event *run, const eddy_trace_event **queued);

/* What a task waits for: "timer", "Task-3", "queue get (object 1)". To be freed. */
char *label_wait(struct labels *labels, const eddy_trace_event *parked);

/* Who queued it: "Task-1", "a timer", ... To be freed. */
char *label_cause(struct labels *labels, const eddy_trace_event *queued);

#endif
