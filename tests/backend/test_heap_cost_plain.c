/*
 * What timers cost, in comparisons of deadlines: those of the heap beside those of a list that
 * is kept sorted and of one that is searched for the next timer. The heap is compiled into
 * this file, with a counter where it compares.
 */
#include <stdio.h>
#include <stdlib.h>

static unsigned long compared;
#define EDDY__HEAP_COMPARES() (void)compared++

#include "../plain.h"
#include "backend/heap.c"

#define TIMERS 2000

void *eddy__array_resize(void *array, size_t from, size_t to)
{
  (void)from;
  if (to > 0) return realloc(array, to);
  free(array);
  return NULL;
}

static eddy_timer timers[TIMERS];
static eddy_time shuffled[TIMERS];

static void shuffle(void)
{
  uint64_t random = 88172645463325252u;
  for (size_t i = 0; i < TIMERS; i++)
    shuffled[i] = (eddy_time)i;
  for (size_t i = TIMERS - 1; i > 0; i--) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    size_t other = (size_t)(random % (i + 1));
    eddy_time swap = shuffled[i];
    shuffled[i] = shuffled[other];
    shuffled[other] = swap;
  }
}

static bool is_earlier(eddy_time a, eddy_time b)
{
  compared++;
  return a < b;
}

/* Each booking finds its place from the end of a sorted list; the first is taken for free. */
static unsigned long cost_of_sorted_list(void)
{
  static eddy_time list[TIMERS];
  compared = 0;
  for (size_t i = 0; i < TIMERS; i++) {
    size_t hole = i;
    for (; hole > 0 && is_earlier(shuffled[i], list[hole - 1]); hole--)
      list[hole] = list[hole - 1];
    list[hole] = shuffled[i];
  }
  for (size_t i = 0; i < TIMERS; i++)
    CHECK(list[i] == (eddy_time)i);
  return compared;
}

/* A booking is free; to take one looks at all that are left. */
static unsigned long cost_of_search(void)
{
  static eddy_time list[TIMERS];
  memcpy(list, shuffled, sizeof list);
  compared = 0;
  for (size_t left = TIMERS; left > 0; left--) {
    size_t first = 0;
    for (size_t i = 1; i < left; i++) {
      if (is_earlier(list[i], list[first])) first = i;
    }
    CHECK(list[first] == (eddy_time)(TIMERS - left));
    list[first] = list[left - 1];
  }
  return compared;
}

/* Books all; cancels every `hole`-th deadline (0: none); takes the rest, in order. */
static unsigned long cost_of_heap(eddy_time hole)
{
  struct eddy__heap heap = {0};
  compared = 0;
  for (size_t i = 0; i < TIMERS; i++) {
    timers[i].deadline = shuffled[i];
    CHECK(eddy__heap_add(&heap, &timers[i]) == 0);
  }
  for (size_t i = 0; i < TIMERS; i++) {
    if (hole > 0 && shuffled[i] % hole == 0) eddy__heap_remove(&heap, &timers[i]);
  }
  for (eddy_time next = 0; next < TIMERS; next++) {
    if (hole > 0 && next % hole == 0) continue;
    eddy_timer *timer = eddy__heap_take(&heap, EDDY_NEVER);
    CHECK(timer != NULL && timer->deadline == next);
  }
  CHECK(eddy__heap_take(&heap, EDDY_NEVER) == NULL);
  eddy__heap_fini(&heap);
  return compared;
}

int main(void)
{
  shuffle();
  unsigned long sorted = cost_of_sorted_list();
  unsigned long searched = cost_of_search();
  unsigned long heap = cost_of_heap(0);
  printf("comparisons for %d timers: heap %lu, sorted list %lu, search %lu\n", TIMERS,
      heap, sorted, searched);
  CHECK(heap > TIMERS); /* the counter counts */
  CHECK(heap * 10 < sorted);
  CHECK(heap * 10 < searched);
  CHECK(cost_of_heap(3) * 10 < sorted);
  return summary();
}
