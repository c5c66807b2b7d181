/* Conditions: who is woken, when, and that whoever ends has the lock. */
#include "stage.h"

EDDY_TASK_TEST(condition, wait_lets_go_of_the_lock_and_has_it_again_when_it_returns)
{
  STAGE(1, 2,
      "a:acquire@1 b:locked=0@1 b:acquire@1 b:notify@2 b:release@2 b:locked=0@2 "
      "a:wait@3 a:locked=1@3 a:release@3",
      "a: acquire wait locked release;"
      "b: locked acquire 1 notify release locked");
  return 0;
}

EDDY_TASK_TEST(
    condition, notified_task_runs_one_iteration_after_the_notify_if_the_lock_is_free)
{
  /* at +2 when it is notified at 1; with the lock released at 3: at +4 */
  STAGE(1, 2, "a:acquire@1 b:acquire@1 b:notify@1 b:release@1 a:wait@2 a:release@2",
      "a: acquire wait release;"
      "b: acquire notify release");
  STAGE(1, 2, "a:acquire@1 b:acquire@1 b:notify@1 b:release@3 a:wait@4 a:release@4",
      "a: acquire wait release;"
      "b: acquire notify 2 release");
  return 0;
}

EDDY_TASK_TEST(condition, notified_tasks_go_on_one_by_one_in_the_order_they_came)
{
  STAGE(1, 2,
      "a:acquire@1 b:acquire@1 c:acquire@1 d:acquire@2 d:notify@2 d:release@2 "
      "a:wait@3 a:release@3 b:wait@3 b:release@4 d:acquire@5 d:notify@5 d:release@5 "
      "c:wait@6 c:release@6",
      "a: acquire wait release;"
      "b: acquire wait 1 release;"
      "c: acquire wait release;"
      "d: 1 acquire notify:2 release 3 acquire notify release");
  return 0;
}

EDDY_TASK_TEST(
    condition, notify_all_wakes_all_and_newcomers_for_the_lock_queue_among_them)
{
  STAGE(1, 2,
      "a:acquire@1 b:acquire@1 c:acquire@1 d:acquire@2 d:notify_all@2 d:release@2 "
      "d:acquire@2 d:release@2 a:wait@3 a:release@3 b:wait@3 b:release@3 c:wait@3 "
      "c:release@3 e:acquire@3 e:release@3",
      "a: acquire wait release;"
      "b: acquire wait release;"
      "c: acquire wait release;"
      "d: 1 acquire notify_all release acquire release;"
      "e: 2 acquire release");
  return 0;
}

EDDY_TASK_TEST(condition, notify_counts_only_those_who_wait)
{
  STAGE(1, 2,
      "a:acquire@1 b:acquire@1 c:acquire@1 d:acquire@1 e:acquire@2 e:notify@2 "
      "e:release@5 a:wait=ECANCELLED@6 a:release@6 b:wait@7 b:release@7 c:wait@8 "
      "c:release@8 d:stuck",
      "a: acquire ?wait release;"
      "b: acquire wait release;"
      "c: acquire wait release;"
      "d: acquire wait release;"
      "e: 1 acquire cancel:a notify:1 3 release");
  STAGE(1, 2,
      "a:acquire@1 d:acquire@2 d:notify@2 d:notify@2 d:release@2 a:wait@3 a:release@3",
      "a: acquire wait release;"
      "d: 1 acquire notify:5 notify:0 release");
  return 0;
}

EDDY_TASK_TEST(condition, wait_and_notify_need_the_lock)
{
  STAGE(1, 2,
      "a:wait=ERUNTIME@1 a:notify=ERUNTIME@1 a:notify_all=ERUNTIME@1 a:acquire@1 "
      "a:notify@1 a:notify_all@1 a:release@1 a:wait=ERUNTIME@1",
      "a: ?wait ?notify ?notify_all acquire notify notify_all release wait");
  return 0;
}

EDDY_TASK_TEST(condition, lock_may_be_anothers)
{
  /* asyncio asks that it is locked, not by whom */
  STAGE(1, 2,
      "a:acquire@1 c:acquire@3 c:notify@3 c:release@3 a:release=ERUNTIME@4 b:wait@4 "
      "b:release@5",
      "a: acquire 3 ?release;"
      "b: 1 wait 1 release;"
      "c: 2 acquire notify release");
  return 0;
}

EDDY_TASK_TEST(condition, task_cancelled_while_it_waits_has_the_lock_when_it_ends)
{
  STAGE(1, 2, "a:acquire@1 a:wait=ECANCELLED(why)@3 a:locked=1@3 a:release@3",
      "a: acquire ?wait locked release;"
      "b: 1 cancel:a:why");
  return 0;
}

EDDY_TASK_TEST(condition, task_cancelled_while_it_waits_waits_for_the_lock_first)
{
  STAGE(1, 2,
      "a:acquire@1 b:acquire@2 b:release@5 a:wait=ECANCELLED(why)@6 a:locked=1@6 "
      "a:release@6",
      "a: acquire ?wait locked release;"
      "b: 1 acquire cancel:a:why 3 release");
  return 0;
}

EDDY_TASK_TEST(condition, task_that_waits_for_the_lock_again_takes_it_though_cancelled)
{
  STAGE(1, 2,
      "a:acquire@1 b:acquire@1 b:notify@1 b:release@5 a:wait=ECANCELLED(why)@6 "
      "a:locked=1@6 a:release@6",
      "a: acquire ?wait locked release;"
      "b: acquire notify 2 cancel:a:why 2 release");
  /* cancelled before it asks for the lock, and in the iteration of the release */
  STAGE(1, 2,
      "a:acquire@1 b:acquire@1 b:notify@1 b:release@3 a:wait=ECANCELLED(early)@4 "
      "a:locked=1@4 a:release@4",
      "a: acquire ?wait locked release;"
      "b: acquire notify cancel:a:early 2 release");
  STAGE(1, 2,
      "a:acquire@1 b:acquire@1 b:notify@1 b:release@3 a:wait=ECANCELLED(late)@4 "
      "a:locked=1@4 a:release@4",
      "a: acquire ?wait locked release;"
      "b: acquire notify 2 cancel:a:late release");
  return 0;
}

EDDY_TASK_TEST(condition, of_several_requests_the_last_is_reported)
{
  STAGE(1, 2,
      "a:acquire@1 b:acquire@1 b:release@6 a:wait=ECANCELLED(three)@7 a:locked=1@7 "
      "a:release@7",
      "a: acquire ?wait locked release;"
      "b: acquire cancel:a:one 2 cancel:a:two 2 cancel:a:three 1 release");
  STAGE(1, 2,
      "a:acquire@1 b:acquire@1 b:release@5 a:wait=ECANCELLED(two)@6 a:locked=1@6 "
      "a:release@6",
      "a: acquire ?wait locked release;"
      "b: acquire cancel:a:one 2 cancel:a:two cancel:a:three 2 release");
  /* and if the last had no message, none */
  STAGE(1, 2,
      "a:acquire@1 b:acquire@1 b:release@5 a:wait=ECANCELLED@6 a:locked=1@6 "
      "a:release@6",
      "a: acquire ?wait locked release;"
      "b: acquire cancel:a:one 2 cancel:a 2 release");
  return 0;
}

EDDY_TASK_TEST(condition, task_cancelled_again_queues_for_the_lock_at_the_end)
{
  STAGE(1, 2,
      "a:acquire@1 b:acquire@1 b:notify@1 b:release@5 c:acquire@6 c:release@7 "
      "a:wait=ECANCELLED@8 a:release@8",
      "a: acquire ?wait release;"
      "b: acquire notify 2 cancel:a 2 release;"
      "c: 2 acquire 1 release");
  return 0;
}

EDDY_TASK_TEST(condition, woken_task_that_is_cancelled_notifies_the_next)
{
  STAGE(1, 2,
      "a:acquire@1 b:acquire@1 c:acquire@2 c:notify@2 c:release@2 "
      "a:wait=ECANCELLED@3 a:release@3 b:wait@4 b:release@4",
      "a: acquire ?wait release;"
      "b: acquire wait release;"
      "c: 1 acquire notify cancel:a release");
  return 0;
}

EDDY_TASK_TEST(condition, task_cancelled_while_it_waits_for_the_lock_notifies_the_next)
{
  STAGE(1, 2,
      "a:acquire@1 b:acquire@1 c:acquire@2 c:notify@2 c:release@4 "
      "a:wait=ECANCELLED@5 a:release@5 b:wait@6 b:release@6",
      "a: acquire ?wait release;"
      "b: acquire wait release;"
      "c: 1 acquire notify 2 cancel:a release");
  return 0;
}

EDDY_TASK_TEST(condition, task_that_was_not_notified_notifies_another_all_the_same)
{
  /* a is cancelled, b wakes for no reason */
  STAGE(1, 2,
      "a:acquire@1 b:acquire@1 a:wait=ECANCELLED@3 a:release@3 b:wait@4 b:release@4",
      "a: acquire ?wait release;"
      "b: acquire wait release;"
      "c: 1 cancel:a");
  /* one cancel and notify(2) run three */
  STAGE(1, 2,
      "a:acquire@1 b:acquire@1 c:acquire@1 d:acquire@3 d:notify@3 d:release@3 "
      "a:wait=ECANCELLED@4 a:release@4 b:wait@4 b:release@4 c:wait@4 c:release@4",
      "a: acquire ?wait release;"
      "b: acquire wait release;"
      "c: acquire wait release;"
      "d: 2 acquire cancel:a notify:2 release");
  return 0;
}

EDDY_TASK_TEST(condition, task_that_had_asked_for_its_own_end_is_cancelled_with_the_lock)
{
  STAGE(1, 2, "a:acquire@1 a:wait=ECANCELLED(mine)@2 a:locked=1@2 a:release@2",
      "a: acquire cancel:a:mine ?wait locked release");
  return 0;
}

EDDY_TASK_TEST(condition, woken_task_does_not_get_the_lock_before_those_who_wait_for_it)
{
  STAGE(1, 2,
      "a:acquire@1 b:acquire@1 b:notify@2 b:release@3 c:acquire@4 c:release@4 "
      "d:acquire@5 d:release@5 a:wait@6 a:release@6",
      "a: acquire wait release;"
      "b: acquire 1 notify 1 release;"
      "c: acquire release;"
      "d: acquire release");
  return 0;
}

EDDY_TASK_TEST(condition, wait_that_ends_in_an_error_needs_no_one_to_notify)
{
  STAGE(1, 2,
      "a:acquire@1 a:wait=ECANCELLED@3 a:release@3 a:acquire@3 a:wait=ECANCELLED@7 "
      "a:release@7",
      "a: acquire ?wait release acquire ?wait release;"
      "b: 1 cancel:a 4 cancel:a");
  return 0;
}

EDDY_TASK_TEST(condition, tasks_that_cancel_one_another_pass_the_notification_along)
{
  STAGE(1, 2,
      "a:acquire@1 b:acquire@1 c:acquire@1 d:acquire@1 e:acquire@2 e:notify@2 "
      "e:release@2 a:wait=ECANCELLED@3 a:release@3 b:wait=ECANCELLED@4 b:release@4 "
      "c:wait=ECANCELLED@5 c:release@5 d:wait@6 d:release@6",
      "a: acquire ?wait cancel:b ?release;"
      "b: acquire ?wait cancel:c ?release;"
      "c: acquire ?wait ?release;"
      "d: acquire wait release;"
      "e: 1 acquire notify cancel:a release");
  return 0;
}
