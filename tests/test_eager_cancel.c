/* Eager start and cancellation, and eager tasks in what waits for many (rule 92). */
#include "tasks.h"

struct body {
  eddy_frame frame;
  int depth;
  eddy_task *creator;
  eddy_task *task, *other;
  eddy_future *gather;
  eddy_value value;
  int rc;
};

static int eager(int kind, struct body *body, eddy_frame_fn *fn, eddy_task **out)
{
  eddy_task_options options = {.eager_start = EDDY_EAGER_START_TRUE};
  eddy_frame_init(&body->frame, fn);
  int rc = kind == TEST_STACKFUL
               ? eddy_loop_create_task_with(NULL, test_run_frame, body, &options, out)
               : eddy_loop_create_task_coro(NULL, &body->frame.coro, &options, out);
  if (rc == 0) test_defer_late(test_unref_task, *out);
  return rc;
}

static int new_eager(int kind, eddy_frame_fn *fn, eddy_task **out)
{
  return eager(kind, test_new(sizeof(struct body)), fn, out);
}

static int sleep_long(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  trace("start");
  EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_S(3600)));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TASK_TEST(eager, cancelled_after_its_first_step_it_ends_cancelled)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *task;
    CHECK_OK(new_eager(kind, sleep_long, &task));
    CHECK(eddy_task_cancel(task, "no more"));
    CHECK_EQ(eddy_task_cancelling(task), 1);
    CHECK(!eddy_task_done(task));
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    CHECK_STR(eddy_message(EDDY_ECANCELLED), "no more");
    CHECK(eddy_task_cancelled(task));
    CHECK_TRACE("start");
  }
  return 0;
}

static int cancel_oneself(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  (void)eddy_task_cancel(eddy_current_task(), NULL);
  EDDY_RETURN(frame, eddy_int(5));
  EDDY_END(frame);
}

static int cancel_oneself_and_wait(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  (void)eddy_task_cancel(eddy_current_task(), NULL);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TASK_TEST(eager, cancelling_itself_counts_as_in_any_step)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *task;
    CHECK_OK(new_eager(kind, cancel_oneself, &task));
    CHECK(eddy_task_cancelled(task));
    CHECK_OK(new_eager(kind, cancel_oneself_and_wait, &task));
    CHECK(!eddy_task_done(task));
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    CHECK_EQ(eddy_task_cancelling(task), 1);
  }
  return 0;
}

static int cancel_creator(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  (void)eddy_task_cancel(self->creator, NULL);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TASK_TEST(eager, step_that_cancels_its_creator_hits_the_next_wait)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = test_new(sizeof *body);
    body->creator = eddy_current_task();
    CHECK_OK(eager(kind, body, cancel_creator, &body->task));
    CHECK_EQ(eddy_task_cancelling(eddy_current_task()), 1);
    CHECK_CODE(eddy_task_await(body->task, NULL), EDDY_ECANCELLED);
    CHECK(eddy_task_cancelled(body->task)); /* the wait was for it */
    CHECK_EQ(eddy_task_uncancel(eddy_current_task()), 0);
  }
  return 0;
}

/* ---- many ---- */

static int end_at_once(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  EDDY_RETURN(frame, eddy_int(1));
  EDDY_END(frame);
}

EDDY_TASK_TEST(eager, gather_of_those_that_ended_does_not_suspend)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *a, *b;
    eddy_future *gather;
    uint64_t before = test_iteration();
    CHECK_OK(new_eager(kind, end_at_once, &a));
    CHECK_OK(new_eager(kind, end_at_once, &b));
    eddy_future *children[] = {eddy_task_future(a), eddy_task_future(b)};
    CHECK_OK(test_gather(children, 2, EDDY_GATHER_RAISE, &gather));
    CHECK_OK(eddy_await(gather, NULL));
    CHECK_EQ(test_iteration(), before);
    CHECK_OK(eddy_wait(children, 2, EDDY_NEVER, EDDY_ALL_COMPLETED, NULL));
    CHECK_EQ(test_iteration(), before + 2);
  }
  return 0;
}

/* Each waits for the next, which it creates; the last ends at once, so that none suspends. */
static int chain(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  if (self->depth == 0) EDDY_RETURN(frame, eddy_int(0));
  struct body *next = test_new(sizeof *next);
  next->depth = self->depth - 1;
  self->rc = eager(TEST_STACKFUL, next, chain, &self->task);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_AWAIT(frame, self->rc, eddy_task_await(self->task, &self->value));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_RETURN(frame, eddy_int(self->value.i + 1));
  EDDY_END(frame);
}

EDDY_TASK_TEST(eager, chain_of_a_thousand_ends_in_one_step)
{
  struct body *body = test_new(sizeof *body);
  eddy_task *task;
  eddy_value value;
  uint64_t before = test_iteration();
  body->depth = 1000;
  CHECK_OK(eager(TEST_STACKFUL, body, chain, &task));
  CHECK(eddy_task_done(task));
  CHECK_OK(eddy_task_result(task, &value));
  CHECK_EQ(value.i, 1000);
  CHECK_EQ(test_iteration(), before);
  return 0;
}

/* Fibonacci by two tasks and a gather; nothing waits unless a leaf does. */
static int fibonacci(eddy_frame *frame);

static int start_both(struct body *self)
{
  eddy_task *tasks[2];
  for (int i = 0; i < 2; i++) {
    struct body *next = test_new(sizeof *next);
    next->depth = self->depth - 1 - i;
    CHECK_OK(eager(i == 0 ? TEST_STACKFUL : TEST_STACKLESS, next, fibonacci, &tasks[i]));
  }
  self->task = tasks[0];
  self->other = tasks[1];
  eddy_future *children[] = {eddy_task_future(tasks[0]), eddy_task_future(tasks[1])};
  return test_gather(children, 2, EDDY_GATHER_RAISE, &self->gather);
}

static bool leaves_wait;

static int fibonacci(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  if (self->depth < 2) {
    self->rc = 0;
    if (leaves_wait) {
      EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
    }
    if (self->rc < 0) EDDY_RAISE(frame, self->rc);
    EDDY_RETURN(frame, eddy_int(self->depth));
  }
  self->rc = start_both(self);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_AWAIT(frame, self->rc, eddy_await(self->gather, NULL));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  eddy_value a, b;
  if (eddy_task_result(self->task, &a) < 0 || eddy_task_result(self->other, &b) < 0) {
    EDDY_RAISE(frame, EDDY_ERUNTIME);
  }
  EDDY_RETURN(frame, eddy_int(a.i + b.i));
  EDDY_END(frame);
}

EDDY_TASK_TEST(eager, tree_of_gathers_suspends_only_where_a_leaf_does)
{
  for (int i = 0; i < 2; i++) {
    struct body *body = test_new(sizeof *body);
    eddy_value value;
    leaves_wait = i == 1;
    eddy_task *task;
    body->depth = 8;
    CHECK_OK(eager(TEST_STACKFUL, body, fibonacci, &task));
    CHECK_EQ(eddy_task_done(task), !leaves_wait);
    CHECK_OK(eddy_task_await(task, &value));
    CHECK_EQ(value.i, 21);
  }
  return 0;
}

/* ---- the loop is closed ---- */

static int leave_eager(void *arg)
{
  eddy_task *task;
  (void)arg;
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    CHECK_OK(new_eager(kind, sleep_long, &task));
  }
  return 0;
}

EDDY_TEST(eager, left_suspended_it_is_ended_with_its_loop)
{
  eddy_loop *loop;
  eddy_task *task;
  CHECK_OK(test_loop(&loop));
  trace_reports(loop);
  CHECK_OK(test_loop_task(loop, leave_eager, NULL, &task));
  CHECK_OK(eddy_loop_run_until_complete(loop, eddy_task_future(task), NULL));
  CHECK_TRACE("start start");
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE("[a task was destroyed but it is pending] "
              "[a task was destroyed but it is pending]");
  return 0;
}
