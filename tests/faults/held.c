/*
 * What the case holds: references it was given and has not given back, descriptors that were
 * handed to it or that it opened. A case that gives up at a failed check lets go of nothing,
 * which is no fault of the library's: the campaign does it for the case.
 *
 * In this program the tests' object files call held_eddy_loop_new where they called
 * eddy_loop_new, and so on (test_symbols.txt).
 */
#include "faults.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#undef eddy_create_task
#undef eddy_loop_create_task

#define FDS 2048

/* In the order in which they are let go of. */
enum kind { LOOP, TASK, FUTURE, HANDLE, QUEUE, GENERATOR, KINDS };

struct held {
  void *object;
  enum kind kind;
  unsigned references;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct held *all;
static size_t count, capacity;
static bool fds[FDS];

static struct held *find(void *object, enum kind kind)
{
  /* The latest are asked for most. */
  for (size_t i = count; i-- > 0;) {
    if (all[i].object == object && all[i].kind == kind) return &all[i];
  }
  return NULL;
}

static void hold(void *object, enum kind kind)
{
  pthread_mutex_lock(&lock);
  struct held *held = find(object, kind);
  if (held == NULL) {
    if (count == capacity) {
      capacity = capacity == 0 ? 64 : 2 * capacity;
      all = realloc(all, capacity * sizeof *all);
      if (all == NULL) abort();
    }
    held = &all[count++];
    *held = (struct held){object, kind, 0};
  }
  held->references++;
  pthread_mutex_unlock(&lock);
}

static void let_go(void *object, enum kind kind)
{
  pthread_mutex_lock(&lock);
  struct held *held = find(object, kind);
  if (held != NULL && --held->references == 0) *held = all[--count];
  pthread_mutex_unlock(&lock);
}

static void hold_fd(int fd)
{
  if (fd >= 0 && fd < FDS) fds[fd] = true;
}

static void let_fd_go(int fd)
{
  if (fd >= 0 && fd < FDS) fds[fd] = false;
}

static void release(const struct held *held)
{
  switch (held->kind) {
  case LOOP:
    eddy_loop_free(held->object);
    break;
  case TASK:
    eddy_task_unref(held->object);
    break;
  case FUTURE:
    eddy_future_unref(held->object);
    break;
  case HANDLE:
    eddy_handle_unref(held->object);
    break;
  case QUEUE:
    eddy_queue_unref(held->object);
    break;
  default:
    eddy_gen_free(held->object);
    break;
  }
}

void faults_release_held(void)
{
  for (enum kind kind = LOOP; kind < KINDS; kind++) {
    for (size_t i = 0; i < count; i++) {
      for (; all[i].kind == kind && all[i].references > 0; all[i].references--)
        release(&all[i]);
    }
  }
  count = 0;
  for (int fd = 0; fd < FDS; fd++) {
    if (fds[fd]) close(fd);
    fds[fd] = false;
  }
}

/* ---- what the case calls ---- */

int held_eddy_loop_new(const eddy_loop_options *options, eddy_loop **out);
void held_eddy_loop_free(eddy_loop *loop);
int held_eddy_loop_create_task_with(eddy_loop *loop, eddy_fn *fn, void *arg,
    const eddy_task_options *options, eddy_task **out);
int held_eddy_loop_create_task(eddy_loop *loop, eddy_fn *fn, void *arg, eddy_task **out);
int held_eddy_create_task(eddy_fn *fn, void *arg, eddy_task **out);
int held_eddy_loop_create_task_coro(
    eddy_loop *loop, eddy_coro *coro, const eddy_task_options *options, eddy_task **out);
eddy_task *held_eddy_task_ref(eddy_task *task);
void held_eddy_task_unref(eddy_task *task);
int held_eddy_future_new(eddy_loop *loop, eddy_future **out);
int held_eddy_future_new_at(eddy_loop *loop, const char *site, eddy_future **out);
int held_eddy_gather(
    eddy_future *const *children, size_t n, eddy_gather_mode mode, eddy_future **out);
eddy_future *held_eddy_future_ref(eddy_future *future);
void held_eddy_future_unref(eddy_future *future);
int held_eddy_loop_call_soon(eddy_loop *loop, eddy_fn *fn, void *arg, eddy_handle **out);
int held_eddy_loop_call_later(
    eddy_loop *loop, eddy_time delay, eddy_fn *fn, void *arg, eddy_handle **out);
int held_eddy_loop_call_at(
    eddy_loop *loop, eddy_time when, eddy_fn *fn, void *arg, eddy_handle **out);
eddy_handle *held_eddy_handle_ref(eddy_handle *handle);
void held_eddy_handle_unref(eddy_handle *handle);
int held_eddy_queue_new(const eddy_queue_options *options, eddy_queue **out);
eddy_queue *held_eddy_queue_ref(eddy_queue *queue);
void held_eddy_queue_unref(eddy_queue *queue);
int held_eddy_gen_new(eddy_gen_fn *fn, void *arg, eddy_gen **out);
void held_eddy_gen_free(eddy_gen *gen);
int held_eddy_sock_accept(int listener, int *connection, eddy_address *peer);
int held_eddy_sock_listen(
    const char *host, int port, const eddy_listen_options *options, int *fd);
int held_eddy_sock_open(const eddy_address *address, int *fd);
int held_eddy_sock_pair(int pair[2]);
int held_eddy_sock_close(int fd);
int held_close(int fd);
int held_dup(int fd);
int held_open(const char *path, int flags, ...);
int held_pipe(int ends[2]);
int held_socket(int family, int type, int protocol);
int held_socketpair(int family, int type, int protocol, int ends[2]);
int held_uv_loop_init(uv_loop_t *loop);

/* After a call that gives a reference, when it was asked for. */
static int got(int rc, void *out, enum kind kind)
{
  void *object;
  if (rc != 0 || out == NULL) return rc;
  memcpy(&object, out, sizeof object);
  hold(object, kind);
  return rc;
}

int held_eddy_loop_new(const eddy_loop_options *options, eddy_loop **out)
{
  return got(eddy_loop_new(options, out), out, LOOP);
}

void held_eddy_loop_free(eddy_loop *loop)
{
  let_go(loop, LOOP);
  eddy_loop_free(loop);
}

int held_eddy_loop_create_task_with(eddy_loop *loop, eddy_fn *fn, void *arg,
    const eddy_task_options *options, eddy_task **out)
{
  return got(eddy_loop_create_task_with(loop, fn, arg, options, out), out, TASK);
}

int held_eddy_loop_create_task(eddy_loop *loop, eddy_fn *fn, void *arg, eddy_task **out)
{
  return got(eddy_loop_create_task(loop, fn, arg, out), out, TASK);
}

int held_eddy_create_task(eddy_fn *fn, void *arg, eddy_task **out)
{
  return got(eddy_create_task(fn, arg, out), out, TASK);
}

int held_eddy_loop_create_task_coro(
    eddy_loop *loop, eddy_coro *coro, const eddy_task_options *options, eddy_task **out)
{
  return got(eddy_loop_create_task_coro(loop, coro, options, out), out, TASK);
}

eddy_task *held_eddy_task_ref(eddy_task *task)
{
  hold(task, TASK);
  return eddy_task_ref(task);
}

void held_eddy_task_unref(eddy_task *task)
{
  let_go(task, TASK);
  eddy_task_unref(task);
}

int held_eddy_future_new(eddy_loop *loop, eddy_future **out)
{
  return got((eddy_future_new)(loop, out), out, FUTURE);
}

int held_eddy_future_new_at(eddy_loop *loop, const char *site, eddy_future **out)
{
  return got(eddy_future_new_at(loop, site, out), out, FUTURE);
}

int held_eddy_gather(
    eddy_future *const *children, size_t n, eddy_gather_mode mode, eddy_future **out)
{
  return got(eddy_gather(children, n, mode, out), out, FUTURE);
}

eddy_future *held_eddy_future_ref(eddy_future *future)
{
  hold(future, FUTURE);
  return eddy_future_ref(future);
}

void held_eddy_future_unref(eddy_future *future)
{
  let_go(future, FUTURE);
  eddy_future_unref(future);
}

int held_eddy_loop_call_soon(eddy_loop *loop, eddy_fn *fn, void *arg, eddy_handle **out)
{
  return got(eddy_loop_call_soon(loop, fn, arg, out), out, HANDLE);
}

int held_eddy_loop_call_later(
    eddy_loop *loop, eddy_time delay, eddy_fn *fn, void *arg, eddy_handle **out)
{
  return got(eddy_loop_call_later(loop, delay, fn, arg, out), out, HANDLE);
}

int held_eddy_loop_call_at(
    eddy_loop *loop, eddy_time when, eddy_fn *fn, void *arg, eddy_handle **out)
{
  return got(eddy_loop_call_at(loop, when, fn, arg, out), out, HANDLE);
}

eddy_handle *held_eddy_handle_ref(eddy_handle *handle)
{
  hold(handle, HANDLE);
  return eddy_handle_ref(handle);
}

void held_eddy_handle_unref(eddy_handle *handle)
{
  let_go(handle, HANDLE);
  eddy_handle_unref(handle);
}

int held_eddy_queue_new(const eddy_queue_options *options, eddy_queue **out)
{
  return got(eddy_queue_new(options, out), out, QUEUE);
}

eddy_queue *held_eddy_queue_ref(eddy_queue *queue)
{
  hold(queue, QUEUE);
  return eddy_queue_ref(queue);
}

void held_eddy_queue_unref(eddy_queue *queue)
{
  let_go(queue, QUEUE);
  eddy_queue_unref(queue);
}

int held_eddy_gen_new(eddy_gen_fn *fn, void *arg, eddy_gen **out)
{
  return got(eddy_gen_new(fn, arg, out), out, GENERATOR);
}

void held_eddy_gen_free(eddy_gen *gen)
{
  let_go(gen, GENERATOR);
  eddy_gen_free(gen);
}

int held_eddy_sock_accept(int listener, int *connection, eddy_address *peer)
{
  int rc = eddy_sock_accept(listener, connection, peer);
  if (rc == 0) hold_fd(*connection);
  return rc;
}

int held_eddy_sock_listen(
    const char *host, int port, const eddy_listen_options *options, int *fd)
{
  int rc = eddy_sock_listen(host, port, options, fd);
  if (rc == 0) hold_fd(*fd);
  return rc;
}

int held_eddy_sock_open(const eddy_address *address, int *fd)
{
  int rc = eddy_sock_open(address, fd);
  if (rc == 0) hold_fd(*fd);
  return rc;
}

int held_eddy_sock_pair(int pair[2])
{
  int rc = eddy_sock_pair(pair);
  if (rc == 0) hold_fd(pair[0]);
  if (rc == 0) hold_fd(pair[1]);
  return rc;
}

int held_eddy_sock_close(int fd)
{
  int rc = eddy_sock_close(fd);
  if (rc == 0 || rc == EDDY_EBADF) let_fd_go(fd);
  return rc;
}

int held_close(int fd)
{
  let_fd_go(fd);
  return close(fd);
}

int held_dup(int fd)
{
  int copy = dup(fd);
  hold_fd(copy);
  return copy;
}

int held_open(const char *path, int flags, ...)
{
  va_list arguments;
  va_start(arguments, flags);
  int fd = open(path, flags, (flags & O_CREAT) != 0 ? va_arg(arguments, int) : 0);
  va_end(arguments);
  hold_fd(fd);
  return fd;
}

int held_pipe(int ends[2])
{
  int rc = pipe(ends);
  if (rc == 0) hold_fd(ends[0]);
  if (rc == 0) hold_fd(ends[1]);
  return rc;
}

int held_socket(int family, int type, int protocol)
{
  int fd = socket(family, type, protocol);
  hold_fd(fd);
  return fd;
}

int held_socketpair(int family, int type, int protocol, int ends[2])
{
  int rc = socketpair(family, type, protocol, ends);
  if (rc == 0) hold_fd(ends[0]);
  if (rc == 0) hold_fd(ends[1]);
  return rc;
}

/* A host's own loop: that it can be had is the host's concern. */
int held_uv_loop_init(uv_loop_t *loop)
{
  faults_suspend(true);
  int rc = uv_loop_init(loop);
  faults_suspend(false);
  return rc;
}
