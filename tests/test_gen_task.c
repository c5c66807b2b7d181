/* Generators inside tasks: their bodies may wait, and the task waits with them. */
#include "tasks.h"

static void free_gen(void *gen)
{
  eddy_gen_free(gen);
}

static int test_gen(eddy_gen_fn *fn, void *arg, eddy_gen **out)
{
  int rc = eddy_gen_new(fn, arg, out);
  if (rc == 0) test_defer_late(free_gen, *out);
  return rc;
}

static int sleep_and_yield(eddy_gen *gen, void *arg)
{
  (void)arg;
  for (int n = 1; n <= 3; n++) {
    int rc = eddy_sleep(EDDY_MS(1));
    if (rc < 0) return rc;
    rc = eddy_gen_yield(gen, eddy_int(n), NULL);
    if (rc < 0) return rc;
  }
  return 0;
}

static int trace_all(void *gen)
{
  int rc;
  for (eddy_value v; (rc = eddy_gen_next(gen, &v)) == 0;)
    trace("%d", (int)v.i);
  trace("%s", rc == EDDY_STOP ? "stop" : eddy_err_name(rc));
  return rc;
}

EDDY_TASK_TEST(gen_task, body_may_sleep_while_others_run)
{
  eddy_gen *gen;
  eddy_task *task;
  CHECK_OK(test_gen(sleep_and_yield, NULL, &gen));
  CHECK_OK(test_task(trace_all, gen, &task));
  CHECK_OK(eddy_sleep(0));
  trace("meanwhile");
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_TRACE("meanwhile 1 2 3 stop");
  return 0;
}

EDDY_TASK_TEST(gen_task, body_is_cancelled_where_it_waits)
{
  eddy_gen *gen;
  eddy_task *task;
  CHECK_OK(test_gen(sleep_and_yield, NULL, &gen));
  CHECK_OK(test_task(trace_all, gen, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(task, "enough"));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK_STR(eddy_message(EDDY_ECANCELLED), "enough");
  CHECK_STR(eddy_gen_message(gen), "enough");
  CHECK_TRACE("ECANCELLED");
  return 0;
}

/* One task waits inside the generator's body; nobody else can step it meanwhile. */
EDDY_TASK_TEST(gen_task, one_that_waits_in_a_tasks_step_is_busy)
{
  eddy_gen *gen;
  eddy_task *task;
  CHECK_OK(test_gen(sleep_and_yield, NULL, &gen));
  CHECK_OK(test_task(trace_all, gen, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_CODE(eddy_gen_next(gen, NULL), EDDY_EBUSY);
  CHECK_CODE(eddy_gen_send(gen, eddy_int(1), NULL), EDDY_EBUSY);
  CHECK_CODE(eddy_gen_throw(gen, EDDY_EIO, NULL), EDDY_EBUSY);
  CHECK_CODE(eddy_gen_close(gen), EDDY_EBUSY);
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_TRACE("1 2 3 stop");
  return 0;
}

/* Suspended in a yield it is anybody's: each step waits in the task that makes it. */
static int step_and_trace(void *gen)
{
  eddy_value value;
  int rc = eddy_gen_next(gen, &value);
  if (rc < 0) return rc;
  trace("%s:%d", eddy_task_get_name(eddy_current_task()), (int)value.i);
  return 0;
}

EDDY_TASK_TEST(gen_task, tasks_may_take_turns_with_one)
{
  eddy_gen *gen;
  CHECK_OK(test_gen(sleep_and_yield, NULL, &gen));
  for (int i = 0; i < 3; i++) {
    eddy_task *task;
    eddy_task_options options = {.name = i == 0 ? "a" : i == 1 ? "b" : "c"};
    CHECK_OK(test_loop_task_at(NULL, step_and_trace, gen, &options, &task));
    CHECK_OK(eddy_task_await(task, NULL));
  }
  CHECK_TRACE("a:1 b:2 c:3");
  return 0;
}

/* A step made in a plain callback has no task to wait in. */
static int wait_outside(eddy_gen *gen, void *arg)
{
  (void)arg;
  CHECK_CODE(eddy_sleep(0), EDDY_ENOTASK);
  CHECK_CODE(eddy_await(NULL, NULL), EDDY_ENOTASK);
  return eddy_gen_yield(gen, eddy_int(1), NULL);
}

static int step_in_callback(void *gen)
{
  CHECK_OK(eddy_gen_next(gen, NULL));
  trace("stepped");
  return 0;
}

EDDY_TASK_TEST(gen_task, body_stepped_by_a_callback_cannot_wait)
{
  eddy_gen *gen;
  CHECK_OK(test_gen(wait_outside, NULL, &gen));
  CHECK_OK(test_call_soon(step_in_callback, gen));
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("stepped");
  return 0;
}

EDDY_UNIT_TEST(gen_task, body_stepped_outside_a_loop_cannot_wait)
{
  eddy_gen *gen;
  CHECK_OK(test_gen(wait_outside, NULL, &gen));
  CHECK_OK(eddy_gen_next(gen, NULL));
  return 0;
}

struct stepping {
  eddy_frame frame;
  eddy_gen *gen;
};

static int step_in_frame(eddy_frame *frame)
{
  struct stepping *self = (struct stepping *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(eddy_gen_next(self->gen, NULL));
  trace("stepped");
  EDDY_END(frame);
}

/* A stackless task cannot leave from the middle of a generator's stack. */
EDDY_TASK_TEST(gen_task, body_stepped_by_a_stackless_task_cannot_wait)
{
  struct stepping *stepping = test_new(sizeof *stepping);
  eddy_task *task;
  CHECK_OK(test_gen(wait_outside, NULL, &stepping->gen));
  CHECK_OK(test_frame_task(TEST_STACKLESS, stepping, step_in_frame, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_TRACE("stepped");
  return 0;
}

/* eddy_return and eddy_raise are the innermost coroutine's. */
static int return_inside(eddy_gen *gen, void *arg)
{
  (void)gen;
  (void)arg;
  return eddy_return(eddy_int(2));
}

static int return_outside(void *gen)
{
  eddy_value value;
  (void)eddy_return(eddy_int(1));
  CHECK_CODE(eddy_gen_next(gen, &value), EDDY_STOP);
  CHECK_EQ(value.i, 2);
  return 0;
}

EDDY_TASK_TEST(gen_task, return_is_the_innermost_coroutines)
{
  eddy_gen *gen;
  eddy_task *task;
  eddy_value value;
  CHECK_OK(test_gen(return_inside, NULL, &gen));
  CHECK_OK(test_task(return_outside, gen, &task));
  CHECK_OK(eddy_task_await(task, &value));
  CHECK_EQ(value.i, 1);
  return 0;
}

/* The value survives a wait inside, where other coroutines return theirs. */
static int return_then_wait(eddy_gen *gen, void *arg)
{
  (void)gen;
  (void)eddy_return(eddy_int(*(int *)arg));
  return eddy_sleep(0);
}

static int take_return(void *gen)
{
  eddy_value value;
  if (eddy_gen_next(gen, &value) != EDDY_STOP) return EDDY_ERUNTIME;
  return eddy_return(value);
}

EDDY_TASK_TEST(gen_task, each_has_its_own_result_across_a_wait)
{
  static int numbers[] = {1, 2};
  eddy_task *tasks[2];
  for (int i = 0; i < 2; i++) {
    eddy_gen *gen;
    CHECK_OK(test_gen(return_then_wait, &numbers[i], &gen));
    CHECK_OK(test_task(take_return, gen, &tasks[i]));
  }
  for (int i = 0; i < 2; i++) {
    eddy_value value;
    CHECK_OK(eddy_task_await(tasks[i], &value));
    CHECK_EQ(value.i, numbers[i]);
  }
  return 0;
}
