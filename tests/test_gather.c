/* Many futures as one (rules 51, 52). */
#include "tasks.h"

enum manner { RETURN, FAIL, PASS_ON, SWALLOW, CLEAN_UP, TURN_INTO_ERROR };

struct child {
  eddy_frame frame;
  const char *name;
  enum manner manner;
  eddy_time delay;
  eddy_time cleanup;
  int rc;
};

/* Sleeps, and ends as its manner says. */
static int run_child(eddy_frame *frame)
{
  struct child *self = (struct child *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(self->delay));
  if (self->rc == 0) {
    trace("%s", self->name);
    if (self->manner == FAIL) EDDY_RAISE(frame, eddy_raise(EDDY_EIO, "%s", self->name));
    EDDY_RETURN(frame, eddy_int(self->name[0]));
  }
  if (self->manner == TURN_INTO_ERROR) {
    EDDY_RAISE(frame, eddy_raise(EDDY_EIO, "%s", self->name));
  }
  EDDY_AWAIT(frame, self->rc, eddy_sleep(self->cleanup));
  trace("%s!", self->name);
  if (self->manner == SWALLOW) EDDY_RETURN(frame, eddy_int(1));
  EDDY_RAISE(frame, EDDY_ECANCELLED);
  EDDY_END(frame);
}

static int child_task(int kind, const char *name, enum manner manner, eddy_time delay,
    eddy_task **task, eddy_future **future)
{
  struct child *child = test_new(sizeof *child);
  child->name = name;
  child->manner = manner;
  child->delay = delay;
  child->cleanup = manner == CLEAN_UP ? EDDY_MS(5) : 0;
  int rc = test_frame_task(kind, child, run_child, task);
  if (rc == 0) *future = eddy_task_future(*task);
  return rc;
}

#define LONG EDDY_S(3600)

/* ---- results ---- */

EDDY_TASK_TEST_VIRTUAL(gather, results_stand_in_argument_order)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *tasks[3];
    eddy_future *children[3], *gather;
    size_t count = 0;
    CHECK_OK(child_task(kind, "1", RETURN, EDDY_S(3), &tasks[0], &children[0]));
    CHECK_OK(child_task(kind, "2", RETURN, EDDY_S(1), &tasks[1], &children[1]));
    CHECK_OK(child_task(kind, "3", RETURN, EDDY_S(2), &tasks[2], &children[2]));
    CHECK_OK(test_gather(children, 3, EDDY_GATHER_RAISE, &gather));
    CHECK_PTR(eddy_gather_results(gather, &count), NULL);
    CHECK_OK(eddy_await(gather, NULL));
    CHECK_TRACE("2 3 1");
    const eddy_result *results = eddy_gather_results(gather, &count);
    CHECK(results != NULL);
    CHECK_EQ(count, 3);
    for (int i = 0; i < 3; i++) {
      CHECK_EQ(results[i].error, 0);
      CHECK_EQ(results[i].value.i, '1' + i);
    }
    CHECK(eddy_gather_results(gather, NULL) == results);
  }
  return 0;
}

EDDY_TASK_TEST(gather, nothing_is_done_at_once)
{
  eddy_future *gather;
  size_t count = 1;
  CHECK_OK(test_gather(NULL, 0, EDDY_GATHER_RAISE, &gather));
  CHECK(eddy_future_done(gather));
  CHECK_OK(eddy_await(gather, NULL));
  CHECK(eddy_gather_results(gather, &count) != NULL);
  CHECK_EQ(count, 0);
  return 0;
}

EDDY_TASK_TEST(gather, done_children_make_it_done_at_once)
{
  eddy_future *children[2], *gather;
  CHECK_OK(test_future(NULL, &children[0]));
  CHECK_OK(test_future(NULL, &children[1]));
  CHECK_OK(eddy_future_set_result(children[0], eddy_int(1)));
  CHECK_OK(eddy_future_set_result(children[1], eddy_int(2)));
  CHECK_OK(test_gather(children, 2, EDDY_GATHER_RAISE, &gather));
  CHECK(eddy_future_done(gather));
  CHECK_EQ(eddy_gather_results(gather, NULL)[1].value.i, 2);
  return 0;
}

EDDY_TASK_TEST(gather, duplicates_share_one_child)
{
  eddy_future *future, *other, *gather;
  size_t count;
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(test_future(NULL, &other));
  eddy_future *children[] = {future, other, future};
  CHECK_OK(test_gather(children, 3, EDDY_GATHER_RAISE, &gather));
  CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
  CHECK_OK(eddy_future_set_result(other, eddy_int(2)));
  CHECK_OK(eddy_await(gather, NULL));
  const eddy_result *results = eddy_gather_results(gather, &count);
  CHECK_EQ(count, 3);
  CHECK_EQ(results[0].value.i, 1);
  CHECK_EQ(results[1].value.i, 2);
  CHECK_EQ(results[2].value.i, 1);
  return 0;
}

EDDY_TASK_TEST(gather, errors_stand_among_the_results_if_asked)
{
  eddy_task *failing, *cancelled;
  eddy_future *children[3], *gather;
  CHECK_OK(child_task(TEST_STACKFUL, "bad", FAIL, 0, &failing, &children[0]));
  CHECK_OK(child_task(TEST_STACKLESS, "c", PASS_ON, LONG, &cancelled, &children[1]));
  CHECK_OK(test_future(NULL, &children[2]));
  CHECK_OK(test_gather(children, 3, EDDY_GATHER_RETURN_EXCEPTIONS, &gather));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(cancelled, NULL));
  CHECK_OK(eddy_future_set_result(children[2], eddy_int(3)));
  CHECK_OK(eddy_await(gather, NULL));
  const eddy_result *results = eddy_gather_results(gather, NULL);
  CHECK_EQ(results[0].error, EDDY_EIO);
  CHECK_EQ(results[1].error, EDDY_ECANCELLED);
  CHECK_EQ(results[2].error, 0);
  CHECK_EQ(results[2].value.i, 3);
  return 0;
}

/* ---- errors (rule 51) ---- */

EDDY_TASK_TEST_VIRTUAL(gather, first_error_ends_it_and_siblings_run_on)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *tasks[2];
    eddy_future *children[2], *gather;
    CHECK_OK(child_task(kind, "bad", FAIL, EDDY_S(1), &tasks[0], &children[0]));
    CHECK_OK(child_task(kind, "sibling", RETURN, EDDY_S(2), &tasks[1], &children[1]));
    CHECK_OK(test_gather(children, 2, EDDY_GATHER_RAISE, &gather));
    CHECK_CODE(eddy_await(gather, NULL), EDDY_EIO);
    CHECK_STR(eddy_message(EDDY_EIO), "bad");
    CHECK_TRACE("bad");
    CHECK(!eddy_task_done(tasks[1]));
    CHECK_EQ(eddy_task_cancelling(tasks[1]), 0);
    CHECK_OK(eddy_task_await(tasks[1], NULL));
    CHECK_TRACE("sibling");
  }
  return 0;
}

EDDY_TASK_TEST(gather, later_errors_are_silent)
{
  eddy_future *children[2], *gather;
  trace_reports(NULL);
  CHECK_OK(eddy_future_new(NULL, &children[0]));
  int rc = eddy_future_new(NULL, &children[1]);
  if (rc == 0) {
    rc = eddy_gather(children, 2, EDDY_GATHER_RAISE, &gather);
    if (rc == 0) rc = eddy_future_set_exception(children[0], EDDY_EIO, "first");
    if (rc == 0) rc = eddy_future_set_exception(children[1], EDDY_ENOENT, "second");
    eddy_future_unref(children[1]);
  }
  eddy_future_unref(children[0]);
  CHECK_OK(rc);
  rc = eddy_await(gather, NULL);
  if (rc == EDDY_EIO) rc = eddy_sleep(0);
  eddy_future_unref(gather);
  CHECK_OK(rc);
  CHECK_TRACE("");
  return 0;
}

static int trace_end(eddy_future *gather, void *arg)
{
  (void)arg;
  int error = eddy_future_result(gather, NULL);
  trace("done:%s", error == 0 ? "ok" : eddy_err_name(error));
  return 0;
}

EDDY_TASK_TEST(gather, is_done_once_whatever_its_children_still_do)
{
  for (eddy_gather_mode mode = 0; mode <= EDDY_GATHER_RETURN_EXCEPTIONS; mode++) {
    eddy_future *children[5], *gather;
    for (int i = 0; i < 5; i++) {
      CHECK_OK(test_future(NULL, &children[i]));
    }
    CHECK_OK(test_gather(children, 5, mode, &gather));
    CHECK_OK(eddy_future_add_done_callback(gather, trace_end, NULL));
    CHECK_OK(eddy_future_set_result(children[0], eddy_int(1)));
    CHECK_OK(eddy_future_set_exception(children[1], EDDY_EIO, NULL));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(eddy_sleep(0));
    CHECK_TRACE(mode == EDDY_GATHER_RAISE ? "done:EIO" : "");
    CHECK_OK(eddy_future_set_result(children[2], eddy_int(3)));
    CHECK(eddy_future_cancel(children[3], NULL));
    CHECK_OK(eddy_future_set_exception(children[4], EDDY_ENOENT, NULL));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(eddy_sleep(0));
    CHECK_TRACE(mode == EDDY_GATHER_RAISE ? "" : "done:ok");
    const eddy_result *results = eddy_gather_results(gather, NULL);
    if (mode == EDDY_GATHER_RAISE) continue;
    CHECK_EQ(results[1].error, EDDY_EIO);
    CHECK_EQ(results[2].value.i, 3);
    CHECK_EQ(results[3].error, EDDY_ECANCELLED);
    CHECK_EQ(results[4].error, EDDY_ENOENT);
  }
  return 0;
}

EDDY_TASK_TEST(gather, error_of_its_own_is_reported_if_nobody_reads_it)
{
  eddy_future *child, *gather;
  trace_reports(NULL);
  CHECK_OK(test_future(NULL, &child));
  CHECK_OK(eddy_gather(&child, 1, EDDY_GATHER_RAISE, &gather));
  int rc = eddy_future_set_exception(child, EDDY_EIO, "on fire");
  eddy_future_unref(gather);
  CHECK_OK(rc);
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("[the error of a gather was never retrieved: EIO: on fire]");
  return 0;
}

EDDY_TASK_TEST(gather, cancelled_child_ends_it)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *a, *b;
    eddy_future *children[2], *gather;
    CHECK_OK(child_task(kind, "a", PASS_ON, LONG, &a, &children[0]));
    CHECK_OK(child_task(kind, "b", PASS_ON, LONG, &b, &children[1]));
    CHECK_OK(test_gather(children, 2, EDDY_GATHER_RAISE, &gather));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(a, "a"));
    CHECK_CODE(eddy_await(gather, NULL), EDDY_ECANCELLED);
    CHECK(!eddy_future_cancelled(gather));
    CHECK(!eddy_task_done(b));
    CHECK(eddy_task_cancel(b, NULL));
    CHECK_CODE(eddy_task_await(b, NULL), EDDY_ECANCELLED);
    CHECK_TRACE("a! b!");
  }
  return 0;
}

/* ---- cancelling (rule 52) ---- */

EDDY_TASK_TEST(gather, cancelling_it_asks_every_child)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *a, *b;
    eddy_future *children[2], *gather;
    CHECK_OK(child_task(kind, "a", PASS_ON, LONG, &a, &children[0]));
    CHECK_OK(child_task(kind, "b", PASS_ON, LONG, &b, &children[1]));
    CHECK_OK(test_gather(children, 2, EDDY_GATHER_RAISE, &gather));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_future_cancel(gather, "all"));
    CHECK(!eddy_future_done(gather));
    CHECK_CODE(eddy_await(gather, NULL), EDDY_ECANCELLED);
    CHECK(!eddy_future_cancelled(gather));
    CHECK(eddy_task_cancelled(a));
    CHECK(eddy_task_cancelled(b));
    CHECK_STR(eddy_future_message(children[1]), "all");
    CHECK_TRACE("a! b!");
  }
  return 0;
}

EDDY_TASK_TEST(gather, child_named_twice_is_asked_twice)
{
  eddy_task *a;
  eddy_future *children[2], *gather;
  CHECK_OK(child_task(0, "a", PASS_ON, LONG, &a, &children[0]));
  children[1] = children[0];
  CHECK_OK(test_gather(children, 2, EDDY_GATHER_RAISE, &gather));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_future_cancel(gather, NULL));
  CHECK_EQ(eddy_task_cancelling(a), 2);
  CHECK_CODE(eddy_await(gather, NULL), EDDY_ECANCELLED);
  return 0;
}

static int wait_on(void *future)
{
  return eddy_await(future, NULL);
}

EDDY_TASK_TEST(gather, cancelling_its_awaiter_asks_every_child)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *a, *b, *waiter;
    eddy_future *children[2], *gather;
    CHECK_OK(child_task(kind, "a", PASS_ON, LONG, &a, &children[0]));
    CHECK_OK(child_task(kind, "b", PASS_ON, LONG, &b, &children[1]));
    CHECK_OK(test_gather(children, 2, EDDY_GATHER_RAISE, &gather));
    CHECK_OK(test_task(wait_on, gather, &waiter));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(waiter, NULL));
    CHECK_CODE(eddy_task_await(waiter, NULL), EDDY_ECANCELLED);
    CHECK(eddy_task_cancelled(waiter));
    CHECK(eddy_task_cancelled(a));
    CHECK(eddy_task_cancelled(b));
    CHECK_TRACE("a! b!");
  }
  return 0;
}

EDDY_TASK_TEST(gather, message_of_the_cancel_comes_back_through_the_children)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (eddy_gather_mode mode = 0; mode <= EDDY_GATHER_RETURN_EXCEPTIONS; mode++) {
      eddy_task *a, *waiter;
      eddy_future *child, *gather;
      CHECK_OK(child_task(kind, "a", PASS_ON, LONG, &a, &child));
      CHECK_OK(test_gather(&child, 1, mode, &gather));
      CHECK_OK(test_task(wait_on, gather, &waiter));
      CHECK_OK(eddy_sleep(0));
      CHECK(eddy_task_cancel(waiter, "my message"));
      CHECK_CODE(eddy_task_await(waiter, NULL), EDDY_ECANCELLED);
      CHECK_STR(eddy_message(EDDY_ECANCELLED), "my message");
      CHECK_TRACE("a!");
    }
  }
  return 0;
}

EDDY_TASK_TEST(gather, with_return_exceptions_a_cancelled_one_waits_for_all)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *a, *b;
    eddy_future *children[2], *gather;
    CHECK_OK(child_task(kind, "a", PASS_ON, LONG, &a, &children[0]));
    CHECK_OK(child_task(kind, "slow", CLEAN_UP, LONG, &b, &children[1]));
    CHECK_OK(test_gather(children, 2, EDDY_GATHER_RETURN_EXCEPTIONS, &gather));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_future_cancel(gather, NULL));
    CHECK_CODE(eddy_await(gather, NULL), EDDY_ECANCELLED);
    CHECK(!eddy_future_cancelled(gather));
    CHECK(eddy_task_done(b));
    CHECK_TRACE("a! slow!");
  }
  return 0;
}

EDDY_TASK_TEST(gather, cancelled_one_ends_with_the_first_child_that_ends)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *a, *b;
    eddy_future *children[2], *gather;
    CHECK_OK(child_task(kind, "slow", CLEAN_UP, LONG, &b, &children[0]));
    CHECK_OK(child_task(kind, "a", PASS_ON, LONG, &a, &children[1]));
    CHECK_OK(test_gather(children, 2, EDDY_GATHER_RAISE, &gather));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_future_cancel(gather, NULL));
    CHECK_CODE(eddy_await(gather, NULL), EDDY_ECANCELLED);
    CHECK(!eddy_task_done(b));
    CHECK_TRACE("a!");
    CHECK_CODE(eddy_task_await(b, NULL), EDDY_ECANCELLED);
    CHECK_TRACE("slow!");
  }
  return 0;
}

EDDY_TASK_TEST(gather, child_that_fails_when_cancelled_gives_its_error)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *a, *b;
    eddy_future *children[2], *gather;
    CHECK_OK(child_task(kind, "bad", TURN_INTO_ERROR, LONG, &a, &children[0]));
    CHECK_OK(child_task(kind, "b", PASS_ON, LONG, &b, &children[1]));
    CHECK_OK(test_gather(children, 2, EDDY_GATHER_RAISE, &gather));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_future_cancel(gather, NULL));
    CHECK_CODE(eddy_await(gather, NULL), EDDY_EIO);
    CHECK_STR(eddy_message(EDDY_EIO), "bad");
    CHECK_CODE(eddy_task_await(b, NULL), EDDY_ECANCELLED);
    CHECK_TRACE("b!");
  }
  return 0;
}

EDDY_TASK_TEST(gather, children_that_swallow_make_it_wait_and_be_cancelled)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *a, *b;
    eddy_future *children[2], *gather;
    CHECK_OK(child_task(kind, "a", SWALLOW, LONG, &a, &children[0]));
    CHECK_OK(child_task(kind, "b", SWALLOW, LONG, &b, &children[1]));
    CHECK_OK(test_gather(children, 2, EDDY_GATHER_RAISE, &gather));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_future_cancel(gather, NULL));
    CHECK_CODE(eddy_await(gather, NULL), EDDY_ECANCELLED);
    CHECK(!eddy_future_cancelled(gather));
    CHECK(!eddy_task_cancelled(a));
    CHECK(!eddy_task_cancelled(b));
    CHECK_TRACE("a! b!");
  }
  return 0;
}

EDDY_TASK_TEST(gather, cancel_is_refused_when_no_child_accepts)
{
  eddy_future *child, *gather;
  CHECK_OK(test_future(NULL, &child));
  CHECK_OK(test_gather(&child, 1, EDDY_GATHER_RAISE, &gather));
  CHECK_OK(eddy_future_set_result(child, eddy_int(1)));
  CHECK(!eddy_future_done(gather));
  CHECK(!eddy_future_cancel(gather, NULL));
  CHECK_OK(eddy_await(gather, NULL));
  CHECK(!eddy_future_cancel(gather, NULL));
  return 0;
}

/* ---- what is refused ---- */

EDDY_TEST(gather, create_refuses_what_it_cannot_use)
{
  eddy_loop *loop, *other;
  eddy_future *children[2] = {NULL, NULL}, *gather = NULL;
  CHECK_CODE(eddy_gather(NULL, 0, EDDY_GATHER_RAISE, &gather), EDDY_ENOLOOP);
  CHECK_CODE(eddy_gather(NULL, 1, EDDY_GATHER_RAISE, &gather), EDDY_EINVAL);
  CHECK_CODE(eddy_gather(children, 2, EDDY_GATHER_RAISE, &gather), EDDY_EINVAL);
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_loop(&other));
  CHECK_OK(test_future(loop, &children[0]));
  CHECK_CODE(eddy_gather(children, 1, EDDY_GATHER_RAISE, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_gather(children, 2, EDDY_GATHER_RAISE, &gather), EDDY_EINVAL);
  CHECK_OK(test_future(other, &children[1]));
  CHECK_CODE(eddy_gather(children, 2, EDDY_GATHER_RAISE, &gather), EDDY_EOTHERLOOP);
  CHECK_CODE(
      eddy_gather(children, SIZE_MAX / 2, EDDY_GATHER_RAISE, &gather), EDDY_EOTHERLOOP);
  CHECK_OK(eddy_loop_close(loop));
  CHECK_CODE(eddy_gather(children, 1, EDDY_GATHER_RAISE, &gather), EDDY_ECLOSED);
  CHECK_PTR(gather, NULL);
  return 0;
}

EDDY_TASK_TEST(gather, other_futures_have_no_results)
{
  eddy_future *future, *gather;
  CHECK_OK(test_future(NULL, &future));
  CHECK_PTR(eddy_gather_results(NULL, NULL), NULL);
  CHECK_PTR(eddy_gather_results(future, NULL), NULL);
  CHECK_PTR(eddy_gather_results(eddy_task_future(eddy_current_task()), NULL), NULL);
  CHECK_OK(test_gather(&future, 1, EDDY_GATHER_RAISE, &gather));
  CHECK_CODE(eddy_future_set_result(gather, eddy_int(1)), EDDY_EINVALIDSTATE);
  CHECK_CODE(eddy_future_set_exception(gather, EDDY_EIO, NULL), EDDY_EINVALIDSTATE);
  return 0;
}

/* ---- its own life ---- */

EDDY_TASK_TEST(gather, may_be_let_go_of_before_its_children_end)
{
  eddy_future *child, *gather;
  CHECK_OK(test_future(NULL, &child));
  CHECK_OK(eddy_gather(&child, 1, EDDY_GATHER_RAISE, &gather));
  eddy_future_unref(gather);
  CHECK_OK(eddy_future_set_result(child, eddy_int(1)));
  CHECK_OK(eddy_sleep(0));
  return 0;
}

EDDY_TEST(gather, of_a_closed_loop_is_let_go_of)
{
  eddy_loop *loop;
  eddy_future *children[2], *gather;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &children[0]));
  CHECK_OK(test_future(loop, &children[1]));
  CHECK_OK(test_gather(children, 2, EDDY_GATHER_RAISE, &gather));
  CHECK_OK(eddy_future_set_result(children[0], eddy_int(1)));
  CHECK_OK(eddy_loop_close(loop));
  CHECK(!eddy_future_done(gather));
  return 0;
}
