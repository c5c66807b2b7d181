/* Handles and requests of libuv's that the program itself has on eddy's loop. */
#include "capture.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>
#include <uv.h>

/* What a callback of libuv's completes, and a task waits for. */
struct wish {
  eddy_loop *loop;
  eddy_future *future;
  union {
    uv_handle_t handle;
    uv_timer_t timer;
    uv_async_t async;
    uv_poll_t poll;
    uv_fs_t fs;
    uv_work_t work;
  } uv;
};

static void close_now(uv_handle_t *handle)
{
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

static void close_late(void *handle)
{
  close_now(handle);
}

static void grant(struct wish *wish, int64_t value)
{
  if (eddy_get_running_loop() != wish->loop) test_failed(__FILE__, __LINE__, "no loop");
  if (eddy_current_task() != NULL) test_failed(__FILE__, __LINE__, "inside a task");
  int rc = eddy_future_set_result(wish->future, eddy_int(value));
  if (rc < 0) test_failed_code(__FILE__, __LINE__, "set_result", rc, 0);
}

static int new_wish(struct wish **out)
{
  struct wish *wish = test_new(sizeof *wish);
  *out = wish;
  wish->loop = eddy_get_running_loop();
  CHECK(eddy_loop_uv(wish->loop) != NULL); /* there may be no memory for it */
  CHECK_OK(test_future(NULL, &wish->future));
  return 0;
}

static uv_loop_t *uv_of(const struct wish *wish)
{
  return eddy_loop_uv(wish->loop);
}

static int wait_until_granted(struct wish *wish, int64_t expected)
{
  eddy_value value;
  CHECK_OK(eddy_await(wish->future, &value));
  CHECK_EQ(value.i, expected);
  return 0;
}

/* ---- handles and requests ---- */

static void on_timer(uv_timer_t *timer)
{
  grant(timer->data, 1);
}

static int start_timer(struct wish *wish, uint64_t ms)
{
  CHECK_OK(uv_timer_init(uv_of(wish), &wish->uv.timer));
  wish->uv.timer.data = wish;
  test_defer(close_late, &wish->uv.timer);
  return uv_timer_start(&wish->uv.timer, on_timer, ms, 0);
}

EDDY_TASK_TEST_KERNEL(beside, timer_of_libuv_wakes_a_task)
{
  struct wish *wish;
  CHECK_OK(new_wish(&wish));
  CHECK_OK(start_timer(wish, 2));
  return wait_until_granted(wish, 1);
}

EDDY_TASK_TEST_KERNEL(beside, timers_of_both_run_beside_each_other)
{
  struct wish *first, *second;
  CHECK_OK(new_wish(&first));
  CHECK_OK(new_wish(&second));
  CHECK_OK(start_timer(second, 30));
  CHECK_OK(start_timer(first, 1));
  CHECK_OK(eddy_sleep(EDDY_MS(2)));
  CHECK_OK(wait_until_granted(first, 1));
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  return wait_until_granted(second, 1);
}

static void on_async(uv_async_t *async)
{
  grant(async->data, 2);
}

static void send_async(void *async)
{
  if (uv_async_send(async) < 0) test_failed(__FILE__, __LINE__, "uv_async_send");
}

static void join_thread(void *thread)
{
  uv_thread_join(thread);
}

EDDY_TASK_TEST_KERNEL(beside, thread_wakes_a_task_through_libuv)
{
  struct wish *wish;
  uv_thread_t *thread = test_new(sizeof *thread);
  CHECK_OK(new_wish(&wish));
  CHECK_OK(uv_async_init(uv_of(wish), &wish->uv.async, on_async));
  wish->uv.async.data = wish;
  test_defer(close_late, &wish->uv.async);
  CHECK_OK(uv_thread_create(thread, send_async, &wish->uv.async));
  test_defer(join_thread, thread);
  return wait_until_granted(wish, 2);
}

static void on_stat(uv_fs_t *fs)
{
  grant(fs->data, fs->result);
  uv_fs_req_cleanup(fs);
}

/* libuv's threads stay; in a process that has them no deadlock is certain. So these have a
 * process of their own. */
static int run_in_task(void *body)
{
  eddy_fn *fn = *(eddy_fn **)body;
  return eddy_run(fn, NULL);
}

static int apart(eddy_fn *fn)
{
  const char *text;
  CHECK_OK(alone(run_in_task, &fn, &text));
  CHECK_STR(text, "");
  return 0;
}

static int look_at_files(void *unused)
{
  struct wish *found, *missing;
  (void)unused;
  CHECK_OK(new_wish(&found));
  CHECK_OK(new_wish(&missing));
  found->uv.fs.data = found;
  missing->uv.fs.data = missing;
  CHECK_OK(uv_fs_stat(uv_of(found), &found->uv.fs, "/", on_stat));
  CHECK_OK(uv_fs_stat(uv_of(missing), &missing->uv.fs, "/there/is/none", on_stat));
  CHECK_OK(wait_until_granted(found, 0));
  return wait_until_granted(missing, EDDY_ENOENT); /* the codes are the same */
}

EDDY_TEST_KERNEL(beside, file_call_of_libuv_wakes_a_task)
{
  return apart(look_at_files);
}

static void work(uv_work_t *request)
{
  (void)request;
}

static void after_work(uv_work_t *request, int status)
{
  grant(request->data, status);
}

static int work_elsewhere(void *unused)
{
  struct wish *wish;
  (void)unused;
  CHECK_OK(new_wish(&wish));
  wish->uv.work.data = wish;
  CHECK_OK(uv_queue_work(uv_of(wish), &wish->uv.work, work, after_work));
  return wait_until_granted(wish, 0);
}

EDDY_TEST_KERNEL(beside, job_in_libuvs_threads_wakes_a_task)
{
  return apart(work_elsewhere);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
  uv_poll_stop(poll);
  grant(poll->data, status < 0 ? status : events);
}

static void close_fd(void *fd)
{
  close((int)(intptr_t)fd);
}

static int new_pipe(int ends[2])
{
  if (pipe(ends) != 0) return EDDY_EMFILE;
  test_defer(close_fd, (void *)(intptr_t)ends[0]);
  test_defer(close_fd, (void *)(intptr_t)ends[1]);
  return 0;
}

static int ignore(void *arg)
{
  (void)arg;
  return 0;
}

EDDY_TASK_TEST_KERNEL(beside, descriptor_is_watched_by_libuv_or_by_eddy)
{
  int ends[2];
  struct wish *wish;
  CHECK_OK(new_wish(&wish));
  CHECK_OK(new_pipe(ends));
  CHECK_OK(uv_poll_init(uv_of(wish), &wish->uv.poll, ends[0]));
  wish->uv.poll.data = wish;
  test_defer(close_late, &wish->uv.poll);
  CHECK_OK(uv_poll_start(&wish->uv.poll, UV_READABLE, on_poll));
  CHECK_CODE(eddy_loop_add_reader(wish->loop, ends[0], ignore, NULL), EDDY_EBUSY);
  CHECK_EQ(write(ends[1], "x", 1), 1);
  CHECK_OK(wait_until_granted(wish, UV_READABLE));
  /* Then by the other. */
  close_now(&wish->uv.handle);
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_loop_add_reader(wish->loop, ends[0], ignore, NULL));
  CHECK(eddy_loop_remove_reader(wish->loop, ends[0]));
  return 0;
}

/* ---- a server of libuv's, and a client that is a task ---- */

struct echo {
  uv_tcp_t listener;
  uv_tcp_t connection;
  uv_write_t write;
  char data[64];
  bool connected;
  bool ended;
};

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
  struct echo *echo = handle->data;
  (void)suggested;
  *buffer = uv_buf_init(echo->data, sizeof echo->data);
}

static void on_written(uv_write_t *write, int status)
{
  (void)write;
  if (status < 0) test_failed(__FILE__, __LINE__, "write: %s", uv_err_name(status));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
  struct echo *echo = stream->data;
  if (size < 0) {
    echo->ended = size == UV_EOF;
    close_now((uv_handle_t *)stream);
  } else if (size > 0) {
    uv_buf_t piece = uv_buf_init(buffer->base, (unsigned)size);
    uv_write(&echo->write, stream, &piece, 1, on_written);
  }
}

static void on_connection(uv_stream_t *listener, int status)
{
  struct echo *echo = listener->data;
  if (status < 0 || uv_tcp_init(listener->loop, &echo->connection) < 0) return;
  echo->connection.data = echo;
  echo->connected = true;
  if (uv_accept(listener, (uv_stream_t *)&echo->connection) == 0)
    uv_read_start((uv_stream_t *)&echo->connection, give_room, on_read);
}

static void end_echo(void *arg)
{
  struct echo *echo = arg;
  close_now((uv_handle_t *)&echo->listener);
  if (echo->connected) close_now((uv_handle_t *)&echo->connection);
}

static int start_echo(struct echo **out, int *port)
{
  struct sockaddr_in address;
  int size = sizeof address;
  struct echo *echo = test_new(sizeof *echo);
  CHECK_OK(uv_ip4_addr("127.0.0.1", 0, &address));
  uv_loop_t *uv = eddy_loop_uv(eddy_get_running_loop());
  CHECK(uv != NULL);
  CHECK_OK(uv_tcp_init(uv, &echo->listener));
  test_defer(end_echo, echo);
  echo->listener.data = echo;
  CHECK_OK(uv_tcp_bind(&echo->listener, (const struct sockaddr *)&address, 0));
  CHECK_OK(uv_listen((uv_stream_t *)&echo->listener, 8, on_connection));
  CHECK_OK(uv_tcp_getsockname(&echo->listener, (struct sockaddr *)&address, &size));
  *port = ntohs(address.sin_port);
  *out = echo;
  return 0;
}

EDDY_TASK_TEST_KERNEL(beside, task_talks_to_a_server_of_libuvs_on_the_same_loop)
{
  int port = 0;
  struct echo *echo = NULL;
  eddy_stream_reader *reader;
  eddy_stream_writer *writer;
  char data[16] = "";
  size_t got;
  CHECK_OK(start_echo(&echo, &port));
  CHECK_OK(eddy_open_connection("127.0.0.1", port, NULL, &reader, &writer));
  int rc = 0;
  for (int i = 0; i < 50 && rc == 0; i++) {
    rc = eddy_stream_writer_write(writer, "hello", 5);
    if (rc == 0) rc = eddy_stream_reader_readexactly(reader, data, 5, &got);
  }
  if (rc == 0) rc = eddy_stream_writer_write_eof(writer);
  if (rc == 0) rc = eddy_stream_reader_read(reader, data + 8, 8, &got);
  eddy_stream_writer_unref(writer);
  eddy_stream_reader_unref(reader);
  CHECK_OK(rc);
  CHECK_STR(data, "hello");
  CHECK_EQ(got, 0);
  CHECK(echo->ended);
  return 0;
}

/* ---- what may be called from a callback of libuv's ---- */

static int end_wish(void *wish)
{
  trace("task");
  return eddy_future_set_result(((struct wish *)wish)->future, eddy_int(3));
}

static void start_work(uv_timer_t *timer)
{
  struct wish *wish = timer->data;
  int rc = eddy_loop_call_soon(wish->loop, trace_fn, "soon", NULL);
  if (rc == 0) rc = eddy_create_task(end_wish, wish, NULL);
  if (rc < 0) test_failed_code(__FILE__, __LINE__, "start_work", rc, 0);
  trace("libuv");
}

EDDY_TASK_TEST_KERNEL(beside, callback_of_libuv_may_start_tasks_which_run_after_it)
{
  struct wish *wish;
  CHECK_OK(new_wish(&wish));
  CHECK_OK(start_timer(wish, 1));
  CHECK_OK(uv_timer_start(&wish->uv.timer, start_work, 1, 0));
  CHECK_OK(wait_until_granted(wish, 3));
  CHECK_TRACE("libuv soon task");
  return 0;
}

/* ---- what counts as progress, and the end ---- */

static int wait_for_ever(void *future)
{
  return eddy_await(future, NULL);
}

/* Runs a loop whose task waits for a timer of libuv's, perhaps in vain. */
static int run_with_timer(bool unref)
{
  eddy_loop *loop;
  eddy_task *task;
  struct wish *wish = test_new(sizeof *wish);
  CHECK_OK(test_loop(&loop));
  wish->loop = loop;
  CHECK_OK(test_future(loop, &wish->future));
  CHECK_OK(test_loop_task(loop, wait_for_ever, wish->future, &task));
  CHECK_OK(start_timer(wish, unref ? 3600000 : 2));
  if (unref) uv_unref(&wish->uv.handle);
  int rc = eddy_loop_run(loop);
  close_now(&wish->uv.handle);
  return rc;
}

static int wait_for_timer(void *unused)
{
  (void)unused;
  return run_with_timer(false);
}

EDDY_TEST_KERNEL(beside, handle_that_is_active_is_no_deadlock)
{
  const char *report;
  CHECK_OK(alone(wait_for_timer, NULL, &report));
  CHECK_STR(report, "");
  return 0;
}

static int wait_in_vain(void *unused)
{
  (void)unused;
  CHECK_CODE(run_with_timer(true), EDDY_EDEADLOCK);
  return 0;
}

EDDY_TEST_KERNEL(beside, handle_that_was_unrefd_wakes_nobody)
{
  const char *report;
  NEEDS_ONE_THREAD();
  CHECK_OK(alone(wait_in_vain, NULL, &report));
  CHECK_CONTAINS(report, "nothing can wake");
  return 0;
}

static void on_closed(uv_handle_t *handle)
{
  trace("%s", (const char *)handle->data);
}

EDDY_TEST_KERNEL(beside, close_callbacks_come_before_the_loop_is_closed)
{
  eddy_loop *loop;
  uv_timer_t *timer = test_new(sizeof *timer);
  CHECK_OK(test_loop(&loop));
  CHECK(eddy_loop_uv(loop) != NULL);
  CHECK_OK(uv_timer_init(eddy_loop_uv(loop), timer));
  timer->data = "closed";
  uv_close((uv_handle_t *)timer, on_closed);
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE("closed");
  return 0;
}
