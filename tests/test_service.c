/*
 * Faults done to a service: each ends in its documented error, the service goes on, and nothing
 * is left of it, counted before and after.
 */
#include <fcntl.h>
#include <netdb.h>

#include "streams.h"

enum { LIMIT = 1024, TIMES = 5 };

struct service {
  eddy_server *server;
  eddy_address address;
  eddy_stream_reader *reader;       /* of the last connection; borrowed */
  eddy_stream_writer *writer;       /* likewise */
  bool drops;                       /* lines that are too long, and goes on */
  int fail;                         /* the handler ends with this */
  eddy_time patience;               /* for a line; 0: any */
  int begun, ended, answered, lost; /* connections, lines, lines that were too long */
  size_t most;                      /* that was buffered when a read returned */
  int rc;                           /* of the last handler */
  int reports;
};

/* ---- the service ---- */

static int read_line(
    struct service *service, eddy_stream_reader *reader, const char **line, size_t *size)
{
  eddy_timeout scope;
  if (service->patience == 0) return eddy_stream_reader_readline(reader, line, size);
  int rc = eddy_timeout_enter(&scope, service->patience);
  if (rc < 0) return rc;
  return eddy_timeout_exit(&scope, eddy_stream_reader_readline(reader, line, size));
}

/* Says every line back. */
static int answer(eddy_stream_reader *reader, eddy_stream_writer *writer, void *arg)
{
  struct service *service = arg;
  const char *line;
  size_t size;
  int rc;
  service->begun++;
  service->reader = reader;
  service->writer = writer;
  for (;;) {
    rc = read_line(service, reader, &line, &size);
    size_t buffered = eddy_stream_reader_buffered(reader);
    if (buffered > service->most) service->most = buffered;
    if (rc == EDDY_ELIMITOVERRUN && service->drops) {
      service->lost++;
      continue;
    }
    if (rc < 0 || size == 0) break;
    service->answered++;
    rc = eddy_stream_writer_write(writer, line, size);
    if (rc == 0) rc = eddy_stream_writer_drain(writer);
    if (rc < 0) break;
  }
  if (service->fail < 0) rc = eddy_raise(service->fail, "this handler fails");
  service->rc = rc;
  service->ended++;
  return service->fail < 0 ? rc : 0;
}

/* Sends and sends, whether anybody reads or not. */
static int flood(eddy_stream_reader *reader, eddy_stream_writer *writer, void *arg)
{
  static char bytes[3][5000];
  const eddy_buffer pieces[] = {{bytes[0], 5000}, {bytes[1], 5000}, {bytes[2], 5000}};
  struct service *service = arg;
  (void)reader;
  service->begun++;
  service->writer = writer;
  int rc = 0;
  while (rc == 0) {
    service->answered++;
    rc = eddy_stream_writer_writelines(writer, pieces, 3);
    size_t queued = eddy_transport_get_write_buffer_size(
        eddy_stream_writer_transport(writer));
    if (queued > service->most) service->most = queued;
    if (rc == 0) rc = eddy_stream_writer_drain(writer);
  }
  service->rc = rc;
  service->ended++;
  return 0;
}

static int count_report(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  struct service *service = arg;
  (void)loop;
  (void)context;
  service->reports++;
  return 0;
}

static void end_service(void *arg)
{
  struct service *service = arg;
  eddy_server_close(service->server);
  eddy_server_abort_clients(service->server);
  eddy_server_unref(service->server);
}

static int serve(eddy_stream_handler *handler, struct service **out)
{
  struct service *service = test_new(sizeof *service);
  const eddy_stream_options options = {.limit = LIMIT};
  *out = service;
  eddy_loop_set_exception_handler(eddy_get_running_loop(), count_report, service);
  CHECK_OK(
      eddy_start_server(handler, service, "127.0.0.1", 0, &options, &service->server));
  test_defer(end_service, service);
  return eddy_sock_getsockname(
      eddy_server_sockets(service->server, NULL)[0], &service->address);
}

/* ---- clients ---- */

static int call(struct service *service, int *fd)
{
  int begun = service->begun;
  CHECK_OK(open_socket(&service->address, fd));
  CHECK_OK(eddy_sock_connect(*fd, &service->address));
  for (int i = 0; service->begun == begun && i < test_patience(); i++) {
    CHECK_OK(eddy_sleep(i < 100 ? 0 : EDDY_MS(1)));
  }
  CHECK_EQ(service->begun, begun + 1);
  return 0;
}

static int expect_end(int fd)
{
  char byte;
  size_t got = 1;
  CHECK_OK(eddy_sock_recv(fd, &byte, 1, &got));
  CHECK_EQ(got, 0);
  return 0;
}

static int reaches(const int *number, int value)
{
  for (int i = 0; *number < value && i < test_patience(); i++) {
    CHECK_OK(eddy_sleep(i < 100 ? 0 : EDDY_MS(1)));
  }
  CHECK_EQ(*number, value);
  return 0;
}

/* One that behaves. */
static int sound_client(struct service *service)
{
  int fd, ended = service->ended, fail = service->fail;
  char text[6];
  service->fail = 0;
  CHECK_OK(call(service, &fd));
  CHECK_OK(eddy_sock_sendall(fd, "sound\n", 6));
  CHECK_OK(recv_all(fd, text, 6));
  CHECK_MEM(text, "sound\n", 6);
  CHECK_OK(close_now(fd));
  CHECK_OK(reaches(&service->ended, ended + 1));
  service->fail = fail;
  return 0;
}

/* ---- before and after ---- */

struct counts {
  size_t tasks, buffers, operations, stacks;
  int descriptors;
};

static struct counts count(void)
{
  eddy_loop_stats stats;
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  struct counts counts = {stats.tasks, stats.buffers, stats.operations, stats.stacks, 0};
  for (int fd = 0; fd < 256; fd++) {
    counts.descriptors += fcntl(fd, F_GETFD) >= 0;
  }
  return counts;
}

static bool same(const struct counts *a, const struct counts *b)
{
  return a->tasks == b->tasks && a->buffers == b->buffers &&
         a->operations == b->operations && a->stacks == b->stacks &&
         a->descriptors == b->descriptors;
}

/* Connections take a few iterations to go. */
static int nothing_left(const struct counts *before)
{
  struct counts after = count();
  for (int i = 0; !same(before, &after) && i < test_patience(); i++) {
    CHECK_OK(eddy_sleep(i < 100 ? 0 : EDDY_MS(1)));
    after = count();
  }
  CHECK_EQ(after.tasks, before->tasks);
  CHECK_EQ(after.buffers, before->buffers);
  CHECK_EQ(after.operations, before->operations);
  CHECK_EQ(after.stacks, before->stacks);
  CHECK_EQ(after.descriptors, before->descriptors);
  return 0;
}

/* Does it to the service a few times, which must serve others as before. */
static int survives(struct service *service, int (*fault)(struct service *service))
{
  CHECK_OK(sound_client(service));
  CHECK_OK(settle());
  struct counts before = count();
  for (int i = 0; i < TIMES; i++) {
    CHECK_OK(fault(service));
  }
  CHECK_OK(nothing_left(&before));
  return sound_client(service);
}

/* ---- what peers do ---- */

static int reset(struct service *service)
{
  int fd, answered = service->answered, ended = service->ended;
  CHECK_OK(call(service, &fd));
  CHECK_OK(eddy_sock_sendall(fd, "never read\nhalf a l", 19));
  CHECK_OK(reaches(&service->answered, answered + 1));
  CHECK_OK(look_around());
  CHECK_OK(close_now(fd)); /* with an answer unread */
  CHECK_OK(reaches(&service->ended, ended + 1));
  CHECK_CODE(service->rc, EDDY_ECONNRESET);
  return 0;
}

EDDY_TASK_TEST(service, survives_peers_that_reset)
{
  struct service *service;
  CHECK_OK(serve(answer, &service));
  return survives(service, reset);
}

static int stall(struct service *service)
{
  int fd, ended = service->ended;
  service->patience = EDDY_MS(20);
  CHECK_OK(call(service, &fd));
  service->patience = 0;
  CHECK_OK(eddy_sock_sendall(fd, "half a l", 8));
  CHECK_OK(expect_end(fd));
  CHECK_OK(reaches(&service->ended, ended + 1));
  CHECK_CODE(service->rc, EDDY_ETIMEDOUT);
  return close_now(fd);
}

EDDY_TASK_TEST(service, survives_peers_that_stall)
{
  struct service *service;
  CHECK_OK(serve(answer, &service));
  return survives(service, stall);
}

static int half_close(struct service *service)
{
  int fd, ended = service->ended;
  char text[7];
  CHECK_OK(call(service, &fd));
  CHECK_OK(eddy_sock_sendall(fd, "one\ntwo", 7));
  CHECK_OK(eddy_sock_shutdown(fd, EDDY_SHUTDOWN_WRITE));
  CHECK_OK(recv_all(fd, text, 7));
  CHECK_MEM(text, "one\ntwo", 7);
  CHECK_OK(expect_end(fd));
  CHECK_OK(reaches(&service->ended, ended + 1));
  CHECK_CODE(service->rc, 0);
  return close_now(fd);
}

EDDY_TASK_TEST(service, answers_peers_that_half_close)
{
  struct service *service;
  CHECK_OK(serve(answer, &service));
  return survives(service, half_close);
}

static int send_bytewise(struct service *service)
{
  int fd, answered = service->answered;
  char text[24];
  CHECK_OK(call(service, &fd));
  for (const char *byte = "a byte at a time is fine\n"; *byte != '\0'; byte++) {
    CHECK_EQ(service->answered, answered);
    CHECK_OK(eddy_sock_sendall(fd, byte, 1));
    CHECK_OK(settle());
  }
  CHECK_OK(recv_all(fd, text, 24));
  CHECK_MEM(text, "a byte at a time is fine", 24);
  return close_now(fd);
}

EDDY_TASK_TEST(service, answers_peers_that_send_a_byte_at_a_time)
{
  struct service *service;
  CHECK_OK(serve(answer, &service));
  return survives(service, send_bytewise);
}

/* Sends until it is told not to; 16 MiB without an end of line are never taken. */
static int send_garbage(int fd, size_t size)
{
  static char garbage[64 * 1024];
  int rc = 0;
  memset(garbage, 'x', sizeof garbage);
  for (size_t sent = 0; rc == 0 && sent < size; sent += sizeof garbage) {
    rc = eddy_sock_sendall(fd, garbage, sizeof garbage);
  }
  return rc;
}

static int send_endless_line(struct service *service)
{
  int fd, ended = service->ended;
  CHECK_OK(call(service, &fd));
  int rc = send_garbage(fd, (size_t)16 << 20);
  CHECK(rc == EDDY_ECONNRESET || rc == EDDY_EPIPE);
  CHECK_OK(reaches(&service->ended, ended + 1));
  CHECK_CODE(service->rc, EDDY_ELIMITOVERRUN);
  return close_now(fd);
}

EDDY_TASK_TEST(service, survives_lines_without_an_end)
{
  struct service *service;
  CHECK_OK(serve(answer, &service));
  return survives(service, send_endless_line);
}

static int send_much_garbage(struct service *service)
{
  int fd;
  char text[6];
  service->most = 0;
  service->lost = 0;
  CHECK_OK(call(service, &fd));
  CHECK_OK(send_garbage(fd, (size_t)1 << 20));
  CHECK_OK(eddy_sock_sendall(fd, "\nsound\n", 7));
  /* What was left of the garbage may have become a line. */
  do {
    CHECK_OK(recv_all(fd, text, 1));
  } while (text[0] != 's');
  CHECK_OK(recv_all(fd, text, 5));
  CHECK_MEM(text, "ound\n", 5);
  CHECK(service->lost > 0);
  CHECK(service->most < (size_t)512 * 1024); /* the limit, and what one receive brings */
  return close_now(fd);
}

EDDY_TASK_TEST(service, drops_garbage_and_keeps_none_of_it)
{
  struct service *service;
  CHECK_OK(serve(answer, &service));
  service->drops = true;
  return survives(service, send_much_garbage);
}

static int fail(struct service *service)
{
  int fd, reports = service->reports;
  service->fail = EDDY_EIO;
  CHECK_OK(call(service, &fd));
  CHECK_OK(eddy_sock_shutdown(fd, EDDY_SHUTDOWN_WRITE));
  CHECK_OK(expect_end(fd));
  CHECK_OK(reaches(&service->reports, reports + 1));
  CHECK_CODE(service->rc, EDDY_EIO);
  return close_now(fd);
}

EDDY_TASK_TEST(service, survives_handlers_that_fail)
{
  struct service *service;
  CHECK_OK(serve(answer, &service));
  return survives(service, fail);
}

/* ---- a peer that does not read ---- */

static int ask_and_never_read(struct service *service)
{
  int fd, ended = service->ended, answered;
  eddy_transport *transport;
  service->most = 0;
  CHECK_OK(call(service, &fd));
  CHECK_EQ(service->ended, ended);
  transport = eddy_transport_ref(eddy_stream_writer_transport(service->writer));
  test_defer_late(unref_transport, transport);
  do { /* the system's buffers fill up */
    answered = service->answered;
    CHECK_OK(look_around());
    CHECK_OK(eddy_sleep(EDDY_MS(20)));
  } while (service->answered > answered);
  CHECK_BETWEEN(1, eddy_transport_get_write_buffer_size(transport), 64 * 1024 + 15000);
  CHECK(service->most <= (size_t)64 * 1024 + 15000);
  CHECK_EQ(service->ended, ended);
  CHECK_OK(close_now(fd));
  CHECK_OK(reaches(&service->ended, ended + 1));
  CHECK(service->rc == EDDY_ECONNRESET || service->rc == EDDY_EPIPE);
  return 0;
}

EDDY_TASK_TEST(service, holds_little_for_peers_that_never_read)
{
  struct service *service;
  CHECK_OK(serve(flood, &service));
  CHECK_OK(settle());
  CHECK_OK(ask_and_never_read(service));
  CHECK_OK(settle());
  struct counts before = count();
  for (int i = 0; i < 2; i++) {
    CHECK_OK(ask_and_never_read(service));
  }
  return nothing_left(&before);
}

/* ---- hosts that are none ---- */

static int find_nobody(void *arg, const char *host, const char *service,
    const eddy_addrinfo_hints *hints, eddy_addrinfo_answer *answer)
{
  (void)arg;
  (void)service;
  (void)hints;
  (void)answer;
  return eddy_raise(EDDY_EAI_NONAME, "nobody is called '%s'", host);
}

static int connect_fails(const char *host, int code)
{
  struct stream stream;
  CHECK_CODE(eddy_open_connection(host, 7, NULL, &stream.reader, &stream.writer), code);
  return 0;
}

EDDY_TASK_TEST(service, that_cannot_be_found_is_an_error_and_leaves_nothing)
{
  static const eddy_resolver resolver = {.getaddrinfo = find_nobody};
  char host[EDDY_HOST_NAME_MAX + 2];
  memset(host, 'a', sizeof host);
  host[sizeof host - 1] = '\0';
  CHECK_OK(eddy_loop_set_resolver(eddy_get_running_loop(), &resolver, NULL));
  CHECK_OK(connect_fails("nobody.invalid", EDDY_EAI_NONAME));
  struct counts before = count();
  for (int i = 0; i < TIMES; i++) {
    CHECK_OK(connect_fails("nobody.invalid", EDDY_EAI_NONAME));
    CHECK_CONTAINS(eddy_message(EDDY_EAI_NONAME), "nobody.invalid");
    CHECK_OK(connect_fails(host, EDDY_ENAMETOOLONG));
  }
  return nothing_left(&before);
}
