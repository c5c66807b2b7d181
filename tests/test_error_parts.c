/* The errors that a group's error is made of, and where they go with it. */
#include <pthread.h>

#include "tasks.h"

/* A group of two that fail, in a task of its own. */
struct failing {
  eddy_frame frame;
  eddy_task_group group;
  int rc;
};

static int fail(void *name)
{
  return eddy_raise(EDDY_EIO, "%s is on fire", (const char *)name);
}

static int time_out(void *unused)
{
  (void)unused;
  return EDDY_ETIMEDOUT;
}

static int run_failing(eddy_frame *frame)
{
  struct failing *self = (struct failing *)frame;
  eddy_task_options options = {.name = "disk", .site = EDDY_SITE("a disk")};
  EDDY_BEGIN(frame);
  self->group = (eddy_task_group){0};
  CHECK_OK(eddy_task_group_enter(&self->group));
  self->rc = eddy_task_group_create_task_with(&self->group, fail, "disk", &options, NULL);
  if (self->rc == 0) {
    self->rc = eddy_task_group_create_task(&self->group, time_out, NULL, NULL);
  }
  EDDY_AWAIT(frame, self->rc, eddy_task_group_exit(&self->group, self->rc));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

static int failing_body(void *unused)
{
  (void)unused;
  struct failing *self = test_new(sizeof *self);
  return run_failing(&self->frame);
}

static int failing_task(int kind, eddy_task **task)
{
  return test_frame_task(kind, test_new(sizeof(struct failing)), run_failing, task);
}

/* They are those of run_failing. */
static int check_parts(const eddy_error_part *part)
{
  CHECK(part != NULL);
  CHECK_EQ(part->code, EDDY_EIO);
  CHECK_STR(part->message, "disk is on fire");
  CHECK_STR(part->name, "disk");
  CHECK_CONTAINS(part->site, "test_error_parts.c:");
  CHECK_CONTAINS(part->site, " a disk");
  CHECK(part->parts == NULL);
  part = part->next;
  CHECK(part != NULL);
  CHECK_EQ(part->code, EDDY_ETIMEDOUT);
  CHECK_STR(part->message, eddy_strerror(EDDY_ETIMEDOUT));
  CHECK_CONTAINS(part->name, "Task-");
  CHECK_CONTAINS(part->site, " time_out");
  CHECK(part->next == NULL);
  return 0;
}

/* What eddy_message says of them. */
static int check_text(const char *text)
{
  CHECK_CONTAINS(text, "test_error_parts.c:");
  CHECK_CONTAINS(
      text, " task group: 2 errors: task 'disk': disk is on fire; task 'Task-");
  CHECK_CONTAINS(text, "': timed out");
  return 0;
}

/* ---- where they go ---- */

EDDY_TASK_TEST(error_parts, are_there_after_exit)
{
  CHECK_CODE(failing_body(NULL), EDDY_EGROUP);
  CHECK(eddy_error_parts(EDDY_EIO) == NULL);
  CHECK_OK(check_text(eddy_message(EDDY_EGROUP)));
  CHECK_OK(check_parts(eddy_error_parts(EDDY_EGROUP)));
  (void)eddy_raise(EDDY_EIO, "the next");
  CHECK(eddy_error_parts(EDDY_EGROUP) == NULL);
  return 0;
}

EDDY_TASK_TEST(error_parts, go_through_await_and_stay_with_the_task)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *task;
    CHECK_OK(failing_task(kind, &task));
    CHECK(eddy_future_error_parts(eddy_task_future(task)) == NULL);
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_EGROUP);
    CHECK_OK(check_text(eddy_message(EDDY_EGROUP)));
    CHECK_OK(check_parts(eddy_error_parts(EDDY_EGROUP)));
    CHECK_OK(check_parts(eddy_future_error_parts(eddy_task_future(task))));
    CHECK_OK(check_text(eddy_future_message(eddy_task_future(task))));
  }
  return 0;
}

EDDY_TASK_TEST(error_parts, outlive_the_task_that_failed)
{
  eddy_task *task;
  CHECK_OK(eddy_create_task(failing_body, NULL, &task));
  int rc = eddy_task_await(task, NULL);
  eddy_task_unref(task);
  CHECK_CODE(rc, EDDY_EGROUP);
  return check_parts(eddy_error_parts(rc));
}

EDDY_TASK_TEST(error_parts, go_through_gather)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *task;
    eddy_future *child, *gather;
    CHECK_OK(failing_task(kind, &task));
    child = eddy_task_future(task);
    CHECK_OK(test_gather(&child, 1, EDDY_GATHER_RAISE, &gather));
    CHECK_CODE(eddy_await(gather, NULL), EDDY_EGROUP);
    CHECK_OK(check_parts(eddy_error_parts(EDDY_EGROUP)));
    CHECK_OK(check_parts(eddy_future_error_parts(gather)));
  }
  return 0;
}

EDDY_TASK_TEST(error_parts, stand_with_the_child_among_results_of_gather)
{
  eddy_task *task;
  eddy_future *child, *gather;
  CHECK_OK(failing_task(TEST_STACKFUL, &task));
  child = eddy_task_future(task);
  CHECK_OK(test_gather(&child, 1, EDDY_GATHER_RETURN_EXCEPTIONS, &gather));
  CHECK(eddy_gather_child(child, 0) == NULL);
  CHECK(eddy_gather_child(gather, 1) == NULL);
  CHECK_OK(eddy_await(gather, NULL));
  CHECK_CODE(eddy_gather_results(gather, NULL)[0].error, EDDY_EGROUP);
  CHECK_PTR(eddy_gather_child(gather, 0), child);
  return check_parts(eddy_future_error_parts(eddy_gather_child(gather, 0)));
}

EDDY_TASK_TEST(error_parts, go_through_a_timeout_scope)
{
  eddy_timeout scope;
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_S(5)));
  CHECK_CODE(eddy_timeout_exit(&scope, failing_body(NULL)), EDDY_EGROUP);
  return check_parts(eddy_error_parts(EDDY_EGROUP));
}

static int fail_in_generator(eddy_gen *gen, void *arg)
{
  (void)gen;
  return failing_body(arg);
}

EDDY_TASK_TEST(error_parts, go_through_a_generator)
{
  eddy_gen *gen;
  eddy_value value;
  CHECK_OK(eddy_gen_new(fail_in_generator, NULL, &gen));
  int rc = eddy_gen_next(gen, &value);
  eddy_gen_free(gen);
  CHECK_CODE(rc, EDDY_EGROUP);
  return check_parts(eddy_error_parts(rc));
}

EDDY_TEST(error_parts, reach_the_caller_of_eddy_run)
{
  CHECK_CODE(eddy_run(failing_body, NULL), EDDY_EGROUP);
  CHECK_OK(check_text(eddy_message(EDDY_EGROUP)));
  CHECK_OK(check_parts(eddy_error_parts(EDDY_EGROUP)));
  CHECK(eddy_error_parts(EDDY_EIO) == NULL);
  (void)eddy_raise(EDDY_EIO, "the thread's next");
  CHECK(eddy_error_parts(EDDY_EGROUP) == NULL);
  CHECK(eddy_error_parts(EDDY_EIO) == NULL);
  return 0;
}

EDDY_TEST(error_parts, reach_the_caller_of_run_until_complete)
{
  eddy_loop *loop;
  eddy_task *task;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_loop_task(loop, failing_body, NULL, &task));
  CHECK_CODE(
      eddy_loop_run_until_complete(loop, eddy_task_future(task), NULL), EDDY_EGROUP);
  CHECK_OK(check_parts(eddy_error_parts(EDDY_EGROUP)));
  (void)eddy_raise(EDDY_EIO, "the thread's next");
  return 0;
}

static void *run_in_thread(void *rc)
{
  *(int *)rc = eddy_run(failing_body, NULL);
  return NULL;
}

EDDY_TEST(error_parts, of_a_thread_go_with_it)
{
  pthread_t thread;
  int rc = 0;
  CHECK_EQ(pthread_create(&thread, NULL, run_in_thread, &rc), 0);
  pthread_join(thread, NULL);
  CHECK_CODE(rc, EDDY_EGROUP);
  CHECK(eddy_error_parts(EDDY_EGROUP) == NULL);
  return 0;
}

EDDY_TASK_TEST(error_parts, stand_in_the_report_of_an_error_nobody_read)
{
  eddy_task *task;
  trace_reports(NULL);
  CHECK_OK(eddy_create_task(failing_body, NULL, &task));
  for (int i = 0; i < 6; i++) {
    CHECK_OK(eddy_sleep(0));
  }
  eddy_task_unref(task);
  CHECK_CONTAINS(test_trace(), "never retrieved: EGROUP: ");
  return check_text(test_trace());
}

/* ---- what they are made of ---- */

/* A group around another, which its body enters, and which fails as well. */
static int fail_nested(void *arg)
{
  struct failing *self = arg;
  eddy_task_options options = {.name = "inner"};
  CHECK_OK(eddy_task_group_enter(&self->group));
  int rc = eddy_task_group_create_task_with(
      &self->group, failing_body, NULL, &options, NULL);
  if (rc == 0) rc = eddy_sleep(EDDY_S(3600));
  if (rc < 0) rc = eddy_raise(EDDY_ENOENT, "the body's own");
  return eddy_task_group_exit(&self->group, rc);
}

EDDY_TASK_TEST(error_parts, are_a_tree)
{
  CHECK_OK(eddy_task_set_name(eddy_current_task(), "outer"));
  CHECK_CODE(fail_nested(test_new(sizeof(struct failing))), EDDY_EGROUP);
  const eddy_error_part *part = eddy_error_parts(EDDY_EGROUP);
  CHECK(part != NULL);
  CHECK_STR(part->name, "inner");
  CHECK_EQ(part->code, EDDY_EGROUP);
  CHECK_OK(check_text(part->message));
  CHECK_OK(check_parts(part->parts));
  part = part->next;
  CHECK(part != NULL);
  CHECK_EQ(part->code, EDDY_ENOENT);
  CHECK_STR(part->message, "the body's own");
  CHECK_STR(part->name, "outer");
  CHECK_CONTAINS(part->site, " task group");
  CHECK(part->next == NULL);
  CHECK_CONTAINS(eddy_message(EDDY_EGROUP), "2 errors: task 'inner': ");
  CHECK_CONTAINS(eddy_message(EDDY_EGROUP), "; task 'outer': the body's own");
  return 0;
}

static int swallow_eio(void *arg)
{
  int rc = fail(arg);
  return rc == EDDY_EIO ? EDDY_ENOENT : rc;
}

static int fail_with_code(void *arg)
{
  struct failing *self = arg;
  CHECK_OK(eddy_task_group_enter_at(&self->group, NULL));
  int rc = eddy_task_group_create_task(&self->group, swallow_eio, "it", NULL);
  return eddy_task_group_exit(&self->group, rc);
}

EDDY_TASK_TEST(error_parts, message_of_another_code_is_not_a_parts)
{
  CHECK_CODE(fail_with_code(test_new(sizeof(struct failing))), EDDY_EGROUP);
  const eddy_error_part *part = eddy_error_parts(EDDY_EGROUP);
  CHECK(part != NULL);
  CHECK_STR(part->message, eddy_strerror(EDDY_ENOENT));
  CHECK_CONTAINS(eddy_message(EDDY_EGROUP), "task group: 1 error: task 'Task-");
  return 0;
}

enum { MANY = 200 };

static int fail_many(void *arg)
{
  struct failing *self = arg;
  CHECK_OK(eddy_task_group_enter(&self->group));
  int rc = 0;
  for (int i = 0; rc == 0 && i < MANY; i++) {
    rc = eddy_task_group_create_task(&self->group, fail, "one of many", NULL);
  }
  return eddy_task_group_exit(&self->group, rc);
}

EDDY_TASK_TEST(error_parts, none_is_left_out_but_of_the_text)
{
  int count = 0;
  CHECK_CODE(fail_many(test_new(sizeof(struct failing))), EDDY_EGROUP);
  for (const eddy_error_part *part = eddy_error_parts(EDDY_EGROUP); part != NULL;
       part = part->next) {
    CHECK_STR(part->message, "one of many is on fire");
    count++;
  }
  CHECK_EQ(count, MANY);
  const char *text = eddy_message(EDDY_EGROUP);
  CHECK_CONTAINS(text, "200 errors: ");
  CHECK_STR(text + strlen(text) - 3, "...");
  return 0;
}

enum { DEEP = 2000 };

/* A body that has a group whose only task does the same, DEEP times. */
static int fail_deep(eddy_frame *frame);

struct deep {
  eddy_frame frame;
  eddy_task_group group;
  int depth;
  int rc;
};

static int create_deeper(struct deep *self)
{
  struct deep *deeper = test_new(sizeof *deeper);
  deeper->depth = self->depth + 1;
  eddy_frame_init(&deeper->frame, fail_deep);
  return eddy_task_group_create_task_coro(&self->group, &deeper->frame.coro, NULL, NULL);
}

static int fail_deep(eddy_frame *frame)
{
  struct deep *self = (struct deep *)frame;
  EDDY_BEGIN(frame);
  if (self->depth == DEEP) EDDY_RAISE(frame, fail("the bottom"));
  CHECK_OK(eddy_task_group_enter(&self->group));
  self->rc = create_deeper(self);
  EDDY_AWAIT(frame, self->rc, eddy_task_group_exit(&self->group, self->rc));
  EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TASK_TEST(error_parts, groups_may_be_nested_deeper_than_a_stack)
{
  eddy_task *task;
  CHECK_OK(
      test_frame_task(TEST_STACKLESS, test_new(sizeof(struct deep)), fail_deep, &task));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_EGROUP);
  int depth = 0;
  const eddy_error_part *part = eddy_error_parts(EDDY_EGROUP);
  while (part != NULL && part->parts != NULL) {
    part = part->parts;
    depth++;
  }
  CHECK_EQ(depth, DEEP - 1);
  CHECK_STR(part->message, "the bottom is on fire");
  return 0;
}
