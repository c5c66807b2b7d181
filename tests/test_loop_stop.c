/* Runs that are stopped, and what goes on in the next. */
#include "capture.h"
#include "tasks.h"

static int stop_loop(void *loop)
{
  eddy_loop_stop(loop);
  return 0;
}

EDDY_TEST(loop_stop, run_stopped_early_leaves_nothing_on_its_future)
{
  eddy_loop *loop;
  eddy_future *future;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &future));
  CHECK_OK(eddy_loop_call_soon(loop, stop_loop, loop, NULL));
  CHECK_CODE(eddy_loop_run_until_complete(loop, future, NULL), EDDY_ESTOPPED);
  /* Done now, it must not stop the next run. */
  CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "timer", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("timer");
  return 0;
}

static int count_to_ten(void *loop)
{
  for (int n = 1; n <= 10; n++) {
    int rc = eddy_sleep(EDDY_MS(1));
    if (rc < 0) return rc;
    trace("%d", n);
    if (n == 2) eddy_loop_stop(loop);
  }
  return 0;
}

EDDY_TEST(loop_stop, task_goes_on_in_the_next_run_and_may_be_cancelled_there)
{
  eddy_loop *loop;
  eddy_task *task;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_loop_task(loop, count_to_ten, loop, &task));
  eddy_future *future = eddy_task_future(task);
  CHECK_CODE(eddy_loop_run_until_complete(loop, future, NULL), EDDY_ESTOPPED);
  CHECK(!eddy_task_done(task));
  CHECK_TRACE("1 2");
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_CODE(eddy_loop_run_until_complete(loop, future, NULL), EDDY_ECANCELLED);
  CHECK_TRACE("");
  return 0;
}

/* ---- a reader that stops the loop ---- */

struct stopper {
  eddy_loop *loop;
  int fd;
};

static int read_and_stop(void *arg)
{
  struct stopper *self = arg;
  char byte;
  CHECK_EQ(read(self->fd, &byte, 1), 1);
  trace("%c", byte);
  eddy_loop_stop(self->loop);
  return 0;
}

EDDY_TEST_KERNEL(loop_stop, event_is_handled_once_though_its_callback_stops_the_loop)
{
  struct stopper *self = test_new(sizeof *self);
  int ends[2];
  CHECK_OK(test_loop(&self->loop));
  CHECK_EQ(pipe(ends), 0);
  self->fd = ends[0];
  int rc = eddy_loop_add_reader(self->loop, ends[0], read_and_stop, self);
  for (int i = 0; rc == 0 && i < 2; i++) {
    if (write(ends[1], i == 0 ? "a" : "b", 1) != 1) rc = EDDY_EIO;
    if (rc == 0) rc = eddy_loop_run_forever(self->loop);
  }
  /* Nothing has come since: this run ends by the timer, not by the reader. */
  if (rc == 0)
    rc = eddy_loop_call_later(self->loop, EDDY_MS(2), stop_loop, self->loop, NULL);
  if (rc == 0) rc = eddy_loop_run_forever(self->loop);
  (void)eddy_loop_remove_reader(self->loop, ends[0]);
  close(ends[0]);
  close(ends[1]);
  CHECK_OK(rc);
  CHECK_TRACE("a b");
  return 0;
}

/* ---- what nobody handles ---- */

static int fail_with_words(void *arg)
{
  (void)arg;
  return eddy_raise(EDDY_EIO, "no disk");
}

EDDY_TEST(loop_stop, failed_task_that_nobody_holds_is_told_of_on_stderr)
{
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_create_task(loop, fail_with_words, NULL, NULL));
  struct capture *capture = capture_begin();
  int rc = eddy_loop_run(loop);
  const char *text = capture_end(capture);
  CHECK_OK(rc);
  CHECK_CONTAINS(text, "the error of a task was never retrieved: EIO: no disk");
  CHECK_CONTAINS(text, "test_loop_stop.c:");
  return 0;
}

static void let_go(void *arg)
{
  trace("let go of %s", (const char *)arg);
}

EDDY_TEST(loop_stop, refused_task_leaves_its_argument_to_the_caller)
{
  eddy_loop *loop;
  eddy_task *task = NULL;
  eddy_task_options options = {.name = "late", .unstarted = let_go};
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_CODE(eddy_loop_create_task_with(loop, trace_fn, "argument", &options, &task),
      EDDY_ECLOSED);
  CHECK_PTR(task, NULL);
  CHECK_TRACE("");
  return 0;
}
