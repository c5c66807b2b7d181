/* Locks: who gets them, when, and what a cancellation leaves behind. */
#include "stage.h"

EDDY_TASK_TEST(lock, free_one_is_taken_without_suspending_or_looking_at_a_request)
{
  STAGE(1, 2,
      "a:acquire@1 a:release@1 a:acquire@1 a:locked=1@1 a:release@1 b:acquire@1 "
      "b:locked=1@1 b:turn=ECANCELLED@2",
      "a: acquire release acquire locked release;"
      "b: cancel:b acquire locked 1");
  return 0;
}

EDDY_TASK_TEST(lock, tasks_get_it_in_the_order_they_came)
{
  STAGE(1, 2,
      "a:acquire@1 a:release@4 b:acquire@5 b:release@6 c:acquire@7 c:release@7 "
      "d:acquire@8 d:release@8",
      "a: acquire 3 release;"
      "b: acquire 1 release;"
      "c: acquire release;"
      "d: 1 acquire release");
  return 0;
}

EDDY_TASK_TEST(lock, waiter_runs_one_iteration_after_the_release)
{
  STAGE(1, 2, "a:acquire@1 a:release@2 b:acquire@3 b:release@3",
      "a: acquire 1 release;"
      "b: acquire release");
  STAGE(1, 2, "a:acquire@1 a:release@5 b:acquire@6 b:release@6",
      "b: 1 acquire release;"
      "a: acquire 4 release");
  return 0;
}

EDDY_TASK_TEST(lock, is_not_locked_until_the_woken_task_runs_yet_nobody_comes_before_it)
{
  /* the newcomer d and the releaser itself queue behind b and c */
  STAGE(1, 2,
      "a:acquire@1 a:release@2 a:locked=0@2 d:locked=0@2 b:acquire@3 b:release@4 "
      "c:acquire@5 c:release@5 a:acquire@6 a:release@6 d:acquire@7 d:release@7",
      "a: acquire 1 release locked acquire release;"
      "b: acquire 1 release;"
      "c: acquire release;"
      "d: 1 locked acquire release");
  return 0;
}

EDDY_TASK_TEST(lock, cancelled_waiter_leaves_the_others_their_turn)
{
  STAGE(1, 2,
      "a:acquire@1 b:acquire=ECANCELLED(why)@3 a:release@4 c:acquire@5 c:release@5",
      "a: acquire 3 release;"
      "b: acquire;"
      "c: acquire release;"
      "d: 1 cancel:b:why");
  return 0;
}

EDDY_TASK_TEST(lock, release_beside_a_cancelled_waiter_is_passed_on_when_that_one_runs)
{
  STAGE(1, 2, "a:acquire@1 a:release@3 b:acquire=ECANCELLED@4 c:acquire@5 c:release@5",
      "a: acquire 2 cancel:b release;"
      "b: acquire;"
      "c: acquire release");
  return 0;
}

EDDY_TASK_TEST(lock, woken_task_that_is_cancelled_wakes_the_next)
{
  STAGE(1, 2, "a:acquire@1 a:release@3 b:acquire=ECANCELLED@4 c:acquire@5 c:release@5",
      "a: acquire 2 release cancel:b;"
      "b: acquire;"
      "c: acquire release");
  STAGE(1, 2,
      "a:acquire@1 a:release@3 b:acquire=ECANCELLED(again)@4 c:acquire@5 c:release@5 "
      "b:acquire@6 b:release@6",
      "a: acquire 2 release cancel:b:why cancel:b:again;"
      "b: ?acquire acquire release;"
      "c: acquire release");
  return 0;
}

EDDY_TASK_TEST(lock, cancelled_waiter_wakes_nobody_while_another_has_it)
{
  /* a takes it again before b, who was cancelled, has run; c must wait for a */
  STAGE(1, 2,
      "a:acquire@1 a:release@3 a:acquire@3 b:acquire=ECANCELLED@4 "
      "c:acquire=ECANCELLED@4 a:release@6 d:acquire@7 d:release@7",
      "a: acquire 2 cancel:b cancel:c release acquire 3 release;"
      "b: acquire;"
      "c: acquire;"
      "d: 3 acquire release");
  return 0;
}

EDDY_TASK_TEST(lock, newcomer_takes_it_if_all_who_wait_were_cancelled)
{
  STAGE(1, 2,
      "a:acquire@1 a:release@3 d:acquire@3 d:locked=1@3 d:release@3 "
      "b:acquire=ECANCELLED@4 c:acquire=ECANCELLED@4",
      "a: acquire 2 cancel:b cancel:c release;"
      "b: acquire;"
      "c: acquire;"
      "d: 2 acquire locked release");
  return 0;
}

EDDY_TASK_TEST(lock, only_one_of_many_gets_it_when_the_first_is_cancelled)
{
  STAGE(1, 2, "a:acquire@1 a:release@3 b:acquire=ECANCELLED@4 c:acquire@5 d:stuck",
      "a: acquire 2 cancel:b release;"
      "b: acquire;"
      "c: acquire;"
      "d: acquire");
  return 0;
}

EDDY_TASK_TEST(lock, cancelled_task_may_ask_again_and_queues_at_the_end)
{
  STAGE(1, 2,
      "a:acquire@1 b:acquire=ECANCELLED(why)@3 a:release@4 c:acquire@5 c:release@5 "
      "b:acquire@6 b:release@6",
      "a: acquire 3 release;"
      "b: ?acquire 1 acquire release;"
      "c: acquire release;"
      "d: 1 cancel:b:why");
  STAGE(1, 2,
      "a:acquire@1 a:release@3 b:acquire=ECANCELLED@4 c:acquire@5 c:release@5 "
      "b:acquire@6 b:release@6",
      "a: acquire 2 release cancel:b;"
      "b: ?acquire acquire release;"
      "c: acquire release");
  return 0;
}

EDDY_TASK_TEST(lock, request_before_the_wait_ends_it_at_once)
{
  STAGE(1, 2,
      "a:acquire@1 b:acquire=ECANCELLED(mine)@2 a:release@4 c:acquire@5 c:release@5",
      "a: acquire 3 release;"
      "b: cancel:b:mine acquire;"
      "c: acquire release");
  return 0;
}

EDDY_TASK_TEST(lock, any_task_may_release_it)
{
  STAGE(1, 2, "a:acquire@1 b:release@2 b:acquire@2 b:release@2",
      "a: acquire 3;"
      "b: 1 release acquire release");
  return 0;
}

EDDY_TASK_TEST(lock, release_of_a_free_one_is_an_error)
{
  STAGE(1, 2,
      "a:release=ERUNTIME@1 a:acquire@1 a:release@1 a:release=ERUNTIME@1 a:acquire@1 "
      "a:release@1",
      "a: ?release acquire release ?release acquire release");
  STAGE(1, 2, "a:acquire@1 a:release@2 a:release=ERUNTIME@2 b:acquire@3 b:release@3",
      "a: acquire 1 release release;"
      "b: acquire release");
  return 0;
}
