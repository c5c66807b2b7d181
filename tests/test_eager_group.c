/* Eager tasks in task groups (rules 50, 92). */
#include "tasks.h"

struct body {
  eddy_frame frame;
  eddy_task_group group;
  int depth;
  int64_t sum;
  struct body *next; /* two of them */
  int rc;
};

static eddy_task_options eager_options(void)
{
  return (eddy_task_options){.eager_start = EDDY_EAGER_START_TRUE};
}

static int end_at_once(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  trace("a");
  EDDY_END(frame);
}

static int yield_once(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  trace("a1");
  EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  trace("a2");
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

static int fail_at_once(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  trace("a");
  EDDY_RAISE(frame, eddy_raise(EDDY_EIO, "on fire"));
  EDDY_END(frame);
}

static int add(eddy_task_group *group, int kind, void *frame, eddy_frame_fn *fn)
{
  eddy_task_options options = eager_options();
  eddy_frame_init(frame, fn);
  if (kind == TEST_STACKLESS) {
    return eddy_task_group_create_task_coro(
        group, &((eddy_frame *)frame)->coro, &options, NULL);
  }
  return eddy_task_group_create_task_with(group, test_run_frame, frame, &options, NULL);
}

/* Runs a group with one eager child; *took: the iterations of its exit. */
static int group_of_one(int kind, eddy_frame_fn *fn, uint64_t *took)
{
  eddy_task_group group = {0};
  int rc = eddy_task_group_enter(&group);
  if (rc < 0) return rc;
  rc = add(&group, kind, test_new(sizeof(struct body)), fn);
  trace("body");
  uint64_t before = test_iteration();
  rc = eddy_task_group_exit(&group, rc);
  *took = test_iteration() - before;
  return rc;
}

EDDY_TASK_TEST(eager, child_of_a_group_that_ended_at_once_is_waited_for_like_any)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    uint64_t took;
    CHECK_OK(group_of_one(kind, end_at_once, &took));
    CHECK_TRACE("a body");
    CHECK_EQ(took, 2);
    CHECK_OK(group_of_one(kind, yield_once, &took));
    CHECK_TRACE("a1 body a2");
    CHECK_EQ(took, 3);
  }
  return 0;
}

EDDY_TASK_TEST(eager, child_that_fails_at_once_is_an_error_of_its_group)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    uint64_t took;
    CHECK_CODE(group_of_one(kind, fail_at_once, &took), EDDY_EGROUP);
    const eddy_error_part *part = eddy_error_parts(EDDY_EGROUP);
    CHECK(part != NULL && part->next == NULL);
    CHECK_CODE(part->code, EDDY_EIO);
    CHECK_STR(part->message, "on fire");
    CHECK_TRACE("a body");
    CHECK_EQ(eddy_task_cancelling(eddy_current_task()), 0);
  }
  return 0;
}

/* Fibonacci by groups inside groups: the exits wait, but every leaf has run before. */
static int fibonacci(eddy_frame *frame);

static int start_both(struct body *self)
{
  self->next = test_new(2 * sizeof *self);
  for (int i = 0; i < 2; i++) {
    self->next[i].depth = self->depth - 1 - i;
    int rc = add(&self->group, i, &self->next[i], fibonacci);
    if (rc < 0) return rc;
  }
  return 0;
}

static int fibonacci(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  self->sum = self->depth;
  if (self->depth < 2) EDDY_RAISE(frame, 0);
  self->rc = eddy_task_group_enter(&self->group);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  self->rc = start_both(self);
  EDDY_AWAIT(frame, self->rc, eddy_task_group_exit(&self->group, self->rc));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  self->sum = self->next[0].sum + self->next[1].sum;
  EDDY_END(frame);
}

EDDY_TASK_TEST(eager, groups_inside_groups_end_with_all_their_tasks)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = test_new(sizeof *body);
    eddy_task_group group = {0};
    body->depth = 7;
    CHECK_OK(eddy_task_group_enter(&group));
    int rc = add(&group, kind, body, fibonacci);
    CHECK_OK(eddy_task_group_exit(&group, rc));
    CHECK_EQ(body->sum, 13);
  }
  return 0;
}
