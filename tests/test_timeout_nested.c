/* Timeout scopes in one another, again, and after a cancellation (rules 37 to 42). */
#include "tasks.h"

struct body {
  eddy_frame frame;
  eddy_timeout scope, inner;
  eddy_task *task;
  int rc, inner_rc;
};

static const char *name_of(int rc)
{
  return rc == 0 ? "ok" : eddy_err_name(rc);
}

static int run_body(int kind, struct body *body, eddy_frame_fn *fn)
{
  int rc = test_frame_task(kind, body, fn, &body->task);
  return rc < 0 ? rc : eddy_task_await(body->task, NULL);
}

/* ---- entering (rule 37) ---- */

EDDY_TASK_TEST(timeout, scope_that_is_entered_cannot_be_entered_again)
{
  eddy_timeout *outer = test_new(sizeof *outer), *inner = test_new(sizeof *inner);
  CHECK_OK(eddy_timeout_enter(outer, EDDY_MS(5)));
  CHECK_OK(eddy_timeout_enter(inner, EDDY_S(10)));
  int again = eddy_timeout_enter(outer, EDDY_S(10));
  bool said = strstr(eddy_message(again), "entered already") != NULL;
  int itself = eddy_timeout_at_enter(inner, EDDY_NEVER);
  int rc = eddy_timeout_exit(inner, eddy_sleep(EDDY_S(10)));
  CHECK_CODE(eddy_timeout_exit(outer, rc), EDDY_ETIMEDOUT); /* it has gone on */
  CHECK_CODE(again, EDDY_ERUNTIME);
  CHECK_CODE(itself, EDDY_ERUNTIME);
  CHECK(said);
  return 0;
}

EDDY_TASK_TEST(timeout, scope_that_was_exited_may_be_entered_anew)
{
  eddy_timeout scope;
  CHECK_OK(eddy_timeout_enter(&scope, 0));
  CHECK_CODE(eddy_timeout_exit(&scope, eddy_sleep(0)), EDDY_ETIMEDOUT);
  CHECK(eddy_timeout_expired(&scope));
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_S(10)));
  CHECK(!eddy_timeout_expired(&scope));
  CHECK_OK(eddy_timeout_exit(&scope, eddy_sleep(0)));
  return 0;
}

EDDY_TASK_TEST(timeout, scopes_exited_in_the_wrong_order_stay_sound)
{
  eddy_timeout *scopes = test_new(3 * sizeof *scopes);
  for (int i = 0; i < 3; i++) {
    CHECK_OK(eddy_timeout_enter(&scopes[i], EDDY_S(10)));
  }
  CHECK_OK(eddy_timeout_exit(&scopes[1], 0));
  CHECK_OK(eddy_timeout_exit(&scopes[0], 0));
  CHECK_OK(eddy_timeout_enter(&scopes[1], EDDY_S(10)));
  CHECK_OK(eddy_timeout_exit(&scopes[2], 0));
  CHECK_OK(eddy_timeout_exit(&scopes[1], 0));
  return 0;
}

EDDY_TASK_TEST(timeout, without_a_deadline_it_never_strikes)
{
  eddy_timeout scope;
  for (int at = 0; at < 2; at++) {
    CHECK_OK(at ? eddy_timeout_at_enter(&scope, EDDY_NEVER)
                : eddy_timeout_enter(&scope, EDDY_NEVER));
    CHECK_EQ(eddy_timeout_when(&scope), EDDY_NEVER);
    CHECK_OK(eddy_timeout_exit(&scope, eddy_sleep(EDDY_MS(1))));
    CHECK(!eddy_timeout_expired(&scope));
  }
  return 0;
}

/* ---- requests of others and of oneself (rules 38, 39) ---- */

EDDY_TASK_TEST(timeout, own_cancel_before_the_deadline_is_no_timeout)
{
  eddy_timeout scope;
  eddy_task *self = eddy_current_task();
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_S(10)));
  CHECK(eddy_task_cancel(self, NULL));
  int rc = eddy_timeout_exit(&scope, eddy_sleep(EDDY_S(10)));
  CHECK_EQ(eddy_task_uncancel(self), 0);
  CHECK_CODE(rc, EDDY_ECANCELLED);
  CHECK(!eddy_timeout_expired(&scope));
  return 0;
}

static int time_out_inside(void *arg)
{
  (void)arg;
  eddy_timeout scope;
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_MS(1)));
  CHECK_CODE(eddy_timeout_exit(&scope, eddy_sleep(EDDY_S(10))), EDDY_ETIMEDOUT);
  return 0;
}

EDDY_TASK_TEST(timeout, task_that_deals_with_it_is_not_cancelled)
{
  eddy_task *task;
  CHECK_OK(test_task(time_out_inside, NULL, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK(!eddy_task_cancelled(task));
  CHECK_EQ(eddy_task_cancelling(task), 0);
  return 0;
}

static int cancel_self_and_swallow(eddy_task *self)
{
  CHECK(eddy_task_cancel(self, NULL));
  CHECK_CODE(eddy_sleep(EDDY_S(1)), EDDY_ECANCELLED);
  return 0;
}

EDDY_TASK_TEST(timeout, new_cancel_inside_after_an_old_one_is_no_timeout)
{
  eddy_timeout scope;
  eddy_task *self = eddy_current_task();
  CHECK_OK(cancel_self_and_swallow(self));
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_S(1)));
  CHECK(eddy_task_cancel(self, NULL));
  int rc = eddy_timeout_exit(&scope, eddy_sleep(EDDY_S(2)));
  CHECK_EQ(eddy_task_uncancel(self), 1);
  CHECK_EQ(eddy_task_uncancel(self), 0);
  CHECK_CODE(rc, EDDY_ECANCELLED);
  return 0;
}

/* ---- scopes in one another ---- */

/* Enters both scopes, with these limits from now. */
static int enter_both(struct body *self, eddy_time outer, eddy_time inner)
{
  eddy_time now = eddy_loop_time(eddy_get_running_loop());
  CHECK_OK(eddy_timeout_at_enter(&self->scope, now + outer));
  return eddy_timeout_at_enter(&self->inner, now + inner);
}

static int outer_is_earlier(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(enter_both(self, EDDY_MS(2), EDDY_MS(100)));
  EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_S(1)));
  self->inner_rc = eddy_timeout_exit(&self->inner, self->rc);
  self->rc = eddy_timeout_exit(&self->scope, self->inner_rc);
  trace("%s %s", name_of(self->inner_rc), name_of(self->rc));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TASK_TEST_VIRTUAL(timeout, outer_scope_expiring_alone_converts)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = test_new(sizeof *body);
    CHECK_CODE(run_body(kind, body, outer_is_earlier), EDDY_ETIMEDOUT);
    CHECK(eddy_timeout_expired(&body->scope));
    CHECK(!eddy_timeout_expired(&body->inner));
    CHECK_TRACE("ECANCELLED ETIMEDOUT");
  }
  return 0;
}

/* The inner scope has expired, and its timeout is dealt with; then the outer one strikes. */
static int deal_with_the_inner(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(enter_both(self, EDDY_MS(100), EDDY_MS(10)));
  EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_S(1)));
  self->inner_rc = eddy_timeout_exit(&self->inner, self->rc);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_S(10)));
  self->rc = eddy_timeout_exit(&self->scope, self->rc);
  trace("%s %s", name_of(self->inner_rc), name_of(self->rc));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TASK_TEST_VIRTUAL(timeout, outer_scope_goes_on_after_the_inner_one_expired)
{
  eddy_loop *loop = eddy_get_running_loop();
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_time start = eddy_loop_time(loop);
    struct body *body = test_new(sizeof *body);
    CHECK_CODE(run_body(kind, body, deal_with_the_inner), EDDY_ETIMEDOUT);
    CHECK_EQ(eddy_loop_time(loop) - start, EDDY_MS(100));
    CHECK_TRACE("ETIMEDOUT ETIMEDOUT");
  }
  return 0;
}

/* The cleanup after an expiry has a limit of its own. */
static int limit_the_cleanup(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(eddy_timeout_enter(&self->scope, EDDY_MS(10)));
  EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_S(1)));
  CHECK_OK(eddy_timeout_enter(&self->inner, EDDY_MS(10)));
  EDDY_AWAIT(frame, self->inner_rc, eddy_sleep(EDDY_S(10)));
  self->inner_rc = eddy_timeout_exit(&self->inner, self->inner_rc);
  self->rc = eddy_timeout_exit(&self->scope, self->rc);
  trace("%s %s", name_of(self->inner_rc), name_of(self->rc));
  trace("%u", eddy_task_cancelling(eddy_current_task()));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TASK_TEST(timeout, cleanup_after_an_expiry_may_have_its_own_limit)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = test_new(sizeof *body);
    CHECK_CODE(run_body(kind, body, limit_the_cleanup), EDDY_ETIMEDOUT);
    CHECK_TRACE("ETIMEDOUT ETIMEDOUT 0");
  }
  return 0;
}

/* ---- moving the deadline from outside (rule 42) ---- */

static int sleep_in_scope(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(eddy_timeout_enter(&self->scope, EDDY_S(10)));
  EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_S(50)));
  self->rc = eddy_timeout_exit(&self->scope, self->rc);
  trace("%s", name_of(self->rc));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TASK_TEST(timeout, another_task_may_move_the_deadline)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = test_new(sizeof *body);
    CHECK_OK(test_frame_task(kind, body, sleep_in_scope, &body->task));
    CHECK_OK(eddy_sleep(0));
    eddy_time when = eddy_timeout_when(&body->scope) + EDDY_S(20);
    CHECK_OK(eddy_timeout_reschedule(&body->scope, when));
    CHECK_EQ(eddy_timeout_when(&body->scope), when);
    CHECK_OK(eddy_timeout_reschedule(&body->scope, EDDY_NEVER));
    CHECK_EQ(eddy_timeout_when(&body->scope), EDDY_NEVER);
    CHECK(eddy_task_cancel(body->task, NULL));
    CHECK_CODE(eddy_task_await(body->task, NULL), EDDY_ECANCELLED);
    CHECK(!eddy_timeout_expired(&body->scope));
    CHECK_TRACE("ECANCELLED");
  }
  return 0;
}

/* ---- around a task group ---- */

static int crash_in_cleanup(void *arg)
{
  (void)arg;
  (void)eddy_sleep(EDDY_S(2)); /* the expiry ends it */
  return eddy_raise(EDDY_EIO, "crashed");
}

EDDY_TASK_TEST(timeout, task_group_that_fails_while_it_is_ended_has_the_error)
{
  eddy_timeout *scope = test_new(sizeof *scope);
  eddy_task_group *group = test_new(sizeof *group);
  CHECK_OK(eddy_timeout_enter(scope, EDDY_MS(5)));
  int rc = eddy_task_group_enter(group);
  if (rc == 0) {
    rc = eddy_task_group_create_task(group, crash_in_cleanup, NULL, NULL);
    if (rc == 0) rc = eddy_sleep(EDDY_S(1));
    rc = eddy_task_group_exit(group, rc);
  }
  CHECK_CODE(eddy_timeout_exit(scope, rc), EDDY_EGROUP);
  CHECK(eddy_timeout_expired(scope));
  const eddy_error_part *part = eddy_error_parts(EDDY_EGROUP);
  CHECK(part != NULL);
  CHECK_EQ(part->code, EDDY_EIO);
  CHECK_STR(part->message, "crashed");
  CHECK_PTR(part->next, NULL);
  CHECK_EQ(eddy_task_cancelling(eddy_current_task()), 0);
  return 0;
}
