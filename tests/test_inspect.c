/* What tasks are doing, and where they come from. */
#include "tasks.h"

#include <stdlib.h>

struct body {
  eddy_frame frame;
  eddy_future *future;
  eddy_queue *queue;
  eddy_value value;
  eddy_time delay;
  int what;
  int rc;
};

enum { SLEEP, FUTURE, GET, PUT, JOIN };

static int wait_somehow(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc,
      self->what == SLEEP    ? eddy_sleep(self->delay)
      : self->what == FUTURE ? eddy_await(self->future, NULL)
      : self->what == GET    ? eddy_queue_get(self->queue, &self->value)
      : self->what == PUT    ? eddy_queue_put(self->queue, eddy_int(1))
                             : eddy_queue_join(self->queue));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

/* Parks a task in that wait and says what it waits for. */
static int describe(int kind, struct body *body, char *text, size_t size)
{
  eddy_task *task;
  int rc = test_frame_task(kind, body, wait_somehow, &task);
  if (rc == 0) rc = eddy_sleep(0);
  if (rc < 0) return rc;
  if (eddy_task_waits_for(task, text, size) != text) return EDDY_ERUNTIME;
  (void)eddy_task_cancel(task, NULL);
  rc = eddy_task_await(task, NULL);
  return rc == EDDY_ECANCELLED ? 0 : rc;
}

EDDY_TASK_TEST(inspect, says_what_a_task_waits_for)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = test_new(sizeof *body);
    char text[100];
    body->what = SLEEP;
    body->delay = EDDY_S(100);
    CHECK_OK(describe(kind, body, text, sizeof text));
    CHECK_CONTAINS(text, "timer, due in ");
    if (test_is_virtual()) CHECK_STR(text, "timer, due in 100.000 s");
    body->delay = EDDY_NEVER;
    CHECK_OK(describe(kind, body, text, sizeof text));
    CHECK_STR(text, "sleep without end");
    body->what = FUTURE;
    CHECK_OK(test_future(NULL, &body->future));
    CHECK_OK(describe(kind, body, text, sizeof text));
    CHECK_CONTAINS(text, "future ");
    CHECK_CONTAINS(text, ", made at ");
    CHECK_OK(test_queue(1, &body->queue));
    body->what = GET;
    CHECK_OK(describe(kind, body, text, sizeof text));
    CHECK_CONTAINS(text, "get on queue ");
    CHECK_OK(eddy_queue_put_nowait(body->queue, eddy_int(1)));
    body->what = PUT;
    CHECK_OK(describe(kind, body, text, sizeof text));
    CHECK_CONTAINS(text, "put on queue ");
    body->what = JOIN;
    CHECK_OK(describe(kind, body, text, sizeof text));
    CHECK_CONTAINS(text, "join on queue ");
  }
  return 0;
}

static int sleep_long(void *arg)
{
  (void)arg;
  return eddy_sleep(EDDY_S(3600));
}

EDDY_TASK_TEST(inspect, names_the_task_or_gather_waited_for)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = test_new(sizeof *body);
    eddy_task *task;
    eddy_task_options options = {.name = "fetch"};
    char text[100];
    CHECK_OK(test_loop_task_at(NULL, sleep_long, NULL, &options, &task));
    CHECK_OK(eddy_sleep(0));
    body->what = FUTURE;
    body->future = eddy_task_future(task);
    CHECK_OK(describe(kind, body, text, sizeof text));
    CHECK_STR(text, "task 'fetch'");
    CHECK_OK(test_loop_task_at(NULL, sleep_long, NULL, &options, &task));
    CHECK_OK(eddy_sleep(0));
    body->future = eddy_task_future(task);
    CHECK_OK(test_gather(&body->future, 1, EDDY_GATHER_RAISE, &body->future));
    CHECK_OK(describe(kind, body, text, sizeof text));
    CHECK_CONTAINS(text, "gather ");
  }
  return 0;
}

EDDY_TASK_TEST(inspect, text_is_cut_to_its_room)
{
  struct body *body = test_new(sizeof *body);
  char text[8] = "1234567", none[] = "x";
  body->delay = EDDY_S(100);
  CHECK_OK(describe(TEST_STACKFUL, body, text, 6));
  CHECK_STR(text, "timer");
  CHECK_EQ(text[6], '7');
  CHECK_OK(describe(TEST_STACKFUL, body, none, 0));
  CHECK_STR(none, "x");
  return 0;
}

/* ---- where tasks come from ---- */

static int do_nothing(void *arg)
{
  (void)arg;
  return 0;
}

struct family {
  eddy_task *child;
  eddy_task *parent;
};

static int have_child(void *arg)
{
  struct family *family = arg;
  CHECK_OK(test_task(do_nothing, NULL, &family->child));
  family->parent = eddy_task_parent(family->child);
  return 0;
}

static int have_orphan(void *arg)
{
  struct family *family = arg;
  CHECK_OK(test_task(do_nothing, NULL, &family->child));
  return 0;
}

EDDY_TASK_TEST(inspect, parent_is_the_task_that_created_it_while_it_lives)
{
  struct family *family = test_new(sizeof *family);
  eddy_task *task;
  CHECK_OK(test_task(have_child, family, &task));
  CHECK_PTR(eddy_task_parent(task), eddy_current_task());
  CHECK_PTR(eddy_task_parent(eddy_current_task()), NULL);
  CHECK_OK(eddy_sleep(0));
  CHECK_PTR(family->parent, task);
  CHECK_PTR(eddy_task_parent(family->child), NULL); /* task has ended */
  CHECK_OK(test_call_soon(have_orphan, family));
  CHECK_OK(eddy_sleep(0));
  CHECK_PTR(eddy_task_parent(family->child), NULL); /* a callback made it */
  return 0;
}

EDDY_TASK_TEST(inspect, site_is_where_the_task_was_created)
{
  eddy_task *task;
  CHECK_OK(test_task(do_nothing, NULL, &task));
  CHECK_CONTAINS(eddy_task_site(task), "test_inspect.c:");
  CHECK_CONTAINS(eddy_task_site(task), " do_nothing");
  CHECK_OK(test_loop_task_at(NULL, do_nothing, NULL, NULL, &task));
  CHECK_STR(eddy_task_site(task), "");
  return 0;
}

/* ---- all of them ---- */

static char *printed(eddy_loop *loop)
{
  char *text = NULL;
  size_t size;
  FILE *file = open_memstream(&text, &size);
  if (file == NULL) return NULL;
  eddy_loop_print_tasks(loop, file);
  fclose(file);
  test_defer(free, text);
  return text;
}

EDDY_TASK_TEST(inspect, prints_unfinished_tasks_in_creation_order)
{
  eddy_task *a, *b;
  char expected[400];
  CHECK_OK(eddy_task_set_name(eddy_current_task(), "main"));
  eddy_task_options options = {.name = "a", .site = "here"};
  CHECK_OK(test_loop_task_at(NULL, sleep_long, NULL, &options, &a));
  options.name = "b";
  options.site = NULL;
  CHECK_OK(test_loop_task_at(NULL, do_nothing, NULL, &options, &b));
  snprintf(expected, sizeof expected,
      "  task 'main', created at %s: running\n"
      "  task 'a', created at here by 'main': ready, not started\n"
      "  task 'b' by 'main': ready, not started\n",
      eddy_task_site(eddy_current_task()));
  CHECK_STR(printed(eddy_get_running_loop()), expected);
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(a, NULL));
  snprintf(expected, sizeof expected,
      "  task 'main', created at %s: running\n"
      "  task 'a', created at here by 'main': ready\n",
      eddy_task_site(eddy_current_task()));
  CHECK_STR(printed(eddy_get_running_loop()), expected);
  return 0;
}

static int make_sleeper(void *arg)
{
  return eddy_create_task(sleep_long, arg, NULL);
}

EDDY_TASK_TEST(inspect, print_tells_of_a_parent_that_has_ended)
{
  eddy_task *task;
  CHECK_OK(test_task(make_sleeper, NULL, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_CONTAINS(printed(eddy_get_running_loop()), " by Task-2, which has ended: ");
  return 0;
}

EDDY_TEST(inspect, loop_without_tasks_prints_nothing)
{
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  CHECK_STR(printed(loop), "");
  return 0;
}
