/* Timers: their order, their deadlines, and absurd times. */
#include "owned.h"

#include <stdlib.h>

#define MANY 2000

static uint32_t random_state;

/* Marsaglia's xorshift: the same numbers in every run. */
static uint32_t random_below(uint32_t limit)
{
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state % limit;
}

/* A booked timer, what it should do, and what it did. */
struct booking {
  eddy_time when;
  int number; /* in booking order */
  bool cancelled;
  eddy_handle *handle;
};

static struct {
  eddy_loop *loop;
  struct booking bookings[MANY];
  int fired[MANY];
  int count;
  bool exact; /* each has to fire at its very time */
} run;

static int fire(void *arg)
{
  struct booking *booking = arg;
  CHECK(run.count < MANY);
  run.fired[run.count++] = booking->number;
  if (run.exact) CHECK_EQ(eddy_loop_time(run.loop), booking->when);
  CHECK(eddy_loop_time(run.loop) >= booking->when);
  return 0;
}

static void unref_handles(void *unused)
{
  (void)unused;
  for (int i = 0; i < MANY; i++)
    eddy_handle_unref(run.bookings[i].handle);
}

static int begin(bool exact)
{
  memset(&run, 0, sizeof run);
  test_defer_late(unref_handles, NULL);
  random_state = 2463534242u;
  run.exact = exact;
  return test_loop(&run.loop);
}

static int book(int number, eddy_time when)
{
  struct booking *booking = &run.bookings[number];
  booking->when = when;
  booking->number = number;
  return eddy_loop_call_at(run.loop, when, fire, booking, &booking->handle);
}

static int by_deadline(const void *a, const void *b)
{
  const struct booking *x = &run.bookings[*(const int *)a];
  const struct booking *y = &run.bookings[*(const int *)b];
  if (x->when != y->when) return x->when < y->when ? -1 : 1;
  return x->number - y->number;
}

/* All that were not cancelled fired, by deadline and then in booking order. */
static int check_fired(int booked)
{
  static int expected[MANY];
  int count = 0;
  for (int i = 0; i < booked; i++) {
    if (!run.bookings[i].cancelled) expected[count++] = i;
  }
  qsort(expected, (size_t)count, sizeof expected[0], by_deadline);
  CHECK_EQ(run.count, count);
  for (int i = 0; i < count; i++)
    CHECK_EQ(run.fired[i], expected[i]);
  return 0;
}

static int book_shuffled(eddy_time base)
{
  static int order[MANY];
  for (int i = 0; i < MANY; i++)
    order[i] = i;
  for (int i = MANY - 1; i > 0; i--) {
    int other = (int)random_below((uint32_t)i + 1), swap = order[i];
    order[i] = order[other];
    order[other] = swap;
  }
  for (int i = 0; i < MANY; i++)
    CHECK_OK(book(i, base + order[i]));
  return 0;
}

static int cancel(int number)
{
  struct booking *booking = &run.bookings[number];
  booking->cancelled = true;
  eddy_handle_cancel(booking->handle);
  return 0;
}

/* ---- order ---- */

EDDY_TEST(timer, shuffled_deadlines_come_out_sorted)
{
  eddy_loop_stats stats;
  CHECK_OK(begin(false));
  CHECK_OK(book_shuffled(eddy_loop_time(run.loop) - MANY));
  eddy_loop_get_stats(run.loop, &stats);
  CHECK_EQ(stats.timers, MANY);
  CHECK_OK(eddy_loop_run(run.loop));
  return check_fired(MANY);
}

EDDY_TEST_VIRTUAL(timer, shuffled_deadlines_fire_at_their_nanosecond)
{
  eddy_loop_stats stats;
  CHECK_OK(begin(true));
  CHECK_OK(book_shuffled(1));
  CHECK_OK(eddy_loop_run(run.loop));
  eddy_loop_get_stats(run.loop, &stats);
  CHECK(stats.polls <= MANY + 4);
  return check_fired(MANY);
}

EDDY_TEST(timer, deadlines_within_a_millisecond_keep_their_order)
{
  CHECK_OK(begin(false));
  eddy_time now = eddy_loop_time(run.loop) + EDDY_MS(2);
  for (int i = 0; i < 100; i++)
    CHECK_OK(book(i, now + EDDY_US((i * 37) % 100)));
  CHECK_OK(eddy_loop_run(run.loop));
  return check_fired(100);
}

EDDY_TEST(timer, many_ties_run_in_booking_order)
{
  CHECK_OK(begin(false));
  eddy_time now = eddy_loop_time(run.loop) - EDDY_S(1);
  for (int i = 0; i < MANY; i++)
    CHECK_OK(book(i, now + random_below(7)));
  CHECK_OK(eddy_loop_run(run.loop));
  return check_fired(MANY);
}

EDDY_TEST(timer, ties_stay_in_order_when_one_in_the_middle_is_cancelled)
{
  CHECK_OK(begin(false));
  eddy_time now = eddy_loop_time(run.loop) + EDDY_MS(1);
  for (int i = 0; i < 9; i++)
    CHECK_OK(book(i, now));
  CHECK_OK(cancel(4));
  CHECK_OK(cancel(0));
  CHECK_OK(book(9, now));
  CHECK_OK(eddy_loop_run(run.loop));
  return check_fired(10);
}

EDDY_TEST(timer, cancelling_in_the_middle_keeps_the_order_of_the_rest)
{
  eddy_loop_stats stats;
  CHECK_OK(begin(false));
  CHECK_OK(book_shuffled(eddy_loop_time(run.loop) - MANY));
  int left = MANY;
  for (int i = 0; i < MANY / 2; i++) {
    int victim = (int)random_below(MANY);
    left -= !run.bookings[victim].cancelled;
    CHECK_OK(cancel(victim));
  }
  eddy_loop_get_stats(run.loop, &stats);
  CHECK_EQ(stats.timers, left);
  CHECK_OK(eddy_loop_run(run.loop));
  return check_fired(MANY);
}

/* Books and cancels while others fire. */
static int churn(void *booked)
{
  int *next = booked;
  for (int i = 0; i < 8 && *next < MANY; i++) {
    CHECK_OK(book(*next, eddy_loop_time(run.loop) + 1 + random_below(40)));
    ++*next;
  }
  return *next < MANY ? eddy_loop_call_later(run.loop, 3, churn, next, NULL) : 0;
}

EDDY_TEST_VIRTUAL(timer, bookings_made_while_others_fire_are_in_order)
{
  int next = 0;
  CHECK_OK(begin(true));
  CHECK_OK(eddy_loop_call_soon(run.loop, churn, &next, NULL));
  CHECK_OK(eddy_loop_run(run.loop));
  CHECK_EQ(next, MANY);
  return check_fired(MANY);
}

/* A timeout that is put off again and again, as in a server: few are booked at a time. */
EDDY_TEST(timer, timeouts_put_off_again_and_again_fire_once_and_in_order)
{
  eddy_loop_stats stats;
  CHECK_OK(begin(false));
  eddy_time due = eddy_loop_time(run.loop) - MANY;
  for (int i = 0; i < MANY; i++) {
    if (i >= 20) CHECK_OK(cancel(i - 20));
    CHECK_OK(book(i, due + random_below(MANY)));
  }
  eddy_loop_get_stats(run.loop, &stats);
  CHECK_EQ(stats.timers, 20);
  CHECK_OK(eddy_loop_run(run.loop));
  return check_fired(MANY);
}

static int cancel_later_ones(void *arg)
{
  int *number = arg;
  trace("%d", *number);
  for (int i = *number + 1; i < 10; i += 2)
    CHECK_OK(cancel(i));
  return 0;
}

EDDY_TEST(timer, timer_may_cancel_those_that_are_due_with_it)
{
  static int zero;
  CHECK_OK(begin(false));
  eddy_time now = eddy_loop_time(run.loop) - EDDY_S(1);
  CHECK_OK(eddy_loop_call_at(run.loop, now - 1, cancel_later_ones, &zero, NULL));
  for (int i = 0; i < 10; i++)
    CHECK_OK(book(i, now + i));
  CHECK_OK(eddy_loop_run(run.loop));
  CHECK_TRACE("0");
  return check_fired(10);
}

static uint64_t iterations(void)
{
  eddy_loop_stats stats;
  eddy_loop_get_stats(run.loop, &stats);
  return stats.iterations;
}

static int trace_iteration(void *first)
{
  uint64_t *iteration = first;
  if (*iteration == 0) *iteration = iterations();
  trace("+%d", (int)(iterations() - *iteration));
  return 0;
}

EDDY_TEST_VIRTUAL(timer, timers_of_one_instant_run_in_one_iteration)
{
  uint64_t first = 0;
  CHECK_OK(begin(true));
  CHECK_OK(eddy_loop_call_later(run.loop, 10, trace_iteration, &first, NULL));
  CHECK_OK(eddy_loop_call_later(run.loop, 10, trace_iteration, &first, NULL));
  CHECK_OK(eddy_loop_call_later(run.loop, 11, trace_iteration, &first, NULL));
  CHECK_OK(eddy_loop_run(run.loop));
  CHECK_TRACE("+0 +0 +1");
  return 0;
}

/* ---- absurd times ---- */

EDDY_TEST(timer, negative_delay_is_a_deadline_in_the_past)
{
  CHECK_OK(begin(false));
  eddy_handle **handle = test_handles(1);
  CHECK_OK(eddy_loop_call_later(run.loop, 0, trace_fn, "0", NULL));
  eddy_time before = eddy_loop_time(run.loop);
  CHECK_OK(eddy_loop_call_later(run.loop, -EDDY_S(1), trace_fn, "-1 s", handle));
  CHECK_BETWEEN(before - EDDY_S(1), eddy_handle_when(*handle),
      eddy_loop_time(run.loop) - EDDY_S(1));
  CHECK_OK(eddy_loop_call_later(run.loop, INT64_MIN, trace_fn, "min", NULL));
  CHECK_OK(eddy_loop_run(run.loop));
  CHECK_TRACE("min -1 s 0");
  return 0;
}

EDDY_TEST(timer, deadline_before_the_clock_began_is_due)
{
  CHECK_OK(begin(false));
  CHECK_OK(eddy_loop_call_at(run.loop, 0, trace_fn, "0", NULL));
  CHECK_OK(eddy_loop_call_at(run.loop, -EDDY_S(1), trace_fn, "-1", NULL));
  CHECK_OK(eddy_loop_call_at(run.loop, INT64_MIN, trace_fn, "min", NULL));
  CHECK_OK(eddy_loop_run(run.loop));
  CHECK_TRACE("min -1 0");
  return 0;
}

EDDY_TEST(timer, timer_that_never_fires_is_nothing_to_wait_for)
{
  eddy_loop_stats stats;
  eddy_handle **never = test_handles(1);
  CHECK_OK(begin(false));
  CHECK_OK(eddy_loop_call_later(run.loop, EDDY_NEVER, trace_fn, "later", NULL));
  CHECK_OK(eddy_loop_call_at(run.loop, EDDY_NEVER, trace_fn, "at", never));
  CHECK_EQ(eddy_handle_when(*never), EDDY_NEVER);
  CHECK_OK(eddy_loop_run(run.loop));
  CHECK(!eddy_handle_cancelled(*never));
  eddy_handle_cancel(*never);
  CHECK(eddy_handle_cancelled(*never));
  eddy_loop_get_stats(run.loop, &stats);
  CHECK_EQ(stats.timers, 0);
  CHECK_TRACE("");
  return 0;
}

EDDY_TEST(timer, delay_that_overflows_means_never)
{
  eddy_handle **handle = test_handles(1);
  CHECK_OK(begin(false));
  CHECK_OK(eddy_loop_call_later(run.loop, EDDY_MS(1), trace_fn, "1", NULL));
  CHECK_OK(
      eddy_loop_run(run.loop)); /* the clock is past 0 now, also where time is virtual */
  CHECK_OK(eddy_loop_call_later(run.loop, EDDY_NEVER - 1, trace_fn, "over", handle));
  CHECK_EQ(eddy_handle_when(*handle), EDDY_NEVER);
  CHECK_OK(eddy_loop_run(run.loop));
  CHECK_TRACE("1");
  return 0;
}

EDDY_TEST(timer, deadline_centuries_ahead_is_only_waited_for)
{
  eddy_handle **handle = test_handles(1);
  CHECK_OK(begin(false));
  CHECK_OK(eddy_loop_call_at(run.loop, EDDY_NEVER - 1, trace_fn, "far", handle));
  CHECK_OK(eddy_loop_call_later(run.loop, EDDY_MS(1), trace_fn, "near", NULL));
  eddy_loop_stop(run.loop);
  CHECK_OK(eddy_loop_run(run.loop));
  eddy_handle_cancel(*handle);
  CHECK_OK(eddy_loop_run(run.loop));
  CHECK_TRACE("near");
  return 0;
}

EDDY_TEST_VIRTUAL(timer, long_waits_are_cut_into_days)
{
  eddy_loop_stats stats;
  CHECK_OK(begin(true));
  CHECK_OK(book(0, EDDY_S(3600) * 100));
  CHECK_OK(eddy_loop_run(run.loop));
  eddy_loop_get_stats(run.loop, &stats);
  CHECK_BETWEEN(5, stats.polls, 8); /* 24 h at most each, as asyncio's */
  return check_fired(1);
}
