/* Much data, and many connections. */
#include "sock_calls.h"

enum { BIG = 8 << 20, BLOCK = 1 << 16 };

struct transfer {
  eddy_frame frame;
  int fd;
  unsigned char *bytes;
  size_t total;
  size_t got;
  size_t wrong; /* bytes that are not what was sent */
  int rc;
};

static void check_block(struct transfer *self)
{
  for (size_t i = 0; i < self->got; i++) {
    self->wrong += self->bytes[i] != byte_at(self->total + i);
  }
  self->total += self->got;
}

static int receive_body(void *arg)
{
  struct transfer *self = arg;
  do {
    CHECK_OK(eddy_sock_recv(self->fd, self->bytes, BLOCK, &self->got));
    check_block(self);
  } while (self->got > 0);
  return 0;
}

static int receive_frame(eddy_frame *frame)
{
  struct transfer *self = (struct transfer *)frame;
  EDDY_BEGIN(frame);
  do {
    EDDY_AWAIT(frame, self->rc, eddy_sock_recv(self->fd, self->bytes, BLOCK, &self->got));
    CHECK_OK(self->rc);
    check_block(self);
  } while (self->got > 0);
  EDDY_END(frame);
}

static unsigned char *big_bytes(void)
{
  unsigned char *bytes = test_new(BIG);
  for (size_t i = 0; i < BIG; i++) {
    bytes[i] = byte_at(i);
  }
  return bytes;
}

static int send_big(enum kind kind, int fds[2])
{
  struct call *send;
  struct transfer *receive = test_new(sizeof *receive);
  eddy_task *task;
  receive->fd = fds[1];
  receive->bytes = test_new(BLOCK);
  unsigned char *bytes = big_bytes();
  CHECK_OK(call_start(kind, SENDALL, fds[0], bytes, BIG, &send));
  CHECK_OK(look_around());
  CHECK(call_waits(send)); /* held back: nobody receives */
  CHECK_OK(start_kind(kind, receive_body, receive_frame, &receive->frame, &task));
  CHECK_OK(close_when_done(task, fds[1]));
  CHECK_OK(call_join(send));
  CHECK_OK(eddy_sock_shutdown(fds[0], EDDY_SHUTDOWN_WRITE));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_EQ(receive->total, BIG);
  CHECK_EQ(receive->wrong, 0);
  return 0;
}

EDDY_TASK_TEST(sock_many, sendall_sends_eight_megabytes_against_back_pressure)
{
  return each_stream(send_big);
}

/* Two that send without end to each other do not hang: each direction is its own. */
static int send_both_ways(enum kind kind, int fds[2])
{
  struct call *sends[2];
  struct transfer *receives[2];
  eddy_task *tasks[2];
  unsigned char *bytes = big_bytes();
  for (int i = 0; i < 2; i++) {
    receives[i] = test_new(sizeof *receives[i]);
    receives[i]->fd = fds[i];
    receives[i]->bytes = test_new(BLOCK);
    CHECK_OK(call_start(kind, SENDALL, fds[i], bytes, BIG, &sends[i]));
    CHECK_OK(
        start_kind(kind, receive_body, receive_frame, &receives[i]->frame, &tasks[i]));
    CHECK_OK(close_when_done(tasks[i], fds[i]));
  }
  for (int i = 0; i < 2; i++) {
    CHECK_OK(call_join(sends[i]));
  }
  for (int i = 0; i < 2; i++) {
    CHECK_OK(eddy_sock_shutdown(fds[i], EDDY_SHUTDOWN_WRITE));
  }
  for (int i = 0; i < 2; i++) {
    CHECK_OK(eddy_task_await(tasks[i], NULL));
    CHECK_EQ(receives[i]->total, BIG);
    CHECK_EQ(receives[i]->wrong, 0);
  }
  return 0;
}

EDDY_TASK_TEST(sock_many, both_ends_may_send_and_receive_without_end)
{
  return each_stream(send_both_ways);
}

/* ---- an echo service ---- */

enum { CONNECTIONS = 200, MESSAGES = 5, MESSAGE = 700 };

struct echo {
  eddy_frame frame;
  int fd;
  unsigned char bytes[MESSAGE];
  size_t got;
  int rc;
};

static int echo_over(struct echo *self)
{
  if (self->fd >= 0) eddy_sock_close(self->fd);
  self->fd = -1;
  return 0;
}

/* One that never began has not closed its connection. */
static int echo_done(eddy_future *future, void *arg)
{
  (void)future;
  return echo_over(arg);
}

static int echo_body(void *arg)
{
  struct echo *self = arg;
  int rc;
  while ((rc = eddy_sock_recv(self->fd, self->bytes, MESSAGE, &self->got)) == 0) {
    if (self->got == 0) break;
    rc = eddy_sock_sendall(self->fd, self->bytes, self->got);
    if (rc < 0) break;
  }
  echo_over(self);
  return rc;
}

static int echo_frame(eddy_frame *frame)
{
  struct echo *self = (struct echo *)frame;
  EDDY_BEGIN(frame);
  for (;;) {
    EDDY_AWAIT(
        frame, self->rc, eddy_sock_recv(self->fd, self->bytes, MESSAGE, &self->got));
    if (self->rc < 0 || self->got == 0) break;
    EDDY_AWAIT(frame, self->rc, eddy_sock_sendall(self->fd, self->bytes, self->got));
    if (self->rc < 0) break;
  }
  echo_over(self);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

struct service {
  eddy_frame frame;
  enum kind kind;
  int listener;
  int connection;
  int taken;
  int rc;
  eddy_address address;
  int answered;
};

static int start_echo(struct service *self)
{
  struct echo *echo = test_new(sizeof *echo);
  eddy_task *task;
  echo->fd = self->connection;
  self->taken++;
  int rc = start_kind(self->kind, echo_body, echo_frame, &echo->frame, &task);
  if (rc == 0) {
    rc = eddy_future_add_done_callback(eddy_task_future(task), echo_done, echo);
  }
  if (rc < 0) echo_over(echo);
  return rc;
}

static int serve_body(void *arg)
{
  struct service *self = arg;
  for (int rc;;) {
    rc = eddy_sock_accept(self->listener, &self->connection, NULL);
    if (rc == 0) rc = start_echo(self);
    if (rc < 0) return rc;
  }
}

static int serve_frame(eddy_frame *frame)
{
  struct service *self = (struct service *)frame;
  EDDY_BEGIN(frame);
  for (;;) {
    EDDY_AWAIT(
        frame, self->rc, eddy_sock_accept(self->listener, &self->connection, NULL));
    if (self->rc == 0) self->rc = start_echo(self);
    if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  }
  EDDY_END(frame);
}

static int talk(int fd, struct service *service, size_t seed)
{
  unsigned char *sent = test_new(MESSAGE), *received = test_new(MESSAGE);
  CHECK_OK(eddy_sock_connect(fd, &service->address));
  for (size_t message = 0; message < MESSAGES; message++) {
    for (size_t i = 0; i < MESSAGE; i++) {
      sent[i] = byte_at(seed * 1000003 + message * MESSAGE + i);
    }
    CHECK_OK(eddy_sock_sendall(fd, sent, MESSAGE));
    CHECK_OK(recv_all(fd, received, MESSAGE));
    CHECK_MEM(sent, received, MESSAGE);
  }
  service->answered++;
  return 0;
}

static int client(void *arg)
{
  static size_t number;
  struct service *service = arg;
  int fd;
  CHECK_OK(eddy_sock_open(&service->address, &fd));
  int rc = talk(fd, service, number++);
  eddy_sock_close(fd);
  return rc;
}

static int echo_service(enum kind kind)
{
  struct service *service = test_new(sizeof *service);
  eddy_task *server, **clients = test_new(CONNECTIONS * sizeof(eddy_task *));
  service->kind = kind;
  /* All of them call at once; a kernel whose queue is full lets them try again in 1 s. */
  eddy_listen_options options = {.backlog = 2 * CONNECTIONS};
  CHECK_OK(eddy_sock_listen("127.0.0.1", 0, &options, &service->listener));
  test_fd(service->listener);
  CHECK_OK(eddy_sock_getsockname(service->listener, &service->address));
  CHECK_OK(start_kind(kind, serve_body, serve_frame, &service->frame, &server));
  CHECK_OK(close_when_done(server, service->listener));
  for (int i = 0; i < CONNECTIONS; i++) {
    CHECK_OK(test_task(client, service, &clients[i]));
  }
  for (int i = 0; i < CONNECTIONS; i++) {
    CHECK_OK(eddy_task_await(clients[i], NULL));
  }
  CHECK_EQ(service->answered, CONNECTIONS);
  CHECK_EQ(service->taken, CONNECTIONS);
  CHECK(eddy_task_cancel(server, NULL));
  CHECK_CODE(eddy_task_await(server, NULL), EDDY_ECANCELLED);
  CHECK_OK(look_around()); /* the last connections see the end of their input */
  return 0;
}

EDDY_TASK_TEST(sock_many, two_hundred_connections_get_their_own_bytes_back)
{
  return each_kind(echo_service);
}

/* One loop: sockets, a queue and timers, none of which holds the others up. */
static int to_queue(void *arg)
{
  struct transfer *self = arg;
  eddy_queue *queue = (void *)self->bytes;
  for (;;) {
    char byte;
    CHECK_OK(eddy_sock_recv(self->fd, &byte, 1, &self->got));
    if (self->got == 0) break;
    CHECK_OK(eddy_queue_put(queue, eddy_int(byte)));
  }
  return 0;
}

static int shut_queue(eddy_future *future, void *queue)
{
  (void)future;
  eddy_queue_shutdown(queue, false);
  return 0;
}

static int ticks;

static int tick(void *unused)
{
  ticks++;
  return eddy_loop_call_later(eddy_get_running_loop(), EDDY_MS(1), tick, unused, NULL);
}

EDDY_TASK_TEST(sock_many, sockets_queues_and_timers_share_a_loop)
{
  int fds[2];
  eddy_queue *queue;
  eddy_task *task;
  eddy_value item;
  struct transfer *self = test_new(sizeof *self);
  CHECK_OK(test_pair(fds));
  CHECK_OK(test_queue(1, &queue));
  self->fd = fds[1];
  self->bytes = (void *)queue;
  ticks = 0;
  CHECK_OK(test_task(to_queue, self, &task));
  CHECK_OK(eddy_future_add_done_callback(eddy_task_future(task), shut_queue, queue));
  CHECK_OK(tick(NULL));
  for (int i = 0; i < 10; i++) {
    CHECK_OK(eddy_sock_sendall(fds[0], "a", 1));
    CHECK_OK(eddy_queue_get(queue, &item));
    CHECK_EQ(item.i, 'a');
    CHECK_OK(eddy_sleep(EDDY_MS(2)));
  }
  CHECK_OK(eddy_sock_shutdown(fds[0], EDDY_SHUTDOWN_WRITE));
  CHECK_CODE(eddy_queue_get(queue, &item), EDDY_EQUEUESHUTDOWN);
  CHECK(ticks >= 10);
  return 0;
}
