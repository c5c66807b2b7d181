/* The call graph: what waits for a future, up to those for which nothing waits (rule 96). */
#include "tasks.h"

#include <stdio.h>
#include <stdlib.h>

static void free_graph(void *graph)
{
  eddy_call_graph_free(graph);
}

static int capture(eddy_future *future, size_t limit, eddy_call_graph **out)
{
  int rc = eddy_capture_call_graph(future, limit, out);
  if (rc == 0) test_defer(free_graph, *out);
  return rc;
}

/* ---- tasks that wait for a future ---- */

struct waiter {
  eddy_frame frame;
  eddy_future *future;
  int rc;
};

static int wait_for_future(eddy_frame *frame)
{
  struct waiter *self = (struct waiter *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_await(self->future, NULL));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

/* A task of that kind that is about to wait for the future. */
static int waiter(int kind, const char *name, eddy_future *future, eddy_task **out)
{
  struct waiter *body = test_new(sizeof *body);
  body->future = future;
  CHECK_OK(test_frame_task(kind, body, wait_for_future, out));
  return eddy_task_set_name(*out, name);
}

static int settle(void)
{
  for (int i = 0; i < 4; i++) {
    CHECK_OK(eddy_sleep(0));
  }
  return 0;
}

/* The names, each node's waiters in parentheses behind it. */
static void trace_graph(const eddy_call_graph *node)
{
  trace("%s%s%s", node->task != NULL ? eddy_task_get_name(node->task) : "-",
      node->repeated ? "*" : "", node->cut ? "..." : "");
  if (node->count == 0) return;
  trace("(");
  for (size_t i = 0; i < node->count; i++) {
    trace_graph(&node->awaited_by[i]);
  }
  trace(")");
}

/* ---- edges ---- */

EDDY_TASK_TEST(callgraph, chain_of_awaits_is_followed_to_its_end)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_future *future;
    eddy_task *a, *b, *c;
    eddy_call_graph *graph;
    CHECK_OK(test_future(NULL, &future));
    CHECK_OK(waiter(kind, "a", future, &a));
    CHECK_OK(waiter(kind, "b", eddy_task_future(a), &b));
    CHECK_OK(waiter(kind, "c", eddy_task_future(b), &c));
    CHECK_OK(settle());
    CHECK_OK(capture(future, 0, &graph));
    trace_graph(graph);
    CHECK_TRACE("- ( a ( b ( c ) ) )");
    CHECK_PTR(graph->future, future);
    CHECK_PTR(graph->task, NULL);
    CHECK_PTR(graph->site, NULL);
    CHECK_PTR(graph->waits_for, NULL);
    CHECK_PTR(graph->awaits, NULL);
    CHECK_CONTAINS(graph->name, "future 0x");
    const eddy_call_graph *node = graph->awaited_by;
    CHECK_PTR(node->task, a);
    CHECK_PTR(node->future, eddy_task_future(a));
    CHECK_PTR(node->awaits, graph);
    CHECK_STR(node->name, "task 'a'");
    CHECK_STR(node->waits_for, graph->name);
    CHECK_CONTAINS(node->site, "tasks.h");
    CHECK_STR(node->awaited_by->waits_for, "task 'a'");
    CHECK_OK(eddy_future_set_result(future, eddy_int(0)));
    CHECK_OK(eddy_task_await(c, NULL));
  }
  return 0;
}

EDDY_TASK_TEST(callgraph, several_waiters_stand_in_the_order_in_which_they_began)
{
  eddy_future *future;
  eddy_task *a, *b, *c;
  eddy_call_graph *graph;
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(waiter(TEST_STACKFUL, "a", future, &a));
  CHECK_OK(waiter(TEST_STACKLESS, "b", future, &b));
  CHECK_OK(waiter(TEST_STACKFUL, "c", future, &c));
  CHECK_OK(settle());
  CHECK_OK(capture(future, 0, &graph));
  trace_graph(graph);
  CHECK_TRACE("- ( a b c )");
  CHECK_OK(eddy_future_set_result(future, eddy_int(0)));
  return settle();
}

EDDY_TASK_TEST(callgraph, edge_goes_when_what_is_waited_for_is_done)
{
  eddy_future *future;
  eddy_task *a, *b;
  eddy_call_graph *graph;
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(waiter(TEST_STACKFUL, "a", future, &a));
  CHECK_OK(waiter(TEST_STACKFUL, "b", future, &b));
  CHECK_OK(settle());
  (void)eddy_task_cancel(a, NULL);
  CHECK_OK(capture(future, 0, &graph));
  trace_graph(graph);
  CHECK_TRACE("-");
  CHECK_OK(settle());
  CHECK(eddy_task_cancelled(b)); /* it waited for the same future */
  return 0;
}

EDDY_TASK_TEST(callgraph, gather_stands_between_its_children_and_who_awaits_it)
{
  eddy_future *future, *gather;
  eddy_future *children[2];
  eddy_task *a, *b, *c;
  eddy_call_graph *graph;
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(waiter(TEST_STACKFUL, "a", future, &a));
  CHECK_OK(waiter(TEST_STACKLESS, "b", future, &b));
  children[0] = eddy_task_future(a);
  children[1] = eddy_task_future(b);
  CHECK_OK(test_gather(children, 2, EDDY_GATHER_RAISE, &gather));
  CHECK_OK(waiter(TEST_STACKFUL, "c", gather, &c));
  CHECK_OK(settle());
  CHECK_OK(capture(children[0], 0, &graph));
  trace_graph(graph);
  CHECK_TRACE("a ( - ( c ) )");
  CHECK_PTR(graph->awaited_by->future, gather);
  CHECK_CONTAINS(graph->awaited_by->name, "gather 0x");
  CHECK_OK(eddy_future_set_result(future, eddy_int(0)));
  return eddy_task_await(c, NULL);
}

static int note_done(eddy_future *future, void *arg)
{
  (void)future;
  (void)arg;
  return 0;
}

EDDY_TASK_TEST(callgraph, callbacks_of_the_program_are_no_waiters)
{
  eddy_future *future;
  eddy_task *a;
  eddy_call_graph *graph;
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(eddy_future_add_done_callback(future, note_done, NULL));
  CHECK_OK(waiter(TEST_STACKFUL, "a", future, &a));
  CHECK_OK(settle());
  CHECK_OK(eddy_future_add_done_callback(future, note_done, NULL));
  CHECK_OK(capture(future, 0, &graph));
  trace_graph(graph);
  CHECK_TRACE("- ( a )");
  (void)eddy_future_cancel(future, NULL);
  return settle();
}

/* ---- more than one way ---- */

EDDY_TASK_TEST(callgraph, ring_is_walked_once)
{
  struct waiter *body = test_new(sizeof *body);
  eddy_task *a, *b, *c;
  eddy_call_graph *graph;
  CHECK_OK(test_frame_task(TEST_STACKFUL, body, wait_for_future, &a));
  CHECK_OK(eddy_task_set_name(a, "a"));
  CHECK_OK(waiter(TEST_STACKFUL, "b", eddy_task_future(a), &b));
  CHECK_OK(waiter(TEST_STACKFUL, "c", eddy_task_future(b), &c));
  body->future = eddy_task_future(c);
  CHECK_OK(settle());
  CHECK_OK(capture(eddy_task_future(b), 0, &graph));
  trace_graph(graph);
  CHECK_TRACE("b ( c ( a ( b* ) ) )");
  (void)eddy_task_cancel(a, NULL);
  return settle();
}

EDDY_TASK_TEST(callgraph, waiter_met_by_two_ways_is_followed_once)
{
  eddy_future *future, *gather;
  eddy_future *children[2];
  eddy_task *a, *b, *c;
  eddy_call_graph *graph;
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(waiter(TEST_STACKFUL, "a", future, &a));
  CHECK_OK(waiter(TEST_STACKFUL, "b", future, &b));
  children[0] = eddy_task_future(a);
  children[1] = eddy_task_future(b);
  CHECK_OK(test_gather(children, 2, EDDY_GATHER_RAISE, &gather));
  CHECK_OK(waiter(TEST_STACKFUL, "c", gather, &c));
  CHECK_OK(settle());
  for (int i = 0; i < 2; i++) { /* no mark stays behind */
    CHECK_OK(capture(future, 0, &graph));
    trace_graph(graph);
    CHECK_TRACE("- ( a ( - ( c ) ) b ( -* ) )");
  }
  CHECK_OK(eddy_future_set_result(future, eddy_int(0)));
  return eddy_task_await(c, NULL);
}

EDDY_TASK_TEST(callgraph, limit_counts_levels_of_waiters)
{
  eddy_future *future;
  eddy_task *a, *b;
  eddy_call_graph *graph;
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(waiter(TEST_STACKFUL, "a", future, &a));
  CHECK_OK(waiter(TEST_STACKFUL, "b", eddy_task_future(a), &b));
  CHECK_OK(settle());
  CHECK_OK(capture(future, 1, &graph));
  trace_graph(graph);
  CHECK_TRACE("- ( a... )");
  CHECK_OK(capture(future, 2, &graph));
  trace_graph(graph);
  CHECK_TRACE("- ( a ( b ) )");
  (void)eddy_future_cancel(future, NULL);
  return settle();
}

/* ---- what it starts from ---- */

static int capture_in_callback(void *arg)
{
  eddy_call_graph *graph = arg;
  char text[4] = "abc";
  CHECK_OK(eddy_capture_call_graph(NULL, 0, &graph));
  CHECK_PTR(graph, NULL);
  CHECK_EQ(eddy_format_call_graph(NULL, 0, text, sizeof text), 0);
  CHECK_STR(text, "");
  trace("none");
  return 0;
}

EDDY_TASK_TEST(callgraph, starts_from_the_current_task)
{
  eddy_task *a;
  eddy_call_graph *graph;
  CHECK_OK(eddy_task_set_name(eddy_current_task(), "main"));
  CHECK_OK(waiter(TEST_STACKFUL, "a", eddy_task_future(eddy_current_task()), &a));
  CHECK_OK(settle());
  CHECK_OK(capture(NULL, 0, &graph));
  CHECK_STR(graph->waits_for, "running");
  trace_graph(graph);
  CHECK_TRACE("main ( a )");
  CHECK_OK(test_call_soon(capture_in_callback, graph));
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("none");
  return 0;
}

EDDY_TEST(callgraph, without_a_loop_a_future_has_to_be_named)
{
  eddy_call_graph *graph;
  eddy_loop *loop;
  eddy_future *future;
  char text[80];
  CHECK_CODE(eddy_capture_call_graph(NULL, 0, &graph), EDDY_ENOLOOP);
  CHECK_CONTAINS(eddy_message(EDDY_ENOLOOP), "call graph");
  CHECK_CODE(eddy_format_call_graph(NULL, 0, text, sizeof text), EDDY_ENOLOOP);
  CHECK_CODE(eddy_print_call_graph(NULL, 0, stderr), EDDY_ENOLOOP);
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &future));
  CHECK_CODE(eddy_capture_call_graph(future, 0, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_format_call_graph(future, 0, NULL, 8), EDDY_EINVAL);
  CHECK_CODE(eddy_print_call_graph(future, 0, NULL), EDDY_EINVAL);
  CHECK_OK(capture(future, 0, &graph));
  CHECK_EQ(graph->count, 0);
  eddy_call_graph_free(NULL);
  return 0;
}

EDDY_TASK_TEST(callgraph, is_a_snapshot_that_keeps_what_it_names)
{
  eddy_future *future;
  eddy_task *a;
  eddy_call_graph *graph;
  struct waiter *body = test_new(sizeof *body);
  CHECK_OK(test_future(NULL, &future));
  body->future = future;
  eddy_frame_init(&body->frame, wait_for_future);
  CHECK_OK(eddy_loop_create_task_coro(NULL, &body->frame.coro, NULL, &a));
  int rc = eddy_task_set_name(a, "a");
  eddy_task_unref(a);
  CHECK_OK(rc);
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(capture(future, 0, &graph));
  CHECK_OK(eddy_future_set_result(future, eddy_int(0)));
  CHECK_OK(settle());
  CHECK_STR(graph->awaited_by->name, "task 'a'");
  CHECK_PTR(graph->awaited_by->site, NULL);
  CHECK_CONTAINS(graph->awaited_by->waits_for, "future 0x");
  CHECK(eddy_task_done(graph->awaited_by->task));
  return 0;
}

/* ---- text ---- */

static int leaf(void *arg)
{
  (void)arg;
  return eddy_sleep(EDDY_NEVER);
}

static int await_one(void *future)
{
  return eddy_await(future, NULL);
}

static int named(const char *name, eddy_fn *fn, void *arg, eddy_task **out)
{
  eddy_task_options options = {.name = name, .site = "here"};
  return test_loop_task_at(NULL, fn, arg, &options, out);
}

/* A leaf, on which wait a and b; for b wait c, and d for c and, through a gather, for a. */
static int build(eddy_task *tasks[5], eddy_future **gather)
{
  CHECK_OK(named("leaf", leaf, NULL, &tasks[0]));
  CHECK_OK(named("a", await_one, eddy_task_future(tasks[0]), &tasks[1]));
  CHECK_OK(named("b", await_one, eddy_task_future(tasks[0]), &tasks[2]));
  CHECK_OK(named("c", await_one, eddy_task_future(tasks[2]), &tasks[3]));
  eddy_future *children[] = {eddy_task_future(tasks[1]), eddy_task_future(tasks[3])};
  CHECK_OK(test_gather(children, 2, EDDY_GATHER_RAISE, gather));
  CHECK_OK(named("d", await_one, *gather, &tasks[4]));
  return settle();
}

static int expect(const eddy_future *gather, char *text, size_t size)
{
  return snprintf(text, size,
      "task 'leaf', created at here: sleep without end\n"
      "|- task 'a', created at here: task 'leaf'\n"
      "|  <- gather %p\n"
      "|  <- task 'd', created at here: gather %p\n"
      "`- task 'b', created at here: task 'leaf'\n"
      "   <- task 'c', created at here: task 'b'\n"
      "   <- gather %p (shown above)\n",
      (const void *)gather, (const void *)gather, (const void *)gather);
}

EDDY_TASK_TEST(callgraph, text_has_a_line_for_each_node)
{
  eddy_task *tasks[5];
  eddy_future *gather, *root;
  char text[600], expected[600], cut[8] = "1234567";
  CHECK_OK(build(tasks, &gather));
  root = eddy_task_future(tasks[0]);
  int length = expect(gather, expected, sizeof expected);
  CHECK_EQ(eddy_format_call_graph(root, 0, text, sizeof text), length);
  CHECK_STR(text, expected);
  CHECK_EQ(eddy_format_call_graph(root, 0, cut, 5), length);
  CHECK_STR(cut, "task");
  CHECK_EQ(cut[5], '6');
  CHECK_EQ(eddy_format_call_graph(root, 0, NULL, 0), length);
  CHECK_EQ(eddy_format_call_graph(root, 1, text, sizeof text), (int)strlen(text));
  CHECK_STR(text, "task 'leaf', created at here: sleep without end\n"
                  "|- task 'a', created at here: task 'leaf' ...\n"
                  "`- task 'b', created at here: task 'leaf' ...\n");
  (void)eddy_task_cancel(tasks[0], NULL);
  return settle();
}

EDDY_TASK_TEST(callgraph, prints_the_same_text)
{
  eddy_task *tasks[5];
  eddy_future *gather;
  char text[600], expected[600];
  FILE *file = tmpfile();
  CHECK(file != NULL);
  int rc = build(tasks, &gather);
  if (rc == 0) rc = eddy_print_call_graph(eddy_task_future(tasks[0]), 0, file);
  rewind(file);
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  fclose(file);
  CHECK_OK(rc);
  (void)expect(gather, expected, sizeof expected);
  CHECK_STR(text, expected);
  (void)eddy_task_cancel(tasks[0], NULL);
  return settle();
}

/* ---- size ---- */

#define LINKS 5000

EDDY_TASK_TEST(callgraph, long_chain_needs_no_stack)
{
  eddy_future *future, *last;
  eddy_task *task;
  eddy_call_graph *graph;
  struct waiter *bodies = test_new(LINKS * sizeof *bodies);
  CHECK_OK(test_future(NULL, &future));
  last = future;
  for (int i = 0; i < LINKS; i++) {
    bodies[i].future = last;
    CHECK_OK(test_frame_task(TEST_STACKLESS, &bodies[i], wait_for_future, &task));
    last = eddy_task_future(task);
  }
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(capture(future, 0, &graph));
  int length = 0;
  const eddy_call_graph *node = graph;
  for (; node->count == 1; node = node->awaited_by)
    length++;
  CHECK_EQ(length, LINKS);
  CHECK_PTR(node->future, last);
  CHECK_BETWEEN(LINKS * 10, eddy_format_call_graph(future, 0, NULL, 0), LINKS * 200);
  CHECK_OK(eddy_future_set_result(future, eddy_int(0)));
  return eddy_await(last, NULL);
}
