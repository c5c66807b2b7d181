/* Conditions as objects: arguments, predicates, references, loops, and what is said of them. */
#include "stage.h"

static void unref_condition(void *condition)
{
  eddy_condition_unref(condition);
}

static int test_condition(eddy_lock *lock, eddy_condition **out)
{
  int rc = eddy_condition_new(lock, out);
  if (rc == 0) test_defer_late(unref_condition, *out);
  return rc;
}

EDDY_TASK_TEST(condition_life, calls_without_one_are_refused)
{
  CHECK_CODE(eddy_condition_new(NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_condition_acquire(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_condition_release(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_condition_wait(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_condition_notify(NULL, 1), EDDY_EINVAL);
  CHECK_CODE(eddy_condition_notify_all(NULL), EDDY_EINVAL);
  eddy_condition_unref(NULL);
  return 0;
}

EDDY_TASK_TEST(condition_life, has_its_own_lock_or_shares_one)
{
  eddy_lock *lock;
  eddy_condition *condition;
  CHECK_OK(test_condition(NULL, &condition));
  CHECK(!eddy_condition_locked(condition));
  CHECK_OK(eddy_condition_acquire(condition));
  CHECK(eddy_condition_locked(condition));
  CHECK_OK(eddy_condition_release(condition));
  CHECK_CODE(eddy_condition_release(condition), EDDY_ERUNTIME);
  CHECK_OK(eddy_lock_new(&lock));
  int rc = test_condition(lock, &condition);
  if (rc == 0) rc = eddy_condition_acquire(condition);
  bool locked = eddy_lock_locked(lock);
  eddy_lock_unref(lock); /* the condition has its reference */
  CHECK_OK(rc);
  CHECK(locked);
  return eddy_condition_release(condition);
}

EDDY_TASK_TEST(condition_life, calls_without_the_lock_say_so)
{
  eddy_condition *condition;
  CHECK_OK(test_condition(NULL, &condition));
  CHECK_CODE(eddy_condition_wait(condition), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "condition wait: the lock of condition ");
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), " is not locked; acquire it first");
  CHECK_CODE(eddy_condition_notify(condition, 1), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "condition notify: the lock of condition ");
  CHECK_CODE(eddy_condition_notify_all(condition), EDDY_ERUNTIME);
  return 0;
}

/* ---- wait_for ---- */

static int64_t wanted;

static bool is_wanted(void *arg)
{
  const int64_t *number = arg;
  trace("?%" PRId64, *number);
  return *number == wanted;
}

static bool never(void *arg)
{
  (void)arg;
  return false;
}

EDDY_TASK_TEST(condition_life, wait_for_what_is_true_needs_neither_lock_nor_turn)
{
  eddy_condition *condition;
  int64_t *number = test_new(sizeof *number);
  wanted = 0;
  CHECK_OK(test_condition(NULL, &condition));
  CHECK_CODE(eddy_condition_wait_for(NULL, is_wanted, number), EDDY_EINVAL);
  CHECK_CODE(eddy_condition_wait_for(condition, NULL, number), EDDY_EINVAL);
  uint64_t steps = eddy_task_steps(eddy_current_task());
  CHECK_OK(eddy_condition_wait_for(condition, is_wanted, number));
  CHECK_EQ(eddy_task_steps(eddy_current_task()), steps);
  CHECK_CODE(eddy_condition_wait_for(condition, never, NULL), EDDY_ERUNTIME);
  CHECK_TRACE("?0");
  return 0;
}

struct waiter {
  eddy_frame frame; /* first */
  eddy_condition *condition;
  int64_t number;
  int rc;
};

static int wait_for_frame(eddy_frame *frame)
{
  struct waiter *self = (struct waiter *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_condition_acquire(self->condition));
  EDDY_AWAIT(frame, self->rc,
      eddy_condition_wait_for(self->condition, is_wanted, &self->number));
  trace("%s", self->rc == 0 ? "got" : eddy_err_name(self->rc));
  CHECK_OK(eddy_condition_release(self->condition));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

static int start_waiter(
    int kind, eddy_condition *condition, int64_t number, eddy_task **out)
{
  struct waiter *waiter = test_new(sizeof *waiter);
  waiter->condition = condition;
  waiter->number = number;
  return test_frame_task(kind, waiter, wait_for_frame, out);
}

static int notify_all(eddy_condition *condition)
{
  CHECK_OK(eddy_condition_acquire(condition));
  CHECK_OK(eddy_condition_notify_all(condition));
  return eddy_condition_release(condition);
}

EDDY_TASK_TEST(condition_life, wait_for_asks_again_each_time_it_is_woken)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_condition *condition;
    eddy_task *a, *b;
    wanted = 0;
    CHECK_OK(test_condition(NULL, &condition));
    CHECK_OK(start_waiter(kind, condition, 2, &a));
    CHECK_OK(start_waiter(kind, condition, 1, &b));
    CHECK_OK(eddy_sleep(0));
    CHECK_TRACE("?2 ?1");
    wanted = 1;
    CHECK_OK(notify_all(condition));
    CHECK_OK(settle());
    CHECK_TRACE("?2 ?1 got");
    wanted = 2;
    CHECK_OK(notify_all(condition));
    CHECK_OK(settle());
    CHECK_TRACE("?2 got");
    CHECK(eddy_task_done(a) && eddy_task_done(b));
  }
  return 0;
}

EDDY_TASK_TEST(condition_life, wait_for_that_is_cancelled_asks_no_more_and_has_the_lock)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_condition *condition;
    eddy_task *task;
    wanted = 0;
    CHECK_OK(test_condition(NULL, &condition));
    CHECK_OK(start_waiter(kind, condition, 5, &task));
    CHECK_OK(eddy_sleep(0));
    eddy_task_cancel(task, "enough");
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    CHECK_STR(eddy_message(EDDY_ECANCELLED), "enough");
    CHECK_TRACE("?5 ECANCELLED");
  }
  return 0;
}

/* One item for two consumers; the one that was notified is cancelled, at once or when it waits
 * for the lock: the other one gets it. */
static int hand_on(int kind, int turns)
{
  eddy_condition *condition;
  eddy_task *a, *b;
  wanted = 0;
  CHECK_OK(test_condition(NULL, &condition));
  CHECK_OK(start_waiter(kind, condition, 1, &a));
  CHECK_OK(start_waiter(kind, condition, 1, &b));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_condition_acquire(condition));
  wanted = 1;
  CHECK_OK(eddy_condition_notify(condition, 1));
  while (turns-- > 0) {
    CHECK_OK(eddy_sleep(0));
  }
  eddy_task_cancel(a, NULL);
  CHECK_OK(eddy_condition_release(condition));
  CHECK_OK(eddy_task_await(b, NULL));
  CHECK_CODE(eddy_task_await(a, NULL), EDDY_ECANCELLED);
  CHECK_TRACE("?1 ?1 ECANCELLED ?1 got");
  return 0;
}

EDDY_TASK_TEST(condition_life, cancelled_consumer_leaves_its_item_to_the_other)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    CHECK_OK(hand_on(kind, 0));
    CHECK_OK(hand_on(kind, 1));
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(condition_life, timeout_around_a_wait_ends_with_the_lock)
{
  eddy_condition *condition;
  eddy_timeout scope;
  CHECK_OK(test_condition(NULL, &condition));
  CHECK_OK(eddy_condition_acquire(condition));
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_MS(500)));
  CHECK_CODE(eddy_timeout_exit(&scope, eddy_condition_wait(condition)), EDDY_ETIMEDOUT);
  CHECK_EQ(eddy_loop_time(eddy_get_running_loop()), EDDY_MS(500));
  return eddy_condition_release(condition);
}

/* ---- loops and references ---- */

static int refuse_to_wait(void *arg)
{
  eddy_condition *condition = arg;
  CHECK_OK(eddy_condition_acquire(condition)); /* nobody waits: any loop will do */
  CHECK_CODE(eddy_condition_wait(condition), EDDY_EOTHERLOOP);
  CHECK_CONTAINS(eddy_message(EDDY_EOTHERLOOP),
      "condition wait: it is used by the tasks of another");
  CHECK(eddy_condition_locked(condition));
  return eddy_condition_release(condition);
}

static int cancelled_wait(void *condition)
{
  eddy_task_cancel(eddy_current_task(), NULL);
  CHECK_OK(eddy_condition_acquire(condition));
  CHECK_CODE(eddy_condition_wait(condition), EDDY_ECANCELLED);
  return eddy_condition_release(condition);
}

EDDY_TEST(condition_life, belongs_to_the_loop_on_which_someone_waited_first)
{
  eddy_lock *lock;
  eddy_condition *condition, *other;
  CHECK_OK(eddy_lock_new(&lock));
  int rc = test_condition(lock, &condition);
  if (rc == 0) rc = test_condition(lock, &other);
  eddy_lock_unref(lock);
  CHECK_OK(rc);
  CHECK_CODE(eddy_condition_wait(condition), EDDY_ENOTASK);
  CHECK_OK(eddy_run(cancelled_wait, condition));
  CHECK_OK(eddy_run(refuse_to_wait, condition));
  return eddy_run(refuse_to_wait, other); /* its lock is the first loop's */
}

static int wait_plainly(void *condition)
{
  CHECK_OK(eddy_condition_acquire(condition));
  int rc = eddy_condition_wait(condition);
  CHECK_OK(eddy_condition_release(condition));
  return rc;
}

/* Uses it no more after the wait. */
static int wait_to_the_end(void *condition)
{
  CHECK_OK(eddy_condition_acquire(condition));
  return eddy_condition_wait(condition);
}

static void drop_condition(void *slot)
{
  eddy_condition **condition = slot;
  eddy_condition_unref(*condition);
  *condition = NULL;
}

EDDY_TASK_TEST(condition_life, waiter_keeps_it)
{
  eddy_condition **slot = test_new(sizeof *slot);
  eddy_task *task;
  CHECK_OK(eddy_condition_new(NULL, slot));
  test_defer_late(drop_condition, slot);
  CHECK_PTR(eddy_condition_ref(*slot), *slot);
  eddy_condition_unref(*slot);
  CHECK_OK(test_task(wait_to_the_end, *slot, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(notify_all(*slot));
  drop_condition(slot);
  return eddy_sleep(0);
}

EDDY_TASK_TEST(condition_life, waiter_names_it_and_then_the_lock_and_who_has_that)
{
  char text[200];
  eddy_condition *condition;
  eddy_task *task;
  CHECK_OK(test_condition(NULL, &condition));
  CHECK_OK(test_task(wait_plainly, condition, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_CONTAINS(eddy_task_waits_for(task, text, sizeof text), "condition ");
  CHECK(strstr(text, "lock") == NULL);
  CHECK_OK(eddy_condition_acquire(condition));
  CHECK_OK(eddy_condition_notify(condition, 1));
  CHECK_OK(eddy_sleep(0));
  CHECK_CONTAINS(eddy_task_waits_for(task, text, sizeof text), "condition ");
  CHECK_CONTAINS(text, ", lock ");
  CHECK_CONTAINS(text, ", acquired by task 'Task-1'");
  CHECK_CONTAINS(eddy_task_waits_for(task, text, 14), "condition 0x");
  CHECK_OK(eddy_condition_release(condition));
  return eddy_task_await(task, NULL);
}

/* ---- the end of the loop ---- */

static int left_behind(enum kind kind, const char *scripts)
{
  struct stage *stage = NULL;
  CHECK_OK(stage_new(1, 2, &stage));
  return stage_start(stage, kind, scripts);
}

/* a is ended while b has the lock, or before it: both have it then, and may release it. */
static const char *const scripts[] = {
    "a: acquire ?wait ?release; b: 1 acquire ?event ?release",
    "a: acquire ?wait ?release; b: 1 acquire notify ?event ?release",
    "b: 1 acquire ?event ?release; a: acquire ?wait ?release; c: ?barrier",
};

static int run_left_behind(void *arg)
{
  const int *which = arg;
  CHECK_OK(left_behind((enum kind)which[0], scripts[which[1]]));
  return settle();
}

EDDY_TEST(
    condition_life, task_that_is_closed_while_another_has_the_lock_may_release_it_too)
{
  for (int kind = STACKFUL; kind <= MIXED; kind++) {
    for (int i = 0; i < 3; i++) {
      eddy_loop *loop;
      eddy_task *task;
      int *which = test_new(2 * sizeof *which);
      which[0] = kind, which[1] = i;
      CHECK_OK(test_loop(&loop));
      CHECK_OK(test_loop_task(loop, run_left_behind, which, &task));
      trace_reports(loop);
      CHECK_OK(eddy_loop_run_until_complete(loop, eddy_task_future(task), NULL));
      test_trace_clear();
      CHECK_OK(eddy_loop_close(loop));
      CHECK_CONTAINS(test_trace(), "a:wait=EGENERATOREXIT");
      CHECK_CONTAINS(test_trace(), "a:release@");
      CHECK_CONTAINS(test_trace(), "b:event=EGENERATOREXIT");
      CHECK_CONTAINS(test_trace(), "b:release@");
      test_trace_clear();
    }
  }
  return 0;
}

static int left_behind_kind(enum kind kind)
{
  return left_behind(
      kind, "a: acquire ?wait ?release; b: 1 acquire ?event ?release; c: ?barrier");
}

EDDY_TASK_TEST(condition_life, may_be_left_behind_with_tasks_that_wait)
{
  return each_kind(left_behind_kind); /* the end of eddy_run cancels them */
}
