/* Operations of the uv io half: over its own descriptors, and over everybody else's. */
#include "backend/own.h"
#include "uv_fixture.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/own.h"
#include "base/clock.h"

/* ---- operations ---- */

static void test_recv_waits_and_finishes(void)
{
  eddy_loop loop;
  open_loop(&loop, &eddy__scheduler_native, NULL);
  int fds[2];
  CHECK(loop.io->sock_pair(loop.io_state, fds) == 0);
  char buffer[16];
  eddy_op op = {.buffer = buffer, .size = sizeof(buffer)};
  for (int round = 0; round < 3; round++) {
    CHECK(start(&loop, &op, EDDY_OP_RECV, fds[0]) == EDDY_PENDING);
    CHECK(loop.io->alive(loop.io_state));
    CHECK(poll_loop(&loop, 0) == 0);
    CHECK(write(fds[1], "hello", 5) == 5);
    CHECK(poll_until_signal(&loop) == 1);
    CHECK(finish(&loop, &op) == 0 && op.result == 5);
    CHECK(!loop.io->alive(loop.io_state));
  }
  CHECK(write(fds[1], "now", 3) == 3);
  CHECK(poll_loop(&loop, 0) == 0); /* until then the short reads have taken everything */
  CHECK(start(&loop, &op, EDDY_OP_RECV, fds[0]) == 0 && op.result == 3);
  CHECK(loop.io->sock_shutdown(loop.io_state, fds[1], EDDY_SHUTDOWN_WRITE) == 0);
  CHECK(start(&loop, &op, EDDY_OP_RECV, fds[0]) == 0 && op.result == 0);
  CHECK(loop.io->sock_close(loop.io_state, fds[0]) == 0);
  CHECK(loop.io->sock_close(loop.io_state, fds[0]) == EDDY_EBADF);
  CHECK(start(&loop, &op, EDDY_OP_RECV, fds[0]) == EDDY_EBADF);
  op.buffer = "x";
  op.size = 1;
  CHECK(start(&loop, &op, EDDY_OP_SEND, fds[1]) == EDDY_EPIPE); /* and no SIGPIPE */
  CHECK(loop.io->sock_close(loop.io_state, fds[1]) == 0);
  CHECK(start(&loop, &op, EDDY_OP_RECV, -1) == EDDY_EBADF);
  CHECK(start(&loop, &op, EDDY_OP_READABLE, 1 << 30) == EDDY_EBADF);
  close_loop(&loop);
}

static void test_one_waiter_a_direction(void)
{
  eddy_loop loop;
  open_loop(&loop, &eddy__scheduler_native, NULL);
  int fds[2];
  CHECK(loop.io->sock_pair(loop.io_state, fds) == 0);
  char buffer[4096] = {0};
  eddy_op reader = {.buffer = buffer, .size = 1};
  eddy_op second = {.buffer = buffer, .size = 1};
  eddy_op writer = {.buffer = buffer, .size = sizeof(buffer)};
  CHECK(start(&loop, &reader, EDDY_OP_RECV, fds[0]) == EDDY_PENDING);
  CHECK(start(&loop, &second, EDDY_OP_RECV, fds[0]) == EDDY_EBUSY);
  CHECK(start(&loop, &second, EDDY_OP_READABLE, fds[0]) == EDDY_EBUSY);
  int rc;
  do {
    rc = start(&loop, &writer, EDDY_OP_SEND, fds[0]);
  } while (rc == 0);
  CHECK(rc == EDDY_PENDING);
  CHECK(start(&loop, &second, EDDY_OP_WRITABLE, fds[0]) == EDDY_EBUSY);
  /* Both directions become ready in one poll: the reader is first. */
  char sink[65536];
  while (recv(fds[1], sink, sizeof(sink), MSG_DONTWAIT) > 0) {
  }
  CHECK(write(fds[1], "x", 1) == 1);
  CHECK(poll_until_signal(&loop) == 2);
  CHECK(loop.arrived[0] == &reader && loop.arrived[1] == &writer);
  CHECK(finish(&loop, &reader) == 0);
  CHECK(finish(&loop, &writer) == 0 && writer.result > 0);
  /* Now nobody waits, but both directions are armed: that must end in sleep. */
  CHECK(write(fds[1], "y", 1) == 1);
  eddy_time cpu = cpu_used();
  for (int i = 0; i < 4; i++) {
    CHECK(poll_loop(&loop, EDDY_MS(30)) == 0);
  }
  eddy_time before = eddy__clock_now();
  CHECK(poll_loop(&loop, EDDY_MS(30)) == 0);
  CHECK(eddy__clock_now() - before >= EDDY_MS(29));
  CHECK(cpu_used() - cpu < EDDY_MS(60));
  /* And waiting works again afterwards. */
  CHECK(start(&loop, &reader, EDDY_OP_RECV, fds[0]) == 0);
  CHECK(start(&loop, &reader, EDDY_OP_RECV, fds[0]) == EDDY_PENDING);
  CHECK(write(fds[1], "z", 1) == 1);
  CHECK(poll_until_signal(&loop) == 1 && finish(&loop, &reader) == 0 && buffer[0] == 'z');
  CHECK(loop.io->sock_close(loop.io_state, fds[0]) == 0);
  CHECK(loop.io->sock_close(loop.io_state, fds[1]) == 0);
  close_loop(&loop);
}

static void test_close_and_cancel(void)
{
  eddy_loop loop;
  open_loop(&loop, &eddy__scheduler_native, NULL);
  int fds[2];
  CHECK(loop.io->sock_pair(loop.io_state, fds) == 0);
  char buffer[8];
  eddy_op reader = {.buffer = buffer, .size = sizeof(buffer)};
  CHECK(start(&loop, &reader, EDDY_OP_RECV, fds[0]) == EDDY_PENDING);
  CHECK(poll_loop(&loop, 0) == 0);
  /* A cancelled receive leaves everything for the next. */
  cancel(&loop, &reader);
  CHECK(!loop.io->alive(loop.io_state));
  CHECK(write(fds[1], "abc", 3) == 3);
  CHECK(poll_loop(&loop, 0) == 0);
  CHECK(start(&loop, &reader, EDDY_OP_RECV, fds[0]) == 0 && reader.result == 3);
  /* Closing wakes the waiter, and the poll that follows does not sleep. */
  CHECK(start(&loop, &reader, EDDY_OP_RECV, fds[0]) == EDDY_PENDING);
  loop.arrivals = 0;
  CHECK(loop.io->sock_close(loop.io_state, fds[0]) == 0);
  CHECK(loop.arrivals == 1 && loop.arrived[0] == &reader);
  eddy_time before = eddy__clock_now();
  loop.io->poll(loop.io_state, EDDY_S(5));
  CHECK(eddy__clock_now() - before < EDDY_S(2));
  CHECK(finish(&loop, &reader) == EDDY_EBADF);
  /* A signalled one, too, if the descriptor is closed before it is finished. */
  int more[2];
  CHECK(loop.io->sock_pair(loop.io_state, more) == 0);
  CHECK(more[0] == fds[0]); /* the number is reused */
  CHECK(start(&loop, &reader, EDDY_OP_RECV, more[0]) == EDDY_PENDING);
  CHECK(write(more[1], "x", 1) == 1);
  CHECK(poll_until_signal(&loop) == 1);
  CHECK(loop.io->sock_close(loop.io_state, more[0]) == 0);
  CHECK(finish(&loop, &reader) == EDDY_EBADF);
  CHECK(loop.io->sock_close(loop.io_state, more[1]) == 0);
  CHECK(loop.io->sock_close(loop.io_state, fds[1]) == 0);
  close_loop(&loop);
}

/* ---- descriptors of somebody else ---- */

static void test_closed_behind_our_back(void)
{
  eddy_loop loop;
  open_loop(&loop, &eddy__scheduler_native, NULL);
  char buffer[8];
  eddy_op reader = {.buffer = buffer, .size = sizeof(buffer)};
  int fds[2];
  /* Closed between the start and the poll: libuv alone would end the process. */
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
  CHECK(start(&loop, &reader, EDDY_OP_READABLE, fds[0]) == EDDY_PENDING);
  close(fds[0]);
  CHECK(poll_until_signal(&loop) == 1 && finish(&loop, &reader) == EDDY_EBADF);
  /* Replaced by a file that cannot be polled. */
  CHECK(start(&loop, &reader, EDDY_OP_READABLE, fds[1]) == EDDY_PENDING);
  int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  CHECK(dup2(file, fds[1]) == fds[1]);
  CHECK(poll_until_signal(&loop) == 1 && finish(&loop, &reader) == EDDY_EPERM);
  CHECK(start(&loop, &reader, EDDY_OP_READABLE, fds[1]) == EDDY_EPERM);
  close(file);
  close(fds[1]);
  /* Replaced by a device that cannot be polled, over a handle that served a socket. */
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  CHECK(null == fds[0]);
  bool always_ready = strcmp(tested_io->name, "poll") == 0 ||
                      strcmp(tested_io->name, "uring") == 0;
  if (!always_ready)
    CHECK(start(&loop, &reader, EDDY_OP_READABLE, null) == EDDY_EPERM);
  close(null);
  /* Waited on, registered, closed, and the number taken over by another socket. */
  for (int round = 0; round < 3; round++) {
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    CHECK(start(&loop, &reader, EDDY_OP_RECV, fds[0]) == EDDY_PENDING);
    CHECK(write(fds[1], "x", 1) == 1);
    CHECK(poll_until_signal(&loop) == 1 && finish(&loop, &reader) == 0);
    CHECK(start(&loop, &reader, EDDY_OP_READABLE, fds[0]) == EDDY_PENDING);
    CHECK(write(fds[1], "x", 1) == 1);
    CHECK(poll_until_signal(&loop) == 1 && finish(&loop, &reader) == 0);
    close(fds[0]);
    close(fds[1]);
  }
  close_loop(&loop);
}

/* A waiter, its descriptor closed with close, and a new socket of our own with its
 * number. */
static void test_number_reused_by_our_own(void)
{
  eddy_loop loop;
  open_loop(&loop, &eddy__scheduler_native, NULL);
  char buffer[8];
  eddy_op old = {.buffer = buffer, .size = sizeof(buffer)};
  eddy_op new = {.buffer = buffer, .size = sizeof(buffer)};
  int fds[2], more[2];
  CHECK(loop.io->sock_pair(loop.io_state, fds) == 0);
  CHECK(start(&loop, &old, EDDY_OP_RECV, fds[0]) == EDDY_PENDING);
  CHECK(poll_loop(&loop, 0) == 0);
  close(fds[0]);
  close(fds[1]);
  loop.arrivals = 0;
  CHECK(loop.io->sock_pair(loop.io_state, more) == 0);
  CHECK(more[0] == fds[0] && loop.arrivals == 1);
  CHECK(finish(&loop, &old) == EDDY_EBADF);
  CHECK(start(&loop, &new, EDDY_OP_RECV, more[0]) == EDDY_PENDING);
  CHECK(write(more[1], "ok", 2) == 2);
  CHECK(poll_until_signal(&loop) == 1 && finish(&loop, &new) == 0 && new.result == 2);
  CHECK(loop.io->sock_close(loop.io_state, more[0]) == 0);
  CHECK(loop.io->sock_close(loop.io_state, more[1]) == 0);
  close_loop(&loop);
}

/* remove_reader and then close, while a duplicate keeps the file alive: no event of it
 * may come, and the loop must sleep. */
static void test_cancelled_wait_leaves_nothing(void)
{
  eddy_loop loop;
  open_loop(&loop, &eddy__scheduler_native, NULL);
  eddy_op reader = {0};
  int fds[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
  int copy = dup(fds[0]);
  CHECK(start(&loop, &reader, EDDY_OP_READABLE, fds[0]) == EDDY_PENDING);
  CHECK(write(fds[1], "x", 1) == 1);
  CHECK(poll_until_signal(&loop) == 1 && finish(&loop, &reader) == 0);
  CHECK(start(&loop, &reader, EDDY_OP_READABLE, fds[0]) == EDDY_PENDING);
  CHECK(poll_until_signal(&loop) == 1);
  cancel(&loop, &reader);
  close(fds[0]);
  CHECK(write(fds[1], "y", 1) == 1);
  eddy_time cpu = cpu_used();
  CHECK(poll_loop(&loop, EDDY_MS(100)) == 0);
  CHECK(cpu_used() - cpu < EDDY_MS(50));
  /* The same, when the wait was finished and not repeated. */
  CHECK(start(&loop, &reader, EDDY_OP_READABLE, copy) == EDDY_PENDING);
  CHECK(poll_until_signal(&loop) == 1 && finish(&loop, &reader) == 0);
  CHECK(poll_loop(&loop, 0) == 0);
  int again = dup(copy);
  close(copy);
  cpu = cpu_used();
  CHECK(poll_loop(&loop, EDDY_MS(100)) == 0);
  CHECK(cpu_used() - cpu < EDDY_MS(50));
  close(again);
  close(fds[1]);
  close_loop(&loop);
}

static void test_pipes_and_events(void)
{
  eddy_loop loop;
  open_loop(&loop, &eddy__scheduler_native, NULL);
  eddy_op op = {0};
  int pipes[2];
  CHECK(pipe2(pipes, O_CLOEXEC) == 0);
  int event = eventfd(0, EFD_CLOEXEC);
  for (int round = 0; round < 3; round++) {
    char byte;
    CHECK(start(&loop, &op, EDDY_OP_READABLE, pipes[0]) == EDDY_PENDING);
    CHECK(poll_loop(&loop, 0) == 0 && write(pipes[1], "p", 1) == 1);
    CHECK(poll_until_signal(&loop) == 1 && finish(&loop, &op) == 0);
    CHECK(read(pipes[0], &byte, 1) == 1);
    uint64_t one = 1;
    CHECK(start(&loop, &op, EDDY_OP_READABLE, event) == EDDY_PENDING);
    CHECK(poll_loop(&loop, 0) == 0 && write(event, &one, sizeof(one)) == sizeof(one));
    CHECK(poll_until_signal(&loop) == 1 && finish(&loop, &op) == 0);
    CHECK(read(event, &one, sizeof(one)) == sizeof(one));
  }
  CHECK(start(&loop, &op, EDDY_OP_WRITABLE, pipes[1]) == EDDY_PENDING);
  CHECK(poll_until_signal(&loop) == 1 && finish(&loop, &op) == 0);
  CHECK(start(&loop, &op, EDDY_OP_RECV, pipes[0]) == EDDY_ENOTSOCK);
  close(event);
  close(pipes[0]);
  close(pipes[1]);
  close_loop(&loop);
}

/* ---- sockets ---- */

static eddy_address local_address(int family)
{
  eddy_address address = {0};
  if (family == AF_INET) {
    struct sockaddr_in name = {.sin_family = AF_INET};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.length = sizeof(name);
    memcpy(address.storage.bytes, &name, sizeof(name));
  } else {
    struct sockaddr_in6 name = {
        .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    address.length = sizeof(name);
    memcpy(address.storage.bytes, &name, sizeof(name));
  }
  return address;
}

static bool has_flags(int fd)
{
  return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

static bool has_nodelay(int fd)
{
  int value = 0;
  socklen_t size = sizeof(value);
  return getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size) == 0 && value != 0;
}

static void connect_once(eddy_loop *loop, const eddy_address *where)
{
  eddy_address address = {0}, peer = {0}, seen = {0};
  int listener = -1, client = -1;
  int rc = loop->io->sock_listen(loop->io_state, where, NULL, &listener);
  if (rc == EDDY_EADDRNOTAVAIL || rc == EDDY_EAFNOSUPPORT) return; /* no IPv6 here */
  if (!CHECK(rc == 0)) return;
  CHECK(loop->io->sock_name(loop->io_state, listener, false, &address) == 0);
  eddy_op accepting = {.address = &peer};
  eddy_op connecting = {.address = &address};
  CHECK(start(loop, &accepting, EDDY_OP_ACCEPT, listener) == EDDY_PENDING);
  CHECK(loop->io->sock_open(loop->io_state, &address, &client) == 0);
  rc = start(loop, &connecting, EDDY_OP_CONNECT, client);
  CHECK(rc == 0 || rc == EDDY_PENDING);
  while (rc == EDDY_PENDING || accepting.state != IDLE) {
    if (poll_until_signal(loop) == 0) break;
    for (size_t i = 0, count = loop->arrivals; i < count; i++) {
      if (loop->arrived[i] == &connecting) {
        rc = finish(loop, &connecting);
      } else {
        CHECK(finish(loop, &accepting) == 0);
      }
    }
  }
  CHECK(rc == 0 && accepting.state == IDLE);
  int served = (int)accepting.result;
  CHECK(has_flags(served) && has_flags(client) && has_flags(listener));
  CHECK(loop->io->sock_name(loop->io_state, client, false, &seen) == 0);
  CHECK(seen.length == peer.length);
  if (address.storage.bytes[0] != AF_UNIX) {
    CHECK(has_nodelay(served) && has_nodelay(client));
    CHECK(memcmp(seen.storage.bytes, peer.storage.bytes, seen.length) == 0);
  }
  CHECK(loop->io->sock_close(loop->io_state, served) == 0);
  CHECK(loop->io->sock_close(loop->io_state, client) == 0);
  CHECK(loop->io->sock_close(loop->io_state, listener) == 0);
  /* Nobody listens any more. */
  CHECK(loop->io->sock_open(loop->io_state, &address, &client) == 0);
  rc = start(loop, &connecting, EDDY_OP_CONNECT, client);
  if (rc == EDDY_PENDING && CHECK(poll_until_signal(loop) == 1))
    rc = finish(loop, &connecting);
  CHECK(rc == EDDY_ECONNREFUSED);
  CHECK(loop->io->sock_close(loop->io_state, client) == 0);
}

static void test_connect_and_accept(void)
{
  eddy_loop loop;
  open_loop(&loop, &eddy__scheduler_native, NULL);
  eddy_address address = local_address(AF_INET);
  connect_once(&loop, &address);
  address = local_address(AF_INET6);
  connect_once(&loop, &address);
  /* A foreign, blocking listener: accept must not block. */
  int foreign = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(listen(foreign, 4) == 0);
  eddy_op op = {0};
  CHECK(start(&loop, &op, EDDY_OP_ACCEPT, foreign) == EDDY_PENDING);
  cancel(&loop, &op);
  close(foreign);
  CHECK(start(&loop, &op, EDDY_OP_ACCEPT, foreign) == EDDY_EBADF);
  close_loop(&loop);
}

static void test_unix_listener(void)
{
  eddy_loop loop;
  open_loop(&loop, &eddy__scheduler_native, NULL);
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  snprintf(name.sun_path, sizeof(name.sun_path), "/tmp/eddy-backend-%ld", (long)getpid());
  unlink(name.sun_path);
  eddy_address address = {.length = sizeof(name)};
  memcpy(address.storage.bytes, &name, sizeof(name));
  connect_once(&loop, &address); /* leaves the file behind */
  int first = -1, second = -1;
  CHECK(loop.io->sock_listen(loop.io_state, &address, NULL, &first) ==
        0); /* stale: removed */
  CHECK(loop.io->sock_listen(loop.io_state, &address, NULL, &second) == EDDY_EADDRINUSE);
  CHECK(loop.io->sock_close(loop.io_state, first) == 0);
  unlink(name.sun_path);
  int file = open(name.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  CHECK(loop.io->sock_listen(loop.io_state, &address, NULL, &second) == EDDY_EADDRINUSE);
  CHECK(
      access(name.sun_path, F_OK) == 0); /* a file of another kind is nobody's business */
  close(file);
  unlink(name.sun_path);
  close_loop(&loop);
}

void test_sockets(void)
{
  test_recv_waits_and_finishes();
  test_one_waiter_a_direction();
  test_close_and_cancel();
  test_closed_behind_our_back();
  test_number_reused_by_our_own();
  test_cancelled_wait_leaves_nothing();
  test_pipes_and_events();
  test_connect_and_accept();
  test_unix_listener();
}
