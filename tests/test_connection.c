/* eddy_loop_create_connection and its like. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "services.h"

/* ---- a resolver that gives a list of addresses ---- */

static struct {
  eddy_address addresses[4];
  int families[4];
  size_t count;
} names;

static int look_up_names(void *arg, const char *host, const char *service,
    const eddy_addrinfo_hints *hints, eddy_addrinfo_answer *answer)
{
  (void)arg;
  (void)host;
  (void)service;
  (void)hints;
  for (size_t i = 0; i < names.count; i++) {
    eddy_addrinfo found = {.address = names.addresses[i], .family = names.families[i]};
    int rc = eddy_addrinfo_add(answer, &found);
    if (rc < 0) return rc;
  }
  return 0;
}

static const eddy_resolver resolver = {.getaddrinfo = look_up_names};

static int use_names(void)
{
  names.count = 0;
  return eddy_loop_set_resolver(eddy_get_running_loop(), &resolver, NULL);
}

static void add_name(const eddy_address *address, int family)
{
  names.addresses[names.count] = *address;
  names.families[names.count++] = family;
}

/* An address that refuses connections. */
static int add_refusing(const char *host, int family)
{
  int listener;
  eddy_address address;
  CHECK_OK(listen_at(host, &listener, &address));
  CHECK_OK(close_now(listener));
  add_name(&address, family);
  return 0;
}

/* ---- calls in tasks of both kinds ---- */

struct connect {
  eddy_frame frame; /* first */
  struct peer *peer;
  const char *host;
  int port;
  eddy_connection_options options;
  bool use_options;
  eddy_transport *transport;
  void *self;
  char message[600];
  size_t parts;
  eddy_task *task;
};

static int connect_call(struct connect *call)
{
  return eddy_loop_create_connection(NULL, peer_factory, call->peer, call->host,
      call->port, call->use_options ? &call->options : NULL, &call->transport,
      &call->self);
}

static int connect_ended(struct connect *call, int rc)
{
  if (rc < 0) snprintf(call->message, sizeof call->message, "%s", eddy_message(rc));
  for (const eddy_error_part *part = eddy_error_parts(rc); part; part = part->next) {
    call->parts++;
  }
  if (rc == 0) test_defer_late(unref_transport, call->transport);
  return rc;
}

static int connect_body(void *arg)
{
  return connect_ended(arg, connect_call(arg));
}

static int connect_frame(eddy_frame *frame)
{
  struct connect *call = (struct connect *)frame;
  int rc;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, rc, connect_call(call));
  rc = connect_ended(call, rc);
  if (rc < 0) EDDY_RAISE(frame, rc);
  EDDY_END(frame);
}

static struct connect *new_connect(const char *host, int port)
{
  struct connect *call = test_new(sizeof *call);
  call->peer = new_peer("");
  call->host = host;
  call->port = port;
  return call;
}

static int begin_connect(enum kind kind, struct connect *call)
{
  return start_kind(kind, connect_body, connect_frame, &call->frame, &call->task);
}

static int connect_now(enum kind kind, struct connect *call)
{
  CHECK_OK(begin_connect(kind, call));
  return eddy_task_await(call->task, NULL);
}

static int connected(enum kind kind)
{
  int listener, other;
  eddy_address address, name;
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  struct connect *call = new_connect("127.0.0.1", eddy_address_port(&address));
  CHECK_OK(connect_now(kind, call));
  CHECK_PTR(call->self, call->peer);
  CHECK_PTR(call->transport, call->peer->transport);
  CHECK_OK(eddy_sock_accept(listener, &other, NULL));
  test_fd(other);
  CHECK_OK(eddy_transport_write(call->transport, "hello", 5));
  char bytes[8];
  CHECK_OK(recv_all(other, bytes, 5));
  CHECK_OK(eddy_sock_sendall(other, "answer", 6));
  CHECK_OK(wait_for_bytes(call->peer, 6));
  CHECK_OK(eddy_transport_get_peername(call->transport, &name));
  CHECK_EQ(eddy_address_port(&name), eddy_address_port(&address));
  CHECK_OK(eddy_sock_getpeername(other, &address));
  CHECK_OK(eddy_transport_get_sockname(call->transport, &name));
  CHECK_EQ(eddy_address_port(&name), eddy_address_port(&address));
  CHECK_OK(peer_end(call->peer));
  CHECK_OK(eddy_transport_get_peername(call->transport, &name));
  CHECK_CODE(eddy_transport_get_sockname(call->transport, &name), EDDY_EBADF);
  return 0;
}

EDDY_TASK_TEST(connection, to_a_numeric_address)
{
  return each_kind(connected);
}

static int count_turns(void *arg)
{
  (void)arg;
  for (int i = 0; i < 8; i++) {
    trace("%d", i);
    int rc = eddy_sleep(0);
    if (rc < 0) return rc;
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(connection, returns_four_iterations_after_the_call_as_in_asyncio)
{
  int listener;
  eddy_address address;
  eddy_task *counter;
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  struct connect *call = new_connect("127.0.0.1", eddy_address_port(&address));
  CHECK_OK(test_task(count_turns, NULL, &counter));
  CHECK_OK(eddy_sleep(0));
  trace("call");
  CHECK_OK(connect_ended(call, connect_call(call)));
  trace("returned");
  CHECK_OK(eddy_task_await(counter, NULL));
  CHECK_TRACE("0 call 1 2 3 made 4 returned 5 6 7");
  return peer_end(call->peer);
}

static int by_name(enum kind kind)
{
  int listener;
  eddy_address address;
  CHECK_OK(use_names());
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  add_name(&address, 2);
  struct connect *call = new_connect("somewhere", 80);
  CHECK_OK(connect_now(kind, call));
  CHECK_OK(peer_end(call->peer));
  call = new_connect("somewhere", 80);
  names.count = 0;
  CHECK_OK(begin_connect(kind, call));
  CHECK_CODE(eddy_task_await(call->task, NULL), EDDY_EAI_NODATA);
  CHECK_EQ(call->peer->made, 0);
  CHECK_EQ(call->peer->released, 0);
  return 0;
}

EDDY_TASK_TEST(connection, to_a_name)
{
  return each_kind(by_name);
}

static int next_address(enum kind kind)
{
  int listener;
  eddy_address address;
  CHECK_OK(use_names());
  CHECK_OK(add_refusing("127.0.0.1", 2));
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  add_name(&address, 2);
  struct connect *call = new_connect("somewhere", 80);
  CHECK_OK(connect_now(kind, call));
  CHECK_OK(eddy_transport_get_peername(call->transport, &address));
  CHECK_EQ(eddy_address_port(&address), eddy_address_port(&names.addresses[1]));
  return peer_end(call->peer);
}

EDDY_TASK_TEST(connection, tries_the_addresses_in_order)
{
  return each_kind(next_address);
}

static int all_fail(enum kind kind)
{
  char text[EDDY_ADDRESS_TEXT], whole[300];
  CHECK_OK(use_names());
  CHECK_OK(add_refusing("127.0.0.1", 2));
  struct connect *call = new_connect("somewhere", 80);
  CHECK_CODE(connect_now(kind, call), EDDY_ECONNREFUSED);
  snprintf(whole, sizeof whole, "connect %s: connection refused",
      eddy_address_format(&names.addresses[0], text, sizeof text));
  CHECK_STR(call->message, whole);
  add_name(&names.addresses[0], 2);
  call = new_connect("somewhere", 80);
  CHECK_CODE(connect_now(kind, call), EDDY_ECONNREFUSED);
  CHECK_STR(call->message, whole);

  CHECK_OK(add_refusing("127.0.0.1", 2));
  call = new_connect("somewhere", 80);
  CHECK_CODE(connect_now(kind, call), EDDY_ECONNREFUSED);
  CHECK_CONTAINS(call->message, "; connect 127.0.0.1:");

  call = new_connect("somewhere", 80);
  call->use_options = true;
  call->options.all_errors = true;
  CHECK_CODE(connect_now(kind, call), EDDY_EGROUP);
  CHECK_EQ(call->parts, 3);
  CHECK_EQ(call->peer->made, 0);
  return 0;
}

EDDY_TASK_TEST(connection, that_fails_everywhere_says_so_for_each_address)
{
  return each_kind(all_fail);
}

/* A listener that lets callers wait: its one place is taken. */
static int add_stalling(const char *host, int family)
{
  int listener, fd;
  eddy_address address;
  eddy_listen_options options = {.backlog = 1};
  CHECK_OK(eddy_sock_listen(host, 0, &options, &listener));
  test_fd(listener);
  CHECK_OK(eddy_sock_getsockname(listener, &address));
  CHECK_OK(open_socket(&address, &fd));
  CHECK_OK(eddy_sock_connect(fd, &address));
  add_name(&address, family);
  return 0;
}

static int race(enum kind kind)
{
  int listener;
  eddy_address address;
  eddy_time begin = eddy_loop_time(eddy_get_running_loop());
  CHECK_OK(use_names());
  CHECK_OK(add_stalling("127.0.0.1", 2));
  CHECK_OK(add_stalling("127.0.0.1", 2));
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  add_name(&address, 2);
  struct connect *call = new_connect("somewhere", 80);
  call->use_options = true;
  call->options.happy_eyeballs_delay = EDDY_MS(250);
  CHECK_OK(connect_now(kind, call));
  CHECK_EQ(eddy_loop_time(eddy_get_running_loop()) - begin, EDDY_MS(500));
  CHECK_OK(eddy_transport_get_peername(call->transport, &address));
  CHECK_EQ(eddy_address_port(&address), eddy_address_port(&names.addresses[2]));
  return peer_end(call->peer);
}

EDDY_TASK_TEST_VIRTUAL(connection, with_happy_eyeballs_does_not_wait_for_a_silent_address)
{
  return each_kind(race);
}

static int race_fails_over(enum kind kind)
{
  int listener;
  eddy_address address;
  eddy_time begin = eddy_loop_time(eddy_get_running_loop());
  CHECK_OK(use_names());
  CHECK_OK(add_refusing("127.0.0.1", 2));
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  add_name(&address, 2);
  struct connect *call = new_connect("somewhere", 80);
  call->use_options = true;
  call->options.happy_eyeballs_delay = EDDY_S(3600);
  CHECK_OK(connect_now(kind, call));
  CHECK_EQ(eddy_loop_time(eddy_get_running_loop()) - begin, 0);
  return peer_end(call->peer);
}

EDDY_TASK_TEST_VIRTUAL(connection, with_happy_eyeballs_goes_on_at_once_after_a_failure)
{
  return each_kind(race_fails_over);
}

EDDY_TASK_TEST_VIRTUAL(connection, with_interleave_takes_the_families_in_turn)
{
  static const size_t expected[][4] = {{0, 1, 2, 3}, {0, 3, 1, 2}, {0, 1, 3, 2}};
  for (size_t interleave = 0; interleave < 3; interleave++) {
    CHECK_OK(use_names());
    for (int i = 0; i < 3; i++) {
      CHECK_OK(add_refusing("127.0.0.1", 2));
    }
    CHECK_OK(add_refusing("::1", 10));
    struct connect *call = new_connect("somewhere", 80);
    call->use_options = true;
    call->options.interleave = interleave;
    CHECK_CODE(connect_now(STACKFUL, call), EDDY_ECONNREFUSED);
    const char *at = call->message;
    for (int i = 0; i < 4; i++) {
      char text[EDDY_ADDRESS_TEXT];
      at = strstr(at, eddy_address_format(
                          &names.addresses[expected[interleave][i]], text, sizeof text));
      CHECK(at != NULL);
    }
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(
    connection, with_happy_eyeballs_takes_the_families_in_turn_by_itself)
{
  static const size_t expected[] = {0, 2, 1};
  CHECK_OK(use_names());
  CHECK_OK(add_refusing("127.0.0.1", 2));
  CHECK_OK(add_refusing("127.0.0.1", 2));
  CHECK_OK(add_refusing("::1", 10));
  struct connect *call = new_connect("somewhere", 80);
  call->use_options = true;
  call->options.happy_eyeballs_delay = EDDY_MS(250);
  CHECK_CODE(connect_now(STACKFUL, call), EDDY_ECONNREFUSED);
  /* Named in the order of the attempts. */
  const char *at = call->message;
  for (int i = 0; i < 3; i++) {
    char text[EDDY_ADDRESS_TEXT];
    eddy_address_format(&names.addresses[expected[i]], text, sizeof text);
    at = strstr(at, text);
    CHECK(at != NULL);
  }
  return 0;
}

static int give_up(enum kind kind)
{
  CHECK_OK(use_names());
  CHECK_OK(add_stalling("127.0.0.1", 2));
  CHECK_OK(add_stalling("127.0.0.1", 2));
  struct connect *call = new_connect("somewhere", 80);
  call->use_options = true;
  call->options.happy_eyeballs_delay = EDDY_MS(1);
  CHECK_OK(begin_connect(kind, call));
  CHECK_OK(eddy_sleep(EDDY_MS(10)));
  CHECK(eddy_task_cancel(call->task, NULL));
  CHECK_CODE(eddy_task_await(call->task, NULL), EDDY_ECANCELLED);
  eddy_loop_stats stats;
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  CHECK_EQ(stats.operations, 0);
  CHECK_EQ(stats.timers, 0);
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(connection, cancelled_leaves_no_socket)
{
  return each_kind(give_up);
}

static int cancel_at_the_end(enum kind kind)
{
  int listener;
  eddy_address address;
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  struct connect *call = new_connect("127.0.0.1", eddy_address_port(&address));
  CHECK_OK(begin_connect(kind, call));
  CHECK_OK(spin_until(&call->peer->made));
  (void)eddy_task_cancel(call->task, NULL);
  CHECK_CODE(eddy_task_await(call->task, NULL), EDDY_ECANCELLED);
  CHECK_OK(wait_until(&call->peer->released));
  CHECK_EQ(call->peer->lost, 1);
  return 0;
}

EDDY_TASK_TEST(connection, cancelled_after_connection_made_is_closed)
{
  return each_kind(cancel_at_the_end);
}

EDDY_TASK_TEST(connection, from_an_address_of_the_callers_choice)
{
  int listener, other;
  eddy_address address, name;
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  struct connect *call = new_connect("127.0.0.1", eddy_address_port(&address));
  call->use_options = true;
  call->options.local_host = "127.0.0.1";
  CHECK_OK(connect_now(STACKFUL, call));
  CHECK_OK(eddy_sock_accept(listener, &other, &name));
  test_fd(other);
  CHECK_OK(eddy_transport_get_sockname(call->transport, &address));
  CHECK_EQ(eddy_address_port(&address), eddy_address_port(&name));
  CHECK_OK(peer_end(call->peer));
  call = new_connect("127.0.0.1", 1);
  call->use_options = true;
  call->options.local_host = "::1";
  CHECK(connect_now(STACKFUL, call) < 0);
  CHECK_CONTAINS(call->message, "bind to the local address, to reach 127.0.0.1:1");
  call->options.local_host = "not numeric";
  CHECK_CODE(connect_now(STACKFUL, call), EDDY_EINVAL);
  return 0;
}

EDDY_TASK_TEST(connection, over_a_socket_that_is_connected_already)
{
  int fds[2];
  char bytes[4];
  CHECK_OK(test_pair(fds));
  struct connect *call = new_connect(NULL, 0);
  call->use_options = true;
  call->options.sock = &fds[0];
  test_fd_closed(fds[0]);
  CHECK_OK(connect_now(STACKFUL, call));
  CHECK_OK(eddy_transport_write(call->transport, "abc", 3));
  CHECK_OK(recv_all(fds[1], bytes, 3));
  CHECK_OK(peer_end(call->peer));
  call->host = "127.0.0.1";
  CHECK_CODE(connect_now(STACKFUL, call), EDDY_EINVAL);
  CHECK_CONTAINS(call->message, "cannot both be given");
  call->host = NULL;
  call->use_options = false;
  CHECK_CODE(connect_now(STACKFUL, call), EDDY_EINVAL);
  CHECK_CONTAINS(call->message, "neither host nor sock");
  call->host = "127.0.0.1";
  call->port = 65536;
  CHECK_CODE(connect_now(STACKFUL, call), EDDY_EINVAL);
  return 0;
}

EDDY_TASK_TEST(connection, to_a_unix_path)
{
  const char *path = new_path();
  int listener, other;
  struct peer *a = new_peer("");
  CHECK_OK(eddy_sock_listen(path, 0, NULL, &listener));
  test_fd(listener);
  CHECK_OK(
      eddy_loop_create_unix_connection(NULL, peer_factory, a, path, NULL, NULL, NULL));
  CHECK_OK(eddy_sock_accept(listener, &other, NULL));
  test_fd(other);
  CHECK_OK(eddy_sock_sendall(other, "abc", 3));
  CHECK_OK(wait_for_bytes(a, 3));
  CHECK_OK(peer_end(a));
  CHECK_CODE(eddy_loop_create_unix_connection(
                 NULL, peer_factory, a, "/nonexistent/x", NULL, NULL, NULL),
      EDDY_ENOENT);
  CHECK_CONTAINS(eddy_message(EDDY_ENOENT), "/nonexistent/x");
  CHECK_CODE(
      eddy_loop_create_unix_connection(NULL, peer_factory, a, "", NULL, NULL, NULL),
      EDDY_EINVAL);
  CHECK_CODE(
      eddy_loop_create_unix_connection(NULL, peer_factory, a, NULL, NULL, NULL, NULL),
      EDDY_EINVAL);
  return 0;
}

static int has_nodelay(const eddy_transport *transport)
{
  int on = 0;
  socklen_t size = sizeof on;
  CHECK_EQ(
      getsockopt(eddy_transport_get_fd(transport), IPPROTO_TCP, TCP_NODELAY, &on, &size),
      0);
  CHECK(on != 0);
  return 0;
}

EDDY_TASK_TEST_KERNEL(connection, has_nodelay_set_at_both_ends)
{
  struct service *service;
  eddy_address address;
  CHECK_OK(serve(&service, "127.0.0.1", NULL));
  CHECK_OK(address_of(service, &address));
  struct connect *call = new_connect("127.0.0.1", eddy_address_port(&address));
  CHECK_OK(connect_now(STACKFUL, call));
  CHECK_OK(wait_for_peers(service, 1));
  CHECK_OK(has_nodelay(call->transport));
  CHECK_OK(has_nodelay(service->peers[0]->transport));
  return peer_end(call->peer);
}
