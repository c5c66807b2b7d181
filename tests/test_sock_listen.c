/* Listening, connecting, accepting: TCP over IPv4 and IPv6. */
#include "sock_calls.h"

/* Whether this machine has the address; says so if not. */
static bool have(const char *host)
{
  int fd;
  int rc = eddy_sock_listen(host, 0, NULL, &fd);
  if (rc == 0) {
    eddy_sock_close(fd);
    return true;
  }
  fprintf(stderr, "not tested: there is no %s here: %s\n", host, eddy_strerror(rc));
  return false;
}

static bool same_address(const eddy_address *a, const eddy_address *b)
{
  char a_text[EDDY_ADDRESS_TEXT], b_text[EDDY_ADDRESS_TEXT];
  eddy_address_format(a, a_text, sizeof a_text);
  eddy_address_format(b, b_text, sizeof b_text);
  if (strcmp(a_text, b_text) == 0) return true;
  fprintf(stderr, "%s is not %s\n", a_text, b_text);
  return false;
}

/* The names of both ends agree. */
static int check_names(int client, int server, const eddy_address *peer)
{
  eddy_address name, far_name;
  CHECK_OK(eddy_sock_getsockname(client, &name));
  CHECK(same_address(&name, peer));
  CHECK_OK(eddy_sock_getpeername(server, &far_name));
  CHECK(same_address(&name, &far_name));
  CHECK(eddy_address_port(&name) != 0);
  CHECK_OK(eddy_sock_getpeername(client, &name));
  CHECK_OK(eddy_sock_getsockname(server, &far_name));
  CHECK(same_address(&name, &far_name));
  return 0;
}

/* A call is taken, by a task that waits for it. */
static int call_is_taken(enum kind kind, const char *host)
{
  int listener, client;
  eddy_address address;
  struct call *accept, *connect;
  char text[EDDY_ADDRESS_TEXT], byte;
  CHECK_OK(listen_at(host, &listener, &address));
  CHECK(eddy_address_port(&address) > 0);
  CHECK_CONTAINS(eddy_address_format(&address, text, sizeof text), host);
  CHECK_OK(call_start(kind, ACCEPT, listener, NULL, 0, &accept));
  CHECK_OK(look_around());
  CHECK(call_waits(accept));
  CHECK_OK(open_socket(&address, &client));
  CHECK_OK(connect_start(kind, client, &address, &connect));
  CHECK_OK(call_join(connect));
  CHECK_OK(call_join(accept));
  test_fd(accept->connection);
  CHECK_OK(check_names(client, accept->connection, &accept->address));
  CHECK_OK(eddy_sock_sendall(client, "x", 1));
  CHECK_OK(recv_all(accept->connection, &byte, 1));
  CHECK_OK(eddy_sock_sendall(accept->connection, "y", 1));
  CHECK_OK(recv_all(client, &byte, 1));
  CHECK_OK(close_now(accept->connection));
  CHECK_OK(close_now(client));
  return close_now(listener);
}

static int ipv4(enum kind kind)
{
  return call_is_taken(kind, "127.0.0.1");
}

static int ipv6(enum kind kind)
{
  return call_is_taken(kind, "::1");
}

EDDY_TASK_TEST(sock_listen, call_over_ipv4_is_taken)
{
  return each_kind(ipv4);
}

EDDY_TASK_TEST(sock_listen, call_over_ipv6_is_taken)
{
  return have("::1") ? each_kind(ipv6) : 0;
}

EDDY_TASK_TEST(sock_listen, localhost_is_127_0_0_1)
{
  int listener;
  eddy_address address;
  char text[EDDY_ADDRESS_TEXT];
  CHECK_OK(listen_at("localhost", &listener, &address));
  CHECK_CONTAINS(eddy_address_format(&address, text, sizeof text), "127.0.0.1:");
  return 0;
}

/* "" and NULL: whoever calls this machine is heard. */
EDDY_TASK_TEST(sock_listen, every_address_includes_loopback)
{
  for (int i = 0; i < 2; i++) {
    int listener, client, connection;
    eddy_address address;
    CHECK_OK(listen_at(i == 0 ? NULL : "", &listener, &address));
    CHECK_OK(eddy_address_parse("127.0.0.1", eddy_address_port(&address), &address));
    CHECK_OK(open_socket(&address, &client));
    CHECK_OK(eddy_sock_connect(client, &address));
    CHECK_OK(eddy_sock_accept(listener, &connection, NULL));
    test_fd(connection);
  }
  return 0;
}

EDDY_TASK_TEST(sock_listen, calls_are_taken_in_the_order_they_came)
{
  int listener, clients[3], connection;
  eddy_address address, name, peer;
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  for (int i = 0; i < 3; i++) {
    CHECK_OK(open_socket(&address, &clients[i]));
    CHECK_OK(eddy_sock_connect(clients[i], &address));
  }
  uint64_t steps = eddy_task_steps(eddy_current_task());
  for (int i = 0; i < 3; i++) {
    CHECK_OK(eddy_sock_accept(listener, &connection, &peer));
    test_fd(connection);
    CHECK_OK(eddy_sock_getsockname(clients[i], &name));
    CHECK(same_address(&name, &peer));
  }
  CHECK_EQ(eddy_task_steps(eddy_current_task()), steps); /* they were there already */
  return 0;
}

/* ---- in use, refused, not there ---- */

EDDY_TASK_TEST(sock_listen, address_in_use_is_an_error_that_names_it)
{
  int listener, second = -1;
  eddy_address address;
  char text[EDDY_ADDRESS_TEXT];
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  int port = eddy_address_port(&address);
  CHECK_CODE(eddy_sock_listen("127.0.0.1", port, NULL, &second), EDDY_EADDRINUSE);
  CHECK_EQ(second, -1);
  CHECK_CONTAINS(
      eddy_message(EDDY_EADDRINUSE), eddy_address_format(&address, text, sizeof text));
  CHECK_OK(close_now(listener));
  CHECK_OK(eddy_sock_listen("127.0.0.1", port, NULL, &second));
  test_fd(second);
  return 0;
}

static int refused(enum kind kind)
{
  int listener, client;
  eddy_address address;
  struct call *call;
  char peer[EDDY_ADDRESS_TEXT], expected[EDDY_ADDRESS_TEXT + 40];
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  CHECK_OK(close_now(listener));
  CHECK_OK(open_socket(&address, &client));
  CHECK_OK(connect_start(kind, client, &address, &call));
  CHECK_CODE(call_join(call), EDDY_ECONNREFUSED);
  snprintf(expected, sizeof expected, "connect %s: connection refused",
      eddy_address_format(&address, peer, sizeof peer));
  CHECK_STR(call->message, expected);
  return close_now(client);
}

EDDY_TASK_TEST(sock_listen, connect_is_refused_where_nobody_listens_and_names_the_peer)
{
  return each_kind(refused);
}

EDDY_TASK_TEST_KERNEL(sock_listen, address_that_is_not_ours_is_not_available)
{
  int listener;
  CHECK_CODE(eddy_sock_listen("192.0.2.1", 0, NULL, &listener), EDDY_EADDRNOTAVAIL);
  CHECK_CONTAINS(eddy_message(EDDY_EADDRNOTAVAIL), "192.0.2.1:0");
  return 0;
}

static int connect_again(enum kind kind)
{
  int listener, client;
  eddy_address address;
  struct call *call;
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  CHECK_OK(open_socket(&address, &client));
  CHECK_OK(connect_start(kind, client, &address, &call));
  CHECK_OK(call_join(call));
  for (int i = 0; i < 2; i++) {
    CHECK_OK(connect_start(kind, client, &address, &call));
    CHECK_CODE(call_join(call), EDDY_EISCONN);
    CHECK_CONTAINS(call->message, "connect 127.0.0.1:");
  }
  CHECK_OK(close_now(client));
  return close_now(listener);
}

EDDY_TASK_TEST(sock_listen, connected_socket_connects_no_second_time)
{
  return each_kind(connect_again);
}

/* What was not accepted is broken off, and those who wait for it learn of it. */
static int close_listener(enum kind kind)
{
  int listener, client;
  eddy_address address;
  struct call *call;
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  CHECK_OK(open_socket(&address, &client));
  CHECK_OK(eddy_sock_connect(client, &address));
  CHECK_OK(call_start(kind, RECV, client, NULL, 1, &call));
  CHECK_OK(look_around());
  CHECK_OK(close_now(listener));
  CHECK_CODE(call_join(call), EDDY_ECONNRESET);
  return close_now(client);
}

EDDY_TASK_TEST(sock_listen, closing_a_listener_resets_the_calls_that_wait)
{
  return each_kind(close_listener);
}

/* ---- cancel ---- */

static int cancel_accept(enum kind kind)
{
  int listener, client, connection;
  eddy_address address;
  struct call *accept, *connect;
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  CHECK_OK(call_start(kind, ACCEPT, listener, NULL, 0, &accept));
  CHECK_OK(look_around());
  CHECK_OK(open_socket(&address, &client));
  CHECK_OK(connect_start(kind, client, &address, &connect));
  CHECK_OK(eddy_sleep(0)); /* the connection is there */
  if (eddy_task_cancel(accept->task, NULL)) {
    CHECK_CODE(call_join(accept), EDDY_ECANCELLED);
    CHECK_EQ(accept->connection, -1);
    CHECK_OK(call_join(connect));
    CHECK_OK(eddy_sock_accept(listener, &connection, NULL));
    trace("cancelled");
  } else { /* it was faster than the cancellation */
    CHECK_OK(accept->rc);
    connection = accept->connection;
  }
  CHECK_OK(call_join(connect));
  CHECK_OK(eddy_sock_close(connection));
  CHECK_OK(close_now(client));
  return close_now(listener);
}

EDDY_TASK_TEST(sock_listen, cancelled_accept_took_no_connection)
{
  CHECK_OK(each_kind(cancel_accept));
  CHECK_CONTAINS(test_trace(), "cancelled");
  return 0;
}

static int cancel_accept_alone(enum kind kind)
{
  int listener, client, connection;
  eddy_address address;
  struct call *call;
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  CHECK_OK(call_start(kind, ACCEPT, listener, NULL, 0, &call));
  CHECK_OK(look_around());
  CHECK(eddy_task_cancel(call->task, NULL));
  CHECK_CODE(call_join(call), EDDY_ECANCELLED);
  CHECK_OK(open_socket(&address, &client));
  CHECK_OK(eddy_sock_connect(client, &address));
  CHECK_OK(eddy_sock_accept(listener, &connection, NULL));
  CHECK_OK(eddy_sock_close(connection));
  CHECK_OK(close_now(client));
  return close_now(listener);
}

EDDY_TASK_TEST(sock_listen, accept_that_waits_is_cancelled)
{
  return each_kind(cancel_accept_alone);
}

static int cancel_connect(enum kind kind)
{
  int listener, client;
  eddy_address address;
  struct call *call;
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  CHECK_OK(open_socket(&address, &client));
  CHECK_OK(connect_start(kind, client, &address, &call));
  CHECK_OK(eddy_sleep(0));
  bool waits = call_waits(call); /* a kernel may have answered at once */
  if (waits) {
    char text[200], peer[EDDY_ADDRESS_TEXT];
    CHECK_CONTAINS(eddy_task_waits_for(call->task, text, sizeof text), "connect to ");
    CHECK_CONTAINS(text, eddy_address_format(&address, peer, sizeof peer));
  }
  CHECK(waits || !test_is_virtual());
  bool asked = eddy_task_cancel(call->task, NULL);
  CHECK_CODE(call_join(call), asked ? EDDY_ECANCELLED : 0);
  CHECK_OK(close_now(client));
  return close_now(listener);
}

EDDY_TASK_TEST(sock_listen, connect_under_way_is_cancelled)
{
  return each_kind(cancel_connect);
}

/* ---- options ---- */

EDDY_TASK_TEST(sock_listen, ports_are_shared_by_those_who_both_want_it)
{
  int first, second, third = -1;
  eddy_address address;
  eddy_listen_options options = {.reuse_port = true};
  CHECK_OK(eddy_sock_listen("127.0.0.1", 0, &options, &first));
  test_fd(first);
  CHECK_OK(eddy_sock_getsockname(first, &address));
  int port = eddy_address_port(&address);
  CHECK_OK(eddy_sock_listen("127.0.0.1", port, &options, &second));
  test_fd(second);
  CHECK_CODE(eddy_sock_listen("127.0.0.1", port, NULL, &third), EDDY_EADDRINUSE);
  return 0;
}

static int call_dual(bool dual_stack, int *rc)
{
  int listener, client, connection;
  eddy_address address, peer;
  char text[EDDY_ADDRESS_TEXT];
  eddy_listen_options options = {.dual_stack = dual_stack};
  CHECK_OK(eddy_sock_listen("::", 0, &options, &listener));
  test_fd(listener);
  CHECK_OK(eddy_sock_getsockname(listener, &address));
  CHECK_OK(eddy_address_parse("127.0.0.1", eddy_address_port(&address), &address));
  CHECK_OK(open_socket(&address, &client));
  *rc = eddy_sock_connect(client, &address);
  if (*rc < 0) return 0;
  CHECK_OK(eddy_sock_accept(listener, &connection, &peer));
  test_fd(connection);
  CHECK_CONTAINS(eddy_address_format(&peer, text, sizeof text), "[::ffff:127.0.0.1]:");
  return 0;
}

EDDY_TASK_TEST(sock_listen, ipv6_listener_hears_ipv4_if_it_is_told_to)
{
  int rc;
  if (!have("::1")) return 0;
  CHECK_OK(call_dual(true, &rc));
  CHECK_OK(rc);
  CHECK_OK(call_dual(false, &rc));
  CHECK_CODE(rc, EDDY_ECONNREFUSED);
  return 0;
}

EDDY_TASK_TEST(sock_listen, ipv4_and_ipv6_share_a_port_number)
{
  int first, second;
  eddy_address address;
  if (!have("::1")) return 0;
  CHECK_OK(eddy_sock_listen("::", 0, NULL, &first));
  test_fd(first);
  CHECK_OK(eddy_sock_getsockname(first, &address));
  CHECK_OK(eddy_sock_listen("0.0.0.0", eddy_address_port(&address), NULL, &second));
  test_fd(second);
  return 0;
}

static int note_connected(eddy_future *future, void *name)
{
  (void)future;
  trace("%s", (const char *)name);
  return 0;
}

/* What the kernel does with a full queue is its own business; in memory they wait. */
EDDY_TASK_TEST_VIRTUAL(sock_listen, calls_beyond_the_backlog_wait_for_an_accept)
{
  static char *const names[] = {"a", "b", "c"};
  int listener, clients[3], connection;
  eddy_address address;
  struct call *calls[3];
  eddy_listen_options options = {.backlog = 1};
  CHECK_OK(eddy_sock_listen("127.0.0.1", 0, &options, &listener));
  test_fd(listener);
  CHECK_OK(eddy_sock_getsockname(listener, &address));
  for (int i = 0; i < 3; i++) {
    CHECK_OK(open_socket(&address, &clients[i]));
    CHECK_OK(connect_start(STACKFUL, clients[i], &address, &calls[i]));
    CHECK_OK(eddy_future_add_done_callback(
        eddy_task_future(calls[i]->task), note_connected, names[i]));
  }
  for (int i = 0; i < 3; i++) {
    CHECK_OK(look_around());
    trace("|");
    CHECK_OK(eddy_sock_accept(listener, &connection, NULL));
    test_fd(connection);
  }
  CHECK_TRACE("a | b | c |");
  return 0;
}
