#include "support.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* ---- objects ---- */

static void free_loop(void *loop)
{
  eddy_loop_free(loop);
}

static void unref_queue(void *queue)
{
  eddy_queue_unref(queue);
}

static void unref_future(void *future)
{
  eddy_future_unref(future);
}

static void unref_task(void *task)
{
  eddy_task_unref(task);
}

int test_loop(eddy_loop **out)
{
  eddy_loop *loop;
  int rc = eddy_loop_new(NULL, &loop);
  if (rc < 0) return rc;
  test_defer(free_loop, loop);
  *out = loop;
  return 0;
}

int test_queue(size_t maxsize, eddy_queue **out)
{
  eddy_queue_options options = {.maxsize = maxsize};
  eddy_queue *queue;
  int rc = eddy_queue_new(&options, &queue);
  if (rc < 0) return rc;
  test_defer_late(unref_queue, queue);
  *out = queue;
  return 0;
}

int test_future(eddy_loop *loop, eddy_future **out)
{
  eddy_future *future;
  int rc = eddy_future_new(loop, &future);
  if (rc < 0) return rc;
  test_defer_late(unref_future, future);
  *out = future;
  return 0;
}

int test_loop_task_at(eddy_loop *loop, eddy_fn *fn, void *arg,
    const eddy_task_options *options, eddy_task **out)
{
  eddy_task *task;
  int rc = eddy_loop_create_task_with(loop, fn, arg, options, &task);
  if (rc < 0) return rc;
  test_defer_late(unref_task, task);
  *out = task;
  return 0;
}

/* ---- descriptors ---- */

static void close_fd(void *record)
{
  int *fd = record;
  if (*fd >= 0) eddy_sock_close(*fd);
  *fd = -1;
}

static int *fds[64];
static size_t fd_count;

static void forget_fds(void *unused)
{
  (void)unused;
  fd_count = 0;
}

void test_fd(int fd)
{
  if (fd_count == 0) test_defer(forget_fds, NULL);
  int *record = test_new(sizeof *record);
  *record = fd;
  if (fd_count < sizeof fds / sizeof fds[0]) fds[fd_count++] = record;
  test_defer(close_fd, record);
}

void test_fd_closed(int fd)
{
  for (size_t i = 0; i < fd_count; i++) {
    if (*fds[i] == fd) *fds[i] = -1;
  }
}

int test_pair(int pair[2])
{
  int rc = eddy_sock_pair(pair);
  if (rc < 0) return rc;
  test_fd(pair[0]);
  test_fd(pair[1]);
  return 0;
}

bool test_is_under_way(int fd)
{
  struct tcp_info info;
  socklen_t size = sizeof info;
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
         info.tcpi_unacked > 0;
}

/* ---- the trace ---- */

static char trace_text[1 << 16];
static size_t trace_length;

void trace(const char *format, ...)
{
  size_t left = sizeof trace_text - trace_length;
  if (left < 2) return;
  if (trace_length > 0) {
    trace_text[trace_length++] = ' ';
    left--;
  }
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(trace_text + trace_length, left, format, arguments);
  va_end(arguments);
  if (length < 0) return;
  trace_length += (size_t)length < left ? (size_t)length : left - 1;
}

const char *test_trace(void)
{
  return trace_text;
}

void test_trace_clear(void)
{
  trace_length = 0;
  trace_text[0] = '\0';
}

int trace_fn(void *text)
{
  trace("%s", (const char *)text);
  return 0;
}
