/* What the talk behind the walk leaves broken, and eddy must not: one case each. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "sock_calls.h"

/* What is written to stderr in between. */
static FILE *captured;
static int real_stderr = -1;

static void end_capture(void *unused)
{
  (void)unused;
  if (real_stderr < 0) return;
  fflush(stderr);
  dup2(real_stderr, STDERR_FILENO);
  close(real_stderr);
  real_stderr = -1;
}

static void close_capture(void *unused)
{
  (void)unused;
  fclose(captured);
}

static int begin_capture(void)
{
  captured = tmpfile();
  CHECK(captured != NULL);
  test_defer(close_capture, NULL);
  fflush(stderr);
  real_stderr = dup(STDERR_FILENO);
  CHECK(real_stderr >= 0);
  test_defer(end_capture, NULL);
  CHECK(dup2(fileno(captured), STDERR_FILENO) >= 0);
  return 0;
}

/* ---- 1. close wakes one getter only ---- */

static int wait_for_end(void *queue)
{
  eddy_value item;
  CHECK_CODE(eddy_queue_get(queue, &item), EDDY_EQUEUESHUTDOWN);
  return 0;
}

EDDY_TEST(walk_broken, close_wakes_all)
{
  eddy_loop *loop;
  eddy_queue *queue;
  eddy_task *tasks[3];
  eddy_loop_stats stats;
  int finished = 0;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_queue(0, &queue));
  for (int i = 0; i < 3; i++) {
    CHECK_OK(test_loop_task(loop, wait_for_end, queue, &tasks[i]));
  }
  CHECK_OK(begin_capture()); /* it says which three */
  int rc = eddy_loop_run(loop);
  end_capture(NULL);
  CHECK_CODE(rc, EDDY_EDEADLOCK);
  eddy_queue_shutdown(queue, false);
  CHECK_OK(eddy_loop_run(loop));
  for (int i = 0; i < 3; i++) {
    finished += eddy_task_result(tasks[i], NULL) == 0;
  }
  eddy_loop_get_stats(loop, &stats);
  trace("close wakes all: %d of 3 finished, %zu stuck", finished, stats.parked);
  CHECK_TRACE("close wakes all: 3 of 3 finished, 0 stuck");
  return 0;
}

/* ---- 2. a second reader replaces the first ---- */

static int note_callback(void *name)
{
  trace("%s", (const char *)name);
  return 0;
}

static int watched;

static int note_once(void *name)
{
  trace("%s", (const char *)name);
  CHECK(eddy_loop_remove_reader(eddy_get_running_loop(), watched));
  return 0;
}

EDDY_TASK_TEST(walk_broken, second_reader_is_refused_and_the_first_served)
{
  int fds[2];
  struct call *first, *second;
  CHECK_OK(test_pair(fds));
  CHECK_OK(call_start(STACKFUL, RECV, fds[0], NULL, 8, &first));
  CHECK_OK(eddy_sleep(0));
  CHECK(call_waits(first));
  CHECK_OK(call_start(STACKFUL, RECV, fds[0], NULL, 8, &second));
  CHECK_CODE(call_join(second), EDDY_EBUSY);
  CHECK_OK(eddy_sock_sendall(fds[1], "abc", 3));
  CHECK_OK(call_join(first));
  CHECK_EQ(first->moved, 3);
  /* A watch is replaced, as asyncio's, and that is no secret. */
  eddy_loop *loop = eddy_get_running_loop();
  watched = fds[0];
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], note_once, "old"));
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], note_once, "new"));
  CHECK_OK(eddy_sock_sendall(fds[1], "abc", 3));
  CHECK_OK(look_around());
  CHECK(!eddy_loop_remove_reader(loop, fds[0]));
  CHECK_TRACE("new");
  return 0;
}

/* ---- 3. nobody says that tasks are left suspended ---- */

static int get_item(void *queue)
{
  eddy_value item;
  return eddy_queue_get(queue, &item);
}

static int note_left(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  int *count = arg;
  (void)loop;
  *count += context->task != NULL;
  return 0;
}

EDDY_TEST(walk_broken, tasks_left_suspended_are_counted_and_listed)
{
  eddy_loop *loop;
  eddy_queue *queue;
  eddy_loop_stats stats;
  char text[2000] = "";
  int *left = test_new(sizeof *left);
  eddy_task_options first = {.name = "first one", .site = "here.c:1 first"};
  eddy_task_options second = {.name = "second one", .site = "here.c:2 second"};
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_exception_handler(loop, note_left, left);
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(eddy_loop_create_task_with(loop, get_item, queue, &first, NULL));
  CHECK_OK(eddy_loop_create_task_with(loop, get_item, queue, &second, NULL));
  CHECK_OK(begin_capture());
  int rc = eddy_loop_run(loop);
  end_capture(NULL);
  CHECK_CODE(rc, EDDY_EDEADLOCK);
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(stats.parked, 2);
  CHECK_EQ(stats.tasks, 2);
  rewind(captured);
  CHECK(fread(text, 1, sizeof text - 1, captured) > 0);
  CHECK_CONTAINS(text, "(2 tasks)");
  CHECK_CONTAINS(text, "'first one', created at here.c:1 first");
  CHECK_CONTAINS(text, "'second one', created at here.c:2 second");
  CHECK_CONTAINS(text, "get on queue");
  /* Closing the loop tells of each once more. */
  CHECK_OK(eddy_loop_close(loop));
  CHECK_EQ(*left, 2);
  return 0;
}

/* ---- 4. a failing task ends the whole loop ---- */

static int fail(void *unused)
{
  (void)unused;
  return eddy_raise(EDDY_EPROTO, "bad number");
}

static int note_failed(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)loop;
  (void)arg;
  trace("[%s: %s]", eddy_err_name(context->error), context->detail);
  return 0;
}

static int go_on(void *future)
{
  CHECK_OK(eddy_await(future, NULL));
  trace("others go on");
  return 0;
}

static void drop_task(void *slot)
{
  eddy_task **task = slot;
  eddy_task_unref(*task);
  *task = NULL;
}

EDDY_TASK_TEST(walk_broken, failure_of_a_task_is_its_awaiters_or_the_handlers)
{
  eddy_task *other, **task = test_new(sizeof *task);
  eddy_future *future;
  eddy_loop_set_exception_handler(eddy_get_running_loop(), note_failed, NULL);
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(test_task(go_on, future, &other));
  CHECK_OK(eddy_create_task(fail, NULL, task));
  test_defer_late(drop_task, task);
  CHECK_CODE(eddy_task_await(*task, NULL), EDDY_EPROTO);
  CHECK_STR(eddy_message(EDDY_EPROTO), "bad number");
  drop_task(task);
  CHECK_TRACE(""); /* somebody was told */
  CHECK_OK(eddy_create_task(fail, NULL, NULL));
  CHECK_OK(settle());
  CHECK_TRACE("[EPROTO: bad number]"); /* nobody else will be */
  CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
  CHECK_OK(eddy_task_await(other, NULL));
  CHECK_TRACE("others go on");
  return 0;
}

/* ---- 5. nothing can be cancelled ---- */

static int sleep_long(void *unused)
{
  (void)unused;
  return eddy_sleep(EDDY_S(3600));
}

EDDY_TASK_TEST(walk_broken, callback_timer_sleep_get_and_recv_are_cancelled)
{
  eddy_loop *loop = eddy_get_running_loop();
  eddy_handle *soon, *later;
  eddy_queue *queue;
  eddy_task *sleeper, *getter;
  struct call *receiver;
  int fds[2];
  eddy_loop_stats stats;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(test_pair(fds));
  CHECK_OK(test_task(sleep_long, NULL, &sleeper));
  CHECK_OK(test_task(get_item, queue, &getter));
  CHECK_OK(call_start(STACKFUL, RECV, fds[0], NULL, 1, &receiver));
  CHECK_OK(settle());
  CHECK_OK(eddy_loop_call_soon(loop, note_callback, "soon", &soon));
  eddy_handle_cancel(soon);
  eddy_handle_unref(soon);
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), note_callback, "later", &later));
  eddy_handle_cancel(later);
  eddy_handle_unref(later);
  CHECK(eddy_task_cancel(sleeper, NULL));
  CHECK(eddy_task_cancel(getter, NULL));
  CHECK(eddy_task_cancel(receiver->task, NULL));
  CHECK_CODE(eddy_task_await(sleeper, NULL), EDDY_ECANCELLED);
  CHECK_CODE(eddy_task_await(getter, NULL), EDDY_ECANCELLED);
  CHECK_CODE(call_join(receiver), EDDY_ECANCELLED);
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(stats.timers, 0);
  CHECK_EQ(stats.operations, 0);
  CHECK_EQ(stats.parked, 0);
  CHECK_OK(eddy_sleep(EDDY_MS(3)));
  CHECK_TRACE("");
  return 0;
}

/* ---- 6. deadlines on the wall clock ---- */

static eddy_time read_monotonic(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return EDDY_S(now.tv_sec) + now.tv_nsec;
}

EDDY_TASK_TEST_KERNEL(walk_broken, clock_is_the_monotonic_one)
{
  eddy_loop *loop = eddy_get_running_loop();
  for (int i = 0; i < 100; i++) {
    eddy_time before = read_monotonic();
    eddy_time now = eddy_loop_time(loop);
    CHECK_BETWEEN(before, now, read_monotonic());
    CHECK_OK(eddy_sleep(0));
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(walk_broken, virtual_clock_knows_no_date)
{
  CHECK_EQ(eddy_loop_time(eddy_get_running_loop()), 0);
  CHECK_OK(eddy_sleep(EDDY_S(86400)));
  CHECK_EQ(eddy_loop_time(eddy_get_running_loop()), EDDY_S(86400));
  return 0;
}

/* ---- 7. callbacks that feed themselves starve timers and descriptors ---- */

struct chain {
  int links;
  bool timer_ran, reader_ran;
};

static int next_link(void *arg)
{
  struct chain *chain = arg;
  if (chain->timer_ran && chain->reader_ran) return 0;
  CHECK(++chain->links < 100000000);
  return eddy_loop_call_soon(eddy_get_running_loop(), next_link, chain, NULL);
}

static int timer_ran(void *arg)
{
  struct chain *chain = arg;
  chain->timer_ran = true;
  return 0;
}

static int receive_one(void *arg)
{
  struct call *call = arg;
  int rc = call_make(call);
  call->rc = rc;
  return rc;
}

static int reader_ran(eddy_future *future, void *arg)
{
  struct chain *chain = arg;
  (void)future;
  chain->reader_ran = true;
  return 0;
}

EDDY_TASK_TEST(walk_broken, chain_of_callbacks_starves_neither_timers_nor_sockets)
{
  struct chain *chain = test_new(sizeof *chain);
  struct call *call = test_new(sizeof *call);
  int fds[2];
  eddy_task *task;
  eddy_loop *loop = eddy_get_running_loop();
  CHECK_OK(test_pair(fds));
  call->kind = RECV;
  call->fd = fds[0];
  call->bytes = test_new(1);
  call->size = 1;
  CHECK_OK(test_task(receive_one, call, &task));
  CHECK_OK(eddy_future_add_done_callback(eddy_task_future(task), reader_ran, chain));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_loop_call_soon(loop, next_link, chain, NULL));
  /* Time that stands still while callbacks are ready holds no timer but one that is due. */
  eddy_time delay = test_is_virtual() ? 0 : EDDY_MS(5);
  CHECK_OK(eddy_loop_call_later(loop, delay, timer_ran, chain, NULL));
  CHECK_OK(eddy_sock_sendall(fds[1], "x", 1));
  CHECK_OK(eddy_task_await(task, NULL));
  while (!chain->timer_ran || !chain->reader_ran) {
    CHECK_OK(eddy_sleep(0));
  }
  CHECK(chain->links > 0);
  CHECK_OK(settle());
  return 0;
}

/* ---- 8. send returns after part of the data ---- */

enum { SIZE = 8 << 20 };

static int receive_all(void *arg)
{
  struct call *call = arg;
  return recv_all(call->fd, call->bytes, SIZE);
}

EDDY_TASK_TEST(walk_broken, send_may_send_a_part_and_sendall_does_not)
{
  int fds[2];
  size_t sent;
  eddy_task *task;
  struct call *call = test_new(sizeof *call);
  char *bytes = test_new(SIZE);
  CHECK_OK(test_pair(fds));
  for (size_t i = 0; i < SIZE; i++) {
    bytes[i] = (char)byte_at(i);
  }
  call->fd = fds[1];
  call->bytes = test_new(SIZE);
  CHECK_OK(test_task(receive_all, call, &task));
  CHECK_OK(close_when_done(task, fds[1]));
  CHECK_OK(eddy_sock_send(fds[0], bytes, SIZE, &sent));
  CHECK_BETWEEN(1, sent, SIZE - 1);
  CHECK_OK(eddy_sock_sendall(fds[0], bytes + sent, SIZE - sent));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_MEM(call->bytes, bytes, SIZE);
  return 0;
}
