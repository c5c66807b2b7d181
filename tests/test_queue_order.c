/* Queues that hand out the newest, or the smallest, first. */
#include <stdlib.h>

#include "queue_actors.h"

static void unref_queue(void *queue)
{
  eddy_queue_unref(queue);
}

static int new_queue(const eddy_queue_options *options, eddy_queue **out)
{
  int rc = eddy_queue_new(options, out);
  if (rc == 0) test_defer_late(unref_queue, *out);
  return rc;
}

EDDY_UNIT_TEST(queue_order, lifo_hands_out_the_newest)
{
  eddy_queue *queue;
  CHECK_OK(new_queue(&(eddy_queue_options){.order = EDDY_QUEUE_LIFO}, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(put_now(queue, 3));
  CHECK_OK(put_now(queue, 2));
  CHECK_OK(take_now(queue));
  CHECK_OK(put_now(queue, 4));
  for (int i = 0; i < 3; i++) {
    CHECK_OK(take_now(queue));
  }
  CHECK_TRACE("2 4 3 1");
  CHECK_CODE(take_now(queue), EDDY_EQUEUEEMPTY);
  return 0;
}

EDDY_UNIT_TEST(queue_order, lifo_grows)
{
  eddy_queue *queue;
  eddy_value value;
  CHECK_OK(new_queue(&(eddy_queue_options){.order = EDDY_QUEUE_LIFO}, &queue));
  for (int i = 0; i < 1000; i++) {
    CHECK_OK(put_now(queue, i));
  }
  for (int i = 1000; i-- > 0;) {
    CHECK_OK(eddy_queue_get_nowait(queue, &value));
    CHECK_EQ(value.i, i);
  }
  CHECK(eddy_queue_empty(queue));
  return 0;
}

EDDY_UNIT_TEST(queue_order, priority_hands_out_the_smallest_number)
{
  eddy_queue *queue;
  CHECK_OK(new_queue(&(eddy_queue_options){.order = EDDY_QUEUE_PRIORITY}, &queue));
  static const int64_t numbers[] = {3, INT64_MAX, -1, 1, INT64_MIN, 2};
  for (int i = 0; i < 6; i++) {
    CHECK_OK(put_now(queue, numbers[i]));
  }
  for (int i = 0; i < 5; i++) {
    CHECK_OK(take_now(queue));
  }
  CHECK_TRACE("-9223372036854775808 -1 1 2 3");
  CHECK_OK(put_now(queue, 7));
  CHECK_OK(take_now(queue));
  CHECK_OK(take_now(queue));
  CHECK_TRACE("7 9223372036854775807");
  return 0;
}

/* ---- an order of the program's own ---- */

struct job {
  int urgency;
  int number;
};

static int compare_jobs(eddy_value a, eddy_value b)
{
  const struct job *first = a.p, *second = b.p;
  return first->urgency - second->urgency;
}

static int sort_jobs(const void *a, const void *b)
{
  const struct job *const *first = a, *const *second = b;
  int order = (*first)->urgency - (*second)->urgency;
  return order != 0 ? order : (*first)->number - (*second)->number;
}

enum { JOBS = 2000 };

EDDY_UNIT_TEST(queue_order, equal_items_stay_in_the_order_they_were_put)
{
  eddy_queue *queue;
  eddy_queue_options options = {.order = EDDY_QUEUE_PRIORITY, .compare = compare_jobs};
  CHECK_OK(new_queue(&options, &queue));
  struct job *jobs = test_new(JOBS * sizeof *jobs);
  struct job **sorted = test_new(JOBS * sizeof(struct job *));
  uint32_t random = 1;
  for (int i = 0; i < JOBS; i++) {
    random = random * 1664525u + 1013904223u;
    jobs[i] = (struct job){.urgency = (int)(random >> 28), .number = i};
    sorted[i] = &jobs[i];
    CHECK_OK(eddy_queue_put_nowait(queue, eddy_ptr(&jobs[i])));
  }
  qsort(sorted, JOBS, sizeof(struct job *), sort_jobs);
  for (int i = 0; i < JOBS; i++) {
    eddy_value value;
    CHECK_OK(eddy_queue_get_nowait(queue, &value));
    CHECK_PTR(value.p, sorted[i]);
  }
  return 0;
}

/* Puts and gets mixed, compared with looking for the smallest of all. */
EDDY_UNIT_TEST(queue_order, smallest_comes_first_whatever_was_taken_before)
{
  enum { LIMIT = 64 };
  eddy_queue *queue;
  int64_t held[LIMIT];
  int count = 0;
  uint32_t random = 7;
  CHECK_OK(new_queue(&(eddy_queue_options){.order = EDDY_QUEUE_PRIORITY}, &queue));
  for (int step = 0; step < 5000; step++) {
    random = random * 1664525u + 1013904223u;
    if (count < LIMIT && (count == 0 || (random >> 16) % 2 == 0)) {
      held[count++] = random >> 24;
      CHECK_OK(put_now(queue, held[count - 1]));
      continue;
    }
    int least = 0;
    for (int i = 1; i < count; i++) {
      if (held[i] < held[least]) least = i;
    }
    eddy_value value;
    CHECK_OK(eddy_queue_get_nowait(queue, &value));
    CHECK_EQ(value.i, held[least]);
    held[least] = held[--count];
    CHECK_EQ(eddy_queue_qsize(queue), count);
  }
  return 0;
}

static int never_compare(eddy_value a, eddy_value b)
{
  (void)a;
  (void)b;
  test_failed(__FILE__, __LINE__, "only a priority queue compares");
  return 0;
}

EDDY_UNIT_TEST(queue_order, other_queues_compare_nothing)
{
  eddy_queue_options options = {.compare = never_compare};
  for (int order = EDDY_QUEUE_FIFO; order <= EDDY_QUEUE_LIFO; order++) {
    eddy_queue *queue;
    options.order = (eddy_queue_order)order;
    CHECK_OK(new_queue(&options, &queue));
    CHECK_OK(put_now(queue, 2));
    CHECK_OK(put_now(queue, 1));
    CHECK_OK(take_now(queue));
    CHECK_OK(take_now(queue));
  }
  CHECK_TRACE("2 1 1 2");
  return 0;
}

/* ---- with tasks that wait ---- */

static int two_getters(enum kind kind, eddy_queue_order order)
{
  eddy_queue *queue;
  CHECK_OK(new_queue(&(eddy_queue_options){.order = order}, &queue));
  CHECK_OK(start_get(kind, "a", queue, NULL));
  CHECK_OK(start_get(kind, "b", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(put_now(queue, 5));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(settle());
  CHECK_TRACE("a:get b:get a:1 b:5");
  return 0;
}

static int two_getters_lifo(enum kind kind)
{
  return two_getters(kind, EDDY_QUEUE_LIFO);
}

static int two_getters_priority(enum kind kind)
{
  return two_getters(kind, EDDY_QUEUE_PRIORITY);
}

/* An item has no owner before a getter runs: the first takes what comes first then. */
EDDY_TASK_TEST(queue_order, woken_getters_choose_when_they_run)
{
  CHECK_OK(each_kind(two_getters_lifo));
  return each_kind(two_getters_priority);
}

static int putter_with_priority(enum kind kind)
{
  eddy_queue *queue;
  eddy_queue_options options = {.order = EDDY_QUEUE_PRIORITY, .maxsize = 2};
  CHECK_OK(new_queue(&options, &queue));
  CHECK_OK(put_now(queue, 5));
  CHECK_OK(put_now(queue, 7));
  CHECK(eddy_queue_full(queue));
  CHECK_CODE(put_now(queue, 1), EDDY_EQUEUEFULL);
  CHECK_OK(start_put(kind, "p", queue, 1, NULL));
  CHECK_OK(start_put(kind, "q", queue, 6, NULL));
  CHECK_OK(settle());
  for (int i = 0; i < 4; i++) {
    CHECK_OK(take_now(queue));
    CHECK_OK(settle());
  }
  CHECK_TRACE("p:put q:put 5 p:done 1 q:done 6 7");
  return 0;
}

EDDY_TASK_TEST(queue_order, bounded_priority_queue_makes_even_the_urgent_wait)
{
  return each_kind(putter_with_priority);
}

static int shut_down(enum kind kind)
{
  for (int order = EDDY_QUEUE_LIFO; order <= EDDY_QUEUE_PRIORITY; order++) {
    eddy_queue *queue;
    eddy_queue_options options = {.order = (eddy_queue_order)order, .maxsize = 3};
    CHECK_OK(new_queue(&options, &queue));
    CHECK_OK(put_now(queue, 2));
    CHECK_OK(put_now(queue, 3));
    CHECK_OK(put_now(queue, 1));
    CHECK_OK(start_put(kind, "p", queue, 0, NULL));
    CHECK_OK(settle());
    eddy_queue_shutdown(queue, false);
    CHECK_OK(settle());
    CHECK_OK(take_now(queue));
    CHECK_OK(take_now(queue));
    eddy_queue_shutdown(queue, true);
    CHECK_EQ(eddy_queue_qsize(queue), 0);
    CHECK_CODE(take_now(queue), EDDY_EQUEUESHUTDOWN);
  }
  CHECK_TRACE("p:put p:closed 1 3 p:put p:closed 1 2");
  return 0;
}

EDDY_TASK_TEST(queue_order, shutdown_drains_in_order)
{
  return each_kind(shut_down);
}
