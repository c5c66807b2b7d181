/* Where a task stands: the tasks through which it waits, and its coroutine. */
#include "tasks.h"

#include <stdio.h>

struct waiter {
  eddy_frame frame;
  eddy_task *other; /* NULL: sleeps for ever */
  int rc;
};

static int wait_somehow(eddy_frame *frame)
{
  struct waiter *self = (struct waiter *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc,
      self->other == NULL ? eddy_sleep(EDDY_NEVER) : eddy_task_await(self->other, NULL));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

static int waiter(int kind, const char *name, eddy_task *other, eddy_task **out)
{
  struct waiter *body = test_new(sizeof *body);
  body->other = other;
  CHECK_OK(test_frame_task(kind, body, wait_somehow, out));
  return eddy_task_set_name(*out, name);
}

static void trace_stack(eddy_task *task, size_t limit)
{
  eddy_task *stack[8];
  size_t count = eddy_task_get_stack(task, stack, limit);
  for (size_t i = 0; i < count; i++) {
    trace("%s", eddy_task_get_name(stack[i]));
  }
}

static int printed(eddy_task *task, char *text, size_t size)
{
  FILE *file = tmpfile();
  if (file == NULL) return EDDY_EMFILE;
  eddy_task_print_stack(task, file);
  rewind(file);
  text[fread(text, 1, size - 1, file)] = '\0';
  fclose(file);
  return 0;
}

EDDY_TASK_TEST(task_stack, goes_from_the_task_to_what_it_waits_for)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *a, *b, *c;
    char text[600];
    CHECK_OK(waiter(kind, "a", NULL, &a));
    CHECK_OK(waiter(kind, "b", a, &b));
    CHECK_OK(waiter(kind, "c", b, &c));
    CHECK_OK(eddy_sleep(0));
    for (int i = 0; i < 2; i++) { /* no mark stays behind */
      trace_stack(c, 8);
      CHECK_TRACE("c b a");
    }
    trace_stack(c, 2);
    CHECK_TRACE("c b");
    trace_stack(c, 0);
    CHECK_TRACE("");
    CHECK_OK(printed(c, text, sizeof text));
    CHECK_CONTAINS(text, "Stack of task 'c':\n  task 'c', created at ");
    CHECK_CONTAINS(text, ": task 'b'\n  task 'b', created at ");
    CHECK_CONTAINS(text, ": task 'a'\n  task 'a', created at ");
    CHECK_CONTAINS(text, ": sleep without end\n");
    (void)eddy_task_cancel(c, NULL);
    CHECK_CODE(eddy_task_await(c, NULL), EDDY_ECANCELLED);
  }
  return 0;
}

EDDY_TASK_TEST(task_stack, of_a_ring_has_each_task_once)
{
  struct waiter *body = test_new(sizeof *body);
  eddy_task *a, *b;
  char text[600];
  CHECK_OK(test_frame_task(TEST_STACKLESS, body, wait_somehow, &a));
  CHECK_OK(eddy_task_set_name(a, "a"));
  CHECK_OK(waiter(TEST_STACKFUL, "b", a, &b));
  body->other = b;
  CHECK_OK(eddy_sleep(0));
  trace_stack(a, 8);
  CHECK_TRACE("a b");
  trace_stack(b, 8);
  CHECK_TRACE("b a");
  CHECK_OK(printed(a, text, sizeof text));
  CHECK_CONTAINS(text, ": task 'a'\n");
  (void)eddy_task_cancel(a, NULL);
  CHECK_CODE(eddy_task_await(b, NULL), EDDY_ECANCELLED);
  return 0;
}

EDDY_TASK_TEST(task_stack, of_the_running_task_is_the_task)
{
  CHECK_OK(eddy_task_set_name(eddy_current_task(), "main"));
  trace_stack(eddy_current_task(), 8);
  CHECK_TRACE("main");
  return 0;
}

static int fail(void *arg)
{
  (void)arg;
  return eddy_raise(EDDY_EIO, "the disk is on fire");
}

static int do_nothing(void *arg)
{
  (void)arg;
  return 0;
}

static int named(const char *name, eddy_fn *fn, eddy_task **out)
{
  eddy_task_options options = {.name = name, .site = "here"};
  return test_loop_task_at(NULL, fn, NULL, &options, out);
}

EDDY_TASK_TEST(task_stack, of_a_task_that_has_ended_is_empty)
{
  eddy_task *a, *b;
  char text[200];
  CHECK_OK(named("a", fail, &a));
  CHECK_OK(named("b", do_nothing, &b));
  CHECK_CODE(eddy_task_await(a, NULL), EDDY_EIO);
  CHECK_OK(eddy_task_await(b, NULL));
  trace_stack(a, 8);
  CHECK_TRACE("");
  CHECK_OK(printed(a, text, sizeof text));
  CHECK_STR(text, "Task 'a', created at here, ended with EIO: the disk is on fire\n");
  CHECK_OK(printed(b, text, sizeof text));
  CHECK_STR(text, "No stack for task 'b': it has ended\n");
  return 0;
}

EDDY_TASK_TEST(task_stack, coroutine_is_known_until_it_has_ended)
{
  struct waiter *body = test_new(sizeof *body);
  eddy_task *a, *b;
  CHECK_OK(test_frame_task(TEST_STACKLESS, body, wait_somehow, &a));
  CHECK_OK(waiter(TEST_STACKFUL, "b", NULL, &b));
  CHECK_PTR(eddy_task_get_coro(a), &body->frame.coro);
  CHECK_PTR(eddy_task_get_coro(b), NULL);
  CHECK_OK(eddy_sleep(0));
  CHECK_PTR(eddy_task_get_coro(a), &body->frame.coro);
  (void)eddy_task_cancel(a, NULL);
  (void)eddy_task_cancel(b, NULL);
  CHECK_CODE(eddy_task_await(a, NULL), EDDY_ECANCELLED);
  CHECK_PTR(eddy_task_get_coro(a), NULL);
  return 0;
}
