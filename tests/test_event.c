/* Events: a flag, and those who wait for it. */
#include "stage.h"

EDDY_TASK_TEST(event, wait_for_a_flag_that_is_up_neither_suspends_nor_looks_at_a_request)
{
  STAGE(0, 2, "a:set@1 a:event@1 a:event@1 a:turn=ECANCELLED@2",
      "a: set cancel:a event event 1");
  return 0;
}

EDDY_TASK_TEST(event, set_wakes_all_in_the_order_they_came)
{
  STAGE(0, 2, "c:set@3 a:event@4 b:event@4 d:event@4",
      "a: event;"
      "b: event;"
      "c: 2 set;"
      "d: 1 event");
  return 0;
}

EDDY_TASK_TEST(event, waiter_runs_one_iteration_after_the_set)
{
  STAGE(0, 2, "b:set@1 b:set@1 a:event@2",
      "a: event;"
      "b: set set");
  return 0;
}

EDDY_TASK_TEST(event, woken_tasks_go_on_though_it_was_cleared_before_they_ran)
{
  STAGE(0, 2, "c:set@2 c:clear@2 a:event@3 b:event@3 d:set@5 c:event@6 a:event@6",
      "a: event event;"
      "b: event;"
      "c: 1 set clear event;"
      "d: 4 set");
  return 0;
}

EDDY_TASK_TEST(event, cancelled_waiter_just_leaves)
{
  STAGE(0, 2, "a:event=ECANCELLED(why)@3 d:set@4 b:event@5",
      "a: event;"
      "b: event;"
      "c: 1 cancel:a:why;"
      "d: 3 set");
  STAGE(0, 2, "c:set@2 a:event=ECANCELLED@3 b:event@3",
      "a: event;"
      "b: event;"
      "c: 1 cancel:a set");
  return 0;
}

EDDY_TASK_TEST(event, woken_task_that_is_cancelled_is_cancelled)
{
  STAGE(0, 2, "c:set@2 a:event=ECANCELLED@3 a:event@3 b:event@3",
      "a: ?event event;"
      "b: event;"
      "c: 1 set cancel:a");
  return 0;
}

EDDY_TASK_TEST(event, clear_wakes_nobody)
{
  STAGE(0, 2, "a:clear@1 b:clear@2 b:clear@2 b:set@3 a:event@4",
      "a: clear event;"
      "b: 1 clear clear 1 set");
  return 0;
}

EDDY_TASK_TEST(event, calls_without_one_are_refused)
{
  CHECK_CODE(eddy_event_new(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_event_wait(NULL), EDDY_EINVAL);
  eddy_event_set(NULL);
  eddy_event_clear(NULL);
  eddy_event_unref(NULL);
  return 0;
}

static void unref_event(void *event)
{
  eddy_event_unref(event);
}

static int test_event(eddy_event **out)
{
  int rc = eddy_event_new(out);
  if (rc == 0) test_defer_late(unref_event, *out);
  return rc;
}

EDDY_TEST(event, flag_needs_no_loop_but_a_wait_needs_a_task)
{
  eddy_event *event;
  CHECK_OK(test_event(&event));
  CHECK(!eddy_event_is_set(event));
  CHECK_CODE(eddy_event_wait(event), EDDY_ENOTASK);
  eddy_event_set(event);
  CHECK(eddy_event_is_set(event));
  CHECK_CODE(eddy_event_wait(event), EDDY_ENOTASK);
  eddy_event_clear(event);
  CHECK(!eddy_event_is_set(event));
  CHECK_PTR(eddy_event_ref(event), event);
  eddy_event_unref(event);
  return 0;
}

static int set_it(void *event)
{
  eddy_event_set(event);
  return 0;
}

static int wait_for_it(void *event)
{
  CHECK_OK(test_call_soon(set_it, event));
  return eddy_event_wait(event);
}

static int wait_elsewhere(void *event)
{
  CHECK_OK(eddy_event_wait(event)); /* it is set: any loop will do */
  eddy_event_clear(event);
  CHECK_CODE(eddy_event_wait(event), EDDY_EOTHERLOOP);
  CHECK_CONTAINS(
      eddy_message(EDDY_EOTHERLOOP), "event wait: it is used by the tasks of ano");
  return 0;
}

EDDY_TEST(event, belongs_to_the_loop_on_which_someone_waited_first)
{
  eddy_event *event;
  CHECK_OK(test_event(&event));
  CHECK_OK(eddy_run(wait_for_it, event));
  CHECK_OK(eddy_run(wait_elsewhere, event));
  return 0;
}

static int wait_plainly(void *event)
{
  return eddy_event_wait(event);
}

static void drop_event(void *slot)
{
  eddy_event **event = slot;
  eddy_event_unref(*event);
  *event = NULL;
}

EDDY_TASK_TEST(event, waiter_keeps_it_and_names_it)
{
  char text[80];
  eddy_event **slot = test_new(sizeof *slot);
  eddy_task *task;
  CHECK_OK(eddy_event_new(slot));
  test_defer_late(drop_event, slot);
  CHECK_OK(test_task(wait_plainly, *slot, &task));
  CHECK_OK(eddy_sleep(0));
  drop_event(slot);
  CHECK_CONTAINS(eddy_task_waits_for(task, text, sizeof text), "event ");
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(event, timeout_around_a_wait_ends_it)
{
  eddy_event *event;
  eddy_timeout scope;
  CHECK_OK(test_event(&event));
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_S(5)));
  CHECK_CODE(eddy_timeout_exit(&scope, eddy_event_wait(event)), EDDY_ETIMEDOUT);
  CHECK_EQ(eddy_loop_time(eddy_get_running_loop()), EDDY_S(5));
  return 0;
}
