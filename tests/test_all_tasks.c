/* eddy_all_tasks: which tasks of a loop have not ended. */
#include "tasks.h"

static int wait_long(void *arg)
{
  (void)arg;
  return eddy_sleep(EDDY_S(3600));
}

static int trace_all(eddy_loop *loop)
{
  eddy_task **tasks;
  size_t count;
  CHECK_OK(eddy_all_tasks(loop, &tasks, &count));
  for (size_t i = 0; i < count; i++) {
    trace("%s", eddy_task_get_name(tasks[i]));
  }
  eddy_all_tasks_free(tasks, count);
  return 0;
}

static int named_task(const char *name, eddy_task **out)
{
  eddy_task_options options = {.name = name};
  return test_loop_task_at(NULL, wait_long, NULL, &options, out);
}

EDDY_TASK_TEST(all_tasks, are_the_unfinished_ones_in_creation_order)
{
  eddy_task *a, *b, *c;
  CHECK_OK(eddy_task_set_name(eddy_current_task(), "main"));
  CHECK_OK(named_task("a", &a));
  CHECK_OK(named_task("b", &b));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(named_task("c", &c));
  CHECK_OK(trace_all(NULL));
  CHECK_TRACE("main a b c");
  (void)eddy_task_cancel(b, NULL);
  CHECK_OK(trace_all(NULL));
  CHECK_TRACE("main a b c");
  CHECK_CODE(eddy_task_await(b, NULL), EDDY_ECANCELLED);
  CHECK_OK(trace_all(eddy_get_running_loop()));
  CHECK_TRACE("main a c");
  return 0;
}

static int end_at_once(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  EDDY_END(frame);
}

EDDY_TASK_TEST(all_tasks, include_stackless_ones)
{
  eddy_task **tasks, *task;
  size_t count;
  eddy_frame *frame = test_new(sizeof *frame);
  CHECK_OK(test_frame_task(TEST_STACKLESS, frame, end_at_once, &task));
  CHECK_OK(eddy_all_tasks(NULL, &tasks, &count));
  bool found = count == 2 && tasks[1] == task;
  eddy_all_tasks_free(tasks, count);
  CHECK(found);
  (void)eddy_task_cancel(task, NULL);
  return 0;
}

EDDY_TASK_TEST(all_tasks, are_referenced_until_they_are_let_go_of)
{
  eddy_task **tasks, *a;
  size_t count;
  CHECK_OK(eddy_create_task(wait_long, NULL, &a));
  int rc = eddy_all_tasks(NULL, &tasks, &count);
  (void)eddy_task_cancel(a, NULL);
  eddy_task_unref(a);
  CHECK_OK(rc);
  rc = eddy_sleep(0);
  bool done = rc == 0 && count == 2 && eddy_task_cancelled(tasks[1]);
  eddy_all_tasks_free(tasks, count);
  CHECK_OK(rc);
  CHECK(done);
  return 0;
}

EDDY_TEST(all_tasks, of_a_loop_that_does_not_run)
{
  eddy_loop *loop;
  eddy_task **tasks = NULL, *task;
  size_t count = 7;
  CHECK_CODE(eddy_all_tasks(NULL, &tasks, &count), EDDY_ENOLOOP);
  CHECK_EQ(count, 7);
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_all_tasks(loop, &tasks, &count));
  CHECK_PTR(tasks, NULL);
  CHECK_EQ(count, 0);
  eddy_all_tasks_free(tasks, count);
  CHECK_OK(test_loop_task(loop, wait_long, NULL, &task));
  CHECK_OK(eddy_task_set_name(task, "t"));
  CHECK_OK(trace_all(loop));
  CHECK_TRACE("t");
  trace_reports(loop);
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE("[a task was destroyed but it is pending]");
  CHECK_OK(trace_all(loop));
  CHECK_TRACE("");
  return 0;
}

EDDY_TEST(all_tasks, needs_somewhere_to_put_them)
{
  eddy_loop *loop;
  eddy_task **tasks;
  size_t count;
  CHECK_OK(test_loop(&loop));
  CHECK_CODE(eddy_all_tasks(loop, NULL, &count), EDDY_EINVAL);
  CHECK_CODE(eddy_all_tasks(loop, &tasks, NULL), EDDY_EINVAL);
  return 0;
}
