/* What native/uring takes in before anybody asks for it belongs to whoever asks next, in order. */
#include "services.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

enum { MUCH = 1 << 20 };

/* Numbers from a seed, the same each time. */
static unsigned next_number(unsigned *seed)
{
  *seed = *seed * 1103515245u + 12345u;
  return *seed >> 16;
}

struct sender {
  int fd;
  size_t sent;
};

static unsigned char much[MUCH];

/* Pieces of every size: some fill a buffer of the poller's, some are a byte. */
static int send_pieces(void *arg)
{
  struct sender *sender = arg;
  unsigned seed = 7;
  while (sender->sent < MUCH) {
    size_t size = 1 + next_number(&seed) % (next_number(&seed) % 4 == 0 ? 20000 : 700);
    if (size > MUCH - sender->sent) size = MUCH - sender->sent;
    CHECK_OK(eddy_sock_sendall(sender->fd, much + sender->sent, size));
    sender->sent += size;
    if (next_number(&seed) % 3 == 0) CHECK_OK(eddy_sleep(0));
  }
  return eddy_sock_shutdown(sender->fd, EDDY_SHUTDOWN_WRITE);
}

static int resume(void *arg)
{
  return eddy_transport_resume_reading(((struct peer *)arg)->transport);
}

static int pause_now_and_then(struct peer *peer, const void *data, size_t size)
{
  (void)data;
  (void)size;
  if (peer->size % 3 != 0) return 0;
  eddy_transport_pause_reading(peer->transport);
  return eddy_loop_call_later(eddy_get_running_loop(),
      peer->size % 2 != 0 ? 0 : EDDY_US(200), resume, peer, NULL);
}

static int receive_all(bool pauses)
{
  struct service *service;
  struct sender *sender = test_new(sizeof *sender);
  eddy_task *task;
  for (size_t i = 0; i < MUCH; i++) {
    much[i] = byte_at(i);
  }
  CHECK_OK(serve(&service, "127.0.0.1", NULL));
  CHECK_OK(call_service(service, &sender->fd));
  CHECK_OK(wait_for_peers(service, 1));
  struct peer *peer = service->peers[0];
  peer->quiet = true;
  if (pauses) peer->on_data = pause_now_and_then;
  CHECK_OK(test_task(send_pieces, sender, &task));
  CHECK_OK(wait_until(&peer->ended));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_EQ(peer->size, MUCH);
  CHECK_MEM(peer->bytes, much, MUCH);
  return 0;
}

EDDY_TASK_TEST(uring_ahead, bytes_keep_their_order_in_pieces_of_every_size)
{
  return receive_all(false);
}

EDDY_TASK_TEST(uring_ahead, bytes_keep_their_order_through_pauses)
{
  return receive_all(true);
}

/* The answers do not fit, so that writing has to wait while bytes come in. */
EDDY_TASK_TEST(uring_ahead, bytes_keep_their_order_while_writing_waits)
{
  struct service *service;
  struct sender *sender = test_new(sizeof *sender);
  unsigned char *back = test_new(MUCH);
  eddy_task *task;
  for (size_t i = 0; i < MUCH; i++) {
    much[i] = byte_at(i);
  }
  CHECK_OK(serve(&service, "127.0.0.1", NULL));
  service->echo = true;
  CHECK_OK(call_service(service, &sender->fd));
  CHECK_OK(wait_for_peers(service, 1));
  service->peers[0]->quiet = true;
  CHECK_OK(test_task(send_pieces, sender, &task));
  CHECK_OK(eddy_sleep(EDDY_MS(5)));
  CHECK_OK(recv_all(sender->fd, back, MUCH));
  CHECK_MEM(back, much, MUCH);
  return eddy_task_await(task, NULL);
}

/* What a transport that rests is sent stays where the sender feels it. */
EDDY_TASK_TEST_KERNEL(uring_ahead, transport_that_rests_takes_little_in)
{
  struct service *service;
  static char block[4096];
  int fd;
  size_t sent = 0;
  CHECK_OK(serve(&service, "127.0.0.1", NULL));
  CHECK_OK(call_service(service, &fd));
  CHECK_OK(wait_for_peers(service, 1));
  struct peer *peer = service->peers[0];
  peer->quiet = true;
  CHECK_OK(eddy_sock_sendall(fd, "x", 1));
  CHECK_OK(wait_for_bytes(peer, 1));
  eddy_transport_pause_reading(peer->transport);
  for (int i = 0; i < 200; i++) {
    ssize_t moved = send(fd, block, sizeof block, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (moved > 0) sent += (size_t)moved;
    CHECK_OK(eddy_sleep(0));
  }
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  int waiting = 0, unsent = 0;
  CHECK_EQ(ioctl(eddy_transport_get_fd(peer->transport), FIONREAD, &waiting), 0);
  CHECK_EQ(ioctl(fd, TIOCOUTQ, &unsent), 0);
  CHECK(
      (int)sent - waiting - unsent <= 65536); /* what is not acknowledged counts twice */
  CHECK_OK(eddy_transport_resume_reading(peer->transport));
  return wait_for_bytes(peer, 1 + sent);
}

enum { CALLERS = 50 };

EDDY_TASK_TEST_KERNEL(uring_ahead, connections_that_nobody_asked_for_yet_are_served_later)
{
  struct service *service;
  eddy_server_options options = {.no_start_serving = true};
  int fds[CALLERS];
  CHECK_OK(serve(&service, "127.0.0.1", &options));
  service->echo = true;
  for (int round = 0; round < 2; round++) {
    int before = service->count;
    for (int i = 0; i < CALLERS / 2; i++) {
      CHECK_OK(call_service(service, &fds[i]));
      CHECK_EQ(send(fds[i], "x", 1, 0), 1);
    }
    CHECK_OK(eddy_sleep(EDDY_MS(1)));
    if (round == 0) CHECK_EQ(service->count, 0);
    CHECK_OK(eddy_server_start_serving(service->server));
    CHECK_OK(wait_for_peers(service, before + CALLERS / 2));
    for (int i = 0; i < CALLERS / 2; i++) {
      char byte = 0;
      CHECK_OK(recv_all(fds[i], &byte, 1));
      CHECK_EQ(byte, 'x');
    }
  }
  return 0;
}

/* None of them is left open: the case would fail. */
EDDY_TASK_TEST_KERNEL(uring_ahead, server_that_closes_lets_go_of_those_it_has_not_served)
{
  struct service *service;
  int fds[CALLERS];
  char byte;
  size_t got = 1;
  CHECK_OK(serve(&service, "127.0.0.1", NULL));
  for (int i = 0; i < CALLERS; i++) {
    CHECK_OK(call_service(service, &fds[i]));
  }
  CHECK_OK(wait_until(&service->count));
  for (int i = 0; i < 10; i++) {
    int late;
    CHECK_OK(call_service(service, &late));
  }
  eddy_server_close(service->server);
  eddy_server_close_clients(service->server);
  for (int i = 0; i < CALLERS; i++) {
    int rc = eddy_sock_recv(fds[i], &byte, 1, &got);
    CHECK(rc == EDDY_ECONNRESET || (rc == 0 && got == 0));
  }
  return 0;
}

/* A connection ends by an error, and its number is another one's at once. */
EDDY_TASK_TEST_KERNEL(
    uring_ahead, bytes_of_a_connection_that_is_reset_are_not_the_next_ones)
{
  struct service *service;
  struct linger reset = {.l_onoff = 1};
  int fd;
  CHECK_OK(serve(&service, "127.0.0.1", NULL));
  for (int round = 0; round < 20; round++) {
    CHECK_OK(call_service(service, &fd));
    CHECK_OK(wait_for_peers(service, round + 1));
    struct peer *peer = service->peers[round];
    peer->quiet = true;
    if (round % 2 != 0) eddy_transport_pause_reading(peer->transport);
    CHECK_EQ(send(fd, &(char){(char)('a' + round)}, 1, 0), 1);
    CHECK_OK(eddy_sleep(EDDY_MS(1)));
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    CHECK_OK(close_now(fd));
    if (round % 2 != 0) {
      eddy_transport_abort(peer->transport);
    }
    CHECK_OK(wait_until(&peer->lost));
    CHECK(peer->size <= 1);
    if (peer->size == 1) CHECK_EQ(peer->bytes[0], 'a' + round);
  }
  return 0;
}
