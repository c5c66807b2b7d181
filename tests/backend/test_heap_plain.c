/*
 * The heap of timers against a model that looks through all of them. Memory comes from
 * here, so that it can be refused; a timer that was removed or taken is filled with
 * rubbish, as if its memory belonged to somebody else by then.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../plain.h"
#include "backend/heap.h"
#include "base/clock.h"

#define TIMERS 4000
#define LAST_BOOKING ((UINT64_C(1) << 36) - 1)

/* ---- memory ---- */

static bool refuse;

/* Arrays stand behind their sizes, which their owner has to know. */
void *eddy__array_resize(void *array, size_t from, size_t to)
{
  max_align_t *block = array != NULL ? (max_align_t *)array - 1 : NULL;
  CHECK(from == (block != NULL ? *(size_t *)(void *)block : 0));
  if (to == 0) free(block);
  if (to == 0 || refuse) return NULL;
  block = realloc(block, sizeof(*block) + to);
  if (block == NULL) return NULL;
  *(size_t *)(void *)block = to;
  return block + 1;
}

/* ---- the model ---- */

struct booking {
  eddy_time deadline;
  uint64_t number;
  bool in;
};

static struct eddy__heap heap;
static eddy_timer timers[TIMERS];
static struct booking model[TIMERS];
static size_t booked;
static uint64_t next_number;
static uint64_t random_state;

static uint64_t next_random(void)
{
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static void begin(void)
{
  memset(&heap, 0, sizeof heap);
  memset(model, 0, sizeof model);
  memset(timers, 0xa5, sizeof timers);
  booked = 0;
  next_number = 0;
  refuse = false;
  random_state = 88172645463325252u;
}

static int add(size_t i, eddy_time deadline)
{
  timers[i].deadline = deadline;
  timers[i].sequence = next_number;
  int rc = eddy__heap_add(&heap, &timers[i]);
  if (rc < 0) {
    memset(&timers[i], 0xa5, sizeof timers[i]);
    return rc;
  }
  model[i] = (struct booking){deadline, next_number++, true};
  booked++;
  return 0;
}

static void forget(size_t i)
{
  memset(&timers[i], 0xa5, sizeof timers[i]);
  model[i].in = false;
  booked--;
}

static void drop(size_t i)
{
  eddy__heap_remove(&heap, &timers[i]);
  forget(i);
}

static const struct booking *earliest(void)
{
  const struct booking *best = NULL;
  for (size_t i = 0; i < TIMERS; i++) {
    if (!model[i].in) continue;
    if (best == NULL || model[i].deadline < best->deadline ||
        (model[i].deadline == best->deadline && model[i].number < best->number)) {
      best = &model[i];
    }
  }
  return best;
}

/* Takes the first timer, which has to be the right one; false if there is none by then.
 */
static bool take(eddy_time now)
{
  const struct booking *expected = earliest();
  if (expected != NULL && expected->deadline > now) expected = NULL;
  eddy_timer *timer = eddy__heap_take(&heap, now);
  CHECK((timer == NULL) == (expected == NULL));
  if (timer == NULL || expected == NULL) return false;
  CHECK(timer - timers == expected - model);
  forget((size_t)(timer - timers));
  return true;
}

static bool is_before(struct eddy__heap_key a, struct eddy__heap_key b)
{
  return a.deadline != b.deadline ? a.deadline < b.deadline : a.tag < b.tag;
}

/* The shape: every timer knows its slot, segments and the front keep to their bounds, and
 * dead keys are few. */
static void check_shape(void)
{
  size_t right = 0;
  for (size_t i = 0; i < TIMERS; i++) {
    if (model[i].in) right += heap.slots[timers[i].place.index].timer == &timers[i];
  }
  CHECK(right == booked && heap.live == booked);
  size_t keys = heap.count + heap.in_front;
  CHECK(keys >= booked && (keys - booked <= 100 || keys - booked <= booked));
  CHECK(heap.fresh <= heap.capacity && keys <= heap.capacity);
  bool ordered = true;
  for (size_t i = 1; i <= heap.depth; i++) {
    const struct eddy__heap_segment *segment = &heap.segments[i];
    for (size_t k = 0; k < heap.count; k++) {
      if (is_before(heap.keys[k], segment->bound) != (k >= segment->start))
        ordered = false;
    }
  }
  for (size_t k = 0; k < heap.count; k++) {
    if (is_before(heap.keys[k], heap.front_bound)) ordered = false;
  }
  for (size_t k = 0; k < heap.in_front; k++) {
    if (!is_before(heap.front[k], heap.front_bound)) ordered = false;
    if (k > 0 && !is_before(heap.front[k], heap.front[k - 1])) ordered = false;
  }
  CHECK(ordered);
}

static void check_next(void)
{
  const struct booking *expected = earliest();
  CHECK(eddy__heap_next(&heap) == (expected == NULL ? EDDY_NEVER : expected->deadline));
}

static void finish(void)
{
  check_shape();
  while (take(EDDY_NEVER)) {
  }
  CHECK(booked == 0 && eddy__heap_next(&heap) == EDDY_NEVER);
  eddy__heap_fini(&heap);
}

/* ---- order ---- */

static eddy_time scattered(size_t i)
{
  (void)i;
  return (eddy_time)(next_random() % 1000000) - 500000;
}

static eddy_time few_values(size_t i)
{
  (void)i;
  return (eddy_time)(next_random() % 7);
}

static eddy_time all_alike(size_t i)
{
  (void)i;
  return 42;
}

static eddy_time growing(size_t i)
{
  return (eddy_time)i;
}

static eddy_time falling(size_t i)
{
  return -(eddy_time)i;
}

static eddy_time both_ends(size_t i)
{
  return i % 2 == 0 ? (eddy_time)i : -(eddy_time)i;
}

static eddy_time farthest(size_t i)
{
  return i % 3 == 0 ? INT64_MIN : i % 3 == 1 ? EDDY_NEVER - 1 : 0;
}

typedef eddy_time deadline_fn(size_t i);
static deadline_fn *const patterns[] = {
    scattered, few_values, all_alike, growing, falling, both_ends, farthest};
#define PATTERNS (sizeof patterns / sizeof patterns[0])

static void test_sorts(void)
{
  for (size_t pattern = 0; pattern < PATTERNS; pattern++) {
    begin();
    int failures = 0;
    for (size_t i = 0; i < TIMERS; i++) {
      failures += add(i, patterns[pattern](i)) != 0;
    }
    CHECK(failures == 0);
    finish();
  }
}

/* Adds, removes, takes and looks in changing proportions. */
static void test_at_random(void)
{
  for (size_t pattern = 0; pattern < PATTERNS; pattern++) {
    begin();
    eddy_time base = 0;
    uint64_t adds = 5;
    uint64_t takes = 5;
    for (size_t round = 0; round < 30000; round++) {
      if (round % 1500 == 0) {
        adds = next_random() % 10;
        takes = next_random() % 10;
        check_shape();
      }
      size_t i = (size_t)(next_random() % TIMERS);
      if (next_random() % 10 < adds) {
        if (!model[i].in) CHECK(add(i, base + patterns[pattern](round)) == 0);
      } else if (next_random() % 10 < takes) {
        if (pattern != 6) base = eddy__heap_next(&heap);
        if (base == EDDY_NEVER) base = 0;
        (void)take(base);
      } else if (model[i].in) {
        drop(i);
      } else {
        check_next();
      }
    }
    finish();
  }
}

/* Each burst is before all that is left of the last one. */
static void test_more_segments_than_there_is_room_for(void)
{
  begin();
  size_t deepest = 0;
  for (eddy_time base = 0; booked + 76 <= TIMERS; base -= 1000) {
    size_t target = booked + 76;
    for (size_t i = 0; booked < target; i++) {
      if (!model[i].in) CHECK(add(i, base + (eddy_time)(next_random() % 1000)) == 0);
    }
    for (int i = 0; i < 66; i++)
      CHECK(take(EDDY_NEVER));
    check_shape();
    if (heap.depth > deepest) deepest = heap.depth;
  }
  CHECK(deepest >= EDDY__HEAP_SEGMENTS - 2);
  finish();
}

static void test_nothing_before_its_time(void)
{
  begin();
  CHECK(eddy__heap_take(&heap, EDDY_NEVER) == NULL);
  CHECK(add(0, 10) == 0 && add(1, 5) == 0);
  CHECK(!take(4) && take(5) && !take(9) && take(10));
  finish();
}

/* ---- removal ---- */

static void test_removed_ones_are_not_seen(void)
{
  begin();
  for (size_t i = 0; i < 90; i++)
    CHECK(add(i, (eddy_time)i) == 0);
  check_next();
  for (size_t i = 0; i < 89; i++) {
    drop(i);
    check_next();
  }
  check_shape();
  CHECK(add(0, -1) == 0 && add(1, 88) == 0);
  finish();
}

static void test_same_memory_booked_again(void)
{
  begin();
  for (size_t round = 0; round < 5000; round++) {
    CHECK(add(0, (eddy_time)(round % 7)) == 0 && add(1, 3) == 0);
    drop(round % 2);
    CHECK(heap.capacity == 64);
    CHECK(take(EDDY_NEVER));
  }
  finish();
}

/* ---- memory ---- */

static void test_gives_memory_back(void)
{
  begin();
  for (size_t i = 0; i < TIMERS; i++)
    CHECK(add(i, scattered(i)) == 0);
  check_next();
  size_t most = heap.capacity;
  for (size_t i = 0; i < TIMERS; i++) {
    if (i % 100 != 99) drop(i);
  }
  CHECK(heap.capacity == most); /* it may be filled again at once */
  for (int i = 0; i < 20000; i++) {
    CHECK(add(0, 0) == 0);
    drop(0);
  }
  CHECK(heap.capacity <= 128);
  check_shape();
  for (size_t i = 0; i < 20; i++)
    CHECK(add(i, scattered(i)) == 0);
  finish();
}

static void test_refused_memory(void)
{
  begin();
  refuse = true;
  CHECK(add(0, 1) == EDDY_ENOMEM);
  check_shape();
  refuse = false;
  for (size_t i = 0; i < 64; i++)
    CHECK(add(i, scattered(i)) == 0);
  refuse = true;
  CHECK(add(64, 0) == EDDY_ENOMEM);
  check_shape();
  check_next();
  /* A removal needs no memory, and gives a place. */
  for (size_t count = 1; count < 64; count *= 3) {
    for (size_t i = 0; i < count; i++)
      drop(i);
    for (size_t i = 0; i < count; i++)
      CHECK(add(i, scattered(i)) == 0);
    CHECK(add(64, 0) == EDDY_ENOMEM);
  }
  CHECK(take(EDDY_NEVER) && add(64, 0) == 0);
  finish();
}

static void test_refused_when_it_shrinks(void)
{
  begin();
  for (size_t i = 0; i < TIMERS; i++)
    CHECK(add(i, scattered(i)) == 0);
  refuse = true;
  for (size_t i = 20; i < TIMERS; i++)
    drop(i);
  for (int i = 0; i < 20000; i++) {
    CHECK(add(20, 0) == 0);
    drop(20);
  }
  CHECK(heap.capacity <= 128);
  check_shape();
  finish();
}

/* ---- the numbers of bookings ---- */

static void test_numbers_are_used_up(void)
{
  begin();
  for (size_t i = 0; i < 1000; i++)
    CHECK(add(i, few_values(i)) == 0);
  check_next();
  heap.booking = LAST_BOOKING - 500;
  for (size_t i = 1000; i < 1400; i++)
    CHECK(add(i, few_values(i)) == 0);
  for (size_t i = 0; i < 300; i++)
    CHECK(take(EDDY_NEVER));
  for (size_t i = 1400; i < 2400; i++) {
    CHECK(add(i, few_values(i)) == 0);
    if (i % 3 == 0) drop(i);
  }
  CHECK(heap.booking < TIMERS);
  finish();
}

int main(void)
{
  test_sorts();
  test_at_random();
  test_more_segments_than_there_is_room_for();
  test_nothing_before_its_time();
  test_removed_ones_are_not_seen();
  test_same_memory_booked_again();
  test_gives_memory_back();
  test_refused_memory();
  test_refused_when_it_shrinks();
  test_numbers_are_used_up();
  return summary();
}
