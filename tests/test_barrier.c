/* Barriers: who comes, who waits, who leaves when. */
#include "stage.h"

EDDY_TASK_TEST(barrier, opens_when_the_last_has_come_and_tells_each_when_it_came)
{
  STAGE(1, 3,
      "d:waiting=1@1 d:waiting=2@2 b:barrier=2@3 d:waiting=0@3 a:barrier=0@4 "
      "c:barrier=1@4 d:waiting=0@4",
      "a: barrier;"
      "b: 2 barrier;"
      "c: 1 barrier;"
      "d: waiting 1 waiting 1 waiting 1 waiting");
  return 0;
}

EDDY_TASK_TEST(barrier, of_one_never_suspends_nor_looks_at_a_request)
{
  STAGE(1, 1,
      "a:barrier=0@1 a:waiting=0@1 a:barrier=0@1 a:broken=0@1 a:turn=ECANCELLED@2",
      "a: cancel:a barrier waiting barrier broken 1");
  return 0;
}

EDDY_TASK_TEST(barrier, last_to_come_does_not_suspend_and_the_others_leave_one_by_one)
{
  /* each takes the lock of the one before it */
  STAGE(1, 4, "d:barrier=3@1 a:barrier=0@2 b:barrier=1@2 c:barrier=2@2 d:waiting=0@2",
      "a: barrier;"
      "b: barrier;"
      "c: barrier;"
      "d: barrier 1 waiting");
  return 0;
}

EDDY_TASK_TEST(barrier, is_used_again_and_again)
{
  STAGE(1, 2,
      "b:barrier=1@1 a:barrier=0@2 b:barrier=1@2 a:barrier=0@3 b:barrier=1@3 "
      "a:barrier=0@4",
      "a: barrier barrier barrier;"
      "b: barrier 1 barrier 1 barrier");
  STAGE(1, 3,
      "c:barrier=2@1 a:barrier=0@2 b:barrier=1@2 a:barrier=2@3 b:barrier=0@4 "
      "c:barrier=1@4",
      "a: barrier barrier;"
      "b: barrier barrier;"
      "c: barrier barrier");
  return 0;
}

EDDY_TASK_TEST(barrier, newcomers_wait_until_those_of_the_last_round_have_left)
{
  STAGE(1, 3,
      "c:barrier=2@1 d:waiting=0@1 a:barrier=0@2 b:barrier=1@2 e:waiting=0@2 "
      "d:barrier=2@3 d:waiting=0@3 f:waiting=0@3 e:barrier=0@4 e:waiting=0@4 "
      "c:barrier=1@4 f:stuck",
      "a: barrier;"
      "b: barrier;"
      "c: barrier barrier;"
      "d: waiting barrier waiting;"
      "e: 1 waiting barrier waiting;"
      "f: 2 waiting barrier waiting");
  return 0;
}

EDDY_TASK_TEST(barrier, counts_only_while_it_fills)
{
  STAGE(1, 3,
      "c:barrier=2@1 c:waiting=0@1 d:waiting=0@1 a:barrier=0@2 a:waiting=0@2 "
      "b:barrier=1@2 b:waiting=0@2 d:waiting=0@5",
      "a: barrier waiting;"
      "b: barrier waiting;"
      "c: barrier waiting;"
      "d: waiting 4 waiting");
  return 0;
}

EDDY_TASK_TEST(barrier, cancelled_task_leaves_and_the_others_wait_for_one_more)
{
  STAGE(1, 3,
      "c:waiting=2@2 a:barrier=ECANCELLED(why)@3 c:waiting=1@3 c:broken=0@3 "
      "d:barrier=2@5 d:waiting=0@5 b:barrier=1@6 c:barrier=1@6",
      "a: barrier;"
      "b: barrier;"
      "c: 1 waiting cancel:a:why 1 waiting broken 1 barrier;"
      "d: 4 barrier waiting");
  return 0;
}

EDDY_TASK_TEST(barrier,
    task_after_a_cancelled_one_is_woken_for_no_reason_and_waits_again_at_the_tail)
{
  STAGE(1, 4,
      "a:barrier=ECANCELLED@3 e:barrier=3@5 c:barrier=2@6 b:barrier=1@6 d:barrier=2@6",
      "a: barrier;"
      "b: barrier;"
      "c: barrier;"
      "d: 1 cancel:a 2 barrier;"
      "e: 4 barrier");
  return 0;
}

EDDY_TASK_TEST(barrier, task_that_came_after_a_cancelled_one_gets_an_index_that_is_taken)
{
  STAGE(1, 3, "a:barrier=ECANCELLED@3 d:barrier=2@6 b:barrier=1@7 c:barrier=1@7",
      "a: barrier;"
      "b: barrier;"
      "c: 1 cancel:a 2 barrier;"
      "d: 5 barrier");
  return 0;
}

EDDY_TASK_TEST(barrier, task_cancelled_when_it_is_full_is_cancelled_and_the_others_go_on)
{
  STAGE(1, 3, "c:barrier=2@1 a:barrier=ECANCELLED@2 b:barrier=1@2 c:waiting=0@4",
      "a: barrier;"
      "b: barrier;"
      "c: barrier cancel:a 3 waiting");
  STAGE(1, 2,
      "b:barrier=1@1 a:barrier=ECANCELLED@2 b:waiting=1@2 b:barrier=1@2 "
      "b:waiting=0@2 a:barrier=0@3",
      "a: ?barrier barrier;"
      "b: barrier cancel:a 1 waiting barrier waiting");
  return 0;
}

EDDY_TASK_TEST(barrier, blocked_newcomer_that_is_cancelled_is_not_counted)
{
  STAGE(1, 2,
      "b:barrier=1@1 a:barrier=0@2 c:barrier=ECANCELLED@2 e:barrier=1@6 "
      "d:barrier=0@7 d:waiting=0@7",
      "a: barrier;"
      "b: barrier;"
      "c: barrier;"
      "d: cancel:c 4 barrier waiting;"
      "e: 5 barrier");
  return 0;
}

EDDY_TASK_TEST(barrier, reset_of_an_empty_one_changes_nothing)
{
  STAGE(1, 2, "a:reset@1 a:waiting=0@1 a:broken=0@1 c:barrier=1@1 b:barrier=0@2",
      "a: reset waiting broken;"
      "b: barrier;"
      "c: barrier");
  return 0;
}

EDDY_TASK_TEST(barrier, reset_breaks_those_who_wait_and_it_can_be_used_at_once)
{
  STAGE(1, 3,
      "c:reset@2 c:waiting=0@2 c:broken=0@2 a:barrier=EBROKENBARRIER@3 "
      "b:barrier=EBROKENBARRIER@3 d:barrier=2@5 d:waiting=0@5 b:barrier=0@6 "
      "a:barrier=1@6",
      "a: ?barrier barrier;"
      "b: ?barrier barrier;"
      "c: 1 reset waiting broken;"
      "d: 4 barrier waiting");
  return 0;
}

EDDY_TASK_TEST(barrier, reset_while_tasks_leave_breaks_those_who_have_not)
{
  /* a was let out, b and c were too slow; d was blocked and is not touched */
  STAGE(1, 4,
      "e:barrier=3@1 a:barrier=0@2 a:reset@2 b:barrier=EBROKENBARRIER@2 "
      "c:barrier=EBROKENBARRIER@2 f:waiting=1@9 d:stuck",
      "a: barrier reset;"
      "b: ?barrier;"
      "c: ?barrier;"
      "e: barrier;"
      "d: barrier;"
      "f: 8 waiting");
  return 0;
}

EDDY_TASK_TEST(barrier, newcomers_wait_until_a_reset_is_over)
{
  STAGE(1, 3,
      "c:reset@2 d:waiting=0@2 a:barrier=EBROKENBARRIER@3 b:barrier=EBROKENBARRIER@3 "
      "e:waiting=2@7 e:barrier=2@7 c:barrier=0@8 d:barrier=1@8",
      "a: ?barrier;"
      "b: ?barrier;"
      "c: 1 reset barrier;"
      "d: 1 waiting barrier;"
      "e: 6 waiting barrier");
  return 0;
}

EDDY_TASK_TEST(barrier, second_reset_changes_nothing_more)
{
  STAGE(1, 3,
      "c:reset@2 c:reset@2 c:waiting=0@2 a:barrier=EBROKENBARRIER@3 "
      "b:barrier=EBROKENBARRIER@3 c:waiting=0@4",
      "a: ?barrier;"
      "b: ?barrier;"
      "c: 1 reset reset waiting 2 waiting");
  return 0;
}

EDDY_TASK_TEST(
    barrier, abort_breaks_it_for_those_who_wait_and_those_who_come_until_a_reset)
{
  STAGE(1, 3,
      "c:abort@2 c:broken=1@2 c:waiting=0@2 a:barrier=EBROKENBARRIER@3 "
      "b:barrier=EBROKENBARRIER@3 b:barrier=EBROKENBARRIER@3 b:reset@3 b:broken=0@3 "
      "d:broken=0@3 e:barrier=2@8 b:barrier=0@9 d:barrier=1@9 d:stuck",
      "a: ?barrier;"
      "b: ?barrier ?barrier reset broken barrier;"
      "c: 1 abort broken waiting;"
      "d: 2 broken ?barrier 5 barrier;"
      "e: 7 barrier");
  return 0;
}

EDDY_TASK_TEST(
    barrier, abort_while_tasks_leave_breaks_those_who_have_not_and_those_who_are_blocked)
{
  STAGE(1, 4,
      "e:barrier=3@1 a:barrier=0@2 a:abort@2 b:barrier=EBROKENBARRIER@2 "
      "c:barrier=EBROKENBARRIER@2 d:barrier=EBROKENBARRIER@3 d:broken=1@3",
      "a: barrier abort;"
      "b: ?barrier;"
      "c: ?barrier;"
      "e: barrier;"
      "d: ?barrier broken");
  return 0;
}

EDDY_TASK_TEST(barrier, abort_of_one_task_after_an_error_ends_the_next_round_of_all)
{
  STAGE(1, 3,
      "c:barrier=2@1 a:barrier=0@2 b:barrier=1@2 b:abort@2 "
      "c:barrier=EBROKENBARRIER@3 a:barrier=EBROKENBARRIER@3 d:broken=1@11 "
      "d:reset@11 d:broken=0@11 d:waiting=0@11",
      "a: barrier ?barrier;"
      "b: barrier abort;"
      "c: barrier ?barrier;"
      "d: 10 broken reset broken waiting");
  return 0;
}

EDDY_TASK_TEST(barrier, reset_makes_a_broken_one_whole_again_after_all_have_met_elsewhere)
{
  /* the tasks come together with the semaphore, and use it again */
  STAGE(0, 2,
      "b:abort@2 b:broken=1@2 b:reset@2 b:broken=0@2 b:give@2 "
      "a:barrier=EBROKENBARRIER@3 a:take@3 b:barrier=1@4 a:barrier=0@5",
      "a: ?barrier take barrier;"
      "b: 1 abort broken reset broken give 2 barrier");
  return 0;
}

EDDY_TASK_TEST(barrier, reset_and_abort_neither_suspend_nor_look_at_a_request)
{
  STAGE(1, 3,
      "c:barrier=2@1 c:reset@1 c:waiting=0@1 d:abort@1 d:broken=1@1 e:reset@1 "
      "e:broken=0@1 a:barrier=EBROKENBARRIER@2 b:barrier=EBROKENBARRIER@2 "
      "c:turn=ECANCELLED@2 d:turn=ECANCELLED@2",
      "a: ?barrier;"
      "b: ?barrier;"
      "c: cancel:c barrier reset waiting 1;"
      "d: cancel:d abort broken 1;"
      "e: reset broken");
  return 0;
}
