/*
 * A heap of timers, ordered by (deadline, sequence).
 *
 * Four children to a node, and the keys beside the pointers: looking for the smallest of
 * four children touches two or three cache lines and none of the timers. A timer knows
 * its place (timer->place.index), so that taking one out of the middle costs no search.
 */
#ifndef EDDY_BACKEND_HEAP_H
#define EDDY_BACKEND_HEAP_H

#include <eddy/backend.h>

struct eddy__heap_entry {
  eddy_time deadline;
  uint64_t sequence;
  eddy_timer *timer;
};

/* All zero is an empty heap. */
struct eddy__heap {
  struct eddy__heap_entry *entries;
  size_t count;
  size_t capacity;
  size_t roomy; /* removals in a row that left less than a quarter in use */
};

void eddy__heap_fini(struct eddy__heap *heap);

/* Books a timer. Returns 0, or EDDY_ENOMEM with the heap as it was. */
int eddy__heap_add(struct eddy__heap *heap, eddy_timer *timer);

/* Takes out a timer that is in the heap. */
void eddy__heap_remove(struct eddy__heap *heap, eddy_timer *timer);

/* The deadline of the first timer; EDDY_NEVER if the heap is empty. */
static inline eddy_time eddy__heap_next(const struct eddy__heap *heap)
{
  return heap->count == 0 ? EDDY_NEVER : heap->entries[0].deadline;
}

/* Takes out the first timer. The heap is not empty. */
eddy_timer *eddy__heap_take(struct eddy__heap *heap);

#endif
