/* What the report replays step by step: the walk's programs (examples/README.md) in short, so
 * that every decision of theirs can be looked at. A unit is 2 ms. */
#include <eddy.h>

#include "tools/workload.h"

#define UNIT EDDY_MS(2)

static eddy_loop *here(void)
{
  return eddy_get_running_loop();
}

/* Until the other callbacks are through. */
static int rest_a_while(int rc, int units)
{
  return rc == 0 ? eddy_sleep(units * UNIT) : rc;
}

/* ---- counters: two chains of timers (02_callbacks) ---- */

struct counter {
  int left;
  eddy_time rest;
};

static int count_down(void *arg)
{
  struct counter *self = arg;
  if (--self->left == 0) return 0;
  return eddy_loop_call_later(here(), self->rest, count_down, self, NULL);
}

static int counters(void *unused)
{
  static struct counter slow = {4, 4 * UNIT}, fast = {10, UNIT};
  (void)unused;
  int rc = eddy_loop_call_soon(here(), count_down, &slow, NULL);
  if (rc == 0) rc = eddy_loop_call_soon(here(), count_down, &fast, NULL);
  return rest_a_while(rc, 14);
}

/* ---- ties: timers for one instant, booked among others (04_ties) ---- */

static int nothing(void *unused)
{
  (void)unused;
  return 0;
}

static int ties(void *unused)
{
  eddy_time start = eddy_loop_time(here());
  (void)unused;
  int rc = eddy_loop_call_at(here(), start + 3 * UNIT, nothing, NULL, NULL);
  for (int i = 0; rc == 0 && i < 6; i++)
    rc = eddy_loop_call_at(here(), start + 2 * UNIT, nothing, NULL, NULL);
  if (rc == 0) rc = eddy_loop_call_at(here(), start + UNIT, nothing, NULL, NULL);
  return rest_a_while(rc, 4);
}

/* ---- producer: a queue between callbacks (06_producer_callbacks) ---- */

static eddy_queue *items;
static int produced;

static int produce(void *unused)
{
  (void)unused;
  if (produced == 5) {
    eddy_queue_shutdown(items, false);
    return 0;
  }
  int rc = eddy_queue_put_nowait(items, eddy_int(produced++));
  return rc < 0 ? rc : eddy_loop_call_later(here(), UNIT, produce, NULL, NULL);
}

static int consume(eddy_result result, void *unused)
{
  if (result.error != 0) return 0;
  return eddy_queue_get_cb(here(), items, consume, unused);
}

static int producer(void *unused)
{
  (void)unused;
  int rc = eddy_queue_new(NULL, &items);
  if (rc < 0) return rc;
  rc = eddy_queue_get_cb(here(), items, consume, NULL);
  if (rc == 0) rc = eddy_loop_call_soon(here(), produce, NULL, NULL);
  rc = rest_a_while(rc, 8);
  eddy_queue_unref(items);
  return rc;
}

/* ---- tasks: a producer, its consumer and a counter (14_tasks) ---- */

static int put_items(void *unused)
{
  int rc = 0;
  (void)unused;
  for (int i = 0; rc == 0 && i < 5; i++) {
    rc = eddy_queue_put(items, eddy_int(i));
    if (rc == 0) rc = eddy_sleep(UNIT);
  }
  eddy_queue_shutdown(items, false);
  return rc;
}

static int get_items(void *unused)
{
  eddy_value item;
  int rc;
  (void)unused;
  while ((rc = eddy_queue_get(items, &item)) == 0) {
  }
  return rc == EDDY_EQUEUESHUTDOWN ? 0 : rc;
}

static int count_in_task(void *unused)
{
  int rc = 0;
  (void)unused;
  for (int i = 0; rc == 0 && i < 3; i++)
    rc = eddy_sleep(2 * UNIT);
  return rc;
}

static int await_all(eddy_task **tasks, int count, int rc)
{
  for (int i = 0; i < count; i++) {
    if (rc == 0) rc = eddy_task_await(tasks[i], NULL);
    eddy_task_unref(tasks[i]);
  }
  return rc;
}

static int tasks(void *unused)
{
  eddy_task *made[3] = {NULL, NULL, NULL};
  (void)unused;
  int rc = eddy_queue_new(NULL, &items);
  if (rc < 0) return rc;
  rc = eddy_create_task(put_items, NULL, &made[0]);
  if (rc == 0) rc = eddy_create_task(get_items, NULL, &made[1]);
  if (rc == 0) rc = eddy_create_task(count_in_task, NULL, &made[2]);
  rc = await_all(made, 3, rc);
  eddy_queue_unref(items);
  return rc;
}

/* ---- cancel: three want one lock, and one of them is asked to end ---- */

static eddy_lock *lock;

static int hold_lock(void *unused)
{
  (void)unused;
  int rc = eddy_lock_acquire(lock);
  if (rc < 0) return rc;
  rc = eddy_sleep(2 * UNIT);
  int released = eddy_lock_release(lock);
  return rc < 0 ? rc : released;
}

static int cancel(void *unused)
{
  eddy_task *made[3] = {NULL, NULL, NULL};
  int rc = eddy_lock_new(&lock);
  (void)unused;
  if (rc < 0) return rc;
  for (int i = 0; rc == 0 && i < 3; i++)
    rc = eddy_create_task(hold_lock, NULL, &made[i]);
  if (rc == 0) rc = eddy_sleep(UNIT);
  if (rc == 0) (void)eddy_task_cancel(made[1], NULL);
  if (rc == 0 && eddy_task_await(made[1], NULL) != EDDY_ECANCELLED) rc = EDDY_ERUNTIME;
  eddy_task_unref(made[1]);
  made[1] = made[2];
  rc = await_all(made, 2, rc);
  eddy_lock_unref(lock);
  return rc;
}

const struct workload lessons[] = {
    {"counters", "run", "two chains of timers", 1, 1, counters, true},
    {"ties", "run", "timers for one instant", 1, 1, ties, true},
    {"producer", "run", "a queue between callbacks", 1, 1, producer, true},
    {"tasks", "run", "producer, consumer and counter as tasks", 1, 1, tasks, true},
    {"cancel", "run", "three want one lock, one is cancelled", 1, 1, cancel, true},
};
const size_t lessons_count = sizeof(lessons) / sizeof(lessons[0]);
