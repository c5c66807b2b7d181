/* What becomes of unfinished tasks when their loop is closed (rules 88 to 90). */
#include "tasks.h"

#define PENDING "[a task was destroyed but it is pending]"

/* Runs what is ready, once; whoever waits then goes on waiting. */
static int run_once(eddy_loop *loop)
{
  eddy_loop_stop(loop);
  return eddy_loop_run_forever(loop);
}

struct body {
  eddy_frame frame;
  eddy_loop *loop;
  eddy_future *future;
  eddy_queue *queue;
  eddy_value value;
  eddy_timeout scope;
  int what;
  int rc;
};

enum { SLEEP, YIELD, AWAIT, GET, PUT, JOIN, KINDS_OF_WAIT };

static int wait_somehow(struct body *self)
{
  switch (self->what) {
  case SLEEP:
    return eddy_sleep(EDDY_S(3600));
  case YIELD:
    return eddy_sleep(0);
  case AWAIT:
    return eddy_await(self->future, NULL);
  case GET:
    return eddy_queue_get(self->queue, &self->value);
  case PUT:
    return eddy_queue_put(self->queue, eddy_int(1));
  default:
    return eddy_queue_join(self->queue);
  }
}

/* Waits; cleans up, in vain tries to wait for more, and passes the end on. */
static int wait_and_clean_up(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, wait_somehow(self));
  trace("%s", eddy_err_name(self->rc));
  CHECK_CODE(eddy_loop_call_soon(self->loop, trace_fn, "x", NULL), EDDY_ECLOSED);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  trace("%s", eddy_err_name(self->rc));
  EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

/* A task of the kind that is parked in that kind of wait. */
static int parked_task(int kind, int what, eddy_loop *loop, eddy_task **task)
{
  struct body *body = test_new(sizeof *body);
  body->loop = loop;
  body->what = what;
  int rc = test_future(loop, &body->future);
  if (rc == 0) rc = test_queue(1, &body->queue);
  if (rc == 0 && what > GET) rc = eddy_queue_put_nowait(body->queue, eddy_int(1));
  if (rc < 0) return rc;
  eddy_frame_init(&body->frame, wait_and_clean_up);
  rc = kind == TEST_STACKFUL
           ? eddy_loop_create_task(loop, test_run_frame, body, task)
           : eddy_loop_create_task_coro(loop, &body->frame.coro, NULL, task);
  if (rc == 0) test_defer_late(test_unref_task, *task);
  return rc < 0 ? rc : run_once(loop);
}

EDDY_TEST(close, suspended_body_cleans_up_whatever_it_waits_for)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int what = 0; what < KINDS_OF_WAIT; what++) {
      eddy_loop *loop;
      eddy_task *task;
      eddy_loop_stats stats;
      CHECK_OK(test_loop(&loop));
      trace_reports(loop);
      CHECK_OK(parked_task(kind, what, loop, &task));
      CHECK(!eddy_task_done(task));
      CHECK_TRACE("");
      CHECK_OK(eddy_loop_close(loop));
      CHECK_TRACE(PENDING " EGENERATOREXIT EGENERATOREXIT");
      CHECK(eddy_task_done(task));
      CHECK(!eddy_task_cancelled(task));
      CHECK_CODE(eddy_task_result(task, NULL), EDDY_EGENERATOREXIT);
      eddy_loop_get_stats(loop, &stats);
      CHECK_EQ(stats.tasks, 0);
      CHECK_EQ(stats.parked, 0);
      CHECK_OK(eddy_loop_close(loop)); /* once */
      CHECK_TRACE("");
    }
  }
  return 0;
}

static void trace_unstarted(void *arg)
{
  trace("unstarted(%s)", (const char *)arg);
}

EDDY_TEST(close, task_not_started_never_runs)
{
  eddy_loop *loop;
  eddy_task *task;
  eddy_task_options options = {.unstarted = trace_unstarted};
  CHECK_OK(test_loop(&loop));
  trace_reports(loop);
  CHECK_OK(test_loop_task_at(loop, trace_fn, "body", &options, &task));
  CHECK_OK(eddy_loop_close(loop));
  CHECK(eddy_task_done(task));
  CHECK_TRACE(PENDING " unstarted(body)");
  return 0;
}

EDDY_TEST(close, tasks_end_in_creation_order)
{
  eddy_loop *loop;
  eddy_task *task;
  CHECK_OK(test_loop(&loop));
  trace_reports(loop);
  eddy_task_options a = {.unstarted = trace_unstarted};
  CHECK_OK(test_loop_task_at(loop, trace_fn, "a", &a, &task));
  CHECK_OK(test_loop_task_at(loop, trace_fn, "b", &a, &task));
  CHECK_OK(test_loop_task_at(loop, trace_fn, "c", &a, &task));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE(PENDING " unstarted(a) " PENDING " unstarted(b) " PENDING " unstarted(c)");
  return 0;
}

/* ---- bodies that do not end when they should ---- */

static int ignore_on_stack(void *arg)
{
  (void)arg;
  int rc;
  do {
    rc = eddy_sleep(EDDY_S(1));
  } while (rc == 0 || rc == EDDY_EGENERATOREXIT);
  return rc;
}

static int ignore_in_frame(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  do {
    EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_S(1)));
  } while (self->rc == 0 || self->rc == EDDY_EGENERATOREXIT);
  EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TEST(close, body_that_ignores_it_is_given_up)
{
  eddy_loop *loop;
  eddy_task *stackful, *stackless;
  struct body *body = test_new(sizeof *body);
  CHECK_OK(test_loop(&loop));
  trace_reports(loop);
  CHECK_OK(test_loop_task(loop, ignore_on_stack, NULL, &stackful));
  eddy_frame_init(&body->frame, ignore_in_frame);
  CHECK_OK(eddy_loop_create_task_coro(loop, &body->frame.coro, NULL, &stackless));
  test_defer_late(test_unref_task, stackless);
  CHECK_OK(run_once(loop));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_CODE(eddy_task_result(stackful, NULL), EDDY_EGENERATOREXIT);
  CHECK_CODE(eddy_task_result(stackless, NULL), EDDY_EGENERATOREXIT);
  CHECK_TRACE(PENDING " " PENDING);
  return 0;
}

static int fail_in_cleanup(void *arg)
{
  (void)arg;
  int rc = eddy_sleep(EDDY_S(1));
  return eddy_raise(EDDY_EIO, "cleanup failed after %s", eddy_err_name(rc));
}

EDDY_TEST(close, task_has_the_outcome_of_its_cleanup)
{
  eddy_loop *loop;
  eddy_task *task;
  CHECK_OK(test_loop(&loop));
  trace_reports(loop);
  CHECK_OK(test_loop_task(loop, fail_in_cleanup, NULL, &task));
  CHECK_OK(run_once(loop));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_CODE(eddy_task_result(task, NULL), EDDY_EIO);
  CHECK_STR(
      eddy_future_message(eddy_task_future(task)), "cleanup failed after EGENERATOREXIT");
  CHECK_TRACE(PENDING);
  return 0;
}

/* ---- in a generator, in a scope, waiting for one another ---- */

static int wait_inside(eddy_gen *gen, void *arg)
{
  (void)arg;
  int rc = eddy_sleep(EDDY_S(3600));
  trace("inside:%s", eddy_err_name(rc));
  rc = eddy_gen_yield(gen, eddy_int(1), NULL);
  trace("yield:%s", rc == 0 ? "ok" : eddy_err_name(rc));
  return rc;
}

static int wait_in_generator(void *arg)
{
  (void)arg;
  eddy_gen *gen;
  CHECK_OK(eddy_gen_new(wait_inside, NULL, &gen));
  int rc = eddy_gen_next(gen, NULL);
  trace("step:%d", rc);
  eddy_gen_free(gen);
  return rc;
}

EDDY_TEST(close, body_suspended_in_a_generator_cleans_up)
{
  eddy_loop *loop;
  eddy_task *task;
  CHECK_OK(test_loop(&loop));
  trace_reports(loop);
  CHECK_OK(test_loop_task(loop, wait_in_generator, NULL, &task));
  CHECK_OK(run_once(loop));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_OK(eddy_task_result(task, NULL));
  CHECK_TRACE(PENDING " inside:EGENERATOREXIT step:0 yield:EGENERATOREXIT");
  return 0;
}

static int sleep_in_scope(void *arg)
{
  eddy_timeout scope;
  CHECK_OK(eddy_timeout_enter(&scope, *(eddy_time *)arg));
  int rc = eddy_timeout_exit(&scope, eddy_sleep(EDDY_S(3600)));
  trace("%s", eddy_err_name(rc));
  return rc;
}

EDDY_TEST(close, body_leaves_its_timeout_scope)
{
  static eddy_time limits[] = {EDDY_S(60), 0};
  for (int i = 0; i < 2; i++) {
    eddy_loop *loop;
    eddy_task *task;
    CHECK_OK(test_loop(&loop));
    trace_reports(loop);
    CHECK_OK(test_loop_task(loop, sleep_in_scope, &limits[i], &task));
    CHECK_OK(run_once(loop));
    CHECK_OK(eddy_loop_close(loop));
    CHECK_TRACE(PENDING " EGENERATOREXIT");
  }
  return 0;
}

struct waiter {
  eddy_task *other;
  const char *name;
};

static int await_other(void *arg)
{
  struct waiter *self = arg;
  int rc = self->other == NULL ? eddy_sleep(EDDY_S(3600))
                               : eddy_task_await(self->other, NULL);
  trace("%s:%s", self->name, eddy_err_name(rc));
  return rc;
}

EDDY_TEST(close, tasks_that_wait_for_one_another_all_end)
{
  for (int turn = 0; turn < 2; turn++) {
    struct waiter *waiters = test_new(2 * sizeof *waiters);
    eddy_loop *loop;
    eddy_task *a, *b;
    CHECK_OK(test_loop(&loop));
    trace_reports(loop);
    waiters[0].name = "a";
    waiters[1].name = "b";
    CHECK_OK(test_loop_task(loop, await_other, &waiters[0], &a));
    CHECK_OK(test_loop_task(loop, await_other, &waiters[1], &b));
    waiters[turn].other = turn == 0 ? b : a;
    CHECK_OK(run_once(loop));
    CHECK_OK(eddy_loop_close(loop));
    CHECK(eddy_task_done(a));
    CHECK(eddy_task_done(b));
    CHECK_TRACE(PENDING " a:EGENERATOREXIT " PENDING " b:EGENERATOREXIT");
  }
  return 0;
}

/* A gather, and a callback, of tasks that end with the loop. */
static int never_called(eddy_future *future, void *text)
{
  (void)future;
  return trace_fn(text);
}

EDDY_TEST(close, ending_a_task_queues_nothing_that_could_run)
{
  eddy_loop *loop;
  eddy_task *task;
  eddy_future *child, *gather;
  CHECK_OK(test_loop(&loop));
  trace_reports(loop);
  CHECK_OK(test_loop_task(loop, ignore_on_stack, NULL, &task));
  child = eddy_task_future(task);
  CHECK_OK(eddy_future_add_done_callback(child, never_called, "callback"));
  CHECK_OK(test_gather(&child, 1, EDDY_GATHER_RAISE, &gather));
  CHECK_OK(run_once(loop));
  CHECK_OK(eddy_loop_close(loop));
  CHECK(!eddy_future_done(gather));
  CHECK_TRACE(PENDING);
  return 0;
}

/* ---- errors that nobody has read ---- */

enum { READ, CANCEL, WAYS_TO_TAKE };

static int fail_to_set(eddy_future *future, int number)
{
  char text[8];
  snprintf(text, sizeof text, "%d", number);
  return eddy_future_set_exception(future, EDDY_EIO, text);
}

EDDY_TEST(close, unread_errors_are_reported_in_the_order_they_came)
{
  eddy_loop *loop;
  eddy_future *futures[3];
  CHECK_OK(test_loop(&loop));
  trace_reports(loop);
  for (int i = 0; i < 3; i++)
    CHECK_OK(test_future(loop, &futures[i]));
  CHECK_OK(fail_to_set(futures[1], 1));
  CHECK_OK(fail_to_set(futures[0], 2));
  CHECK_OK(fail_to_set(futures[2], 3));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE("[the error of a future was never retrieved: EIO: 1] "
              "[the error of a future was never retrieved: EIO: 2] "
              "[the error of a future was never retrieved: EIO: 3]");
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE("");
  return 0;
}

EDDY_TEST(close, errors_that_were_read_or_cancelled_are_not_reported)
{
  for (int way = 0; way < WAYS_TO_TAKE; way++) {
    eddy_loop *loop;
    eddy_future *future;
    CHECK_OK(test_loop(&loop));
    trace_reports(loop);
    CHECK_OK(test_future(loop, &future));
    CHECK_OK(fail_to_set(future, way));
    if (way == READ) CHECK_CODE(eddy_future_result(future, NULL), EDDY_EIO);
    if (way == CANCEL) CHECK(!eddy_future_cancel(future, NULL));
    CHECK_OK(eddy_loop_close(loop));
    CHECK_TRACE("");
  }
  return 0;
}

static int fail_at_once(void *arg)
{
  return eddy_raise(EDDY_EIO, "%s", (const char *)arg);
}

/* Lets go of the other future that is still to be reported. */
static eddy_future *other;

static int drop_other(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)arg;
  eddy_future *future = other;
  other = NULL;
  eddy_future_unref(future);
  return trace_report(loop, context, NULL);
}

EDDY_TEST(close, unread_error_of_a_task_still_held_is_reported_with_its_words)
{
  eddy_loop *loop;
  eddy_task *task;
  CHECK_OK(test_loop(&loop));
  trace_reports(loop);
  CHECK_OK(test_loop_task(loop, fail_at_once, "no disk", &task));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("");
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE("[the error of a task was never retrieved: EIO: no disk]");
  return 0;
}

EDDY_TEST(close, handler_may_let_go_of_futures_while_unread_errors_are_reported)
{
  eddy_loop *loop;
  eddy_future *first;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &first));
  CHECK_OK(eddy_future_new(loop, &other));
  int rc = fail_to_set(first, 1);
  if (rc == 0) rc = fail_to_set(other, 2);
  if (rc < 0) eddy_future_unref(other);
  CHECK_OK(rc);
  eddy_loop_set_exception_handler(loop, drop_other, NULL);
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE("[the error of a future was never retrieved: EIO: 2] "
              "[the error of a future was never retrieved: EIO: 1]");
  return 0;
}
