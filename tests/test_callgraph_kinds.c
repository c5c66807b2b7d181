/* The call graph: every call that waits for futures is an edge (rule 96). */
#include "tasks.h"

enum call { AWAIT, WAIT, WAIT_FOR, WAIT_FOR_NOTHING, AS_COMPLETED, SHIELD, CALLS };

struct caller {
  eddy_frame frame;
  enum call call;
  eddy_future *future;
  eddy_future *shield;
  eddy_completions *completions;
  eddy_task_group group;
  eddy_task *leaf;
  int rc;
};

static void unref_future(void *future)
{
  eddy_future_unref(future);
}

static void unref_completions(void *completions)
{
  eddy_completions_unref(completions);
}

static int begin(struct caller *self)
{
  if (self->call == SHIELD) {
    CHECK_OK(eddy_shield(self->future, &self->shield));
    test_defer_late(unref_future, self->shield);
  }
  if (self->call == AS_COMPLETED) {
    CHECK_OK(eddy_as_completed(&self->future, 1, EDDY_NEVER, &self->completions));
    test_defer_late(unref_completions, self->completions);
  }
  return 0;
}

static int make_call(struct caller *self)
{
  eddy_future *next;
  switch (self->call) {
  case WAIT:
    return eddy_wait(&self->future, 1, EDDY_NEVER, EDDY_ALL_COMPLETED, NULL);
  case WAIT_FOR:
    return eddy_wait_for(self->future, EDDY_S(100), NULL);
  case WAIT_FOR_NOTHING:
    return eddy_wait_for(self->future, 0, NULL);
  case AS_COMPLETED:
    return eddy_completions_next(self->completions, &next);
  case SHIELD:
    return eddy_await(self->shield, NULL);
  default:
    return eddy_await(self->future, NULL);
  }
}

static int call(eddy_frame *frame)
{
  struct caller *self = (struct caller *)frame;
  EDDY_BEGIN(frame);
  self->rc = begin(self);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_AWAIT(frame, self->rc, make_call(self));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

static void set_flag(void *flag)
{
  *(bool *)flag = true;
}

/* It does not end when it is first cancelled, unless the test is over. */
static int go_on(void *over)
{
  int rc = eddy_sleep(EDDY_NEVER);
  return *(bool *)over ? rc : eddy_sleep(EDDY_NEVER);
}

static int look(eddy_future *future, eddy_future *shield, eddy_task *caller)
{
  eddy_call_graph *graph;
  CHECK_OK(eddy_capture_call_graph(future, 0, &graph));
  const eddy_call_graph *node = graph->awaited_by;
  bool right = graph->count == 1;
  if (right && shield != NULL) {
    right = node->future == shield && node->count == 1;
    if (right && strncmp(node->name, "shield of task '", 16) != 0) right = false;
    node = node->awaited_by;
  }
  if (right) right = node->task == caller && node->count == 0;
  eddy_call_graph_free(graph);
  CHECK(right);
  return 0;
}

static int no_waiter(eddy_future *future)
{
  eddy_call_graph *graph;
  CHECK_OK(eddy_capture_call_graph(future, 0, &graph));
  bool right = graph->count == 0;
  eddy_call_graph_free(graph);
  CHECK(right);
  return 0;
}

EDDY_TASK_TEST(callgraph, every_call_that_waits_for_a_future_is_an_edge)
{
  bool *over = test_new(sizeof *over);
  test_defer(set_flag, over);
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (enum call which = AWAIT; which < CALLS; which++) {
      struct caller *self = test_new(sizeof *self);
      eddy_task *leaf, *caller;
      CHECK_OK(test_task(go_on, over, &leaf));
      self->call = which;
      self->future = eddy_task_future(leaf);
      CHECK_OK(test_frame_task(kind, self, call, &caller));
      CHECK_OK(eddy_sleep(0));
      CHECK_OK(eddy_sleep(0));
      CHECK_OK(look(self->future, self->shield, caller));
      (void)eddy_task_cancel(leaf, NULL);
      CHECK_OK(eddy_sleep(0));
      (void)eddy_task_cancel(leaf, NULL);
      CHECK_CODE(eddy_task_await(leaf, NULL), EDDY_ECANCELLED);
      CHECK_OK(no_waiter(self->future));
      (void)eddy_task_await(caller, NULL);
    }
  }
  return 0;
}

static int fail(void *arg)
{
  (void)arg;
  return EDDY_EIO;
}

EDDY_TASK_TEST(callgraph, future_that_is_done_has_no_waiters)
{
  eddy_task *task;
  eddy_future *future;
  CHECK_OK(test_task(fail, NULL, &task));
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(no_waiter(eddy_task_future(task)));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_EIO);
  CHECK_OK(eddy_future_set_exception(future, EDDY_EIO, NULL));
  CHECK_OK(no_waiter(future));
  (void)eddy_future_cancel(future, NULL);
  return 0;
}

/* ---- task groups ---- */

static int sleep_on(void *arg)
{
  (void)arg;
  return eddy_sleep(EDDY_NEVER);
}

static int hold_group(eddy_frame *frame)
{
  struct caller *self = (struct caller *)frame;
  EDDY_BEGIN(frame);
  self->rc = eddy_task_group_enter(&self->group);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  self->rc = eddy_task_group_create_task(&self->group, sleep_on, NULL, &self->leaf);
  if (self->rc == 0) test_defer_late(test_unref_task, self->leaf);
  EDDY_AWAIT(frame, self->rc, eddy_task_group_exit(&self->group, self->rc));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TASK_TEST(callgraph, task_of_a_group_is_awaited_by_the_groups_task)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct caller *self = test_new(sizeof *self);
    eddy_task *caller;
    char text[400];
    CHECK_OK(test_frame_task(kind, self, hold_group, &caller));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(look(eddy_task_future(self->leaf), NULL, caller));
    CHECK_BETWEEN(1,
        eddy_format_call_graph(eddy_task_future(self->leaf), 0, text, sizeof text),
        (int)sizeof text - 1);
    CHECK_CONTAINS(text, "exit of ");
    (void)eddy_task_cancel(caller, NULL);
    CHECK_CODE(eddy_task_await(caller, NULL), EDDY_ECANCELLED);
    CHECK_OK(no_waiter(eddy_task_future(self->leaf)));
  }
  return 0;
}
