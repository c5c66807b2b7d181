/* Debug mode: slow callbacks and calls from foreign threads. */
#include "capture.h"

#include <uv.h>

static eddy_loop *loop; /* the case's */

/* ---- switching it on ---- */

EDDY_TEST(debug, debug_mode_is_off_at_first_and_can_be_switched)
{
  eddy_loop_options options = {.debug = true};
  CHECK_OK(test_loop(&loop));
  CHECK(!eddy_loop_get_debug(loop));
  eddy_loop_set_debug(loop, true);
  CHECK(eddy_loop_get_debug(loop));
  eddy_loop_set_debug(loop, false);
  CHECK(!eddy_loop_get_debug(loop));
  eddy_loop *other;
  CHECK_OK(eddy_loop_new(&options, &other));
  bool debug = eddy_loop_get_debug(other);
  eddy_loop_free(other);
  CHECK(debug);
  return 0;
}

static void unset_debug(void *unused)
{
  (void)unused;
  unsetenv("EDDY_DEBUG");
}

EDDY_TEST(debug, environment_switches_debug_mode_on)
{
  eddy_loop *on, *zero, *empty;
  test_defer(unset_debug, NULL);
  CHECK_EQ(setenv("EDDY_DEBUG", "1", 1), 0);
  CHECK_OK(test_loop(&on));
  CHECK_EQ(setenv("EDDY_DEBUG", "0", 1), 0);
  CHECK_OK(test_loop(&zero));
  CHECK_EQ(setenv("EDDY_DEBUG", "", 1), 0);
  CHECK_OK(test_loop(&empty));
  CHECK(eddy_loop_get_debug(on));
  CHECK(!eddy_loop_get_debug(zero));
  CHECK(!eddy_loop_get_debug(empty));
  return 0;
}

/* ---- slow callbacks ---- */

static int spin(void *unused)
{
  (void)unused;
  uint64_t end = uv_hrtime() + (uint64_t)EDDY_MS(2);
  while (uv_hrtime() < end)
    continue;
  return 0;
}

static int sleep_and_spin(void *unused)
{
  CHECK_OK(eddy_sleep(0));
  return spin(unused);
}

/* Also of what the loop says when the body is left early. */
static int reports;

static int count_reports(eddy_loop *of, const eddy_exception_context *context, void *arg)
{
  (void)of;
  ++*(int *)arg;
  trace("%s", context->task != NULL ? eddy_task_get_name(context->task) : "callback");
  if (strstr(context->message, "took") == NULL) trace("%s", context->message);
  if (context->error != 0) trace("%s", eddy_err_name(context->error));
  return 0;
}

/* What is short on any machine and what is long on none. */
#define SHORT EDDY_MS(1)
#define LONG EDDY_S(3600)

EDDY_TEST(debug, slow_callback_is_reported_once)
{
  reports = 0;
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_debug(loop, true);
  eddy_loop_set_slow_callback_duration(loop, SHORT);
  eddy_loop_set_exception_handler(loop, count_reports, &reports);
  CHECK_OK(eddy_loop_call_soon(loop, spin, NULL, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(reports, 1);
  CHECK_TRACE("callback");
  return 0;
}

EDDY_TEST(debug, slow_timer_is_reported)
{
  reports = 0;
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_debug(loop, true);
  eddy_loop_set_slow_callback_duration(loop, SHORT);
  eddy_loop_set_exception_handler(loop, count_reports, &reports);
  CHECK_OK(eddy_loop_call_later(loop, 0, spin, NULL, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(reports, 1);
  CHECK_TRACE("callback");
  return 0;
}

EDDY_TEST(debug, slow_step_of_a_task_is_reported_with_its_task)
{
  reports = 0;
  eddy_task_options options = {.name = "sluggish"};
  eddy_task *task;
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_debug(loop, true);
  eddy_loop_set_slow_callback_duration(loop, SHORT);
  eddy_loop_set_exception_handler(loop, count_reports, &reports);
  CHECK_OK(test_loop_task_at(loop, sleep_and_spin, NULL, &options, &task));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_CONTAINS(test_trace(), "sluggish");
  test_trace_clear();
  return 0;
}

EDDY_TEST(debug, quick_callbacks_are_not_reported)
{
  reports = 0;
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_debug(loop, true);
  eddy_loop_set_slow_callback_duration(loop, LONG);
  eddy_loop_set_exception_handler(loop, count_reports, &reports);
  CHECK_OK(eddy_loop_call_soon(loop, spin, NULL, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(reports, 0);
  return 0;
}

EDDY_TEST(debug, without_debug_mode_nothing_is_reported)
{
  reports = 0;
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_slow_callback_duration(loop, 0);
  eddy_loop_set_exception_handler(loop, count_reports, &reports);
  CHECK_OK(eddy_loop_call_soon(loop, spin, NULL, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(reports, 0);
  return 0;
}

EDDY_TEST(debug, duration_is_100_ms_at_first)
{
  reports = 0;
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_debug(loop, true);
  CHECK_EQ(eddy_loop_get_slow_callback_duration(loop), EDDY_MS(100));
  eddy_loop_set_exception_handler(loop, count_reports, &reports);
  for (int i = 0; i < 50; i++) /* 100 ms in all, 2 ms each */
    CHECK_OK(eddy_loop_call_soon(loop, spin, NULL, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK(reports < 50);
  test_trace_clear();
  return 0;
}

EDDY_TEST(debug, report_of_a_slow_callback_goes_to_stderr)
{
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_debug(loop, true);
  eddy_loop_set_slow_callback_duration(loop, SHORT);
  CHECK_OK(eddy_loop_call_soon(loop, spin, NULL, NULL));
  struct capture *capture = capture_begin();
  int rc = eddy_loop_run(loop);
  const char *text = capture_end(capture);
  CHECK_OK(rc);
  CHECK_EQ(count_parts(text, "took"), 1);
  return 0;
}

/* Whether a program's order depends on debug mode: tasks do not switch directly in it. */
static int yield_thrice(void *name)
{
  for (int i = 0; i < 3; i++) {
    trace("%s%d", (const char *)name, i);
    CHECK_OK(eddy_sleep(0));
  }
  return 0;
}

EDDY_TEST(debug, order_is_the_same_in_debug_mode)
{
  for (int debug = 0; debug < 2; debug++) {
    eddy_task *task;
    CHECK_OK(test_loop(&loop));
    eddy_loop_set_debug(loop, debug != 0);
    eddy_loop_set_slow_callback_duration(loop, LONG);
    CHECK_OK(test_loop_task(loop, yield_thrice, "a", &task));
    CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "x", NULL));
    CHECK_OK(test_loop_task(loop, yield_thrice, "b", &task));
    CHECK_OK(eddy_loop_run(loop));
    CHECK_TRACE("a0 x b0 a1 b1 a2 b2");
  }
  return 0;
}

/* ---- foreign threads ---- */

static struct {
  int soon, later, at, reader, signal, future, task, threadsafe;
} codes;

static void call_everything(void *unused)
{
  (void)unused;
  eddy_future *future = NULL;
  eddy_task *task = NULL;
  codes.soon = eddy_loop_call_soon(loop, trace_fn, "soon", NULL);
  codes.later = eddy_loop_call_later(loop, 0, trace_fn, "later", NULL);
  codes.at = eddy_loop_call_at(loop, 0, trace_fn, "at", NULL);
  codes.reader = eddy_loop_add_reader(loop, 0, trace_fn, "reader");
  codes.signal = eddy_loop_add_signal_handler(loop, SIGUSR1, trace_fn, "signal");
  codes.threadsafe = eddy_loop_call_soon_threadsafe(loop, trace_fn, "posted");
  codes.future = eddy_future_new(loop, &future);
  codes.task = eddy_loop_create_task(loop, trace_fn, "task", &task);
}

static int call_from_another_thread(void *unused)
{
  uv_thread_t thread;
  CHECK_OK(uv_thread_create(&thread, call_everything, unused));
  CHECK_OK(uv_thread_join(&thread));
  return 0;
}

EDDY_TEST(debug, calls_from_a_foreign_thread_are_refused)
{
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_debug(loop, true);
  eddy_loop_set_slow_callback_duration(loop, LONG);
  CHECK_OK(eddy_loop_call_soon(loop, call_from_another_thread, NULL, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_CODE(codes.soon, EDDY_EOTHERTHREAD);
  CHECK_CODE(codes.later, EDDY_EOTHERTHREAD);
  CHECK_CODE(codes.at, EDDY_EOTHERTHREAD);
  CHECK_CODE(codes.reader, EDDY_EOTHERTHREAD);
  CHECK_CODE(codes.signal, EDDY_EOTHERTHREAD);
  CHECK_CODE(codes.future, EDDY_EOTHERTHREAD);
  CHECK_CODE(codes.task, EDDY_EOTHERTHREAD);
  CHECK_OK(codes.threadsafe);
  CHECK_TRACE("posted");
  return 0;
}

EDDY_TEST(debug, loop_that_never_ran_belongs_to_no_thread_yet)
{
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_debug(loop, true);
  eddy_loop_set_slow_callback_duration(loop, LONG);
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "soon", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "again", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("soon again");
  return 0;
}

static void run_here(void *rc)
{
  *(int *)rc = eddy_loop_run(loop);
}

EDDY_TEST(debug, loop_cannot_be_run_by_a_second_thread)
{
  uv_thread_t thread;
  int rc = 0;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "first", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "second", NULL));
  CHECK_OK(uv_thread_create(&thread, run_here, &rc));
  CHECK_OK(uv_thread_join(&thread));
  CHECK_CODE(rc, EDDY_EOTHERTHREAD);
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("first second");
  return 0;
}
