/* Generators on stacks of their own. */
#include "tasks.h"

#include <errno.h>

static void free_gen(void *gen)
{
  eddy_gen_free(gen);
}

/* A generator that lives as long as the body. */
static int test_gen(eddy_gen_fn *fn, void *arg, eddy_gen **out)
{
  int rc = eddy_gen_new(fn, arg, out);
  if (rc == 0) test_defer(free_gen, *out);
  return rc;
}

/* Traces what a step answered: the value, "stop=value" or the error's name. */
static void trace_step(int rc, eddy_value value)
{
  if (rc == 0) trace("%d", (int)value.i);
  if (rc == EDDY_STOP) trace("stop=%d", (int)value.i);
  if (rc < 0) trace("%s", eddy_err_name(rc));
}

static void next(eddy_gen *gen)
{
  eddy_value value = eddy_int(-1);
  int rc = eddy_gen_next(gen, &value);
  trace_step(rc, value);
}

static void send(eddy_gen *gen, int number)
{
  eddy_value value = eddy_int(-1);
  int rc = eddy_gen_send(gen, eddy_int(number), &value);
  trace_step(rc, value);
}

static void throw_in(eddy_gen *gen, int error)
{
  eddy_value value = eddy_int(-1);
  int rc = eddy_gen_throw(gen, error, &value);
  trace_step(rc, value);
}

/* ---- the lesson's generators ---- */

static int count_down(eddy_gen *gen, void *arg)
{
  for (int n = *(int *)arg; n > 0; n--) {
    int rc = eddy_gen_yield(gen, eddy_int(n), NULL);
    if (rc < 0) return rc;
  }
  return 0;
}

static int add_up(eddy_gen *gen, void *arg)
{
  int64_t total = 0;
  (void)arg;
  for (;;) {
    eddy_value got;
    int rc = eddy_gen_yield(gen, eddy_int(total), &got);
    if (rc < 0) return rc;
    if (got.i == 0) return eddy_return(eddy_int(total));
    total += got.i;
  }
}

static int clean_up(eddy_gen *gen, void *arg)
{
  (void)arg;
  int rc = eddy_gen_yield(gen, eddy_int(1), NULL);
  trace("cleanup(%s)", rc == 0 ? "none" : eddy_err_name(rc));
  return rc;
}

/* Catches what is thrown in, and goes on. */
static int catch_all(eddy_gen *gen, void *arg)
{
  (void)arg;
  for (int n = 1;; n++) {
    int rc = eddy_gen_yield(gen, eddy_int(n), NULL);
    if (rc == EDDY_EGENERATOREXIT) return rc;
    if (rc < 0) trace("caught(%s)", eddy_err_name(rc));
  }
}

EDDY_UNIT_TEST(gen, hands_out_values_until_it_stops)
{
  eddy_gen *gen;
  static int from = 5;
  CHECK_OK(test_gen(count_down, &from, &gen));
  for (eddy_value v; eddy_gen_next(gen, &v) == 0;)
    trace("%d", (int)v.i);
  next(gen);
  next(gen);
  CHECK_TRACE("5 4 3 2 1 stop=0 stop=0");
  CHECK_CODE(eddy_gen_next(gen, NULL), EDDY_STOP);
  CHECK_STR(eddy_gen_message(gen), "");
  return 0;
}

EDDY_UNIT_TEST(gen, send_is_what_the_yield_gives)
{
  eddy_gen *gen;
  CHECK_OK(test_gen(add_up, NULL, &gen));
  send(gen, 3); /* not started: only 0 may be sent */
  send(gen, 0);
  send(gen, 10);
  send(gen, 5);
  next(gen);
  next(gen);
  CHECK_TRACE("EINVAL 0 10 15 stop=15 stop=0");
  return 0;
}

EDDY_UNIT_TEST(gen, close_runs_the_cleanup)
{
  eddy_gen *gen;
  CHECK_OK(test_gen(clean_up, NULL, &gen));
  next(gen);
  CHECK_OK(eddy_gen_close(gen));
  next(gen);
  CHECK_OK(eddy_gen_close(gen));
  CHECK_TRACE("1 cleanup(EGENERATOREXIT) stop=0");
  return 0;
}

EDDY_UNIT_TEST(gen, throw_makes_the_yield_fail)
{
  eddy_gen *gen;
  CHECK_OK(test_gen(catch_all, NULL, &gen));
  next(gen);
  throw_in(gen, EDDY_EIO);
  next(gen);
  CHECK_TRACE("1 caught(EIO) 2 3");
  return 0;
}

EDDY_UNIT_TEST(gen, throw_that_is_not_caught_ends_it)
{
  eddy_gen *gen;
  CHECK_OK(test_gen(clean_up, NULL, &gen));
  next(gen);
  throw_in(gen, EDDY_EIO);
  next(gen);
  throw_in(gen, EDDY_ENOENT);
  CHECK_TRACE("1 cleanup(EIO) EIO stop=0 ENOENT");
  return 0;
}

EDDY_UNIT_TEST(gen, throw_into_one_not_started_ends_it)
{
  eddy_gen *gen;
  CHECK_OK(test_gen(clean_up, NULL, &gen));
  throw_in(gen, EDDY_EIO);
  next(gen);
  CHECK_TRACE("EIO stop=0");
  CHECK_CODE(eddy_gen_throw(gen, 0, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_gen_throw(gen, EDDY_STOP, NULL), EDDY_EINVAL);
  return 0;
}

EDDY_UNIT_TEST(gen, close_before_the_first_step_runs_nothing)
{
  eddy_gen *gen;
  CHECK_OK(test_gen(clean_up, NULL, &gen));
  CHECK_OK(eddy_gen_close(gen));
  next(gen);
  CHECK_TRACE("stop=0");
  return 0;
}

static int ignore_close(eddy_gen *gen, void *arg)
{
  int rc;
  (void)arg;
  do {
    rc = eddy_gen_yield(gen, eddy_int(1), NULL);
  } while (rc <= 0);
  return rc;
}

static int fail_in_cleanup(eddy_gen *gen, void *arg)
{
  (void)arg;
  int rc = eddy_gen_yield(gen, eddy_int(1), NULL);
  return eddy_raise(EDDY_EIO, "cleanup failed after %s", eddy_err_name(rc));
}

static int return_in_cleanup(eddy_gen *gen, void *arg)
{
  (void)arg;
  int rc = eddy_gen_yield(gen, eddy_int(1), NULL);
  return eddy_return(eddy_int(rc));
}

EDDY_UNIT_TEST(gen, close_of_one_that_yields_again_is_an_error)
{
  eddy_gen *gen;
  CHECK_OK(test_gen(ignore_close, NULL, &gen));
  next(gen);
  CHECK_CODE(eddy_gen_close(gen), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "yielded instead of ending");
  next(gen);
  CHECK_OK(eddy_gen_close(gen));
  CHECK_TRACE("1 stop=0");
  return 0;
}

EDDY_UNIT_TEST(gen, close_gives_the_error_of_the_cleanup)
{
  eddy_gen *gen;
  CHECK_OK(test_gen(fail_in_cleanup, NULL, &gen));
  next(gen);
  CHECK_CODE(eddy_gen_close(gen), EDDY_EIO);
  CHECK_STR(eddy_gen_message(gen), "cleanup failed after EGENERATOREXIT");
  CHECK_OK(test_gen(return_in_cleanup, NULL, &gen));
  next(gen);
  CHECK_OK(eddy_gen_close(gen));
  CHECK_TRACE("1 1");
  return 0;
}

EDDY_UNIT_TEST(gen, free_closes_it)
{
  eddy_gen *gen;
  CHECK_OK(eddy_gen_new(clean_up, NULL, &gen));
  next(gen);
  eddy_gen_free(gen);
  CHECK_OK(eddy_gen_new(clean_up, NULL, &gen));
  eddy_gen_free(gen);
  eddy_gen_free(NULL);
  CHECK_TRACE("1 cleanup(EGENERATOREXIT)");
  return 0;
}

/* ---- what is refused ---- */

static int step_oneself(eddy_gen *gen, void *arg)
{
  (void)arg;
  CHECK_CODE(eddy_gen_next(gen, NULL), EDDY_EBUSY);
  CHECK_CODE(eddy_gen_throw(gen, EDDY_EIO, NULL), EDDY_EBUSY);
  CHECK_CODE(eddy_gen_close(gen), EDDY_EBUSY);
  return eddy_gen_yield(gen, eddy_int(1), NULL);
}

EDDY_UNIT_TEST(gen, cannot_step_itself)
{
  eddy_gen *gen;
  CHECK_OK(test_gen(step_oneself, NULL, &gen));
  next(gen);
  next(gen);
  CHECK_TRACE("1 stop=0");
  return 0;
}

static int yield_for_other(eddy_gen *gen, void *other)
{
  CHECK_CODE(eddy_gen_yield(other, eddy_int(1), NULL), EDDY_ERUNTIME);
  CHECK_CODE(eddy_gen_yield(NULL, eddy_int(1), NULL), EDDY_ERUNTIME);
  return eddy_gen_yield(gen, eddy_int(2), NULL);
}

EDDY_UNIT_TEST(gen, yield_is_the_innermost_bodys_alone)
{
  eddy_gen *gen, *other;
  CHECK_OK(test_gen(clean_up, NULL, &other));
  CHECK_OK(test_gen(yield_for_other, other, &gen));
  CHECK_CODE(eddy_gen_yield(gen, eddy_int(1), NULL), EDDY_ERUNTIME);
  next(gen);
  CHECK_CODE(eddy_gen_yield(gen, eddy_int(1), NULL), EDDY_ERUNTIME);
  next(gen);
  CHECK_TRACE("2 stop=0");
  return 0;
}

EDDY_UNIT_TEST(gen, null_is_refused)
{
  eddy_gen *gen = NULL;
  CHECK_CODE(eddy_gen_new(NULL, NULL, &gen), EDDY_EINVAL);
  CHECK_CODE(eddy_gen_new(clean_up, NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_gen_next(NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_gen_send(NULL, eddy_int(0), NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_gen_throw(NULL, EDDY_EIO, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_gen_close(NULL), EDDY_EINVAL);
  CHECK_PTR(gen, NULL);
  return 0;
}

/* ---- depth ---- */

static int yield_deep(eddy_gen *gen, int depth)
{
  if (depth == 0) return eddy_gen_yield(gen, eddy_int(3), NULL);
  return yield_deep(gen, depth - 1);
}

static int from_a_called_function(eddy_gen *gen, void *arg)
{
  (void)arg;
  return yield_deep(gen, 10);
}

/* Hands on what another one yields, as Python's `yield from`. */
static int delegate(eddy_gen *gen, void *inner)
{
  int rc;
  for (eddy_value v; (rc = eddy_gen_next(inner, &v)) == 0;) {
    rc = eddy_gen_yield(gen, v, NULL);
    if (rc < 0) return rc;
  }
  return rc;
}

EDDY_UNIT_TEST(gen, yields_from_any_depth)
{
  eddy_gen *gen, *outer, *inner;
  static int from = 2;
  CHECK_OK(test_gen(from_a_called_function, NULL, &gen));
  next(gen);
  next(gen);
  CHECK_OK(test_gen(count_down, &from, &inner));
  CHECK_OK(test_gen(delegate, inner, &outer));
  next(outer);
  next(outer);
  next(outer);
  CHECK_TRACE("3 stop=0 2 1 stop=0");
  return 0;
}

EDDY_UNIT_TEST(gen, many_are_alive_at_once)
{
  enum { COUNT = 200 };
  static int from = 3;
  eddy_gen *gens[COUNT];
  int64_t total = 0;
  for (int i = 0; i < COUNT; i++)
    CHECK_OK(test_gen(count_down, &from, &gens[i]));
  for (int round = 0; round < 4; round++) {
    for (int i = 0; i < COUNT; i++) {
      eddy_value value;
      if (eddy_gen_next(gens[i], &value) == 0) total += value.i;
    }
  }
  CHECK_EQ(total, COUNT * (3 + 2 + 1));
  return 0;
}

static int keep_errno(eddy_gen *gen, void *arg)
{
  (void)arg;
  errno = ENOENT;
  int rc = eddy_gen_yield(gen, eddy_int(1), NULL);
  return rc < 0 ? rc : eddy_return(eddy_int(errno));
}

EDDY_UNIT_TEST(gen, errno_of_the_body_is_kept_across_a_yield)
{
  eddy_gen *gen;
  eddy_value value;
  CHECK_OK(test_gen(keep_errno, NULL, &gen));
  CHECK_OK(eddy_gen_next(gen, NULL));
  errno = EACCES;
  CHECK_CODE(eddy_gen_next(gen, &value), EDDY_STOP);
  CHECK_EQ(value.i, ENOENT);
  return 0;
}

/* ---- messages ---- */

static int fail(eddy_gen *gen, void *arg)
{
  (void)gen;
  (void)arg;
  return eddy_raise(EDDY_EIO, "inside %d", 7);
}

static int read_message_of_inner(void *gen)
{
  (void)eddy_raise(EDDY_ENOENT, "the task's own");
  CHECK_CODE(eddy_gen_next(gen, NULL), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "inside 7");
  return eddy_raise(EDDY_EIO, "outside: %s", eddy_message(EDDY_EIO));
}

EDDY_UNIT_TEST(gen, message_of_its_error_can_be_read)
{
  eddy_gen *gen;
  CHECK_OK(test_gen(fail, NULL, &gen));
  CHECK_CODE(eddy_gen_next(gen, NULL), EDDY_EIO);
  CHECK_STR(eddy_gen_message(gen), "inside 7");
  CHECK_CODE(eddy_gen_next(gen, NULL), EDDY_STOP);
  return 0;
}

EDDY_TASK_TEST(gen, message_of_its_error_is_seen_by_the_task)
{
  eddy_gen *gen;
  eddy_task *task;
  CHECK_OK(test_gen(fail, NULL, &gen));
  CHECK_OK(test_task(read_message_of_inner, gen, &task));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "outside: inside 7");
  return 0;
}
