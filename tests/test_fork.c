/* A fork without exec: what the child may do with loops, and what it may not. */
#include "capture.h"

static eddy_loop *loop; /* the case's */

static int soon(eddy_fn *fn, void *arg)
{
  return eddy_loop_call_soon(loop, fn, arg, NULL);
}

/* Runs fn in a child of a callback and expects it to end well. */
static int in_child(void *fn)
{
  static struct child child;
  eddy_fn *const *body = fn;
  CHECK_OK(child_run(&child, *body, NULL));
  if (child.status != 0) fputs(child.text, stderr);
  CHECK_EQ(child.status, 0);
  trace("parent");
  return 0;
}

static int has_no_loop(void *unused)
{
  (void)unused;
  CHECK_PTR(eddy_get_running_loop(), NULL);
  CHECK_PTR(eddy_current_task(), NULL);
  CHECK_CODE(eddy_sleep(0), EDDY_ENOTASK);
  return 0;
}

EDDY_TEST(fork, child_sees_no_running_loop)
{
  static eddy_fn *body = has_no_loop;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(soon(in_child, &body));
  CHECK_OK(soon(trace_fn, "next"));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "timer", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("parent next timer");
  return 0;
}

static int sleep_and_echo(void *unused)
{
  int fds[2];
  char byte = 0;
  size_t got = 0;
  (void)unused;
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_OK(eddy_sock_pair(fds));
  CHECK_OK(eddy_sock_sendall(fds[1], "x", 1));
  CHECK_OK(eddy_sock_recv(fds[0], &byte, 1, &got));
  CHECK_EQ(byte, 'x');
  return 0;
}

static int run_one_loop(void *unused)
{
  (void)unused;
  return eddy_run(sleep_and_echo, NULL);
}

static eddy_context_var *variable;

static int still_has_its_value(void *unused)
{
  eddy_value value = eddy_int(0);
  (void)unused;
  CHECK_OK(eddy_context_var_get(variable, &value));
  CHECK_EQ(value.i, 5);
  CHECK_PTR(eddy_get_running_loop(), NULL);
  return 0;
}

static int set_and_fork(void *unused)
{
  static eddy_fn *body = still_has_its_value;
  (void)unused;
  CHECK_OK(eddy_context_var_set(variable, eddy_int(5), NULL));
  return in_child(&body);
}

static void free_variable(void *unused)
{
  (void)unused;
  eddy_context_var_unref(variable);
}

EDDY_TEST(fork, child_keeps_the_context_values_of_whoever_forked)
{
  eddy_task *task;
  CHECK_OK(eddy_context_var_new("variable", NULL, &variable));
  test_defer_late(free_variable, NULL);
  CHECK_OK(test_loop(&loop));
  CHECK_OK(soon(set_and_fork, NULL));
  CHECK_OK(test_loop_task(loop, set_and_fork, NULL, &task));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(eddy_task_result(task, NULL));
  CHECK_TRACE("parent parent");
  return 0;
}

EDDY_TEST(fork, child_may_start_its_own_loop)
{
  static eddy_fn *body = run_one_loop;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(soon(in_child, &body));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("parent");
  return 0;
}

EDDY_TASK_TEST(fork, child_of_a_task_may_start_its_own_loop)
{
  static eddy_fn *none = has_no_loop, *own = run_one_loop;
  CHECK_OK(in_child(&none));
  CHECK_OK(in_child(&own));
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_TRACE("parent parent");
  return 0;
}

/* ---- the inherited loop ---- */

static int use_inherited_loop(void *unused)
{
  (void)unused;
  CHECK_CODE(eddy_loop_run(loop), EDDY_EOTHERTHREAD);
  CHECK_CONTAINS(eddy_message(EDDY_EOTHERTHREAD), "fork");
  CHECK_CODE(eddy_loop_run_forever(loop), EDDY_EOTHERTHREAD);
  CHECK(!eddy_loop_is_running(loop));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_CODE(soon(trace_fn, "x"), EDDY_ECLOSED);
  return 0;
}

EDDY_TEST(fork, inherited_loop_refuses_to_run)
{
  static struct child child;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(soon(trace_fn, "a"));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(child_run(&child, use_inherited_loop, NULL));
  CHECK_STR(child.text, "");
  CHECK_EQ(child.status, 0);
  CHECK_OK(soon(trace_fn, "b"));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("a b");
  return 0;
}

/* ---- what else it refuses ---- */

static eddy_future *future;
static eddy_queue *queue;

/* What schedules something or asks the system to watch something. */
static int schedule_on_inherited_loop(void *unused)
{
  eddy_handle *handle;
  eddy_future *made;
  (void)unused;
  CHECK_CODE(soon(trace_fn, "x"), EDDY_EOTHERTHREAD);
  CHECK_CONTAINS(eddy_message(EDDY_EOTHERTHREAD), "inherited by fork");
  CHECK_CODE(eddy_loop_call_soon(loop, trace_fn, "x", &handle), EDDY_EOTHERTHREAD);
  CHECK_CODE(eddy_loop_call_later(loop, 0, trace_fn, "x", NULL), EDDY_EOTHERTHREAD);
  CHECK_CODE(eddy_loop_call_at(loop, 0, trace_fn, "x", NULL), EDDY_EOTHERTHREAD);
  CHECK_CODE(eddy_loop_call_soon_threadsafe(loop, trace_fn, "x"), EDDY_EOTHERTHREAD);
  CHECK_CODE(eddy_loop_create_task(loop, trace_fn, "x", NULL), EDDY_EOTHERTHREAD);
  CHECK_CODE(eddy_future_new(loop, &made), EDDY_EOTHERTHREAD);
  CHECK_CODE(eddy_future_set_result(future, eddy_int(1)), EDDY_EOTHERTHREAD);
  CHECK_CODE(eddy_future_set_exception(future, EDDY_EIO, "x"), EDDY_EOTHERTHREAD);
  CHECK_CODE(eddy_loop_add_reader(loop, 0, trace_fn, "x"), EDDY_EOTHERTHREAD);
  CHECK_CODE(eddy_loop_add_writer(loop, 1, trace_fn, "x"), EDDY_EOTHERTHREAD);
  CHECK_CODE(
      eddy_loop_add_signal_handler(loop, SIGUSR1, trace_fn, "x"), EDDY_EOTHERTHREAD);
  CHECK(!eddy_future_done(future));
  eddy_loop_set_debug(loop, false);
  CHECK_CODE(soon(trace_fn, "x"), EDDY_EOTHERTHREAD);
  return 0;
}

EDDY_TEST(fork, inherited_loop_refuses_every_scheduling_call)
{
  static struct child child;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &future));
  CHECK_OK(child_run(&child, schedule_on_inherited_loop, NULL));
  CHECK_STR(child.text, "");
  CHECK_EQ(child.status, 0);
  CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
  CHECK_OK(soon(trace_fn, "parent"));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("parent");
  return 0;
}

static int schedule_in_child(void *unused)
{
  static struct child child;
  (void)unused;
  CHECK_OK(child_run(&child, schedule_on_inherited_loop, NULL));
  CHECK_STR(child.text, "");
  CHECK_EQ(child.status, 0);
  return 0;
}

EDDY_TEST(fork, loop_that_runs_when_it_is_inherited_refuses_too)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &future));
  CHECK_OK(soon(schedule_in_child, NULL));
  CHECK_OK(soon(trace_fn, "next"));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("next");
  return 0;
}

static int get_one(void *unused)
{
  eddy_value value;
  (void)unused;
  int rc = eddy_queue_get(queue, &value);
  trace("got %s", rc == 0 ? "one" : eddy_err_name(rc));
  return rc;
}

static int put_one(void *unused)
{
  (void)unused;
  return eddy_queue_put_nowait(queue, eddy_int(1));
}

EDDY_TASK_TEST(fork, waking_an_inherited_task_ends_the_child_with_words)
{
  static struct child child;
  eddy_task *getter;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(test_task(get_one, NULL, &getter));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(child_run(&child, put_one, NULL));
  CHECK(child.aborted);
  CHECK_CONTAINS(child.text, "inherited by fork");
  CHECK_TRACE("");
  CHECK_OK(put_one(NULL));
  CHECK_OK(eddy_task_await(getter, NULL));
  CHECK_TRACE("got one");
  return 0;
}

/* The child comes back from the callback as if it were the parent. */
static struct child stray;
static pid_t parent;

static int run_on(void *unused)
{
  (void)unused;
  if (getpid() != parent) fputs("the child ran on\n", stderr);
  trace("next");
  return 0;
}

static int fork_and_return(void *unused)
{
  (void)unused;
  int rc = child_fork(&stray);
  if (rc == 0) return 0;
  CHECK(rc > 0);
  child_wait(&stray);
  trace("parent");
  return 0;
}

EDDY_TEST(fork, child_that_returns_into_the_inherited_loop_ends_with_words)
{
  CHECK_OK(test_loop(&loop));
  parent = getpid();
  CHECK_OK(soon(fork_and_return, NULL));
  CHECK_OK(soon(run_on, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK(stray.aborted);
  CHECK_CONTAINS(stray.text, "inherited by fork");
  CHECK_EQ(count_parts(stray.text, "ran on"), 0);
  CHECK_TRACE("parent next");
  return 0;
}

EDDY_TEST(fork, child_whose_inherited_task_ends_ends_with_words)
{
  eddy_task *task;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_loop_task(loop, fork_and_return, NULL, &task));
  CHECK_OK(eddy_loop_run(loop));
  CHECK(stray.aborted);
  CHECK_CONTAINS(stray.text, "inherited by fork");
  CHECK_TRACE("parent");
  return 0;
}

/* ---- what a child does to the parent ---- */

static int read_byte(void *arg)
{
  int fd = *(int *)arg;
  char byte;
  CHECK_EQ(read(fd, &byte, 1), 1);
  trace("read");
  CHECK(eddy_loop_remove_reader(loop, fd));
  return 0;
}

static int write_byte(void *arg)
{
  CHECK_EQ(write(*(int *)arg, "x", 1), 1);
  return 0;
}

static int free_inherited_loop(void *unused)
{
  (void)unused;
  eddy_loop_free(loop);
  return 0;
}

static int remove_inherited_watch(void *fd)
{
  CHECK(!eddy_loop_remove_reader(loop, *(int *)fd));
  return 0;
}

static void close_end(void *arg)
{
  close(*(int *)arg);
}

EDDY_TEST_KERNEL(fork, child_that_frees_the_inherited_loop_does_not_disturb_the_parent)
{
  static struct child child;
  int *ends = test_new(2 * sizeof *ends);
  CHECK_OK(test_loop(&loop));
  CHECK_EQ(pipe(ends), 0);
  test_defer(close_end, &ends[0]);
  test_defer(close_end, &ends[1]);
  CHECK_OK(eddy_loop_add_reader(loop, ends[0], read_byte, &ends[0]));
  eddy_loop_stop(loop);
  CHECK_OK(eddy_loop_run(loop)); /* the kernel knows of the watch now */
  CHECK_OK(child_run(&child, remove_inherited_watch, &ends[0]));
  CHECK_STR(child.text, "");
  CHECK_OK(child_run(&child, free_inherited_loop, NULL));
  CHECK_EQ(child.status, 0);
  CHECK_OK(soon(write_byte, &ends[1]));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("read");
  return 0;
}

/* ---- signals ---- */

static int heard;

static int hear(void *unused)
{
  (void)unused;
  heard++;
  return 0;
}

static volatile sig_atomic_t own;

static void hear_in_child(int signum)
{
  (void)signum;
  own++;
}

static int take_a_signal(void *unused)
{
  struct sigaction action = {.sa_handler = hear_in_child};
  (void)unused;
  CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
  CHECK_EQ(raise(SIGUSR1), 0);
  CHECK_EQ(own, 1);
  return 0;
}

static int listen_no_more(void *unused)
{
  (void)unused;
  CHECK(eddy_loop_remove_signal_handler(loop, SIGUSR1));
  return 0;
}

EDDY_TEST_KERNEL(fork, signal_of_a_child_with_its_own_action_is_its_own)
{
  static eddy_fn *body = take_a_signal;
  CHECK_OK(test_loop(&loop));
  heard = 0;
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, hear, NULL));
  CHECK_OK(soon(in_child, &body));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(5), listen_no_more, NULL, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("parent");
  CHECK_EQ(heard, 0);
  return 0;
}
