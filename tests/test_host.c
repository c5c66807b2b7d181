/* A loop that is a guest in a host's uv_loop_t: the host runs it, eddy works inside. */
#include "capture.h"

#include <uv.h>

static uv_loop_t *host; /* the case's */
static eddy_loop *loop; /* its guest */

static void close_left(uv_handle_t *handle, void *unused)
{
  (void)unused;
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

/* Nothing may be left in it but what a body that was left early has started. */
static void close_host(void *arg)
{
  int rc = uv_loop_close(arg);
  if (rc == 0) return;
  test_failed(__FILE__, __LINE__, "uv_loop_close: %s", uv_err_name(rc));
  uv_walk(arg, close_left, NULL);
  uv_run(arg, UV_RUN_DEFAULT);
  uv_loop_close(arg);
}

static void free_guest(void *guest)
{
  eddy_loop_free(guest);
}

static int new_guest(eddy_loop **out)
{
  eddy_loop_options options = {.uv_loop = host};
  int rc = eddy_loop_new(&options, out);
  if (rc == 0) test_defer(free_guest, *out);
  return rc;
}

/* A host's loop with a guest in it. */
static int begin(void)
{
  host = test_new(sizeof *host);
  int rc = uv_loop_init(host);
  if (rc < 0) return rc;
  test_defer(close_host, host);
  return new_guest(&loop);
}

static int soon(eddy_fn *fn, void *arg)
{
  return eddy_loop_call_soon(loop, fn, arg, NULL);
}

/* Runs the host until it has nothing to do any more. */
static int run_host(void)
{
  return uv_run(host, UV_RUN_DEFAULT);
}

/* A timer of the host's, that does something once. */
struct host_timer {
  uv_timer_t uv;
  const char *text;
  int (*also)(void);
};

static void on_host_timer(uv_timer_t *uv)
{
  struct host_timer *timer = uv->data;
  trace("%s", timer->text);
  if (eddy_get_running_loop() != NULL) trace("inside");
  if (timer->also != NULL && timer->also() != 0) trace("failed");
  uv_close((uv_handle_t *)uv, NULL);
}

static int start_host_timer(uint64_t ms, const char *text, int (*also)(void))
{
  struct host_timer *timer = test_new(sizeof *timer);
  timer->text = text;
  timer->also = also;
  int rc = uv_timer_init(host, &timer->uv);
  timer->uv.data = timer;
  return rc < 0 ? rc : uv_timer_start(&timer->uv, on_host_timer, ms, 0);
}

/* ---- running ---- */

EDDY_TEST_ON(host, host_runs_the_guests_callbacks_and_timers, "uv/uv")
{
  CHECK_OK(begin());
  CHECK_PTR(eddy_loop_uv(loop), host);
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(3), trace_fn, "3", NULL));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "1", NULL));
  CHECK_OK(soon(trace_fn, "a"));
  CHECK_OK(soon(trace_fn, "b"));
  CHECK_EQ(run_host(), 0);
  CHECK_TRACE("a b 1 3");
  return 0;
}

EDDY_TEST_ON(host, host_ends_at_once_when_the_guest_has_nothing_to_do, "uv/uv")
{
  CHECK_OK(begin());
  CHECK_EQ(run_host(), 0);
  CHECK_EQ(run_host(), 0);
  return 0;
}

EDDY_TEST_ON(host, closing_the_guest_leaves_the_hosts_timers_alone, "uv/uv")
{
  eddy_loop *other;
  CHECK_OK(begin());
  CHECK_OK(new_guest(&other));
  CHECK_OK(start_host_timer(2, "host", NULL));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "guest", NULL));
  CHECK_OK(eddy_loop_call_later(other, EDDY_MS(1), trace_fn, "other", NULL));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_EQ(run_host(), 0);
  CHECK_CONTAINS(test_trace(), "other");
  CHECK_CONTAINS(test_trace(), "host");
  CHECK_EQ(count_parts(test_trace(), "guest"), 0);
  test_trace_clear();
  return 0;
}

static int look_around(void *unused)
{
  (void)unused;
  trace("current:%d", eddy_get_running_loop() == loop);
  trace("running:%d", eddy_loop_is_running(loop));
  return 0;
}

EDDY_TEST_ON(host, guest_is_the_running_loop_in_its_own_callbacks_only, "uv/uv")
{
  CHECK_OK(begin());
  CHECK_OK(soon(look_around, NULL));
  CHECK_EQ(run_host(), 0);
  CHECK(!eddy_loop_is_running(loop));
  CHECK_TRACE("current:1 running:1");
  CHECK_OK(start_host_timer(1, "host", NULL)); /* says "inside" if there is one */
  CHECK_EQ(run_host(), 0);
  CHECK_TRACE("host");
  return 0;
}

static int queue_from_host(void)
{
  int rc = soon(trace_fn, "queued");
  if (rc == 0) rc = eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "booked", NULL);
  return rc;
}

EDDY_TEST_ON(host, hosts_callback_may_give_the_guest_work, "uv/uv")
{
  CHECK_OK(begin());
  CHECK_OK(start_host_timer(1, "host", queue_from_host));
  CHECK_EQ(run_host(), 0);
  CHECK_TRACE("host queued booked");
  return 0;
}

/* ---- order ---- */

static int pair[2];

static int io_ready(void *text)
{
  trace("%s", (const char *)text);
  CHECK(eddy_loop_remove_reader(loop, pair[0]));
  return 0;
}

static int make_all_ready(void *unused)
{
  (void)unused;
  CHECK_OK(eddy_loop_call_later(loop, 0, trace_fn, "timer", NULL));
  CHECK_OK(eddy_loop_add_reader(loop, pair[0], io_ready, "io"));
  CHECK_OK(soon(trace_fn, "ready"));
  CHECK_OK(eddy_loop_call_soon_threadsafe(loop, trace_fn, "own"));
  return 0;
}

static void close_pair(void *unused)
{
  (void)unused;
  close(pair[0]);
  close(pair[1]);
}

EDDY_TEST_ON(host, ready_callbacks_run_before_io_and_io_before_timers, "uv/uv")
{
  CHECK_OK(begin());
  CHECK_EQ(pipe(pair), 0);
  test_defer(close_pair, NULL);
  CHECK_EQ(write(pair[1], "x", 1), 1);
  CHECK_OK(soon(make_all_ready, NULL));
  CHECK_EQ(run_host(), 0);
  CHECK_TRACE("ready own io timer");
  return 0;
}

static int burst_step(void *arg)
{
  static const char *const ready[] = {"r0", "r1", "r2", "r3", "r4"};
  static const char *const timer[] = {"t0", "t1", "t2", "t3", "t4"};
  int i = (int)(intptr_t)arg;
  trace("s%d", i);
  if (i < 4) CHECK_OK(soon(burst_step, (void *)(intptr_t)(i + 1)));
  CHECK_OK(eddy_loop_call_later(loop, 0, trace_fn, (void *)(uintptr_t)timer[i], NULL));
  return soon(trace_fn, (void *)(uintptr_t)ready[i]);
}

EDDY_TEST_ON(host, burst_has_the_order_it_has_in_a_loop_of_eddys_own, "uv/uv")
{
  CHECK_OK(begin());
  CHECK_OK(soon(burst_step, NULL));
  CHECK_EQ(run_host(), 0);
  CHECK_TRACE("s0 s1 r0 t0 s2 r1 t1 s3 r2 t2 s4 r3 t3 r4 t4");
  return 0;
}

/* ---- nobody starves, nobody hangs ---- */

static bool over;

static int requeue(void *links)
{
  CHECK(++*(int *)links < 100000000);
  return over ? 0 : soon(requeue, links);
}

static int end_chain(void)
{
  over = true;
  return 0;
}

EDDY_TEST_ON(host, requeueing_callback_does_not_starve_the_host, "uv/uv")
{
  int links = 0;
  CHECK_OK(begin());
  over = false;
  CHECK_OK(soon(requeue, &links));
  CHECK_OK(start_host_timer(2, "host", end_chain));
  CHECK_EQ(run_host(), 0);
  CHECK(over);
  CHECK_TRACE("host");
  return 0;
}

static void unref_timer(uv_handle_t *handle, void *unused)
{
  (void)unused;
  if (handle->type == UV_TIMER) uv_unref(handle);
}

static int write_byte(void)
{
  CHECK_EQ(write(pair[1], "x", 1), 1);
  return 0;
}

EDDY_TEST_ON(host, watch_keeps_the_host_running, "uv/uv")
{
  CHECK_OK(begin());
  CHECK_EQ(pipe(pair), 0);
  test_defer(close_pair, NULL);
  CHECK_OK(eddy_loop_add_reader(loop, pair[0], io_ready, "io"));
  /* The host's own timer does not keep it running. */
  CHECK_OK(start_host_timer(2, "host", write_byte));
  uv_walk(host, unref_timer, NULL);
  CHECK_EQ(run_host(), 0);
  CHECK_TRACE("host io");
  return 0;
}

static int release(void *text)
{
  trace("%s", (const char *)text);
  eddy_loop_release(loop);
  return 0;
}

static void post_release(void *unused)
{
  (void)unused;
  if (eddy_loop_call_soon_threadsafe(loop, release, "posted") == 0) return;
  test_failed(__FILE__, __LINE__, "post");
  eddy_loop_release(loop);
}

static void join(void *thread)
{
  uv_thread_join(thread);
}

EDDY_TEST_ON(host, hold_keeps_the_host_running_until_a_thread_has_posted, "uv/uv")
{
  uv_thread_t *thread = test_new(sizeof *thread);
  CHECK_OK(begin());
  eddy_loop_hold(loop);
  CHECK_OK(uv_thread_create(thread, post_release, NULL));
  test_defer(join, thread);
  CHECK_EQ(run_host(), 0);
  CHECK_TRACE("posted");
  return 0;
}

static int remove_usr1(void *text)
{
  trace("%s", (const char *)text);
  CHECK(eddy_loop_remove_signal_handler(loop, SIGUSR1));
  eddy_loop_release(loop);
  return 0;
}

static int raise_usr1(void)
{
  return raise(SIGUSR1);
}

EDDY_TEST_ON(host, signal_handlers_run_as_guests_too, "uv/uv")
{
  CHECK_OK(begin());
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, remove_usr1, "signal"));
  CHECK_OK(start_host_timer(2, "host", raise_usr1));
  eddy_loop_hold(loop);
  CHECK_EQ(run_host(), 0);
  CHECK_TRACE("host signal");
  return 0;
}

EDDY_TEST_ON(host, two_guests_share_a_host, "uv/uv")
{
  eddy_loop *other;
  CHECK_OK(begin());
  CHECK_OK(new_guest(&other));
  CHECK_OK(eddy_loop_call_later(other, EDDY_MS(2), trace_fn, "other", NULL));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "timer", NULL));
  CHECK_OK(soon(trace_fn, "one"));
  CHECK_EQ(run_host(), 0);
  CHECK_CONTAINS(test_trace(), "one");
  CHECK_CONTAINS(test_trace(), "timer");
  CHECK_CONTAINS(test_trace(), "other");
  test_trace_clear();
  return 0;
}

static int stop_host(void)
{
  uv_stop(host);
  return 0;
}

EDDY_TEST_ON(host, stopped_host_goes_on_where_it_was, "uv/uv")
{
  CHECK_OK(begin());
  CHECK_OK(start_host_timer(1, "host", stop_host));
  eddy_loop_hold(loop);
  CHECK(run_host() != 0);
  CHECK_TRACE("host");
  eddy_loop_release(loop);
  CHECK_OK(soon(trace_fn, "guest"));
  CHECK_EQ(run_host(), 0);
  CHECK_TRACE("guest");
  return 0;
}

static int stop_loop(void *text)
{
  trace("%s", (const char *)text);
  eddy_loop_stop(loop);
  return soon(trace_fn, "next");
}

EDDY_TEST_ON(host, stop_in_a_guest_loses_nothing_and_does_not_stop_the_host, "uv/uv")
{
  CHECK_OK(begin());
  CHECK_OK(soon(stop_loop, "stop"));
  CHECK_EQ(run_host(), 0);
  CHECK_TRACE("stop next");
  return 0;
}

/* ---- tasks, errors, the end ---- */

static int echo(void *fds)
{
  char byte;
  size_t got;
  int *ends = fds;
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_OK(eddy_sock_pair(ends));
  CHECK_OK(eddy_sock_sendall(ends[1], "x", 1));
  CHECK_OK(eddy_sock_recv(ends[0], &byte, 1, &got));
  CHECK_OK(eddy_sock_close(ends[0]));
  CHECK_OK(eddy_sock_close(ends[1]));
  trace("echoed%c", byte);
  return 0;
}

EDDY_TEST_ON(host, tasks_run_as_guests, "uv/uv")
{
  static int fds[2];
  eddy_task *task;
  CHECK_OK(begin());
  CHECK_OK(test_loop_task(loop, echo, fds, &task));
  CHECK_EQ(run_host(), 0);
  CHECK(eddy_task_done(task));
  CHECK_OK(eddy_task_result(task, NULL));
  CHECK_TRACE("echoedx");
  return 0;
}

static int wait_on(void *future)
{
  return eddy_await(future, NULL);
}

static int complete(void *future)
{
  return eddy_future_set_result(future, eddy_int(1));
}

EDDY_TEST_ON(host, deadlock_of_a_guest_is_said_once_and_the_host_runs_on, "uv/uv")
{
  eddy_future *future;
  eddy_task *task;
  CHECK_OK(begin());
  CHECK_OK(test_future(loop, &future));
  CHECK_OK(test_loop_task(loop, wait_on, future, &task));
  CHECK_OK(start_host_timer(2, "host2", NULL));
  CHECK_OK(start_host_timer(4, "host4", NULL));
  struct capture *capture = capture_begin();
  int rc = run_host();
  rc |= run_host();
  const char *text = capture_end(capture);
  CHECK_EQ(rc, 0);
  CHECK_EQ(count_parts(text, "deadlock"), 1);
  CHECK_TRACE("host2 host4");
  /* Help may still come. */
  CHECK_OK(soon(complete, future));
  CHECK_EQ(run_host(), 0);
  CHECK(eddy_task_done(task));
  return 0;
}

EDDY_TEST_ON(host, run_of_the_guest_drives_the_hosts_loop, "uv/uv")
{
  CHECK_OK(begin());
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(20), trace_fn, "guest", NULL));
  CHECK_OK(start_host_timer(1, "host", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("host inside guest");
  return 0;
}

EDDY_TEST_ON(host, closed_guest_leaves_the_host_as_it_was, "uv/uv")
{
  CHECK_OK(begin());
  CHECK_OK(soon(trace_fn, "dropped"));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "dropped", NULL));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_OK(start_host_timer(1, "host", NULL));
  CHECK_EQ(run_host(), 0);
  CHECK_TRACE("host");
  return 0; /* closing the host's loop succeeds: nothing is left in it */
}

EDDY_TEST_ON(host, host_may_run_pass_by_pass, "uv/uv")
{
  CHECK_OK(begin());
  CHECK_OK(soon(trace_fn, "soon"));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "timer", NULL));
  uint64_t end = uv_hrtime() + (uint64_t)EDDY_S(30);
  while (uv_run(host, UV_RUN_NOWAIT) != 0)
    CHECK(uv_hrtime() < end);
  CHECK_TRACE("soon timer");
  return 0;
}
