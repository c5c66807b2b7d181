/* Tasks that take turns: who is current, and whose outcome is whose. */
#include "tasks.h"

struct pair {
  eddy_future *first, *second;
  eddy_task *tasks[2];
};

static int wait_then_set(void *arg)
{
  struct pair *pair = arg;
  CHECK_PTR(eddy_current_task(), pair->tasks[0]);
  CHECK_OK(eddy_await(pair->first, NULL));
  CHECK_PTR(eddy_current_task(), pair->tasks[0]);
  return eddy_future_set_result(pair->second, eddy_int(1));
}

static int set_then_wait(void *arg)
{
  struct pair *pair = arg;
  CHECK_PTR(eddy_current_task(), pair->tasks[1]);
  CHECK_OK(eddy_future_set_result(pair->first, eddy_int(1)));
  CHECK_OK(eddy_await(pair->second, NULL));
  CHECK_PTR(eddy_current_task(), pair->tasks[1]);
  return 0;
}

EDDY_TASK_TEST(task_turns, each_is_the_current_task_in_its_own_steps)
{
  struct pair *pair = test_new(sizeof *pair);
  eddy_task *self = eddy_current_task();
  CHECK_OK(test_future(NULL, &pair->first));
  CHECK_OK(test_future(NULL, &pair->second));
  CHECK_OK(test_task(wait_then_set, pair, &pair->tasks[0]));
  CHECK_OK(test_task(set_then_wait, pair, &pair->tasks[1]));
  for (int i = 0; i < 2; i++)
    CHECK_OK(eddy_task_await(pair->tasks[i], NULL));
  CHECK_PTR(eddy_current_task(), self);
  return 0;
}

static int await_twice(void *future)
{
  eddy_value a = eddy_int(0), b = eddy_int(0);
  CHECK_OK(eddy_await(future, &a));
  CHECK_OK(eddy_await(future, &b));
  trace("%d %d", (int)a.i, (int)b.i);
  return 0;
}

EDDY_TASK_TEST(task_turns, future_may_be_awaited_twice)
{
  eddy_future *future;
  eddy_task *task;
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(test_task(await_twice, future, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_future_set_result(future, eddy_int(3)));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_TRACE("3 3");
  return 0;
}

static int give_seven(void *arg)
{
  (void)arg;
  return eddy_return(eddy_int(7));
}

EDDY_TASK_TEST(task_turns, each_reference_keeps_the_outcome)
{
  eddy_task *task;
  eddy_value value = eddy_int(0);
  CHECK_OK(eddy_create_task(give_seven, NULL, &task));
  CHECK_PTR(eddy_task_ref(task), task);
  eddy_task_unref(task);
  int rc = eddy_sleep(0);
  if (rc == 0) rc = eddy_task_result(task, &value);
  eddy_task_unref(task);
  CHECK_OK(rc);
  CHECK_EQ(value.i, 7);
  return 0;
}
