/* Futures that keep a cancellation from going on (rules 18, 36). */
#include "waits.h"

static int await_shield(struct probe *self)
{
  return eddy_await(self->future, &self->value);
}

/* A shield that lives as long as the test. */
static int test_shield(eddy_future *inner, eddy_future **out)
{
  int rc = eddy_shield(inner, out);
  if (rc == 0) test_defer_late(test_unref_future, *out);
  return rc;
}

/* A probe that awaits a shield of a new future, futures[0]. */
static int shield_probe(struct probe **out)
{
  struct probe *probe = new_probe(await_shield);
  CHECK_OK(test_future(NULL, &probe->futures[0]));
  CHECK_OK(test_shield(probe->futures[0], &probe->future));
  *out = probe;
  return 0;
}

EDDY_TASK_TEST(shield, gives_the_result_at_three)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(shield_probe(&probe));
    probe->act = set_result;
    probe->act_arg = probe->futures[0];
    CHECK_OK(run_probe(kind, probe));
    CHECK_EQ(probe->value.i, 1);
    CHECK_TRACE("+3 ok");
  }
  return 0;
}

static int await_new_shield(struct probe *self)
{
  if (self->future == NULL) {
    CHECK_OK(child_future(TEST_STACKFUL, -1, CHILD_RETURNS, &self->futures[0]));
    CHECK_OK(test_shield(self->futures[0], &self->future));
  }
  return await_shield(self);
}

EDDY_TASK_TEST(shield, immediate_task_resumes_at_three)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = new_probe(await_new_shield);
    CHECK_OK(run_probe(kind, probe));
    CHECK_EQ(probe->value.i, 7);
    CHECK_TRACE("+3 ok");
  }
  return 0;
}

EDDY_TASK_TEST(shield, done_future_is_handed_back_itself)
{
  eddy_future *done, *failed, *shield;
  CHECK_OK(done_future(42, &done));
  CHECK_OK(test_shield(done, &shield));
  CHECK_PTR(shield, done);
  CHECK_OK(test_future(NULL, &failed));
  CHECK_OK(set_error(failed));
  CHECK_OK(test_shield(failed, &shield));
  CHECK_PTR(shield, failed);
  CHECK_CODE(eddy_await(shield, NULL), EDDY_EIO);
  return 0;
}

EDDY_TASK_TEST(shield, error_is_taken_over_with_its_message)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    int error = 0;
    CHECK_OK(shield_probe(&probe));
    probe->act = set_error;
    probe->act_arg = probe->futures[0];
    CHECK_CODE(run_probe(kind, probe), EDDY_EIO);
    CHECK_STR(eddy_message(EDDY_EIO), "on fire");
    CHECK_OK(eddy_future_exception(probe->future, &error));
    CHECK_EQ(error, EDDY_EIO);
    CHECK_TRACE("+3 EIO");
  }
  return 0;
}

/* ---- cancelling (rule 36) ---- */

EDDY_TASK_TEST(shield, cancelled_inner_cancels_the_outer)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(shield_probe(&probe));
    probe->act = cancel_future;
    probe->act_arg = probe->futures[0];
    CHECK_CODE(run_probe(kind, probe), EDDY_ECANCELLED);
    CHECK(eddy_future_cancelled(probe->future));
    CHECK_EQ(eddy_task_cancelling(probe->task), 0);
    CHECK_TRACE("+3 ECANCELLED");
  }
  return 0;
}

EDDY_TASK_TEST(shield, cancelled_outer_leaves_the_inner_running_and_unhooks)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(shield_probe(&probe));
    probe->act = cancel_probe;
    probe->act_arg = probe;
    CHECK_CODE(run_probe(kind, probe), EDDY_ECANCELLED);
    CHECK(eddy_future_cancelled(probe->future));
    CHECK(!eddy_future_done(probe->futures[0]));
    size_t ready = test_ready();
    CHECK_OK(set_result(probe->futures[0]));
    CHECK_EQ(test_ready(), ready);
    CHECK_TRACE("+2 ECANCELLED");
  }
  return 0;
}

EDDY_TASK_TEST(shield, cancel_of_the_outer_says_its_message)
{
  struct probe *probe = NULL;
  CHECK_OK(shield_probe(&probe));
  CHECK(eddy_future_cancel(probe->future, "why"));
  CHECK(!eddy_future_cancel(probe->future, "again"));
  CHECK_CODE(eddy_await(probe->future, NULL), EDDY_ECANCELLED);
  CHECK_STR(eddy_message(EDDY_ECANCELLED), "why");
  CHECK(!eddy_future_done(probe->futures[0]));
  return 0;
}

/* The inner is set in iteration 1, the waiter cancelled behind that, and `later`. */
static int set_and_cancel(int kind, bool later, const char *expected)
{
  struct probe *probe = NULL;
  CHECK_OK(shield_probe(&probe));
  CHECK_OK(start_probe(kind, probe));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(set_result(probe->futures[0]));
  if (later) CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(probe->task, NULL));
  CHECK_CODE(eddy_task_await(probe->task, NULL), EDDY_ECANCELLED);
  CHECK_EQ(eddy_future_cancelled(probe->future), !later);
  CHECK_TRACE(expected);
  return 0;
}

EDDY_TASK_TEST(shield, cancel_wins_over_a_result_on_its_way)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    CHECK_OK(set_and_cancel(kind, false, "+1 ECANCELLED"));
    CHECK_OK(set_and_cancel(kind, true, "+2 ECANCELLED"));
  }
  return 0;
}

EDDY_TASK_TEST(shield, of_a_task_lets_it_run_to_its_end)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = new_probe(await_shield);
    CHECK_OK(child_future(kind, EDDY_MS(2), CHILD_RETURNS, &probe->futures[0]));
    CHECK_OK(test_shield(probe->futures[0], &probe->future));
    CHECK_OK(start_probe(kind, probe));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(probe->task, NULL));
    CHECK_CODE(eddy_task_await(probe->task, NULL), EDDY_ECANCELLED);
    eddy_value value;
    CHECK_OK(eddy_await(probe->futures[0], &value));
    CHECK_EQ(value.i, 7);
    CHECK_TRACE("+1 ECANCELLED");
  }
  return 0;
}

EDDY_TASK_TEST(shield, one_of_two_waiters_is_cancelled_alone)
{
  eddy_future *task, *shields[2];
  struct probe *probes[2];
  CHECK_OK(child_future(TEST_STACKFUL, EDDY_MS(2), CHILD_RETURNS, &task));
  for (int i = 0; i < 2; i++) {
    CHECK_OK(test_shield(task, &shields[i]));
    probes[i] = new_probe(await_shield);
    probes[i]->future = shields[i];
    CHECK_OK(start_probe(i, probes[i]));
  }
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(probes[0]->task, NULL));
  CHECK_CODE(eddy_task_await(probes[0]->task, NULL), EDDY_ECANCELLED);
  CHECK_OK(eddy_task_await(probes[1]->task, NULL));
  CHECK_EQ(probes[1]->value.i, 7);
  return 0;
}

/* ---- who reports an error (rules 36, 88) ---- */

EDDY_TASK_TEST(shield, error_after_the_outer_was_cancelled_is_the_inners_and_reported)
{
  eddy_future *inner, *shield;
  trace_reports(NULL);
  CHECK_OK(eddy_future_new(NULL, &inner));
  int rc = eddy_shield(inner, &shield);
  if (rc == 0) {
    (void)eddy_future_cancel(shield, NULL);
    rc = set_error(inner);
    eddy_future_unref(shield);
  }
  eddy_future_unref(inner);
  CHECK_OK(rc);
  CHECK_TRACE("[the error of a future was never retrieved: EIO: on fire]");
  return 0;
}

EDDY_TASK_TEST(shield, error_that_reached_the_shield_is_reported_as_its_own)
{
  eddy_future *inner, *shield;
  trace_reports(NULL);
  CHECK_OK(eddy_future_new(NULL, &inner));
  int rc = eddy_shield(inner, &shield);
  if (rc == 0) {
    rc = set_error(inner);
    eddy_future_unref(shield); /* it lives until inner's callback ran */
  }
  eddy_future_unref(inner);
  CHECK_OK(rc);
  CHECK_TRACE("");
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("[the error of a shield was never retrieved: EIO: on fire]");
  return 0;
}

/* The shield takes the inner's error; lets go of all but the shield. */
static int take_over(bool cancelled, eddy_future **shield)
{
  eddy_future *inner;
  CHECK_OK(eddy_future_new(NULL, &inner));
  int rc = test_shield(inner, shield);
  if (rc == 0) rc = set_error(inner);
  /* Cancelled when its callback is on its way, it takes the outcome all the same. */
  if (rc == 0 && cancelled) (void)eddy_future_cancel(*shield, NULL);
  eddy_future_unref(inner);
  return rc < 0 ? rc : eddy_sleep(0);
}

EDDY_TASK_TEST(shield, error_of_the_inner_counts_as_retrieved_once_taken_over)
{
  trace_reports(NULL);
  for (int cancelled = 0; cancelled < 2; cancelled++) {
    eddy_future *shield = NULL;
    CHECK_OK(take_over(cancelled, &shield));
    CHECK_CODE(eddy_future_result(shield, NULL), cancelled ? EDDY_ECANCELLED : EDDY_EIO);
    CHECK_TRACE("");
  }
  return 0;
}

/* ---- its own life ---- */

static int trace_outcome(eddy_future *future, void *arg)
{
  (void)arg;
  int rc = eddy_future_result(future, NULL);
  trace("%s", rc == 0 ? "ok" : eddy_err_name(rc));
  return 0;
}

EDDY_TASK_TEST(shield, keeps_itself_and_the_inner_alive)
{
  eddy_future *shield;
  eddy_task *task;
  struct waits_child *child = new_child(EDDY_MS(1), CHILD_RETURNS);
  CHECK_OK(start_child(TEST_STACKFUL, child, &task));
  CHECK_OK(eddy_shield(eddy_task_future(task), &shield));
  int rc = eddy_future_add_done_callback(shield, trace_outcome, NULL);
  eddy_future_unref(shield); /* whoever made it may forget it */
  CHECK_OK(rc);
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("ok");
  return 0;
}

EDDY_TASK_TEST(shield, inner_may_be_known_to_the_shield_alone)
{
  for (int cancel = 0; cancel < 2; cancel++) {
    eddy_future *inner, *shield;
    CHECK_OK(eddy_future_new(NULL, &inner));
    int rc = test_shield(inner, &shield);
    eddy_future_unref(inner);
    CHECK_OK(rc);
    if (cancel) CHECK(eddy_future_cancel(shield, NULL));
    CHECK_EQ(eddy_future_done(shield), cancel);
  }
  return 0;
}

EDDY_TASK_TEST(shield, room_booked_in_the_ring_is_given_back)
{
  size_t bookings = test_bookings();
  for (int end = 0; end < 3; end++) {
    eddy_future *inner, *shield;
    CHECK_OK(test_future(NULL, &inner));
    CHECK_OK(test_shield(inner, &shield));
    if (end == 1) CHECK_OK(set_result(inner));
    if (end == 2) CHECK_OK(cancel_future(inner));
    if (end == 0) CHECK(eddy_future_cancel(shield, NULL));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_future_done(shield));
    CHECK_OK(eddy_sleep(0));
    CHECK_EQ(test_bookings(), bookings);
  }
  return 0;
}

EDDY_TASK_TEST(shield, of_a_gather_and_gather_of_shields)
{
  eddy_future *children[2], *shields[2], *gather, *shield;
  CHECK_OK(test_future(NULL, &children[0]));
  CHECK_OK(test_future(NULL, &children[1]));
  CHECK_OK(test_gather(children, 2, EDDY_GATHER_RAISE, &gather));
  CHECK_OK(test_shield(gather, &shield));
  CHECK(eddy_future_cancel(shield, NULL));
  CHECK(!eddy_future_done(children[0]));
  for (int i = 0; i < 2; i++) {
    CHECK_OK(test_shield(children[i], &shields[i]));
  }
  eddy_future *parent;
  CHECK_OK(test_gather(shields, 2, EDDY_GATHER_RAISE, &parent));
  CHECK(eddy_future_cancel(parent, NULL));
  CHECK_CODE(eddy_await(parent, NULL), EDDY_ECANCELLED);
  for (int i = 0; i < 2; i++) {
    CHECK(eddy_future_cancelled(shields[i]));
    CHECK(!eddy_future_done(children[i]));
    CHECK_OK(set_result(children[i]));
  }
  CHECK_OK(eddy_await(gather, NULL));
  CHECK_EQ(eddy_gather_results(gather, NULL)[1].value.i, 1);
  return 0;
}

EDDY_TASK_TEST(shield, of_a_shield_takes_one_iteration_more)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(shield_probe(&probe));
    CHECK_OK(test_shield(probe->future, &probe->future));
    probe->act = set_result;
    probe->act_arg = probe->futures[0];
    CHECK_OK(run_probe(kind, probe));
    CHECK_TRACE("+4 ok");
  }
  return 0;
}

/* ---- what it says and what it refuses ---- */

EDDY_TASK_TEST(shield, waiter_says_what_is_shielded)
{
  struct waits_child *child = new_child(EDDY_MS(1), CHILD_RETURNS);
  struct probe *probe = new_probe(await_shield);
  eddy_task *task;
  char text[100];
  CHECK_OK(start_child(TEST_STACKFUL, child, &task));
  CHECK_OK(eddy_task_set_name(task, "slow"));
  CHECK_OK(test_shield(eddy_task_future(task), &probe->future));
  CHECK_OK(describe_probe(TEST_STACKLESS, probe, text, sizeof text));
  CHECK_STR(text, "shield of task 'slow'");
  CHECK_OK(eddy_task_await(task, NULL));
  return 0;
}

EDDY_TEST(shield, create_refuses_what_it_cannot_use)
{
  eddy_loop *loop;
  eddy_future *inner, *shield = NULL;
  CHECK_CODE(eddy_shield(NULL, &shield), EDDY_EINVAL);
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &inner));
  CHECK_CODE(eddy_shield(inner, NULL), EDDY_EINVAL);
  CHECK_OK(test_shield(inner, &shield));
  CHECK_CODE(eddy_future_set_result(shield, eddy_int(1)), EDDY_EINVALIDSTATE);
  CHECK_CODE(eddy_future_set_exception(shield, EDDY_EIO, NULL), EDDY_EINVALIDSTATE);
  CHECK_PTR(eddy_future_get_loop(shield), loop);
  CHECK_OK(eddy_loop_close(loop));
  CHECK(!eddy_future_done(shield));
  CHECK_CODE(eddy_shield(inner, &shield), EDDY_ECLOSED);
  CHECK_OK(set_result(inner));
  CHECK(eddy_future_cancel(shield, NULL)); /* nothing is hooked any more */
  return 0;
}

EDDY_TEST(shield, of_a_closed_loop_is_let_go_of)
{
  eddy_loop *loop;
  eddy_future *inner[2], *shields[2];
  CHECK_OK(test_loop(&loop));
  for (int i = 0; i < 2; i++) {
    CHECK_OK(test_future(loop, &inner[i]));
    CHECK_OK(test_shield(inner[i], &shields[i]));
  }
  CHECK_OK(set_result(inner[0]));
  CHECK_OK(eddy_loop_close(loop));
  CHECK(!eddy_future_done(shields[0]));
  return 0;
}

static int fail_in_a_group(void *arg)
{
  eddy_task_group *group = arg;
  int rc = eddy_task_group_enter(group);
  if (rc < 0) return rc;
  return eddy_task_group_exit(group, eddy_raise(EDDY_EIO, "on fire"));
}

EDDY_TASK_TEST(shield, error_of_a_group_keeps_its_parts)
{
  eddy_task_group *group = test_new(sizeof *group);
  eddy_future *shield;
  eddy_task *task;
  CHECK_OK(test_task(fail_in_a_group, group, &task));
  CHECK_OK(test_shield(eddy_task_future(task), &shield));
  CHECK_CODE(eddy_wait_for(shield, EDDY_S(10), NULL), EDDY_EGROUP);
  const eddy_error_part *part = eddy_error_parts(EDDY_EGROUP);
  CHECK(part != NULL);
  CHECK_STR(part->message, "on fire");
  return 0;
}
