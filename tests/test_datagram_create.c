/* Creating datagram endpoints: hosts and families, refusals, cancellation. */
#include "descriptors.h"
#include "endpoints.h"
#include "transports.h"

static int refuse(const eddy_endpoint_options *options, int code, const char *words)
{
  struct end *end = end_new("E");
  end->options = *options;
  CHECK_CODE(end_run(STACKFUL, end), code);
  CHECK_CONTAINS(end->message, words);
  CHECK_EQ(end->released, 0);
  return 0;
}

EDDY_TASK_TEST(datagram_create, something_has_to_be_given_and_nothing_beside_sock)
{
  int fd = 0;
  CHECK_OK(refuse(&(eddy_endpoint_options){0}, EDDY_EINVAL, "neither a host"));
  CHECK_OK(refuse(&(eddy_endpoint_options){.sock = &fd, .local_host = "127.0.0.1"},
      EDDY_EINVAL, "nothing else"));
  CHECK_OK(refuse(&(eddy_endpoint_options){.sock = &fd, .reuse_port = true}, EDDY_EINVAL,
      "nothing else"));
  CHECK_OK(refuse(&(eddy_endpoint_options){.sock = &fd, .allow_broadcast = true},
      EDDY_EINVAL, "nothing else"));
  CHECK_OK(
      refuse(&(eddy_endpoint_options){.local_host = "127.0.0.1", .local_port = 65536},
          EDDY_EINVAL, "port"));
  CHECK_CODE(eddy_loop_create_datagram_endpoint(NULL, NULL, NULL, NULL, NULL, NULL),
      EDDY_EINVAL);
  eddy_loop *other;
  CHECK_OK(test_loop(&other));
  CHECK_CODE(eddy_loop_create_datagram_endpoint(other, end_factory, NULL,
                 &(eddy_endpoint_options){.family = AF_INET}, NULL, NULL),
      EDDY_EOTHERLOOP);
  return 0;
}

EDDY_TASK_TEST(datagram_create, hosts_without_a_common_family_are_refused)
{
  return refuse(&(eddy_endpoint_options){.local_host = "127.0.0.1", .remote_host = "::1"},
      EDDY_EINVAL, "no address family in common");
}

EDDY_TASK_TEST(datagram_create, host_that_is_not_of_the_family_is_not_found)
{
  struct end *end = end_new("E");
  end->options.family = AF_INET6;
  CHECK(end_run(STACKFUL, end) < 0);
  CHECK_CONTAINS(end->message, "getaddrinfo 127.0.0.1");
  return 0;
}

EDDY_TASK_TEST(datagram_create, address_in_use_is_an_error_and_leaves_nothing)
{
  struct end *first = end_new("A"), *second = end_new("B");
  CHECK_CODE(end_run(STACKFUL, first), 0);
  second->options.local_port = eddy_address_port(&first->at);
  CHECK_CODE(end_run(STACKLESS, second), EDDY_EADDRINUSE);
  CHECK_CONTAINS(second->message, "open a datagram socket at 127.0.0.1:");
  return end_close(first);
}

EDDY_TASK_TEST(datagram_create, ports_are_shared_by_those_who_both_want_it)
{
  struct end *first = end_new("A"), *second = end_new("B");
  first->options.reuse_port = second->options.reuse_port = true;
  CHECK_CODE(end_run(STACKFUL, first), 0);
  second->options.local_port = eddy_address_port(&first->at);
  CHECK_CODE(end_run(STACKLESS, second), 0);
  CHECK_OK(end_close(second));
  return end_close(first);
}

EDDY_TASK_TEST(datagram_create, family_alone_makes_an_endpoint_that_can_send)
{
  static const int families[] = {AF_INET, AF_INET6, AF_UNIX};
  struct end *server = end_new("S");
  CHECK_CODE(end_run(STACKFUL, server), 0);
  for (int i = 0; i < 3; i++) {
    struct end *end = end_new("E");
    end->options = (eddy_endpoint_options){.family = families[i]};
    CHECK_CODE(end_run(i == 0 ? STACKFUL : STACKLESS, end), 0);
    if (i == 0) {
      CHECK_OK(end_send(end, "hello", &server->at));
      CHECK_OK(end_await(server, 1));
    }
    CHECK_OK(end_close(end));
  }
  CHECK_TRACE("Smade Emade Sgot(hello) Elost Emade Elost Emade Elost");
  return end_close(server);
}

static int takes_socket(enum kind kind)
{
  struct end *end = end_new("E");
  eddy_address address;
  int *fd = test_new(sizeof *fd);
  CHECK_OK(eddy_address_parse("127.0.0.1", 0, &address));
  CHECK_OK(eddy_sock_open_datagram(&address, NULL, fd));
  test_fd(*fd);
  end->options = (eddy_endpoint_options){.sock = fd};
  int rc = end_run(kind, end);
  if (end->rc != EDDY_PENDING) test_fd_closed(*fd); /* the call was made */
  CHECK_OK(rc);
  CHECK_EQ(eddy_transport_get_fd(end->transport), *fd);
  CHECK_OK(end_send(end, "me", &end->at));
  CHECK_OK(end_await(end, 1));
  CHECK_OK(end_close(end));
  CHECK_CODE(eddy_sock_close(*fd), EDDY_EBADF);
  end = end_new("F");
  end->options = (eddy_endpoint_options){.sock = fd};
  CHECK_CODE(end_run(kind, end), EDDY_EBADF);
  return 0;
}

EDDY_TASK_TEST(datagram_create, socket_that_is_handed_in_is_taken_over)
{
  return each_kind(takes_socket);
}

EDDY_TASK_TEST(datagram_create, broadcast_leaves_it_unconnected)
{
  struct end *server = end_new("S"), *client = end_new("C");
  eddy_address peer;
  CHECK_CODE(end_run(STACKFUL, server), 0);
  client->options = (eddy_endpoint_options){.remote_host = "127.0.0.1",
      .remote_port = eddy_address_port(&server->at),
      .allow_broadcast = true};
  CHECK_CODE(end_run(STACKFUL, client), 0);
  CHECK_CODE(eddy_transport_get_peername(client->transport, &peer), EDDY_ENOTCONN);
  CHECK_OK(end_send(client, "x", NULL));
  CHECK_OK(end_await(server, 1));
  CHECK_CODE(end_send(client, "x", &client->at), EDDY_EINVAL);
  CHECK_OK(end_close(client));
  return end_close(server);
}

static int factory_fails(enum kind kind)
{
  struct end *end = end_new("E");
  end->fail_factory = EDDY_EIO;
  CHECK_CODE(end_run(kind, end), EDDY_EIO);
  return 0;
}

EDDY_TASK_TEST(datagram_create, failing_factory_leaves_no_socket)
{
  return each_kind(factory_fails);
}

/* ---- names ---- */

/* "self" is this host, in both families; "late" as well, when the gate opens. */
static int answer(void *arg, const char *host, const char *service,
    const eddy_addrinfo_hints *hints, eddy_addrinfo_answer *out)
{
  struct resolver *resolver = arg;
  (void)hints;
  atomic_fetch_add(&resolver->asked, 1);
  if (strcmp(host, "late") == 0) (void)gate_pass(resolver->gate);
  int rc = resolver_add(out, "::1", service);
  if (rc == 0) rc = resolver_add(out, "127.0.0.1", service);
  atomic_fetch_add(&resolver->answered, 1);
  return rc;
}

static int name_this_host(struct resolver **out)
{
  static const eddy_resolver functions = {answer, NULL};
  CHECK_OK(test_resolver(out));
  return eddy_loop_set_resolver(eddy_get_running_loop(), &functions, *out);
}

static int by_name(enum kind kind)
{
  struct resolver *resolver;
  struct end *server = end_new("S"), *client = end_new("C");
  CHECK_OK(name_this_host(&resolver));
  CHECK_CODE(end_run(kind, server), 0); /* IPv4 */
  client->options = (eddy_endpoint_options){.local_host = "self",
      .remote_host = "self",
      .remote_port = eddy_address_port(&server->at)};
  CHECK_CODE(end_run(kind, client), 0);
  CHECK_EQ(atomic_load(&resolver->asked), 2);
  char text[EDDY_ADDRESS_TEXT];
  eddy_address peer;
  CHECK_OK(eddy_transport_get_peername(client->transport, &peer));
  CHECK_CONTAINS(eddy_address_format(&peer, text, sizeof text), "[::1]:"); /* the first */
  CHECK_OK(end_close(client));
  client = end_new("D");
  client->options = (eddy_endpoint_options){.local_host = "127.0.0.1",
      .remote_host = "self",
      .remote_port = eddy_address_port(&server->at)};
  CHECK_CODE(end_run(kind, client), 0);
  CHECK_OK(end_send(client, "x", NULL));
  CHECK_OK(end_await(server, 1));
  CHECK_OK(end_close(client));
  return end_close(server);
}

EDDY_TASK_TEST(datagram_create, names_are_looked_up_and_families_matched)
{
  return each_kind(by_name);
}

static int cancelled(enum kind kind)
{
  struct resolver *resolver;
  CHECK_OK(name_this_host(&resolver));
  for (int which = 0; which < 3; which++) {
    struct end *end = end_new("E");
    end->options.local_host = which == 0 ? "late" : "self";
    end->options.remote_host = which == 1 ? "late" : NULL;
    if (which == 2) end->options.local_host = "127.0.0.1";
    CHECK_OK(end_start(kind, end));
    CHECK_OK(eddy_sleep(0));
    while (which < 2 && atomic_load(&resolver->gate->inside) <= which &&
           !eddy_task_done(end->task))
      CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(end->task, NULL));
    CHECK_CODE(eddy_task_await(end->task, NULL), EDDY_ECANCELLED);
    CHECK_OK(settle());
    CHECK_EQ(end->released, which == 2);
  }
  CHECK_TRACE("Emade Elost");
  return 0;
}

EDDY_TASK_TEST(datagram_create, cancelled_call_leaves_nothing_behind)
{
  return each_kind(cancelled);
}

/* Of a path that a socket before it has left behind. */
EDDY_TASK_TEST_KERNEL(datagram_create, stale_file_of_a_unix_socket_is_replaced)
{
  const char *path = new_path();
  eddy_address address;
  int fd;
  CHECK_OK(eddy_address_parse(path, 0, &address));
  CHECK_OK(eddy_sock_open_datagram(&address, NULL, &fd));
  CHECK_OK(eddy_sock_close(fd));
  struct end *end = end_new("E");
  end->options = (eddy_endpoint_options){.local_host = path};
  CHECK_CODE(end_run(STACKFUL, end), 0);
  return end_close(end);
}

EDDY_TASK_TEST_KERNEL(datagram_create, remote_end_that_is_not_there_is_an_error)
{
  const char *path = new_path();
  CHECK_OK(refuse(&(eddy_endpoint_options){.remote_host = path}, EDDY_ENOENT, path));
  return 0;
}

EDDY_TASK_TEST_KERNEL(datagram_create, without_descriptors_it_is_an_error)
{
  struct end *end = end_new("E");
  CHECK_OK(exhaust_descriptors());
  int rc = end_run(STACKFUL, end);
  free_descriptors(NULL);
  CHECK_CODE(rc, EDDY_EMFILE);
  CHECK_EQ(end->released, 0);
  return 0;
}
