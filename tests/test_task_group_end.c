/* Task groups: how they are cancelled, what is said of one that waits, and the loop's end. */
#include "capture.h"
#include "tasks.h"

struct state {
  eddy_frame frame;
  eddy_task_group group;
  eddy_task *child;
  eddy_future *future;
  int rc, created;
};

static struct state *new_state(void)
{
  return test_new(sizeof(struct state));
}

static int sleep_long(void *arg)
{
  (void)arg;
  return eddy_sleep(EDDY_S(3600));
}

/* ---- cancel ---- */

EDDY_TASK_TEST(task_group, cancel_before_entry_acts_on_entry)
{
  struct state *self = new_state();
  eddy_task_group_cancel(&self->group);
  eddy_task_group_cancel(&self->group);
  CHECK_OK(eddy_task_group_enter(&self->group));
  self->created = eddy_task_group_create_task(&self->group, sleep_long, NULL, NULL);
  self->rc = eddy_sleep(EDDY_S(3600));
  CHECK_OK(eddy_task_group_exit(&self->group, self->rc));
  CHECK_CODE(self->created, EDDY_ERUNTIME);
  CHECK_CODE(self->rc, EDDY_ECANCELLED);
  CHECK_EQ(eddy_task_cancelling(eddy_current_task()), 0);
  return eddy_sleep(0);
}

EDDY_TASK_TEST(task_group, cancel_may_be_repeated_and_comes_too_late_after_exit)
{
  struct state *self = new_state();
  CHECK_OK(eddy_task_group_enter(&self->group));
  int rc = eddy_task_group_create_task(&self->group, sleep_long, NULL, NULL);
  eddy_task_group_cancel(&self->group);
  eddy_task_group_cancel(&self->group);
  CHECK_OK(eddy_task_group_exit(&self->group, rc));
  eddy_task_group_cancel(&self->group);
  CHECK_EQ(eddy_task_cancelling(eddy_current_task()), 0);
  return eddy_sleep(0);
}

static int cancel_and_sleep(void *arg)
{
  struct state *self = arg;
  eddy_task_group_cancel(&self->group);
  self->created = eddy_sleep(EDDY_S(3600));
  return self->created;
}

EDDY_TASK_TEST(task_group, eager_child_that_cancels_the_group_is_cancelled_with_it)
{
  struct state *self = new_state();
  eddy_task_options options = {.eager_start = EDDY_EAGER_START_TRUE};
  CHECK_OK(eddy_task_group_enter(&self->group));
  int rc = eddy_task_group_create_task_with(
      &self->group, cancel_and_sleep, self, &options, NULL);
  CHECK_OK(eddy_task_group_exit(&self->group, rc));
  CHECK_CODE(self->created, EDDY_ECANCELLED);
  return 0;
}

/* ---- what a parent waits for; the end of the loop ---- */

static int await_future(void *arg)
{
  return eddy_await(((struct state *)arg)->future, NULL);
}

static int wait_for_ever(void *arg)
{
  struct state *self = arg;
  int rc = eddy_future_new(NULL, &self->future);
  if (rc < 0) return rc;
  test_defer_late(test_unref_future, self->future);
  rc = eddy_task_group_enter(&self->group);
  if (rc < 0) return rc;
  eddy_task_options options = {.name = "stuck"};
  rc = eddy_task_group_create_task_with(&self->group, await_future, self, &options, NULL);
  return eddy_task_group_exit(&self->group, rc);
}

static int describe_parent(void *arg)
{
  struct state *self = arg;
  char text[200];
  CHECK_OK(test_task(wait_for_ever, self, &self->child));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_sleep(0));
  trace("%s", strstr(eddy_task_waits_for(self->child, text, sizeof text), "task group"));
  CHECK_OK(eddy_future_set_result(self->future, eddy_int(0)));
  return eddy_task_await(self->child, NULL);
}

EDDY_TASK_TEST(task_group, parent_says_what_it_waits_for)
{
  CHECK_OK(describe_parent(new_state()));
  CHECK_TRACE("task group (1 task left, the first is 'stuck')");
  return 0;
}

static int show_call_graph(void *arg)
{
  char text[400];
  int size = eddy_format_call_graph(NULL, 0, text, sizeof text);
  if (size > 0) trace("%s", strstr(text, "<- "));
  (void)arg;
  return size < 0 ? size : 0;
}

EDDY_TASK_TEST(task_group, children_are_awaited_by_the_parent)
{
  struct state *self = new_state();
  CHECK_OK(eddy_task_set_name(eddy_current_task(), "parent"));
  CHECK_OK(eddy_task_group_enter(&self->group));
  int rc = eddy_task_group_create_task(&self->group, show_call_graph, NULL, NULL);
  CHECK_OK(eddy_task_group_exit(&self->group, rc));
  CHECK_CONTAINS(test_trace(), "<- task 'parent', created at ");
  return 0;
}

static int run_wait_for_ever(void *arg)
{
  CHECK_CODE(eddy_run(wait_for_ever, arg), EDDY_EDEADLOCK);
  return 0;
}

EDDY_TEST(task_group, deadlock_report_names_the_group)
{
  NEEDS_ONE_THREAD();
  const char *text;
  CHECK_OK(alone(run_wait_for_ever, new_state(), &text));
  CHECK_CONTAINS(text, "exit of ");
  CHECK_CONTAINS(text, "the first is 'stuck'");
  return 0;
}

/* Sleeps in a group beside a child that sleeps, too, and tells how both end. */
static int clean_up(void *arg)
{
  (void)arg;
  int rc = eddy_sleep(EDDY_S(3600));
  trace("child:%s", eddy_err_name(rc));
  return rc;
}

static int close_in_group(eddy_frame *frame)
{
  struct state *self = (struct state *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(eddy_task_group_enter(&self->group));
  self->rc = eddy_task_group_create_task(&self->group, clean_up, NULL, NULL);
  if (self->rc == 0 && self->created)
    EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_S(3600)));
  EDDY_AWAIT(frame, self->rc, eddy_task_group_exit(&self->group, self->rc));
  trace("parent:%s", eddy_err_name(self->rc));
  EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TEST(task_group, loop_that_is_closed_ends_parent_and_children)
{
  for (int kind = 0; kind < 2 * TEST_KINDS; kind++) {
    eddy_loop *loop;
    struct state *self = new_state();
    self->created = kind / TEST_KINDS; /* whether the body waits, or exit */
    CHECK_OK(eddy_loop_new(NULL, &loop));
    trace_reports(loop);
    eddy_frame_init(&self->frame, close_in_group);
    int rc = kind % TEST_KINDS == TEST_STACKFUL
                 ? eddy_loop_create_task(loop, test_run_frame, self, NULL)
                 : eddy_loop_create_task_coro(loop, &self->frame.coro, NULL, NULL);
    for (int i = 0; rc == 0 && i < 3; i++) {
      eddy_loop_stop(loop);
      rc = eddy_loop_run_forever(loop);
    }
    eddy_loop_free(loop);
    CHECK_OK(rc);
    CHECK_TRACE(
        "[a task was destroyed but it is pending] parent:EGENERATOREXIT [a task was "
        "destroyed but it is pending] child:EGENERATOREXIT");
  }
  return 0;
}
