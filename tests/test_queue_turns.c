/* In which iteration each who waits at a queue goes on, as CPython does it. */
#include "stage.h"

EDDY_TASK_TEST(
    queue_turns, put_with_room_and_get_with_an_item_neither_suspend_nor_look_at_a_request)
{
  STAGE(2, 1,
      "a:put@1 a:put@1 a:get=1@1 a:get=2@1 a:join=ECANCELLED@2 b:turn=ECANCELLED@2",
      "a: cancel:a put:1 put:2 get get join 1;"
      "b: cancel:b 1");
  return 0;
}

EDDY_TASK_TEST(queue_turns, put_with_a_getter_waiting_does_not_suspend)
{
  STAGE(0, 1, "b:put@1 b:put@1 b:get=1@1 a:get=2@2",
      "a: get;"
      "b: put:1 put:2 get");
  return 0;
}

EDDY_TASK_TEST(
    queue_turns, get_with_putters_waiting_gets_items_in_the_order_they_were_put)
{
  STAGE(1, 1, "a:put@1 d:get=1@1 b:put@2 d:get=2@3 c:put@4 d:get=3@5 e:put@7 d:get=4@8",
      "a: put:1;"
      "b: put:2;"
      "c: put:3;"
      "d: get get get get;"
      "e: 6 put:4");
  return 0;
}

EDDY_TASK_TEST(queue_turns, producer_and_consumer_of_a_queue_of_one_take_turns)
{
  STAGE(1, 1,
      "a:put@1 b:get=0@1 a:put@2 b:get=1@3 a:put@4 b:get=2@5 a:put@6 b:get=3@7 "
      "a:put@8 b:get=4@9",
      "a: put:0 put:1 put:2 put:3 put:4;"
      "b: get get get get get");
  return 0;
}

EDDY_TASK_TEST(queue_turns, putters_come_in_as_often_as_there_is_room)
{
  STAGE(2, 1,
      "b:put@1 c:put@1 a:get_now=0@2 a:get_now=1@2 a:get_now=EQUEUEEMPTY@2 d:put@3 "
      "e:put@3 f:size=2@6",
      "a: 1 get_now get_now ?get_now;"
      "b: put:0;"
      "c: put:1;"
      "d: put:2;"
      "e: put:3;"
      "f: 5 size");
  return 0;
}

EDDY_TASK_TEST(
    queue_turns, two_of_three_getters_get_the_items_when_the_first_is_cancelled)
{
  STAGE(0, 1, "d:put_now@2 d:put_now@2 a:get=ECANCELLED@3 b:get=1@3 c:get=2@4",
      "a: ?get;"
      "b: get;"
      "c: get;"
      "d: 1 put_now:1 put_now:2 cancel:a");
  return 0;
}

EDDY_TASK_TEST(queue_turns, getter_that_was_cancelled_may_come_again_for_the_same_item)
{
  STAGE(0, 1, "b:put_now@2 b:put_now@2 a:get=ECANCELLED@3 a:get=1@3",
      "a: ?get get;"
      "b: 1 put_now:1 put_now:2 cancel:a");
  return 0;
}

EDDY_TASK_TEST(queue_turns, putter_that_was_cancelled_may_come_again)
{
  STAGE(1, 1, "a:put@1 b:get_now=1@3 a:put=ECANCELLED@4 a:put@4 b:get_now=2@6 b:size=0@6",
      "a: put:1 ?put:2 put:2;"
      "b: 2 get_now cancel:a 3 get_now size");
  return 0;
}

EDDY_TASK_TEST(queue_turns, putter_cancelled_among_others_is_passed_by)
{
  STAGE(1, 1, "a:put@1 c:put=ECANCELLED@3 d:get_now=1@3 b:put@4 d:get_now=2@4 d:size=0@4",
      "a: put:1;"
      "b: put:2;"
      "c: put:3;"
      "d: 1 cancel:c 1 get_now 1 get_now size");
  STAGE(1, 1,
      "a:put@1 d:get_now=1@2 b:put=ECANCELLED@3 d:size=0@3 d:get_now=EQUEUEEMPTY@3 "
      "c:put@4",
      "a: put:1;"
      "b: ?put:2;"
      "c: put:3;"
      "d: 1 get_now cancel:b 1 size get_now");
  return 0;
}

EDDY_TASK_TEST(queue_turns,
    woken_getter_is_overtaken_by_one_that_does_not_wait_and_queues_at_the_tail)
{
  STAGE(0, 1, "c:put_now@2 c:get_now=1@2 c:put_now@3 b:get=2@4 c:put_now@5 a:get=3@6",
      "a: get;"
      "b: get;"
      "c: 1 put_now:1 get_now 1 put_now:2 2 put_now:3");
  return 0;
}

EDDY_TASK_TEST(queue_turns,
    woken_putter_is_overtaken_by_one_that_does_not_wait_and_queues_at_the_tail)
{
  STAGE(1, 1,
      "a:put@1 c:get_now=0@3 c:put_now@3 c:get_now=9@4 b:put@5 c:get_now=2@6 a:put@7 "
      "c:get_now=1@8",
      "a: put:0 put:1;"
      "b: put:2;"
      "c: 2 get_now put_now:9 1 get_now 2 get_now 2 get_now");
  return 0;
}

EDDY_TASK_TEST(queue_turns, join_returns_one_iteration_after_the_last_item_is_done)
{
  STAGE(0, 1,
      "a:put@1 a:put@1 b:get=1@1 b:get=2@1 b:done@1 b:done@3 b:done=EINVALIDSTATE@3 "
      "b:join@3 a:join@4",
      "a: put:1 put:2 join;"
      "b: get get done 2 done ?done join");
  return 0;
}

EDDY_TASK_TEST(queue_turns, shutdown_wakes_all_who_wait_at_once)
{
  STAGE(1, 1,
      "a:put@1 c:shutdown@2 c:put=EQUEUESHUTDOWN@2 a:put=EQUEUESHUTDOWN@3 "
      "b:put=EQUEUESHUTDOWN@3 d:get=1@4 d:get=EQUEUESHUTDOWN@4 "
      "d:get_now=EQUEUESHUTDOWN@4 e:stuck",
      "a: put:1 put:2;"
      "b: put:3;"
      "c: 1 shutdown put:4;"
      "d: 3 get ?get ?get_now;"
      "e: join");
  STAGE(0, 1, "d:join@1 c:put_now@2 c:shutdown@2 a:get=5@3 b:get=EQUEUESHUTDOWN@3",
      "a: get;"
      "b: get;"
      "c: 1 put_now:5 shutdown;"
      "d: join");
  STAGE(0, 1,
      "a:put@1 a:put@1 a:get=1@1 b:shutdown@2 b:size=0@2 b:done@4 a:join@5 c:join@5",
      "a: put:1 put:2 get join;"
      "b: 1 shutdown:now size 2 done;"
      "c: join");
  return 0;
}
