/* What tests of tasks share: both kinds of coroutine, iterations, what is reported. */
#ifndef EDDY_TEST_TASKS_H
#define EDDY_TEST_TASKS_H

#include "eddy_test.h"

/* The number of the iteration that runs. */
static inline uint64_t test_iteration(void)
{
  eddy_loop_stats stats;
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  return stats.iterations;
}

static inline int test_call_soon(eddy_fn *fn, void *arg)
{
  return eddy_loop_call_soon(eddy_get_running_loop(), fn, arg, NULL);
}

/*
 * A wait is written once, as the body of a frame, and tested in both kinds of task: on a
 * stack of its own a task parks in the very calls that answer EDDY_PENDING in the other.
 */
enum test_kind { TEST_STACKFUL, TEST_STACKLESS, TEST_KINDS };

/* Runs a frame's body on the stack of the task that calls. */
static inline int test_run_frame(void *arg)
{
  eddy_frame *frame = arg;
  int rc = frame->fn(frame);
  return rc == EDDY_STOP ? eddy_return(frame->out) : rc;
}

static inline void test_unref_task(void *task)
{
  eddy_task_unref(task);
}

/* A task of that kind around the frame, which lives as long as the test. */
static inline int test_frame_task(
    int kind, void *frame, eddy_frame_fn *body, eddy_task **out)
{
  eddy_task_options options = {.site = EDDY_SITE("a frame")};
  eddy_frame_init(frame, body);
  int rc = kind == TEST_STACKFUL
               ? eddy_loop_create_task_with(NULL, test_run_frame, frame, &options, out)
               : eddy_loop_create_task_coro(
                     NULL, &((eddy_frame *)frame)->coro, &options, out);
  if (rc == 0) test_defer_late(test_unref_task, *out);
  return rc;
}

static inline void test_unref_future(void *future)
{
  eddy_future_unref(future);
}

/* A gather that lives as long as the test. */
static inline int test_gather(
    eddy_future *const *children, size_t count, eddy_gather_mode mode, eddy_future **out)
{
  int rc = eddy_gather(children, count, mode, out);
  if (rc == 0) test_defer_late(test_unref_future, *out);
  return rc;
}

/* An exception handler that puts what it is told into the trace, in brackets. */
static inline int trace_report(
    eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)loop;
  (void)arg;
  if (context->error == 0) {
    trace("[%s]", context->message);
  } else if (context->detail == NULL) {
    trace("[%s: %s]", context->message, eddy_err_name(context->error));
  } else {
    trace(
        "[%s: %s: %s]", context->message, eddy_err_name(context->error), context->detail);
  }
  return 0;
}

/* From here on what the loop reports (NULL: the running one) is traced. */
static inline void trace_reports(eddy_loop *loop)
{
  if (loop == NULL) loop = eddy_get_running_loop();
  eddy_loop_set_exception_handler(loop, trace_report, NULL);
}

#endif
