/* Descriptors that are handed in, and those that a transport has already. */
#include <sys/socket.h>
#include <unistd.h>

#include "services.h"

static int ignore(void *arg)
{
  (void)arg;
  return 0;
}

EDDY_TASK_TEST(handed_in, server_has_a_path_or_a_socket)
{
  int fd = 0;
  eddy_server *server = NULL;
  const eddy_server_options options = {.sock = &fd};
  CHECK_CODE(eddy_loop_create_unix_server(
                 NULL, service_factory, NULL, "/tmp/eddy-unused", &options, &server),
      EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "cannot both be given");
  CHECK_CODE(
      eddy_loop_create_unix_server(NULL, service_factory, NULL, NULL, NULL, &server),
      EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "neither path nor sock");
  CHECK_PTR(server, NULL);
  return 0;
}

EDDY_TASK_TEST(handed_in, connection_has_a_path_or_a_socket)
{
  int fd = 0;
  const eddy_connection_options options = {.sock = &fd};
  struct peer *peer = new_peer("");
  CHECK_CODE(eddy_loop_create_unix_connection(
                 NULL, peer_factory, peer, "/tmp/eddy-unused", &options, NULL, NULL),
      EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "cannot both be given");
  CHECK_CODE(
      eddy_loop_create_unix_connection(NULL, peer_factory, peer, NULL, NULL, NULL, NULL),
      EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "neither host nor sock");
  CHECK_EQ(peer->made, 0);
  return 0;
}

static int watched_by_nobody_else(int fd)
{
  eddy_loop *loop = eddy_get_running_loop();
  CHECK_CODE(eddy_loop_add_reader(loop, fd, ignore, NULL), EDDY_EBUSY);
  CHECK_CODE(eddy_loop_add_writer(loop, fd, ignore, NULL), EDDY_EBUSY);
  CHECK_CONTAINS(eddy_message(EDDY_EBUSY), "a transport uses it");
  CHECK(!eddy_loop_remove_reader(loop, fd));
  CHECK(!eddy_loop_remove_writer(loop, fd));
  return 0;
}

EDDY_TASK_TEST(handed_in, socket_of_a_transport_is_watched_by_nobody_else)
{
  int socket;
  struct peer *peer = new_peer("a");
  CHECK_OK(peer_and_socket(peer, &socket));
  CHECK_OK(watched_by_nobody_else(eddy_transport_get_fd(peer->transport)));
  eddy_transport_pause_reading(peer->transport);
  CHECK_OK(watched_by_nobody_else(eddy_transport_get_fd(peer->transport)));
  CHECK_OK(eddy_transport_resume_reading(peer->transport));
  /* The transport goes on. */
  CHECK_OK(eddy_sock_sendall(socket, "abc", 3));
  CHECK_OK(wait_for_bytes(peer, 3));
  return peer_end(peer);
}

EDDY_TASK_TEST(handed_in, socket_of_a_transport_that_closes_can_be_watched)
{
  int socket, got = 0;
  size_t size = 4000000;
  struct peer *peer = new_peer("");
  eddy_loop *loop = eddy_get_running_loop();
  CHECK_OK(peer_and_socket(peer, &socket));
  int fd = eddy_transport_get_fd(peer->transport);
  CHECK_OK(eddy_transport_write(peer->transport, test_new(size), size));
  eddy_transport_close(peer->transport);
  CHECK(!peer->lost); /* it has to send first */
  CHECK_OK(eddy_loop_add_reader(loop, fd, ignore, &got));
  CHECK(eddy_loop_remove_reader(loop, fd));
  CHECK_OK(eddy_loop_add_reader(loop, fd, ignore, &got)); /* gone with the descriptor */
  eddy_transport_abort(peer->transport);
  CHECK_OK(wait_until(&peer->lost));
  CHECK_CODE(eddy_loop_add_reader(loop, fd, ignore, &got), EDDY_EBADF);
  CHECK(!eddy_loop_remove_reader(loop, fd));
  return 0;
}

/* What can be done without waiting is done, also beside a transport. */
EDDY_TASK_TEST(handed_in, call_on_the_socket_of_a_transport_does_not_wait)
{
  int socket;
  char bytes[8];
  size_t got, size = 4000000;
  struct peer *peer = new_peer("");
  CHECK_OK(peer_and_socket(peer, &socket));
  int fd = eddy_transport_get_fd(peer->transport);
  CHECK_CODE(eddy_sock_recv(fd, bytes, sizeof bytes, &got), EDDY_EBUSY);
  CHECK_CONTAINS(eddy_message(EDDY_EBUSY), "recv descriptor");
  CHECK_CONTAINS(eddy_message(EDDY_EBUSY), "a transport uses it");
  eddy_transport_pause_reading(peer->transport);
  CHECK_CODE(eddy_sock_recv(fd, bytes, sizeof bytes, &got), EDDY_EBUSY);
  CHECK_CODE(eddy_sock_sendall(fd, test_new(size), size), EDDY_EBUSY);
  CHECK_OK(eddy_sock_sendall(socket, "abc", 3));
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_OK(eddy_sock_recv(fd, bytes, sizeof bytes, &got));
  CHECK_EQ(got, 3);
  eddy_transport_abort(peer->transport);
  return wait_until(&peer->lost);
}

EDDY_TASK_TEST(handed_in, socket_has_one_transport_at_most)
{
  int socket;
  struct peer *peer = new_peer(""), *second = new_peer("");
  CHECK_OK(peer_and_socket(peer, &socket));
  int fd = eddy_transport_get_fd(peer->transport);
  const eddy_connection_options options = {.sock = &fd};
  const eddy_endpoint_options endpoint = {.sock = &fd};
  CHECK_CODE(eddy_loop_create_connection(
                 NULL, peer_factory, second, NULL, 0, &options, NULL, NULL),
      EDDY_EBUSY);
  CHECK_CODE(eddy_loop_create_unix_connection(
                 NULL, peer_factory, second, NULL, &options, NULL, NULL),
      EDDY_EBUSY);
  CHECK_CODE(
      eddy_loop_connect_accepted_socket(NULL, peer_factory, second, fd, NULL, NULL, NULL),
      EDDY_EBUSY);
  CHECK_CODE(eddy_loop_create_datagram_endpoint(
                 NULL, peer_factory, second, &endpoint, NULL, NULL),
      EDDY_EBUSY);
  CHECK_CONTAINS(eddy_message(EDDY_EBUSY), "a transport uses it");
  CHECK_EQ(second->made, 0);
  /* It is still the first one's. */
  CHECK_OK(eddy_sock_sendall(socket, "abc", 3));
  CHECK_OK(wait_for_bytes(peer, 3));
  return peer_end(peer);
}

EDDY_TASK_TEST(handed_in, accepted_socket_takes_no_time_for_tls_without_tls)
{
  int fds[2];
  struct peer *peer = new_peer("");
  const eddy_connection_options options = {.ssl_handshake_timeout = EDDY_S(1)};
  CHECK_OK(test_pair(fds));
  CHECK_CODE(eddy_loop_connect_accepted_socket(
                 NULL, peer_factory, peer, fds[0], &options, NULL, NULL),
      EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "means nothing without tls");
  CHECK_EQ(peer->made, 0);
  return 0;
}

EDDY_TEST(handed_in, what_is_no_descriptor_cannot_be_watched)
{
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  CHECK_CODE(eddy_loop_add_reader(loop, -1, ignore, NULL), EDDY_EBADF);
  CHECK_CODE(eddy_loop_add_writer(loop, -1, ignore, NULL), EDDY_EBADF);
  CHECK(!eddy_loop_remove_reader(loop, -1));
  CHECK(!eddy_loop_remove_writer(loop, -1));
  return 0;
}

static void close_fd(void *fd)
{
  close((int)(intptr_t)fd);
}

EDDY_TEST_KERNEL(handed_in, closed_loop_watches_nothing)
{
  eddy_loop *loop;
  int ends[2];
  CHECK_OK(test_loop(&loop));
  CHECK_EQ(pipe(ends), 0);
  test_defer(close_fd, (void *)(intptr_t)ends[0]);
  test_defer(close_fd, (void *)(intptr_t)ends[1]);
  CHECK_OK(eddy_loop_add_reader(loop, ends[0], ignore, NULL));
  CHECK_OK(eddy_loop_close(loop));
  CHECK(!eddy_loop_remove_reader(loop, ends[0]));
  CHECK(!eddy_loop_remove_writer(loop, ends[1]));
  CHECK_CODE(eddy_loop_add_reader(loop, ends[0], ignore, NULL), EDDY_ECLOSED);
  CHECK_CODE(eddy_loop_add_writer(loop, ends[1], ignore, NULL), EDDY_ECLOSED);
  return 0;
}
