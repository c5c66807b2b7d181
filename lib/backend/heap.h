/*
 * A heap of timers, ordered by (deadline, booking), that sorts as late as it can.
 *
 * Memory is what timers cost, so nothing here points into the middle of the order. A
 * booked timer has a slot, which it knows (timer->place.index) and which alone points to
 * it; what is sorted are keys of two words with the slot's number inside. Moving a key
 * touches no timer, and a timer is removed by clearing its slot: its key stays behind,
 * dead, until it gets to the front or until too many are.
 *
 * The keys lie in segments, each unsorted and all of it later than the next segment; at
 * the end is the front, a few keys in order. When the front is used up, the last segment
 * is split again and again until what remains is small enough to be sorted. A key is so
 * moved O(log n) times (amortised), in passes over neighbouring memory; a new one goes to
 * the end of its segment, for which one key of each later segment moves.
 */
#ifndef EDDY_BACKEND_HEAP_H
#define EDDY_BACKEND_HEAP_H

#include <eddy/backend.h>

#define EDDY__HEAP_FRONT 64
#define EDDY__HEAP_SEGMENTS 64

struct eddy__heap_key {
  eddy_time deadline;
  uint64_t tag; /* the number of the booking, and below it the slot */
};

/* A booked timer; NULL if it was removed and its key is still there. A free slot is odd.
 */
union eddy__heap_slot {
  eddy_timer *timer;
  uintptr_t next; /* of the free slot after this one, see `free`; times two, plus one */
};

struct eddy__heap_segment {
  size_t start;                /* it ends where the next one begins */
  struct eddy__heap_key bound; /* its keys are before, those of earlier starts are not */
};

/* All zero is an empty heap. */
struct eddy__heap {
  union eddy__heap_slot *slots;
  struct eddy__heap_key *keys;
  size_t capacity;   /* of both */
  size_t slots_size; /* bytes that they have, at least so many */
  size_t keys_size;
  size_t live;      /* timers booked */
  size_t count;     /* keys in the segments, dead ones included */
  size_t in_front;  /* keys in the front, dead ones included */
  size_t depth;     /* segments above the first, which needs no description */
  size_t free;      /* number of the last slot that came back, plus one; 0 if none did */
  size_t fresh;     /* slots from here on were never used */
  size_t roomy;     /* removals in a row that left less than a quarter in use */
  uint64_t booking; /* number of the next booking */
  uint64_t mix;     /* where to look for a pivot */
  struct eddy__heap_key front_bound;
  struct eddy__heap_key front[EDDY__HEAP_FRONT];           /* the earliest is the last */
  struct eddy__heap_segment segments[EDDY__HEAP_SEGMENTS]; /* 1 to depth */
};

void eddy__heap_fini(struct eddy__heap *heap);

/* Books a timer behind those with its deadline. Returns 0, or EDDY_ENOMEM with the same
 * timers booked as before. */
int eddy__heap_add(struct eddy__heap *heap, eddy_timer *timer);

/* Takes out a timer that is in the heap; its memory is not looked at again. */
void eddy__heap_remove(struct eddy__heap *heap, eddy_timer *timer);

/* The deadline of the first timer; EDDY_NEVER if the heap is empty. */
eddy_time eddy__heap_next(struct eddy__heap *heap);

/* Takes out the first timer if its deadline is not after `now`, else returns NULL. */
eddy_timer *eddy__heap_take(struct eddy__heap *heap, eddy_time now);

#endif
