/* Semaphores: who gets a unit, when, and what a cancellation leaves behind. */
#include "stage.h"

EDDY_TASK_TEST(semaphore, unit_is_taken_without_suspending_or_looking_at_a_request)
{
  STAGE(2, 2,
      "a:take@1 a:drained=0@1 a:take@1 a:drained=1@1 a:give@1 a:drained=0@1 a:give@1 "
      "a:turn=ECANCELLED@2",
      "a: cancel:a take drained take drained give drained give 1");
  return 0;
}

EDDY_TASK_TEST(semaphore, tasks_get_units_in_the_order_they_came)
{
  STAGE(1, 2, "a:take@1 a:give@3 b:take@4 b:give@4 c:take@5 c:give@6 d:take@7 d:give@7",
      "a: take 2 give;"
      "b: take give;"
      "c: take 1 give;"
      "d: 1 take give");
  return 0;
}

EDDY_TASK_TEST(semaphore, waiter_runs_one_iteration_after_the_release)
{
  STAGE(0, 2, "b:give@1 a:take@2",
      "a: take;"
      "b: give");
  return 0;
}

EDDY_TASK_TEST(semaphore, unit_given_goes_straight_to_the_first_who_waits)
{
  /* it is never to be had by b */
  STAGE(0, 2, "b:give@1 b:drained=1@1 a:take@2 c:give@4 b:take@5",
      "a: take;"
      "b: give drained take;"
      "c: 3 give");
  return 0;
}

EDDY_TASK_TEST(semaphore, several_releases_wake_several)
{
  STAGE(0, 2, "d:give@2 d:give@2 d:drained=1@2 a:take@3 b:take@3 c:stuck",
      "a: take;"
      "b: take;"
      "c: take;"
      "d: 1 give give drained");
  return 0;
}

EDDY_TASK_TEST(semaphore, is_locked_while_woken_tasks_have_not_run_though_it_has_units)
{
  STAGE(0, 2,
      "b:give@2 b:give@2 b:drained=1@2 c:drained=1@2 a:take@3 b:take@4 b:drained=1@4 "
      "d:give@5 d:give@5 c:take@6",
      "a: take;"
      "b: 1 give give drained take drained;"
      "c: 1 drained take;"
      "d: 4 give give");
  return 0;
}

EDDY_TASK_TEST(semaphore, releaser_that_takes_again_queues_behind_those_woken)
{
  STAGE(1, 2, "a:take@1 d:give@2 d:give@2 b:take@3 b:give@3 c:take@3 b:take@4",
      "a: take;"
      "b: take give take;"
      "c: take;"
      "d: 1 give give");
  return 0;
}

EDDY_TASK_TEST(semaphore, acquire_that_ends_wakes_those_who_came_meanwhile)
{
  STAGE(0, 2,
      "b:give@1 b:give@1 b:give@1 b:drained=1@1 a:take@2 a:drained=1@2 d:drained=1@2 "
      "b:take@3 b:drained=1@3 c:take@3 c:drained=1@3 d:stuck",
      "a: take drained;"
      "b: give give give drained take drained;"
      "c: take drained;"
      "d: 1 drained take");
  return 0;
}

EDDY_TASK_TEST(semaphore, cancelled_waiter_takes_nothing)
{
  STAGE(0, 2, "a:take=ECANCELLED(why)@3 d:give@4 d:give@4 d:drained=1@4 b:take@5",
      "a: take;"
      "b: take;"
      "c: 1 cancel:a:why;"
      "d: 3 give give drained");
  return 0;
}

EDDY_TASK_TEST(semaphore, release_passes_a_cancelled_waiter_by)
{
  STAGE(0, 2, "c:give@2 c:drained=1@2 a:take=ECANCELLED@3 b:take@3",
      "a: take;"
      "b: take;"
      "c: 1 cancel:a give drained");
  return 0;
}

EDDY_TASK_TEST(semaphore, woken_task_that_is_cancelled_gives_the_unit_to_the_next)
{
  STAGE(0, 2, "c:give@2 c:drained=1@2 a:take=ECANCELLED@3 d:drained=1@3 b:take@4",
      "a: take;"
      "b: take;"
      "c: 1 give cancel:a drained;"
      "d: 2 drained");
  return 0;
}

EDDY_TASK_TEST(semaphore, woken_task_that_is_cancelled_gives_the_unit_back)
{
  STAGE(0, 2,
      "c:give@2 c:drained=1@2 a:take=ECANCELLED@3 c:drained=0@3 c:take@3 "
      "c:drained=1@3",
      "a: take;"
      "c: 1 give cancel:a drained 1 drained take drained");
  return 0;
}

EDDY_TASK_TEST(semaphore, one_of_two_woken_is_cancelled_and_the_third_gets_its_unit)
{
  STAGE(0, 2, "d:give@2 d:give@2 a:take=ECANCELLED@3 b:take@3 c:take@4 f:give@6 e:take@7",
      "a: take;"
      "b: take;"
      "c: take;"
      "d: 1 give give cancel:a;"
      "e: 2 take;"
      "f: 5 give");
  return 0;
}

EDDY_TASK_TEST(semaphore, unit_is_not_lost_when_a_waiter_is_cancelled_by_its_releaser)
{
  STAGE(1, 2, "a:take@1 a:give@2 b:take=ECANCELLED@3 c:take@4 c:drained=1@4",
      "a: take 1 give cancel:b;"
      "b: take;"
      "c: 3 take drained");
  return 0;
}

EDDY_TASK_TEST(semaphore, request_before_the_wait_ends_it_at_once)
{
  STAGE(0, 2, "a:take=ECANCELLED(mine)@2 c:give@3 b:take@4",
      "a: cancel:a:mine take;"
      "b: take;"
      "c: 2 give");
  return 0;
}

EDDY_TASK_TEST(semaphore, may_have_more_units_than_at_the_start)
{
  STAGE(0, 2, "a:give@1 a:give@1 a:take@1 a:take@1 a:drained=1@1",
      "a: give give take take drained");
  return 0;
}

EDDY_TASK_TEST(semaphore, newcomer_takes_a_unit_if_all_who_wait_were_cancelled)
{
  STAGE(0, 2, "b:give@2 b:drained=0@2 b:take@2 b:drained=1@2 a:take=ECANCELLED@3",
      "a: take;"
      "b: 1 cancel:a give drained take drained");
  return 0;
}

EDDY_TASK_TEST(semaphore, arguments_are_checked)
{
  eddy_semaphore *semaphore = NULL;
  CHECK_CODE(eddy_semaphore_new(1, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_bounded_semaphore_new(1, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_semaphore_acquire(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_semaphore_release(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_semaphore_new(-1, &semaphore), EDDY_EINVAL);
  CHECK_STR(
      eddy_message(EDDY_EINVAL), "semaphore: it starts with 0 units or more, not -1");
  CHECK_CODE(eddy_bounded_semaphore_new(-7, &semaphore), EDDY_EINVAL);
  CHECK_STR(eddy_message(EDDY_EINVAL),
      "bounded semaphore: it starts with 0 units or more, not -7");
  CHECK_PTR(semaphore, NULL);
  eddy_semaphore_unref(NULL);
  return 0;
}

static void unref_semaphore(void *semaphore)
{
  eddy_semaphore_unref(semaphore);
}

static int test_semaphore(int value, bool bounded, eddy_semaphore **out)
{
  int rc = bounded ? eddy_bounded_semaphore_new(value, out)
                   : eddy_semaphore_new(value, out);
  if (rc == 0) test_defer_late(unref_semaphore, *out);
  return rc;
}

EDDY_TEST(semaphore, release_needs_no_loop_but_an_acquire_needs_a_task)
{
  eddy_semaphore *semaphore;
  CHECK_OK(test_semaphore(0, false, &semaphore));
  CHECK(eddy_semaphore_locked(semaphore));
  CHECK_OK(eddy_semaphore_release(semaphore));
  CHECK(!eddy_semaphore_locked(semaphore));
  CHECK_CODE(eddy_semaphore_acquire(semaphore), EDDY_ENOTASK);
  CHECK(!eddy_semaphore_locked(semaphore));
  CHECK_PTR(eddy_semaphore_ref(semaphore), semaphore);
  eddy_semaphore_unref(semaphore);
  return 0;
}

EDDY_TASK_TEST(semaphore, bounded_one_is_never_given_more_than_it_had)
{
  eddy_semaphore *semaphore;
  CHECK_OK(test_semaphore(2, true, &semaphore));
  CHECK_CODE(eddy_semaphore_release(semaphore), EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "semaphore release: semaphore ");
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), " has all its 2 units");
  CHECK_OK(eddy_semaphore_acquire(semaphore));
  CHECK_OK(eddy_semaphore_acquire(semaphore));
  CHECK(eddy_semaphore_locked(semaphore));
  CHECK_OK(eddy_semaphore_release(semaphore));
  CHECK_OK(eddy_semaphore_release(semaphore));
  CHECK_CODE(eddy_semaphore_release(semaphore), EDDY_EINVAL);
  CHECK_OK(test_semaphore(0, true, &semaphore));
  CHECK_CODE(eddy_semaphore_release(semaphore), EDDY_EINVAL);
  return 0;
}

static int take_one(void *semaphore)
{
  return eddy_semaphore_acquire(semaphore);
}

static int give_one(void *semaphore)
{
  return eddy_semaphore_release(semaphore);
}

static int take_and_wait(void *semaphore)
{
  CHECK_OK(test_call_soon(give_one, semaphore));
  return eddy_semaphore_acquire(semaphore);
}

static int take_elsewhere(void *semaphore)
{
  CHECK_OK(eddy_semaphore_release(semaphore));
  CHECK_OK(eddy_semaphore_acquire(semaphore)); /* there is one: any loop will do */
  CHECK_CODE(eddy_semaphore_acquire(semaphore), EDDY_EOTHERLOOP);
  CHECK_CONTAINS(
      eddy_message(EDDY_EOTHERLOOP), "semaphore acquire: it is used by the tasks ");
  return 0;
}

EDDY_TEST(semaphore, belongs_to_the_loop_on_which_someone_waited_first)
{
  eddy_semaphore *semaphore;
  CHECK_OK(test_semaphore(0, false, &semaphore));
  CHECK_OK(eddy_run(take_and_wait, semaphore));
  CHECK_OK(eddy_run(take_elsewhere, semaphore));
  return 0;
}

static void drop_semaphore(void *slot)
{
  eddy_semaphore **semaphore = slot;
  eddy_semaphore_unref(*semaphore);
  *semaphore = NULL;
}

EDDY_TASK_TEST(semaphore, waiter_keeps_it_and_names_it)
{
  char text[80];
  eddy_semaphore **slot = test_new(sizeof *slot);
  eddy_task *task;
  CHECK_OK(eddy_semaphore_new(0, slot));
  test_defer_late(drop_semaphore, slot);
  CHECK_OK(test_task(take_one, *slot, &task));
  CHECK_OK(eddy_sleep(0));
  drop_semaphore(slot);
  CHECK_CONTAINS(eddy_task_waits_for(task, text, sizeof text), "semaphore ");
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(semaphore, timeout_around_an_acquire_loses_no_unit)
{
  eddy_semaphore *semaphore;
  eddy_timeout scope;
  eddy_loop *loop = eddy_get_running_loop();
  CHECK_OK(test_semaphore(0, false, &semaphore));
  /* Release and deadline in one instant: the unit goes back. */
  CHECK_OK(eddy_loop_call_later(loop, EDDY_S(5), give_one, semaphore, NULL));
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_S(5)));
  int rc = eddy_semaphore_acquire(semaphore);
  CHECK_CODE(eddy_timeout_exit(&scope, rc), EDDY_ETIMEDOUT);
  CHECK(!eddy_semaphore_locked(semaphore));
  return eddy_semaphore_acquire(semaphore);
}
