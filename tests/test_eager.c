/* Eager start: the first step runs inside the call that creates the task (rule 92). What is
 * expected was printed by CPython 3.13. */
#include "tasks.h"

#include <errno.h>

#include "loop/loop.h"

struct body {
  eddy_frame frame;
  const char *name;
  eddy_future *future;
  eddy_task *task;
  int rc;
};

static struct body *new_body(const char *name)
{
  struct body *body = test_new(sizeof *body);
  body->name = name;
  return body;
}

/* A task of that kind around the frame, started eagerly; named as the body. */
static int eager(int kind, struct body *body, eddy_frame_fn *fn, eddy_task **out)
{
  eddy_task_options options = {
      .name = body->name, .site = "here", .eager_start = EDDY_EAGER_START_TRUE};
  eddy_frame_init(&body->frame, fn);
  int rc = kind == TEST_STACKFUL
               ? eddy_loop_create_task_with(NULL, test_run_frame, body, &options, out)
               : eddy_loop_create_task_coro(NULL, &body->frame.coro, &options, out);
  if (rc == 0) test_defer_late(test_unref_task, *out);
  return rc;
}

static const char *current(void)
{
  eddy_task *task = eddy_current_task();
  return task != NULL ? eddy_task_get_name(task) : "none";
}

static int name_main(void)
{
  return eddy_task_set_name(eddy_current_task(), "main");
}

/* ---- bodies ---- */

static int end_at_once(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  trace("%s:%s", self->name, current());
  EDDY_RETURN(frame, eddy_int(7));
  EDDY_END(frame);
}

static int yield_once(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  trace("%s-start:%s", self->name, current());
  EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  trace("%s-end:%s", self->name, current());
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_RETURN(frame, eddy_int(8));
  EDDY_END(frame);
}

static int fail(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  EDDY_RAISE(frame, eddy_raise(EDDY_EIO, "the disk is on fire"));
  EDDY_END(frame);
}

static int await_future(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_await(self->future, NULL));
  trace("%s:%s", self->name, self->rc == 0 ? "ok" : eddy_err_name(self->rc));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

/* ---- the first step ---- */

EDDY_TASK_TEST(eager, body_that_ends_at_once_is_done_on_return_and_never_queued)
{
  CHECK_OK(name_main());
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *task;
    eddy_value value;
    eddy_loop_stats before, after;
    eddy_loop_get_stats(eddy_get_running_loop(), &before);
    CHECK_OK(eager(kind, new_body("a"), end_at_once, &task));
    eddy_loop_get_stats(eddy_get_running_loop(), &after);
    CHECK_TRACE("a:a");
    CHECK_STR(current(), "main");
    CHECK(eddy_task_done(task));
    CHECK_OK(eddy_task_result(task, &value));
    CHECK_EQ(value.i, 7);
    CHECK_EQ(after.ready, before.ready);
    CHECK_EQ(after.tasks, before.tasks);
    CHECK_EQ(after.callbacks, before.callbacks);
    CHECK_EQ(after.iterations, before.iterations);
    CHECK_EQ(after.steps, before.steps + 1);
    CHECK_EQ(eddy_task_steps(task), 1);
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK_EQ(test_iteration(), after.iterations);
    CHECK(!eddy_task_cancel(task, NULL));
    CHECK(!eddy_task_cancelled(task));
  }
  return 0;
}

EDDY_TASK_TEST(eager, body_that_waits_goes_on_as_any_task)
{
  CHECK_OK(name_main());
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *task;
    eddy_value value;
    CHECK_OK(test_call_soon(trace_fn, "soon1"));
    CHECK_OK(eager(kind, new_body("a"), yield_once, &task));
    CHECK_STR(current(), "main");
    CHECK(!eddy_task_done(task));
    CHECK_OK(test_call_soon(trace_fn, "soon2"));
    CHECK_OK(eddy_task_await(task, &value));
    CHECK_TRACE("a-start:a soon1 a-end:a soon2");
    CHECK_EQ(value.i, 8);
    CHECK_PTR(eddy_task_parent(task), eddy_current_task());
  }
  return 0;
}

EDDY_TASK_TEST(eager, error_is_stored_and_not_returned)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *task;
    CHECK_OK(eager(kind, new_body("a"), fail, &task));
    CHECK(eddy_task_done(task));
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_EIO);
    CHECK_STR(eddy_message(EDDY_EIO), "the disk is on fire");
  }
  return 0;
}

static int fail_at_once(void *arg)
{
  (void)arg;
  return eddy_raise(EDDY_EIO, "lost");
}

EDDY_TASK_TEST(eager, error_nobody_can_take_is_reported)
{
  eddy_task_options options = {.eager_start = EDDY_EAGER_START_TRUE};
  trace_reports(NULL);
  CHECK_OK(eddy_loop_create_task_with(NULL, fail_at_once, NULL, &options, NULL));
  CHECK_TRACE("[the error of a task was never retrieved: EIO: lost]");
  return 0;
}

/* ---- who creates it ---- */

static int create_in_callback(void *arg)
{
  eddy_task *task;
  int kind = *(int *)arg;
  trace("%s", current());
  CHECK_OK(eager(kind, new_body("a"), yield_once, &task));
  CHECK(!eddy_task_done(task));
  CHECK_OK(eager(kind, new_body("b"), end_at_once, &task));
  CHECK(eddy_task_done(task));
  trace("%s", current());
  return 0;
}

EDDY_TASK_TEST(eager, starts_inside_a_callback)
{
  int *kind = test_new(sizeof *kind);
  for (*kind = 0; *kind < TEST_KINDS; (*kind)++) {
    CHECK_OK(test_call_soon(create_in_callback, kind));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(eddy_sleep(0));
    CHECK_TRACE("none a-start:a b:b none a-end:a");
  }
  return 0;
}

/* It creates one of the other kind, and waits for it. */
static int nest(int kind, eddy_frame *frame, eddy_frame_fn *inner)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  trace("n0:%s", current());
  self->rc = eager(kind, new_body("inner"), inner, &self->task);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  trace("n1:%s", current());
  EDDY_AWAIT(frame, self->rc, eddy_task_await(self->task, NULL));
  trace("n2:%s", current());
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

static int nest_stackful(eddy_frame *frame)
{
  return nest(TEST_STACKFUL, frame, yield_once);
}

static int nest_stackless(eddy_frame *frame)
{
  return nest(TEST_STACKLESS, frame, yield_once);
}

EDDY_TASK_TEST(eager, starts_inside_another_eager_step)
{
  CHECK_OK(name_main());
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int inner = 0; inner < TEST_KINDS; inner++) {
      eddy_task *task;
      CHECK_OK(eager(kind, new_body("outer"),
          inner == TEST_STACKFUL ? nest_stackful : nest_stackless, &task));
      CHECK_STR(current(), "main");
      CHECK_OK(eddy_task_await(task, NULL));
      CHECK_TRACE("n0:outer inner-start:inner n1:outer inner-end:inner n2:outer");
    }
  }
  return 0;
}

static int create_and_yield(eddy_gen *gen, void *arg)
{
  eddy_task *task;
  (void)arg;
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    CHECK_OK(eager(kind, new_body("a"), yield_once, &task));
    CHECK_OK(eager(kind, new_body("b"), end_at_once, &task));
    int rc = eddy_gen_yield(gen, eddy_int(1), NULL);
    if (rc < 0) return rc;
  }
  return 0;
}

EDDY_TASK_TEST(eager, starts_inside_a_generator)
{
  eddy_gen *gen;
  CHECK_OK(eddy_gen_new(create_and_yield, NULL, &gen));
  int rc = eddy_gen_next(gen, NULL);
  if (rc == 0) rc = eddy_sleep(0);
  if (rc == 0) rc = eddy_gen_next(gen, NULL);
  eddy_gen_free(gen);
  CHECK_OK(rc);
  CHECK_TRACE("a-start:a b:b a-end:a a-start:a b:b");
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("a-end:a");
  return 0;
}

EDDY_TEST(eager, on_a_loop_that_does_not_run_is_an_ordinary_start)
{
  eddy_loop *loop;
  eddy_task *task;
  eddy_task_options options = {.eager_start = EDDY_EAGER_START_TRUE};
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_loop_task_at(loop, trace_fn, "ran", &options, &task));
  CHECK_TRACE("");
  CHECK(!eddy_task_done(task));
  CHECK_OK(eddy_loop_run_until_complete(loop, eddy_task_future(task), NULL));
  CHECK_TRACE("ran");
  return 0;
}

/* ---- what is put back for its creator ---- */

static int disturb(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  errno = EDOM;
  (void)eddy_return(eddy_int(99));
  (void)eddy_raise(EDDY_EINVAL, "its own");
  if (self->future != NULL) {
    EDDY_AWAIT(frame, self->rc, eddy_await(self->future, NULL));
  }
  EDDY_END(frame);
}

static int be_disturbed(void *future)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *task;
    struct body *body = new_body("a");
    body->future = future;
    (void)eddy_return(eddy_int(5));
    (void)eddy_raise(EDDY_EINVAL, "the creator's");
    errno = ERANGE;
    CHECK_OK(eager(kind, body, disturb, &task));
    CHECK_EQ(errno, ERANGE);
    CHECK_STR(eddy_message(EDDY_EINVAL), "the creator's");
  }
  return 0;
}

EDDY_TASK_TEST(eager, creator_finds_its_value_message_and_errno_as_they_were)
{
  eddy_task *task;
  eddy_future *future;
  eddy_value value;
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(test_task(be_disturbed, NULL, &task));
  CHECK_OK(eddy_task_await(task, &value));
  CHECK_EQ(value.i, 5);
  CHECK_OK(test_task(be_disturbed, future, &task));
  CHECK_OK(eddy_task_await(task, &value));
  CHECK_EQ(value.i, 5);
  CHECK_OK(eddy_future_set_result(future, eddy_int(0)));
  return eddy_sleep(0);
}

static int switch_debug_off(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  eddy_loop_set_debug(eddy_get_running_loop(), true);
  eddy_loop_set_debug(eddy_get_running_loop(), false);
  EDDY_AWAIT(frame, ((struct body *)frame)->rc, eddy_sleep(0));
  EDDY_END(frame);
}

EDDY_TASK_TEST(eager, debug_mode_may_change_in_it)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *task, *other;
    CHECK_OK(test_task(trace_fn, "other", &other));
    CHECK_OK(eager(kind, new_body("a"), switch_debug_off, &task));
    CHECK_TRACE("");
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK_TRACE("other");
    /* From then on tasks go straight to one another again. */
    CHECK(eddy_get_running_loop()->direct);
  }
  return 0;
}

/* ---- futures, tasks of the loop ---- */

static int set_future(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  self->rc = eddy_future_set_result(self->future, eddy_int(3));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TASK_TEST(eager, step_may_complete_what_others_wait_for)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *waiter = new_body("waiter"), *setter = new_body("setter");
    eddy_task *task, *other;
    CHECK_OK(test_future(NULL, &waiter->future));
    setter->future = waiter->future;
    CHECK_OK(eager(kind, waiter, await_future, &other));
    CHECK_OK(eager(kind, setter, set_future, &task));
    CHECK(eddy_task_done(task));
    CHECK_TRACE("");
    CHECK_OK(eddy_await(setter->future, NULL));
    CHECK_TRACE("");
    CHECK_OK(eddy_task_await(other, NULL));
    CHECK_TRACE("waiter:ok");
  }
  return 0;
}

static void trace_all(void)
{
  eddy_task **tasks;
  size_t count;
  if (eddy_all_tasks(NULL, &tasks, &count) < 0) return;
  for (size_t i = 0; i < count; i++) {
    trace("%s", eddy_task_get_name(tasks[i]));
  }
  eddy_all_tasks_free(tasks, count);
}

static int list_tasks(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  trace_all();
  if (self->future != NULL) {
    EDDY_AWAIT(frame, self->rc, eddy_await(self->future, NULL));
  }
  EDDY_END(frame);
}

EDDY_TASK_TEST(eager, is_among_all_tasks_until_it_has_ended)
{
  CHECK_OK(name_main());
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = new_body("b");
    eddy_task *task;
    CHECK_OK(eager(kind, new_body("a"), list_tasks, &task));
    CHECK_TRACE("main a");
    trace_all();
    CHECK_TRACE("main");
    CHECK_OK(test_future(NULL, &body->future));
    CHECK_OK(eager(kind, body, list_tasks, &task));
    trace_all();
    CHECK_TRACE("main b main b");
    CHECK_OK(eddy_future_set_result(body->future, eddy_int(0)));
    CHECK_OK(eddy_task_await(task, NULL));
  }
  return 0;
}
