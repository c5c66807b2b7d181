/* Cancellation of one's own, told from another's by uncancel; and of a task together with what
 * it waits for (rules 25, 33). */
#include "tasks.h"

/* ---- a block with a time limit of its own ---- */

struct block {
  eddy_frame frame;
  eddy_time sleep;
  eddy_handle *handle;
  eddy_task *task;
  bool timed_out;
  int rc;
};

static int on_timeout(void *arg)
{
  struct block *self = arg;
  self->timed_out = true;
  (void)eddy_task_cancel(self->task, NULL);
  return 0;
}

/* What has to be done at the end of a block that may have cancelled its task. */
static int leave_block(struct block *self, int rc)
{
  eddy_handle_cancel(self->handle);
  eddy_handle_unref(self->handle);
  self->handle = NULL;
  if (!self->timed_out || eddy_task_uncancel(self->task) > 0) return rc;
  return rc == EDDY_ECANCELLED ? EDDY_ETIMEDOUT : rc;
}

static int limited(eddy_frame *frame)
{
  struct block *self = (struct block *)frame;
  EDDY_BEGIN(frame);
  self->task = eddy_current_task();
  self->rc = eddy_loop_call_later(
      eddy_get_running_loop(), EDDY_MS(100), on_timeout, self, &self->handle);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(self->sleep));
  trace("block:%s", self->rc == 0 ? "ok" : eddy_err_name(self->rc));
  self->rc = leave_block(self, self->rc);
  if (self->rc == EDDY_ECANCELLED) EDDY_RAISE(frame, self->rc);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_MS(1)));
  trace("outside:%s:%u", self->rc == 0 ? "ok" : eddy_err_name(self->rc),
      eddy_task_cancelling(self->task));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

static int run_block(int kind, struct block **out, eddy_time sleep, eddy_task **task)
{
  *out = test_new(sizeof **out);
  (*out)->sleep = sleep;
  return test_frame_task(kind, *out, limited, task);
}

EDDY_TASK_TEST_VIRTUAL(cancel, code_outside_a_block_is_not_affected_by_its_timeout)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct block *block;
    eddy_task *task;
    CHECK_OK(run_block(kind, &block, EDDY_S(1), &task));
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK(block->timed_out);
    CHECK_TRACE("block:ECANCELLED outside:ok:0");
    CHECK_OK(run_block(kind, &block, EDDY_MS(10), &task));
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK(!block->timed_out);
    CHECK_TRACE("block:ok outside:ok:0");
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(cancel, request_from_outside_is_not_taken_for_the_blocks_own)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct block *block;
    eddy_task *task;
    CHECK_OK(run_block(kind, &block, EDDY_S(1), &task));
    CHECK_OK(eddy_sleep(EDDY_MS(10)));
    (void)eddy_task_cancel(task, NULL);
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    CHECK(!block->timed_out);
    CHECK_EQ(eddy_task_cancelling(task), 1);
    CHECK_TRACE("block:ECANCELLED");
    CHECK_OK(run_block(kind, &block, EDDY_S(1), &task));
    CHECK_OK(eddy_sleep(EDDY_MS(10)));
    (void)on_timeout(block);
    (void)eddy_task_cancel(task, NULL);
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    CHECK_EQ(eddy_task_cancelling(task), 1);
    CHECK_TRACE("block:ECANCELLED");
  }
  return 0;
}

/* ---- a task and what it waits for ---- */

struct waiter {
  eddy_frame frame;
  eddy_future *future;
  int rc;
};

static int wait_on(eddy_frame *frame)
{
  struct waiter *self = (struct waiter *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_await(self->future, NULL));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_RETURN(frame, eddy_int(12));
  EDDY_END(frame);
}

EDDY_TASK_TEST(cancel, of_both_a_future_and_its_waiter_counts_one_request)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct waiter *body = test_new(sizeof *body);
    eddy_task *task;
    CHECK_OK(test_future(NULL, &body->future));
    CHECK_OK(test_frame_task(kind, body, wait_on, &task));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_future_cancel(body->future, NULL));
    CHECK(eddy_task_cancel(task, NULL));
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    CHECK(eddy_future_cancelled(body->future));
    CHECK(eddy_task_cancelled(task));
    CHECK_EQ(eddy_task_cancelling(task), 1);
  }
  return 0;
}

EDDY_TASK_TEST(cancel, message_stays_with_the_task)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    static const char *const messages[] = {"my message", NULL};
    for (int i = 0; i < 2; i++) {
      struct waiter *body = test_new(sizeof *body);
      eddy_task *task;
      CHECK_OK(test_future(NULL, &body->future));
      CHECK_OK(test_frame_task(kind, body, wait_on, &task));
      CHECK_OK(eddy_sleep(0));
      CHECK(eddy_task_cancel(task, messages[i]));
      eddy_future *future = eddy_task_future(task);
      CHECK_OK(eddy_wait(&future, 1, EDDY_NEVER, EDDY_ALL_COMPLETED, NULL));
      CHECK_CODE(eddy_task_result(task, NULL), EDDY_ECANCELLED);
      CHECK_STR(eddy_future_message(future), i == 0 ? "my message" : "cancelled");
    }
  }
  return 0;
}

/* ---- the current task ---- */

struct player {
  eddy_frame frame;
  eddy_future *wait_for, *set_before, *set_after;
  eddy_task *task;
  bool wrong;
  int rc;
};

static void set(struct player *self, eddy_future *future)
{
  if (self->task != eddy_current_task()) self->wrong = true;
  if (future != NULL && eddy_future_set_result(future, eddy_int(0)) < 0) {
    self->wrong = true;
  }
}

static int play(eddy_frame *frame)
{
  struct player *self = (struct player *)frame;
  EDDY_BEGIN(frame);
  set(self, self->set_before);
  EDDY_AWAIT(frame, self->rc, eddy_await(self->wait_for, NULL));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  set(self, self->set_after);
  EDDY_END(frame);
}

EDDY_TASK_TEST(task, current_task_is_right_after_each_switch)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int other = 0; other < TEST_KINDS; other++) {
      struct player *a = test_new(sizeof *a), *b = test_new(sizeof *b);
      CHECK_OK(test_future(NULL, &a->wait_for));
      CHECK_OK(test_future(NULL, &b->wait_for));
      b->set_before = a->wait_for;
      a->set_after = b->wait_for;
      CHECK_OK(test_frame_task(kind, a, play, &a->task));
      CHECK_OK(test_frame_task(other, b, play, &b->task));
      CHECK_OK(eddy_task_await(b->task, NULL));
      CHECK(eddy_task_done(a->task));
      CHECK(!a->wrong && !b->wrong);
    }
  }
  return 0;
}
