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
  CHECK_OK(child_run(&child, free_inherited_loop, NULL));
  CHECK_EQ(child.status, 0);
  CHECK_OK(soon(write_byte, &ends[1]));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("read");
  return 0;
}
