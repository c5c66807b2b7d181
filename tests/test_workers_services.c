/* Services on several loops: how connections come to them. */
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "workers.h"

/* What the workers of a test share. */
static atomic_int called;   /* main tasks that have begun to serve, or could not */
static atomic_int answered; /* connections */

/* ---- on one port ---- */

static int answer(eddy_stream_reader *reader, eddy_stream_writer *writer, void *unused)
{
  char byte;
  (void)unused;
  int rc = eddy_stream_reader_readexactly(reader, &byte, 1, NULL);
  if (rc == 0) rc = eddy_stream_writer_write(writer, &byte, 1);
  atomic_fetch_add(&answered, 1);
  return rc;
}

static int serve(void *port)
{
  const eddy_server_options how = {.reuse_port = true};
  const eddy_stream_options options = {.server = &how};
  eddy_server *server;
  int rc = eddy_start_server(answer, NULL, "127.0.0.1", *(int *)port, &options, &server);
  atomic_fetch_add(&called, 1);
  if (rc < 0) return rc;
  rc = eddy_server_serve_forever(server);
  eddy_server_unref(server);
  return rc;
}

/* A client that talks to the service so many times. */
static int visit(void *port)
{
  for (int i = 0; i < 20; i++) {
    eddy_stream_reader *reader;
    eddy_stream_writer *writer;
    char byte = 0;
    int rc = eddy_open_connection("127.0.0.1", *(int *)port, NULL, &reader, &writer);
    if (rc < 0) return rc;
    rc = eddy_stream_writer_write(writer, "x", 1);
    if (rc == 0) rc = eddy_stream_reader_readexactly(reader, &byte, 1, NULL);
    eddy_stream_writer_unref(writer);
    eddy_stream_reader_unref(reader);
    if (rc < 0) return rc;
    CHECK_EQ(byte, 'x');
  }
  return 0;
}

static void close_descriptor(void *fd)
{
  close((int)(intptr_t)fd);
}

/* A port for those who share it: it stays reserved, and nobody listens on it. */
static int shared_port(int *port)
{
  struct sockaddr_in name = {
      .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof name;
  int on = 1;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return EDDY_EMFILE;
  test_defer_late(close_descriptor, (void *)(intptr_t)fd);
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
      bind(fd, (struct sockaddr *)&name, size) != 0 ||
      getsockname(fd, (struct sockaddr *)&name, &size) != 0)
    return EDDY_EADDRINUSE;
  *port = ntohs(name.sin_port);
  return 0;
}

EDDY_TEST_KERNEL(workers, may_listen_on_one_port)
{
  static int port;
  eddy_workers *workers;
  CHECK_OK(shared_port(&port));
  atomic_store(&called, 0);
  atomic_store(&answered, 0);
  CHECK_OK(start_workers(2, serve, &port, &workers));
  while (called < 2) {
    CHECK_CODE(eddy_workers_join(workers, EDDY_MS(1)), EDDY_ETIMEDOUT);
  }
  CHECK_OK(eddy_run(visit, &port));
  CHECK_OK(eddy_workers_drain(workers, EDDY_NEVER));
  CHECK_EQ(answered, 20);
  return 0;
}

/* ---- connections handed over ---- */

static int serve_one(void *fd)
{
  eddy_stream_reader *reader;
  eddy_stream_writer *writer;
  eddy_transport *transport;
  int rc = eddy_stream_reader_new(EDDY_STREAM_LIMIT, &reader);
  if (rc < 0) return rc;
  rc = eddy_loop_connect_accepted_socket(
      NULL, eddy_stream_protocol, reader, (int)(intptr_t)fd, NULL, &transport, NULL);
  if (rc < 0) goto out;
  rc = eddy_stream_writer_new(transport, &writer);
  eddy_transport_unref(transport);
  if (rc < 0) goto out;
  rc = answer(reader, writer, NULL);
  eddy_stream_writer_close(writer);
  if (rc == 0) rc = eddy_stream_writer_wait_closed(writer);
  eddy_stream_writer_unref(writer);
out:
  eddy_stream_reader_unref(reader);
  return rc < 0 ? rc : eddy_return(eddy_int(eddy_worker_index()));
}

static const eddy_task_options close_unserved = {.unstarted = close_descriptor};

struct acceptor {
  eddy_workers *workers;
  int listener;
  int64_t index[4]; /* of the worker that had the connection */
};

static int accept_four(void *arg)
{
  struct acceptor *acceptor = arg;
  eddy_thread_future *served[4] = {NULL};
  int rc = 0;
  for (int i = 0; i < 4 && rc == 0; i++) {
    int fd = -1;
    rc = eddy_sock_accept(acceptor->listener, &fd, NULL);
    const eddy_task_body body = {.fn = serve_one, .arg = (void *)(intptr_t)fd};
    if (rc == 0)
      rc = eddy_workers_create_task_with(
          acceptor->workers, EDDY_WORKERS_NEXT, &body, &close_unserved, &served[i]);
    if (rc < 0 && fd >= 0) close(fd);
  }
  for (int i = 0; i < 4; i++) {
    eddy_future *future;
    eddy_value value = eddy_int(-1);
    if (rc == 0) rc = eddy_wrap_future(served[i], NULL, &future);
    if (rc == 0) {
      rc = eddy_await(future, &value);
      eddy_future_unref(future);
    }
    acceptor->index[i] = value.i;
    eddy_thread_future_unref(served[i]);
  }
  eddy_sock_close(acceptor->listener); /* who has not been served is not to wait */
  return rc;
}

static int call_four_times(void *arg)
{
  struct acceptor *acceptor = arg;
  eddy_address address;
  eddy_task *task;
  int rc = eddy_sock_listen("127.0.0.1", 0, NULL, &acceptor->listener);
  if (rc == 0) rc = eddy_sock_getsockname(acceptor->listener, &address);
  if (rc == 0) rc = eddy_create_task(accept_four, acceptor, &task);
  if (rc < 0) return rc;
  for (int i = 0; i < 4 && rc == 0; i++) {
    eddy_stream_reader *reader;
    eddy_stream_writer *writer;
    char byte = 0;
    rc = eddy_open_connection(
        "127.0.0.1", eddy_address_port(&address), NULL, &reader, &writer);
    if (rc < 0) break;
    rc = eddy_stream_writer_write(writer, "y", 1);
    if (rc == 0) rc = eddy_stream_reader_readexactly(reader, &byte, 1, NULL);
    eddy_stream_writer_unref(writer);
    eddy_stream_reader_unref(reader);
  }
  if (rc == 0) rc = eddy_task_await(task, NULL);
  eddy_task_unref(task);
  return rc;
}

static int wait_for_the_end(void *unused)
{
  (void)unused;
  return eddy_sleep(EDDY_NEVER);
}

EDDY_TEST_KERNEL(workers, may_be_handed_connections)
{
  static struct acceptor acceptor;
  atomic_store(&answered, 0);
  CHECK_OK(start_workers(2, wait_for_the_end, NULL, &acceptor.workers));
  CHECK_OK(eddy_run(call_four_times, &acceptor));
  for (int i = 0; i < 4; i++)
    CHECK_EQ(acceptor.index[i], i % 2);
  CHECK_EQ(answered, 4);
  return 0;
}
