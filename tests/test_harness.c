/* The harness itself: what a test body may rely on. */
#include "eddy_test.h"

static int later(void *arg)
{
  int *count = arg;
  trace("later%d", ++*count);
  return 0;
}

EDDY_TEST(harness, loops_are_made_on_the_backend_under_test)
{
  eddy_loop *loop;
  eddy_loop_stats stats;
  CHECK_OK(test_loop(&loop));
  eddy_loop_get_stats(loop, &stats);
  CHECK_STR(stats.backend, test_backend());
  return 0;
}

EDDY_TEST_ON(harness, case_for_one_backend_runs_on_it, "uv/uv")
{
  CHECK_STR(test_backend(), "uv/uv");
  return 0;
}

EDDY_TASK_TEST(harness, body_runs_as_a_task)
{
  CHECK(eddy_current_task() != NULL);
  CHECK_OK(eddy_sleep(0));
  return 0;
}

EDDY_TASK_TEST(harness, memory_and_references_outlive_the_body)
{
  int *count = test_new(sizeof *count);
  eddy_task *task;
  CHECK_OK(test_task(later, count, &task));
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(harness, virtual_time_is_exact)
{
  eddy_time before = eddy_loop_time(eddy_get_running_loop());
  CHECK_OK(eddy_sleep(EDDY_S(3600)));
  CHECK_EQ(eddy_loop_time(eddy_get_running_loop()) - before, EDDY_S(3600));
  return 0;
}

EDDY_TASK_TEST_KERNEL(harness, kernel_backends_have_real_time)
{
  eddy_time before = eddy_loop_time(eddy_get_running_loop());
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK(eddy_loop_time(eddy_get_running_loop()) - before >= EDDY_MS(1));
  return 0;
}

static void trace_cleanup(void *text)
{
  trace("%s", (const char *)text);
}

static void check_cleanups(void *unused)
{
  (void)unused;
  if (!test_same_text(test_trace(), "body second first"))
    test_failed(__FILE__, __LINE__, "the cleanups ran as \"%s\"", test_trace());
}

EDDY_UNIT_TEST(harness, cleanups_run_latest_first)
{
  test_defer(check_cleanups, NULL);
  test_defer(trace_cleanup, "first");
  test_defer(trace_cleanup, "second");
  trace("body");
  return 0;
}

EDDY_UNIT_TEST(harness, trace_is_compared_and_emptied)
{
  trace("a");
  trace("%d", 1);
  CHECK_TRACE("a 1");
  CHECK_TRACE("");
  return 0;
}

EDDY_UNIT_TEST(harness, checks_of_every_kind_pass)
{
  int numbers[] = {1, 2}, same[] = {1, 2};
  CHECK(numbers[0] == 1);
  CHECK_EQ(sizeof numbers, 2 * sizeof(int));
  CHECK_BETWEEN(1, numbers[1], 2);
  CHECK_PTR(numbers, &numbers[0]);
  CHECK_STR("text", "text");
  CHECK_STR(NULL, NULL);
  CHECK_CONTAINS("a long text", "long");
  CHECK_MEM(numbers, same, sizeof numbers);
  CHECK_CODE(EDDY_ETIMEDOUT, EDDY_ETIMEDOUT);
  return 0;
}
