/* Task groups: what is refused, who lets go of what, and how they stand among other things. */
#include "tasks.h"

/* What a test's tasks share; from test_new, for a body may be left early. */
struct state {
  eddy_frame frame;
  eddy_task_group group;
  eddy_timeout scope;
  eddy_task *child;
  eddy_future *future;
  int unstarted;
  int rc, created;
};

static struct state *new_state(void)
{
  return test_new(sizeof(struct state));
}

static int return_at_once(void *arg)
{
  (void)arg;
  return 0;
}

static int sleep_long(void *arg)
{
  (void)arg;
  return eddy_sleep(EDDY_S(3600));
}

static int fail_at_once(void *name)
{
  return eddy_raise(EDDY_EIO, "%s", (const char *)name);
}

static void count_unstarted(void *arg)
{
  ((struct state *)arg)->unstarted++;
}

static const eddy_task_options counted = {.unstarted = count_unstarted};

/* ---- enter ---- */

EDDY_TEST(task_group, enter_needs_a_task)
{
  struct state *self = new_state();
  CHECK_CODE(eddy_task_group_enter(&self->group), EDDY_ENOTASK);
  CHECK_CODE(eddy_task_group_enter(NULL), EDDY_EINVAL);
  eddy_task_group_cancel(NULL);
  return 0;
}

EDDY_TASK_TEST(task_group, second_enter_is_refused)
{
  struct state *self = new_state();
  CHECK_OK(eddy_task_group_enter(&self->group));
  int rc = eddy_task_group_enter(&self->group);
  CHECK_OK(eddy_task_group_exit(&self->group, 0));
  CHECK_CODE(rc, EDDY_ERUNTIME);
  CHECK_CODE(eddy_task_group_enter(&self->group), EDDY_ERUNTIME); /* over: just as well */
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "entered already");
  self->group = (eddy_task_group){0};
  CHECK_OK((eddy_task_group_enter)(&self->group));
  return eddy_task_group_exit(&self->group, 0);
}

/* ---- create_task ---- */

static int create_counted(struct state *self)
{
  return eddy_task_group_create_task_with(
      &self->group, return_at_once, self, &counted, NULL);
}

EDDY_TASK_TEST(task_group, create_task_before_entry_is_refused)
{
  struct state *self = new_state();
  CHECK_CODE(create_counted(self), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "has not been entered");
  CHECK_EQ(self->unstarted, 1);
  CHECK_CODE(eddy_task_group_create_task(NULL, return_at_once, NULL, NULL), EDDY_EINVAL);
  return 0;
}

EDDY_TASK_TEST(task_group, create_task_after_exit_is_refused)
{
  struct state *self = new_state();
  CHECK_OK(eddy_task_group_enter(&self->group));
  CHECK_OK(eddy_task_group_exit(&self->group, 0));
  CHECK_CODE(create_counted(self), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "is finished");
  eddy_frame_init(&self->frame, NULL);
  CHECK_CODE(
      eddy_task_group_create_task_coro(&self->group, &self->frame.coro, &counted, NULL),
      EDDY_ERUNTIME);
  CHECK_EQ(self->unstarted, 2);
  return 0;
}

/* Tries to add a task while its group is shutting down. */
static int add_when_cancelled(void *arg)
{
  struct state *self = arg;
  self->rc = eddy_sleep(EDDY_S(3600));
  self->created = create_counted(self);
  trace("%s", eddy_message(self->created));
  return self->rc;
}

EDDY_TASK_TEST(task_group, create_task_is_refused_while_the_group_shuts_down)
{
  struct state *self = new_state();
  CHECK_OK(eddy_task_group_enter(&self->group));
  int rc = eddy_task_group_create_task(&self->group, add_when_cancelled, self, NULL);
  if (rc == 0) {
    rc = eddy_task_group_create_task(&self->group, fail_at_once, "a", NULL);
  }
  CHECK_CODE(eddy_task_group_exit(&self->group, rc), EDDY_EGROUP);
  CHECK_TRACE("task group create_task: the group is shutting down");
  CHECK_CODE(self->created, EDDY_ERUNTIME);
  CHECK_EQ(self->unstarted, 1);
  return 0;
}

EDDY_TASK_TEST(task_group, argument_of_every_refused_task_is_let_go_of)
{
  struct state *self = new_state();
  CHECK_OK(eddy_task_group_enter(&self->group));
  int none = eddy_task_group_create_task_with(&self->group, NULL, self, &counted, NULL);
  int frame = eddy_task_group_create_task_coro(&self->group, NULL, NULL, NULL);
  CHECK_OK(eddy_task_group_exit(&self->group, 0));
  CHECK_CODE(none, EDDY_EINVAL);
  CHECK_CODE(frame, EDDY_EINVAL);
  CHECK_EQ(self->unstarted, 1);
  return 0;
}

EDDY_TASK_TEST(
    task_group, argument_of_a_task_cancelled_before_its_first_step_is_let_go_of)
{
  struct state *self = new_state();
  CHECK_OK(eddy_task_group_enter(&self->group));
  int rc = create_counted(self);
  CHECK_CODE(eddy_task_group_exit(&self->group, rc < 0 ? rc : EDDY_EIO), EDDY_EGROUP);
  CHECK_EQ(self->unstarted, 1);
  return 0;
}

EDDY_TASK_TEST(task_group, created_task_has_the_name_and_the_site_it_was_given)
{
  struct state *self = new_state();
  eddy_task_options options = {.name = "fetch"};
  char name[20] = "", site[200] = "";
  CHECK_OK(eddy_task_group_enter(&self->group));
  int rc = eddy_task_group_create_task(&self->group, return_at_once, NULL, &self->child);
  if (rc == 0) {
    snprintf(site, sizeof site, "%s", eddy_task_site(self->child));
    eddy_task_unref(self->child);
    rc = eddy_task_group_create_task_with(
        &self->group, return_at_once, NULL, &options, &self->child);
  }
  if (rc == 0) {
    snprintf(name, sizeof name, "%s", eddy_task_get_name(self->child));
    eddy_task_unref(self->child);
  }
  CHECK_OK(eddy_task_group_exit(&self->group, rc));
  CHECK_STR(name, "fetch");
  CHECK_CONTAINS(site, "test_task_group_calls.c:");
  CHECK_CONTAINS(site, "return_at_once");
  return 0;
}

static int add_from_callback(void *arg)
{
  struct state *self = arg;
  self->created = create_counted(self);
  return 0;
}

EDDY_TASK_TEST(task_group, callback_may_add_a_task)
{
  struct state *self = new_state();
  self->created = 1;
  CHECK_OK(eddy_task_group_enter(&self->group));
  int rc = eddy_task_group_create_task(&self->group, sleep_long, NULL, &self->child);
  if (rc == 0) {
    test_defer_late(test_unref_task, self->child);
    rc = test_call_soon(add_from_callback, self);
  }
  if (rc == 0) rc = eddy_sleep(0);
  if (rc == 0) rc = eddy_sleep(0);
  if (rc == 0) eddy_task_cancel(self->child, NULL);
  CHECK_OK(eddy_task_group_exit(&self->group, rc));
  CHECK_CODE(self->created, 0);
  return 0;
}

/* ---- exit ---- */

EDDY_TASK_TEST(task_group, exit_without_enter_is_refused)
{
  struct state *self = new_state();
  CHECK_CODE(eddy_task_group_exit(&self->group, 0), EDDY_ERUNTIME);
  CHECK_CODE(eddy_task_group_exit(NULL, 0), EDDY_ERUNTIME);
  CHECK_OK(eddy_task_group_enter(&self->group));
  CHECK_OK(eddy_task_group_exit(&self->group, 0));
  CHECK_CODE(eddy_task_group_exit(&self->group, 0), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "not entered by this task, or is over");
  return 0;
}

static int exit_anothers(void *arg)
{
  struct state *self = arg;
  self->created = eddy_task_group_exit(&self->group, 0);
  return 0;
}

EDDY_TASK_TEST(task_group, exit_belongs_to_the_task_that_entered)
{
  struct state *self = new_state();
  CHECK_OK(eddy_task_group_enter(&self->group));
  int rc = eddy_task_group_create_task(&self->group, exit_anothers, self, NULL);
  CHECK_OK(eddy_task_group_exit(&self->group, rc));
  CHECK_CODE(self->created, EDDY_ERUNTIME);
  return 0;
}

EDDY_TASK_TEST(task_group, value_that_the_body_returns_survives_exit)
{
  struct state *self = new_state();
  CHECK_OK(eddy_task_group_enter(&self->group));
  int rc = eddy_task_group_create_task(&self->group, return_at_once, NULL, NULL);
  if (rc == 0) rc = eddy_return(eddy_int(7));
  return eddy_task_group_exit(&self->group, rc);
}

EDDY_TASK_TEST(task_group, cancellation_keeps_its_message)
{
  struct state *self = new_state();
  eddy_task *main = eddy_current_task();
  CHECK_OK(eddy_task_group_enter(&self->group));
  int rc = eddy_task_group_create_task(&self->group, sleep_long, NULL, NULL);
  if (rc == 0) eddy_task_cancel(main, "out of time");
  rc = eddy_task_group_exit(&self->group, rc);
  eddy_task_uncancel(main);
  CHECK_CODE(rc, EDDY_ECANCELLED);
  CHECK_STR(eddy_message(rc), "out of time");
  return 0;
}

static int return_number(void *number)
{
  int rc = eddy_sleep(0);
  return rc < 0 ? rc : eddy_return(eddy_int(*(int *)number));
}

EDDY_TASK_TEST(task_group, results_can_be_read_after_exit)
{
  static int numbers[] = {42, 11};
  struct state *self = new_state();
  eddy_task *tasks[2] = {NULL, NULL};
  eddy_value value;
  CHECK_OK(eddy_task_group_enter(&self->group));
  int rc = 0;
  for (int i = 0; rc == 0 && i < 2; i++) {
    rc = eddy_task_group_create_task(&self->group, return_number, &numbers[i], &tasks[i]);
    if (rc < 0) break;
    test_defer_late(test_unref_task, tasks[i]);
    rc = eddy_sleep(0);
  }
  CHECK_OK(eddy_task_group_exit(&self->group, rc));
  for (int i = 0; i < 2; i++) {
    CHECK_OK(eddy_task_result(tasks[i], &value));
    CHECK_EQ(value.i, numbers[i]);
  }
  return 0;
}

/* Each makes two more of its kind, until the group is cancelled. */
static int hydra(void *arg)
{
  struct state *self = arg;
  int rc = eddy_sleep(EDDY_MS(1));
  for (int i = 0; rc == 0 && i < 2; i++) {
    rc = eddy_task_group_create_task(&self->group, hydra, self, NULL);
    if (rc == 0) self->created++;
  }
  return rc;
}

EDDY_TASK_TEST(task_group, error_ends_a_group_that_grows_by_itself)
{
  struct state *self = new_state();
  CHECK_OK(eddy_task_group_enter(&self->group));
  int rc = eddy_task_group_create_task(&self->group, hydra, self, NULL);
  for (int i = 0; rc == 0 && i < 100 && self->created < 10; i++) {
    rc = eddy_sleep(EDDY_MS(1));
  }
  if (rc == 0) rc = EDDY_EIO;
  CHECK_CODE(eddy_task_group_exit(&self->group, rc), EDDY_EGROUP);
  CHECK(self->created >= 10);
  return 0;
}

static int clean_up_badly(void *arg)
{
  int rc = eddy_sleep(EDDY_S(3600));
  return rc < 0 ? fail_at_once(arg) : rc;
}

static int run_group(void *arg)
{
  struct state *self = arg;
  CHECK_OK(eddy_task_group_enter(&self->group));
  int rc = eddy_task_group_create_task(&self->group, clean_up_badly, "a", NULL);
  return eddy_task_group_exit(&self->group, rc);
}

static int await_group(void *arg)
{
  return eddy_task_await(((struct state *)arg)->child, NULL);
}

EDDY_TASK_TEST(task_group, cancel_that_comes_along_a_chain_of_tasks_is_the_parents)
{
  struct state *self = new_state();
  eddy_task *task;
  CHECK_OK(test_task(run_group, self, &self->child));
  CHECK_OK(test_task(await_group, self, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_sleep(0));
  eddy_task_cancel(task, NULL);
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_EGROUP);
  CHECK_EQ(eddy_task_cancelling(self->child), 1);
  return 0;
}

/* ---- in a timeout scope (rule 49) ---- */

static int sleep_in_group(eddy_frame *frame)
{
  struct state *self = (struct state *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(eddy_timeout_enter(&self->scope, EDDY_MS(1)));
  self->rc = eddy_task_group_enter(&self->group);
  if (self->rc == 0) {
    self->rc = eddy_task_group_create_task(&self->group, sleep_long, NULL, NULL);
    EDDY_AWAIT(frame, self->rc, eddy_task_group_exit(&self->group, self->rc));
  }
  self->rc = eddy_timeout_exit(&self->scope, self->rc);
  trace("%s %u", eddy_err_name(self->rc), eddy_task_cancelling(eddy_current_task()));
  EDDY_END(frame);
}

EDDY_TASK_TEST(task_group, timeout_around_a_group_ends_its_children)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct state *self = new_state();
    CHECK_OK(test_frame_task(kind, self, sleep_in_group, &self->child));
    CHECK_OK(eddy_task_await(self->child, NULL));
    CHECK_TRACE("ETIMEDOUT 0");
  }
  return 0;
}

EDDY_TASK_TEST(task_group, errors_it_collects_count_as_read)
{
  struct state *self = new_state();
  trace_reports(NULL);
  CHECK_OK(eddy_task_group_enter(&self->group));
  int rc = eddy_task_group_create_task(&self->group, fail_at_once, "a", NULL);
  if (rc == 0) {
    rc = eddy_task_group_create_task(&self->group, clean_up_badly, "b", NULL);
  }
  CHECK_CODE(eddy_task_group_exit(&self->group, rc), EDDY_EGROUP);
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("");
  return 0;
}
