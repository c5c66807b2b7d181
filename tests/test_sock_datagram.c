/* Datagrams between tasks: boundaries, addresses, batches, refusals. */
#include <unistd.h>

#include "sock_calls.h"

/* ---- what every case needs ---- */

static int open_at(const char *host, const eddy_datagram_options *options, int *fd,
    eddy_address *address)
{
  CHECK_OK(eddy_address_parse(host, 0, address));
  CHECK_OK(eddy_sock_open_datagram(address, options, fd));
  test_fd(*fd);
  return eddy_sock_getsockname(*fd, address);
}

/* A file name of a Unix socket, removed afterwards. */
static void remove_file(void *path)
{
  (void)unlink(path);
}

static const char *socket_path(int number)
{
  char *path = test_new(100);
  snprintf(path, 100, "/tmp/eddy-datagram-%ld-%d", (long)getpid(), number);
  (void)unlink(path);
  test_defer_late(remove_file, path);
  return path;
}

/* Two sockets of a family, that know each other's address. */
struct two {
  int fds[2];
  eddy_address at[2];
};

static int open_two(int family, struct two *two)
{
  static const char *const hosts[] = {"127.0.0.1", "::1"};
  static int number;
  for (int i = 0; i < 2; i++) {
    const char *host = family < 2 ? hosts[family] : socket_path(number++);
    CHECK_OK(open_at(host, NULL, &two->fds[i], &two->at[i]));
  }
  return 0;
}

/* Runs the scenario over IPv4, IPv6 and Unix, with calls of both kinds. */
static int each_family(int (*scenario)(enum kind kind, struct two *two))
{
  static const char *const names[] = {"IPv4", "IPv6", "Unix"};
  for (int variant = 0; variant < 6; variant++) {
    struct two *two = test_new(sizeof *two);
    enum kind kind = variant < 3 ? STACKFUL : STACKLESS;
    CHECK_OK(open_two(variant % 3, two));
    int rc = scenario(kind, two);
    if (rc == 0) continue;
    fprintf(stderr, "the failure was with %s over %s\n",
        kind == STACKFUL ? "stackful" : "stackless", names[variant % 3]);
    return rc;
  }
  return 0;
}

/* One call in a task of its own. */
struct dcall {
  eddy_frame frame; /* first */
  int fd;
  bool sends;
  size_t size;
  size_t got;
  char *bytes;
  const eddy_address *to;
  eddy_address from;
  int rc;
  char message[160];
  eddy_task *task;
};

static int dcall_make(struct dcall *call)
{
  if (call->sends) return eddy_sock_sendto(call->fd, call->bytes, call->size, call->to);
  return eddy_sock_recvfrom(call->fd, call->bytes, call->size, &call->got, &call->from);
}

static int dcall_ended(struct dcall *call, int rc)
{
  call->rc = rc;
  snprintf(call->message, sizeof call->message, "%s", rc < 0 ? eddy_message(rc) : "");
  return rc == EDDY_ECANCELLED ? rc : 0;
}

static int dcall_body(void *arg)
{
  struct dcall *call = arg;
  return dcall_ended(call, dcall_make(call));
}

static int dcall_frame(eddy_frame *frame)
{
  struct dcall *call = (struct dcall *)frame;
  int rc;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, rc, dcall_make(call));
  rc = dcall_ended(call, rc);
  if (rc < 0) EDDY_RAISE(frame, rc);
  EDDY_END(frame);
}

static int dcall_start(enum kind kind, int fd, const char *bytes, size_t size,
    const eddy_address *to, struct dcall **out)
{
  struct dcall *call = test_new(sizeof *call);
  call->fd = fd;
  call->sends = bytes != NULL;
  call->bytes = bytes != NULL ? (char *)(uintptr_t)bytes : test_new(size + 1);
  call->size = size;
  call->to = to;
  call->rc = EDDY_PENDING;
  *out = call;
  return start_kind(kind, dcall_body, dcall_frame, &call->frame, &call->task);
}

static int dcall_join(struct dcall *call)
{
  int rc = eddy_task_await(call->task, NULL);
  return rc < 0 && rc != call->rc ? rc : call->rc;
}

/* ---- whole, with their address ---- */

static int same_address(const eddy_address *a, const eddy_address *b)
{
  char one[EDDY_ADDRESS_TEXT], other[EDDY_ADDRESS_TEXT];
  CHECK_STR(eddy_address_format(a, one, sizeof one),
      eddy_address_format(b, other, sizeof other));
  return 0;
}

static int whole_and_named(enum kind kind, struct two *two)
{
  struct dcall *waits, *call;
  CHECK_OK(dcall_start(kind, two->fds[1], NULL, 100, NULL, &waits));
  CHECK_OK(look_around());
  CHECK_EQ(waits->rc, EDDY_PENDING);
  CHECK_OK(dcall_start(kind, two->fds[0], "first", 5, &two->at[1], &call));
  CHECK_CODE(dcall_join(call), 0);
  CHECK_CODE(dcall_join(waits), 0);
  CHECK_EQ(waits->got, 5);
  CHECK_STR(waits->bytes, "first");
  CHECK_OK(same_address(&waits->from, &two->at[0]));
  /* Two that have arrived stay two, and an empty one is one. */
  CHECK_OK(eddy_sock_sendto(two->fds[0], "ab", 2, &two->at[1]));
  CHECK_OK(eddy_sock_sendto(two->fds[0], NULL, 0, &two->at[1]));
  CHECK_OK(eddy_sock_sendto(two->fds[0], "cd", 2, &two->at[1]));
  for (int i = 0; i < 3; i++) {
    CHECK_OK(dcall_start(kind, two->fds[1], NULL, 100, NULL, &call));
    CHECK_CODE(dcall_join(call), 0);
    CHECK_STR(call->bytes, i == 0 ? "ab" : i == 1 ? "" : "cd");
  }
  return 0;
}

EDDY_TASK_TEST(sock_datagram, each_arrives_whole_with_its_senders_address)
{
  return each_family(whole_and_named);
}

static int cut(enum kind kind, struct two *two)
{
  struct dcall *call;
  CHECK_OK(eddy_sock_sendto(two->fds[0], "0123456789", 10, &two->at[1]));
  CHECK_OK(eddy_sock_sendto(two->fds[0], "next", 4, &two->at[1]));
  CHECK_OK(dcall_start(kind, two->fds[1], NULL, 4, NULL, &call));
  CHECK_CODE(dcall_join(call), EDDY_EMSGSIZE);
  CHECK_CONTAINS(call->message, "a datagram is larger than the buffer of 4 bytes");
  CHECK_STR(call->bytes, "0123");
  CHECK_EQ(call->got, 0);
  CHECK_OK(dcall_start(kind, two->fds[1], NULL, 4, NULL, &call));
  CHECK_CODE(dcall_join(call), 0);
  CHECK_STR(call->bytes, "next");
  return 0;
}

EDDY_TASK_TEST(sock_datagram, one_larger_than_the_buffer_is_an_error_and_gone)
{
  return each_family(cut);
}

static int recv_into(enum kind kind, struct two *two)
{
  size_t got;
  char bytes[8];
  (void)kind;
  CHECK_OK(eddy_sock_sendto(two->fds[0], "hello", 5, &two->at[1]));
  CHECK_OK(eddy_sock_recvfrom_into(two->fds[1], bytes, sizeof bytes, &got, NULL));
  CHECK_EQ(got, 5);
  CHECK_MEM(bytes, "hello", 5);
  return 0;
}

EDDY_TASK_TEST(sock_datagram, recvfrom_into_is_the_same_call)
{
  return each_family(recv_into);
}

static int batch(enum kind kind, struct two *two)
{
  char rooms[20][8];
  eddy_datagram datagrams[20];
  size_t total = 0, got;
  (void)kind;
  for (int i = 0; i < 8; i++) {
    char digit = (char)('0' + i);
    CHECK_OK(eddy_sock_sendto(two->fds[0], &digit, i == 3 ? 0 : 1, &two->at[1]));
  }
  CHECK_OK(eddy_sock_sendto(two->fds[0], "much too long", 13, &two->at[1]));
  CHECK_OK(look_around());
  while (total < 9) {
    for (int i = 0; i < 20; i++)
      datagrams[i] = (eddy_datagram){.data = rooms[i], .size = sizeof rooms[i]};
    CHECK_OK(eddy_sock_recv_batch(two->fds[1], datagrams, 20, &got));
    CHECK(got >= 1);
    for (size_t i = 0; i < got; i++, total++) {
      CHECK_EQ(datagrams[i].cut, total == 8);
      CHECK_EQ(datagrams[i].size, total == 3 ? 0 : total == 8 ? 8 : 1);
      if (total != 3) CHECK_EQ(rooms[i][0], total == 8 ? 'm' : (char)('0' + total));
      CHECK_OK(same_address(&datagrams[i].from, &two->at[0]));
    }
  }
  CHECK_EQ(total, 9);
  return 0;
}

EDDY_TASK_TEST(sock_datagram, batch_takes_what_is_there_in_order)
{
  return each_family(batch);
}

/* ---- a fixed peer ---- */

static int connected(enum kind kind, struct two *two)
{
  struct dcall *call;
  char bytes[8];
  size_t got;
  CHECK_OK(eddy_sock_connect(two->fds[0], &two->at[1]));
  eddy_address peer;
  CHECK_OK(eddy_sock_getpeername(two->fds[0], &peer));
  CHECK_OK(same_address(&peer, &two->at[1]));
  CHECK_CODE(eddy_sock_getpeername(two->fds[1], &peer), EDDY_ENOTCONN);
  CHECK_OK(dcall_start(kind, two->fds[0], "to", 2, NULL, &call));
  CHECK_CODE(dcall_join(call), 0);
  CHECK_OK(eddy_sock_send(two->fds[0], "send", 4, &got));
  CHECK_OK(eddy_sock_recv(two->fds[1], bytes, sizeof bytes, &got));
  CHECK_EQ(got, 2);
  CHECK_OK(eddy_sock_recv(two->fds[1], bytes, sizeof bytes, &got));
  CHECK_EQ(got, 4);
  return 0;
}

EDDY_TASK_TEST(sock_datagram, connected_socket_needs_no_address)
{
  return each_family(connected);
}

static int no_address(enum kind kind, struct two *two)
{
  struct dcall *call;
  CHECK_OK(dcall_start(kind, two->fds[0], "to", 2, NULL, &call));
  int rc = dcall_join(call);
  CHECK(rc == EDDY_EDESTADDRREQ || rc == EDDY_ENOTCONN);
  CHECK_CONTAINS(call->message, "sendto");
  CHECK_CODE(eddy_sock_recvfrom(-1, NULL, 0, &(size_t){0}, NULL), EDDY_EBADF);
  CHECK_CODE(eddy_sock_recvfrom(two->fds[0], NULL, 1, &(size_t){0}, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_recvfrom(two->fds[0], call->bytes, 1, NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_sendto(two->fds[0], NULL, 1, &two->at[1]), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_sendto(two->fds[0], "", 0, &(eddy_address){0}), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_recv_batch(two->fds[0], NULL, 1, &(size_t){0}), EDDY_EINVAL);
  return 0;
}

EDDY_TASK_TEST(sock_datagram, bad_arguments_are_refused)
{
  return each_family(no_address);
}

EDDY_TASK_TEST(sock_datagram, refusal_of_a_connected_peer_comes_with_the_next_call)
{
  int fd, gone;
  eddy_address address, here;
  size_t got;
  char bytes[8];
  CHECK_OK(open_at("127.0.0.1", NULL, &gone, &address));
  CHECK_OK(close_now(gone));
  CHECK_OK(open_at("127.0.0.1", NULL, &fd, &here));
  CHECK_OK(eddy_sock_connect(fd, &address));
  CHECK_OK(eddy_sock_sendto(fd, "x", 1, NULL));
  CHECK_CODE(eddy_sock_recvfrom(fd, bytes, sizeof bytes, &got, NULL), EDDY_ECONNREFUSED);
  return 0;
}

EDDY_TASK_TEST(sock_datagram, sending_to_nobody_is_no_error_without_a_connection)
{
  int fd, gone;
  eddy_address address, here;
  CHECK_OK(open_at("127.0.0.1", NULL, &gone, &address));
  CHECK_OK(close_now(gone));
  CHECK_OK(open_at("127.0.0.1", NULL, &fd, &here));
  CHECK_OK(eddy_sock_sendto(fd, "x", 1, &address));
  CHECK_OK(eddy_sock_sendto(fd, "x", 1, &address));
  CHECK_OK(eddy_address_parse(socket_path(77), 0, &address));
  int unix_fd;
  CHECK_OK(open_at(socket_path(78), NULL, &unix_fd, &here));
  CHECK_CODE(eddy_sock_sendto(unix_fd, "x", 1, &address), EDDY_ENOENT);
  CHECK_CONTAINS(eddy_message(EDDY_ENOENT), "sendto /tmp/eddy-datagram-");
  return 0;
}

/* ---- opening ---- */

EDDY_TASK_TEST(sock_datagram, address_in_use_is_named)
{
  int first, second;
  eddy_address address;
  CHECK_OK(open_at("127.0.0.1", NULL, &first, &address));
  CHECK_CODE(eddy_sock_open_datagram(&address, NULL, &second), EDDY_EADDRINUSE);
  CHECK_CONTAINS(eddy_message(EDDY_EADDRINUSE), "open a datagram socket at 127.0.0.1:");
  static const eddy_datagram_options shared = {.reuse_port = true};
  CHECK_OK(open_at("127.0.0.1", &shared, &first, &address));
  CHECK_OK(eddy_sock_open_datagram(&address, &shared, &second));
  test_fd(second);
  return 0;
}

EDDY_TASK_TEST(sock_datagram, unbound_socket_gets_an_address_when_it_sends)
{
  int server, fd;
  eddy_address address, here;
  char bytes[8];
  size_t got;
  static const eddy_datagram_options unbound = {.unbound = true};
  CHECK_OK(open_at("127.0.0.1", NULL, &server, &address));
  CHECK_OK(eddy_sock_open_datagram(&address, &unbound, &fd));
  test_fd(fd);
  CHECK_OK(eddy_sock_getsockname(fd, &here));
  CHECK_EQ(eddy_address_port(&here), 0);
  CHECK_OK(eddy_sock_sendto(fd, "x", 1, &address));
  CHECK_OK(eddy_sock_recvfrom(server, bytes, sizeof bytes, &got, &here));
  CHECK(eddy_address_port(&here) != 0);
  CHECK_OK(eddy_sock_sendto(server, "y", 1, &here));
  CHECK_OK(eddy_sock_recv(fd, bytes, sizeof bytes, &got));
  CHECK_EQ(bytes[0], 'y');
  return 0;
}

EDDY_TASK_TEST(sock_datagram, broadcast_needs_leave)
{
  int fd;
  eddy_address here, all;
  CHECK_OK(open_at("127.0.0.1", NULL, &fd, &here));
  CHECK_OK(eddy_address_parse("255.255.255.255", 9, &all));
  CHECK_CODE(eddy_sock_sendto(fd, "x", 1, &all), EDDY_EACCES);
  static const eddy_datagram_options leave = {.broadcast = true};
  int may;
  CHECK_OK(open_at("127.0.0.1", &leave, &may, &here));
  CHECK(eddy_sock_sendto(may, "x", 1, &all) != EDDY_EACCES);
  return 0;
}

EDDY_TASK_TEST(sock_datagram, message_too_large_is_an_error)
{
  int fds[2];
  eddy_address at[2];
  char *much = test_new(70000);
  CHECK_OK(open_at("127.0.0.1", NULL, &fds[0], &at[0]));
  CHECK_OK(open_at("127.0.0.1", NULL, &fds[1], &at[1]));
  CHECK_CODE(eddy_sock_sendto(fds[0], much, 70000, &at[1]), EDDY_EMSGSIZE);
  size_t got;
  CHECK_OK(eddy_sock_sendto(fds[0], much, 65507, &at[1]));
  CHECK_OK(eddy_sock_recvfrom(fds[1], much, 70000, &got, NULL));
  CHECK_EQ(got, 65507);
  return 0;
}

EDDY_TEST(sock_datagram, calls_need_a_loop_and_a_task)
{
  eddy_address address;
  int fd;
  size_t got;
  CHECK_OK(eddy_address_parse("127.0.0.1", 0, &address));
  CHECK_CODE(eddy_sock_open_datagram(&address, NULL, &fd), EDDY_ENOLOOP);
  CHECK_CODE(eddy_sock_recvfrom(0, &fd, 1, &got, NULL), EDDY_ENOTASK);
  CHECK_CODE(eddy_sock_sendto(0, &fd, 1, &address), EDDY_ENOTASK);
  return 0;
}

/* ---- waiting ---- */

/* Fills a Unix socket until its sender waits; frees it by reading. */
static int back_pressure(enum kind kind, struct two *two)
{
  struct dcall *call = NULL;
  char bytes[8];
  size_t got, sent = 0;
  CHECK_OK(eddy_sock_connect(two->fds[0], &two->at[1]));
  for (;; sent++) {
    CHECK(sent < 100000);
    CHECK_OK(dcall_start(kind, two->fds[0], "12345", 5, NULL, &call));
    CHECK_OK(eddy_sleep(0));
    if (call->rc == EDDY_PENDING) CHECK_OK(look_around());
    if (call->rc == EDDY_PENDING) break;
    CHECK_CODE(call->rc, 0);
  }
  struct dcall *other;
  CHECK_OK(dcall_start(kind, two->fds[0], "!", 1, NULL, &other));
  CHECK_CODE(dcall_join(other), EDDY_EBUSY);
  for (size_t i = 0; i <= sent; i++) {
    CHECK_OK(eddy_sock_recv(two->fds[1], bytes, sizeof bytes, &got));
    CHECK_EQ(got, 5);
  }
  CHECK_CODE(dcall_join(call), 0);
  return 0;
}

EDDY_TASK_TEST(sock_datagram, sender_to_a_full_unix_socket_waits)
{
  for (enum kind kind = STACKFUL; kind <= STACKLESS; kind++) {
    struct two *two = test_new(sizeof *two);
    CHECK_OK(open_two(2, two));
    CHECK_OK(back_pressure(kind, two));
  }
  return 0;
}

static int cancelled(enum kind kind, struct two *two)
{
  struct dcall *call;
  char text[100], expected[60];
  CHECK_OK(dcall_start(kind, two->fds[1], NULL, 10, NULL, &call));
  CHECK_OK(look_around());
  snprintf(expected, sizeof expected, "recvfrom on descriptor %d", two->fds[1]);
  CHECK_STR(eddy_task_waits_for(call->task, text, sizeof text), expected);
  CHECK_OK(eddy_sock_sendto(two->fds[0], "kept", 4, &two->at[1]));
  CHECK(eddy_task_cancel(call->task, NULL));
  CHECK_CODE(dcall_join(call), EDDY_ECANCELLED);
  CHECK_OK(dcall_start(kind, two->fds[1], NULL, 10, NULL, &call));
  CHECK_CODE(dcall_join(call), 0);
  CHECK_STR(call->bytes, "kept");
  return 0;
}

EDDY_TASK_TEST(sock_datagram, cancelled_recvfrom_has_taken_nothing)
{
  return each_family(cancelled);
}

static int closed(enum kind kind, struct two *two)
{
  struct dcall *call;
  CHECK_OK(dcall_start(kind, two->fds[1], NULL, 10, NULL, &call));
  CHECK_OK(look_around());
  CHECK_OK(close_now(two->fds[1]));
  CHECK_CODE(dcall_join(call), EDDY_EBADF);
  return 0;
}

EDDY_TASK_TEST(sock_datagram, close_wakes_who_waits_to_receive)
{
  return each_family(closed);
}
