/*
 * Socket calls made by tasks of either kind of coroutine, and connections of every kind to
 * make them on.
 */
#ifndef EDDY_TEST_SOCK_CALLS_H
#define EDDY_TEST_SOCK_CALLS_H

#include "kinds.h"

enum call_kind { RECV, RECV_INTO, SEND, SENDALL, ACCEPT, CONNECT };

/* One call in a task of its own; rc is EDDY_PENDING until it has an answer. */
struct call {
  eddy_frame frame; /* first */
  enum call_kind kind;
  int fd;
  char *bytes; /* what is sent, or where to */
  size_t size;
  size_t moved;
  int connection;       /* ACCEPT */
  eddy_address address; /* CONNECT: where to; ACCEPT: from where */
  int rc;
  char message[120]; /* of a failure */
  eddy_task *task;
};

static inline int call_make(struct call *call)
{
  switch (call->kind) {
  case RECV:
    return eddy_sock_recv(call->fd, call->bytes, call->size, &call->moved);
  case RECV_INTO:
    return eddy_sock_recv_into(call->fd, call->bytes, call->size, &call->moved);
  case SEND:
    return eddy_sock_send(call->fd, call->bytes, call->size, &call->moved);
  case SENDALL:
    return eddy_sock_sendall(call->fd, call->bytes, call->size);
  case ACCEPT:
    return eddy_sock_accept(call->fd, &call->connection, &call->address);
  default:
    return eddy_sock_connect(call->fd, &call->address);
  }
}

static inline int call_ended(struct call *call, int rc)
{
  call->rc = rc;
  snprintf(call->message, sizeof call->message, "%s", rc < 0 ? eddy_message(rc) : "");
  return rc == EDDY_ECANCELLED ? rc : 0;
}

static inline int call_body(void *arg)
{
  struct call *call = arg;
  return call_ended(call, call_make(call));
}

static inline int call_frame(eddy_frame *frame)
{
  struct call *call = (struct call *)frame;
  int rc;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, rc, call_make(call));
  rc = call_ended(call, rc);
  if (rc < 0) EDDY_RAISE(frame, rc);
  EDDY_END(frame);
}

/* Starts the call; its task runs when the caller waits next. `bytes` NULL: room for `size`
 * is made. */
static inline int call_start(enum kind kind, enum call_kind what, int fd,
    const void *bytes, size_t size, struct call **out)
{
  struct call *call = test_new(sizeof *call);
  call->kind = what;
  call->fd = fd;
  call->bytes = bytes != NULL ? (char *)(uintptr_t)bytes : test_new(size + 1);
  call->size = size;
  call->rc = EDDY_PENDING;
  call->connection = -1;
  *out = call;
  return start_kind(kind, call_body, call_frame, &call->frame, &call->task);
}

static inline int connect_start(
    enum kind kind, int fd, const eddy_address *address, struct call **out)
{
  CHECK_OK(call_start(kind, CONNECT, fd, NULL, 0, out));
  (*out)->address = *address;
  return 0;
}

/* Whether its task waits (and has not failed before it could). */
static inline bool call_waits(const struct call *call)
{
  return call->rc == EDDY_PENDING && !eddy_task_done(call->task);
}

/* Waits for the call, and gives its code. */
static inline int call_join(struct call *call)
{
  int rc = eddy_task_await(call->task, NULL);
  return rc < 0 && rc != call->rc ? rc : call->rc;
}

static inline int close_fd_of(eddy_future *future, void *arg)
{
  int *fd = arg;
  (void)future;
  test_fd_closed(*fd);
  (void)eddy_sock_close(*fd); /* the task may have done so */
  return 0;
}

/* Closes the descriptor when the task has ended, so that nobody waits for a task that has
 * failed. */
static inline int close_when_done(eddy_task *task, int fd)
{
  int *copy = test_new(sizeof *copy);
  *copy = fd;
  return eddy_future_add_done_callback(eddy_task_future(task), close_fd_of, copy);
}

/* Gives the loop time to see what has happened to descriptors. */
static inline int look_around(void)
{
  CHECK_OK(settle());
  CHECK_OK(eddy_sleep(EDDY_MS(2)));
  CHECK_OK(settle());
  return 0;
}

/* ---- connections ---- */

static inline int close_now(int fd)
{
  test_fd_closed(fd);
  return eddy_sock_close(fd);
}

/* A listener on a port that the system chooses; closed when the test is over. */
static inline int listen_at(const char *host, int *listener, eddy_address *address)
{
  CHECK_OK(eddy_sock_listen(host, 0, NULL, listener));
  test_fd(*listener);
  return eddy_sock_getsockname(*listener, address);
}

static inline int open_socket(const eddy_address *address, int *fd)
{
  CHECK_OK(eddy_sock_open(address, fd));
  test_fd(*fd);
  return 0;
}

/* The two ends of a TCP connection: the caller's and the listener's. */
static inline int tcp_pair(int fds[2])
{
  int listener;
  eddy_address address;
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  CHECK_OK(open_socket(&address, &fds[0]));
  CHECK_OK(eddy_sock_connect(fds[0], &address));
  CHECK_OK(eddy_sock_accept(listener, &fds[1], NULL));
  test_fd(fds[1]);
  return close_now(listener);
}

/* Runs the scenario on a pair and on a TCP connection, with calls of both kinds. */
static inline int each_stream(int (*scenario)(enum kind kind, int fds[2]))
{
  for (int variant = 0; variant < 4; variant++) {
    int fds[2];
    bool tcp = variant % 2 != 0;
    enum kind kind = variant < 2 ? STACKFUL : STACKLESS;
    CHECK_OK(tcp ? tcp_pair(fds) : test_pair(fds));
    int rc = scenario(kind, fds);
    if (rc < 0) {
      fprintf(stderr, "the failure was with %s coroutines on %s\n",
          kind == STACKFUL ? "stackful" : "stackless", tcp ? "TCP" : "a pair");
      return rc;
    }
    CHECK_OK(
        settle()); /* who closes them at the end has done so: the numbers come again */
    for (int i = 0; i < 2; i++) {
      test_fd_closed(fds[i]);
      (void)eddy_sock_close(fds[i]); /* the scenario may have done so */
    }
  }
  return 0;
}

/* Receives exactly `size` bytes. */
static inline int recv_all(int fd, void *bytes, size_t size)
{
  for (size_t total = 0, got; total < size; total += got) {
    CHECK_OK(eddy_sock_recv(fd, (char *)bytes + total, size - total, &got));
    CHECK(got > 0);
  }
  return 0;
}

/* Sends until the socket takes no more; on a transport's a send that had to wait is refused. */
static inline int fill_up(int fd)
{
  static char block[4096];
  size_t moved;
  eddy_time patience = EDDY_MS(20);
  /* The kernel moves bytes on to the peer's buffer in its own time, which makes room again
   * without a word: the last look is one that does not wait. */
  do {
    eddy_timeout scope;
    int rc = 0;
    moved = 0;
    CHECK_OK(eddy_timeout_enter(&scope, patience));
    for (size_t sent = 0; rc == 0; moved += sent) {
      sent = 0;
      rc = eddy_sock_send(fd, block, sizeof block, &sent);
    }
    rc = eddy_timeout_exit(&scope, rc);
    CHECK(rc == EDDY_ETIMEDOUT || rc == EDDY_EBUSY);
    if (rc == EDDY_EBUSY) CHECK_OK(eddy_sleep(patience));
    for (int i = 0; i < 500 && test_is_under_way(fd); i++)
      CHECK_OK(eddy_sleep(EDDY_MS(1)));
    if (patience > 0) moved = 1; /* once more */
    patience = 0;
  } while (moved > 0);
  return 0;
}

/* A byte that depends on its place, with no short period. */
static inline unsigned char byte_at(size_t place)
{
  return (unsigned char)((place * 2654435761u) >> 13);
}

#endif
