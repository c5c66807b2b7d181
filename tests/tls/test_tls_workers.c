/* Contexts that loops in several threads share. */
#include <stdatomic.h>
#include <unistd.h>

#include "certificates.h"
#include "workers.h"

#define ROUNDS 8

static struct both both; /* the contexts of all threads */
static atomic_int resumed;

/* Puts a stream in TLS on a socket, which is taken over. */
static int open_stream(int fd, bool server, eddy_transport **transport,
    eddy_stream_reader **reader, eddy_stream_writer **writer)
{
  const eddy_connection_options options = {.sock = &fd,
      .tls = eddy_tls_layer(server ? both.server : both.client),
      .server_hostname = server ? NULL : "localhost"};
  int rc = eddy_stream_reader_new(EDDY_STREAM_LIMIT, reader);
  if (rc < 0) {
    eddy_sock_close(fd);
    return rc;
  }
  rc = server ? eddy_loop_connect_accepted_socket(
                    NULL, eddy_stream_protocol, *reader, fd, &options, transport, NULL)
              : eddy_loop_create_connection(NULL, eddy_stream_protocol, *reader, NULL, 0,
                    &options, transport, NULL);
  if (rc < 0) goto no_transport;
  rc = eddy_stream_writer_new(*transport, writer);
  if (rc == 0) return 0;
  eddy_transport_abort(*transport);
  eddy_transport_unref(*transport);
no_transport:
  eddy_stream_reader_unref(*reader);
  return rc;
}

static int close_stream(int rc, eddy_transport *transport, eddy_stream_reader *reader,
    eddy_stream_writer *writer)
{
  eddy_stream_writer_close(writer);
  int closed = eddy_stream_writer_wait_closed(writer);
  eddy_stream_writer_unref(writer);
  eddy_stream_reader_unref(reader);
  eddy_transport_unref(transport);
  return rc < 0 ? rc : closed;
}

/* Says one byte back. */
static int answer(void *fd)
{
  eddy_transport *transport;
  eddy_stream_reader *reader;
  eddy_stream_writer *writer;
  char byte;
  int rc = open_stream((int)(intptr_t)fd, true, &transport, &reader, &writer);
  if (rc < 0) return rc;
  rc = eddy_stream_reader_readexactly(reader, &byte, 1, NULL);
  if (rc == 0) rc = eddy_stream_writer_write(writer, &byte, 1);
  return close_stream(rc, transport, reader, writer);
}

/* Has one byte said back, and leaves the session to whoever connects next. */
static int ask(int fd)
{
  eddy_transport *transport;
  eddy_stream_reader *reader;
  eddy_stream_writer *writer;
  eddy_tls_session *session;
  char byte = 0;
  int rc = open_stream(fd, false, &transport, &reader, &writer);
  if (rc < 0) return rc;
  rc = eddy_stream_writer_write(writer, "t", 1);
  if (rc == 0) rc = eddy_stream_reader_readexactly(reader, &byte, 1, NULL);
  if (rc == 0 && byte != 't') rc = EDDY_ERUNTIME;
  if (rc == 0 && eddy_tls_session_reused(transport)) atomic_fetch_add(&resumed, 1);
  if (rc == 0) rc = eddy_tls_get_session(transport, &session);
  if (rc == 0) {
    rc = eddy_tls_context_set_session(both.client, session);
    eddy_tls_session_unref(session);
  }
  return close_stream(rc, transport, reader, writer);
}

static void drop_descriptor(void *fd)
{
  close((int)(intptr_t)fd);
}

/* ---- connections that are handed over ---- */

static int ask_worker(eddy_workers *workers, size_t index)
{
  static const eddy_task_options options = {.unstarted = drop_descriptor};
  eddy_thread_future *answered;
  int fds[2];
  CHECK_OK(eddy_sock_pair(fds));
  const eddy_task_body body = {.fn = answer, .arg = (void *)(intptr_t)fds[1]};
  int rc = eddy_workers_create_task_with(workers, index, &body, &options, &answered);
  if (rc < 0) {
    eddy_sock_close(fds[0]);
    eddy_sock_close(fds[1]);
    return rc;
  }
  rc = ask(fds[0]);
  eddy_future *future;
  int answer_rc = eddy_wrap_future(answered, NULL, &future);
  eddy_thread_future_unref(answered);
  if (answer_rc == 0) {
    answer_rc = eddy_await(future, NULL);
    eddy_future_unref(future);
  }
  return rc < 0 ? rc : answer_rc;
}

static int ask_each_worker(void *workers)
{
  for (size_t i = 0; i < ROUNDS; i++) {
    CHECK_OK(ask_worker(workers, i % 3));
    CHECK_EQ(resumed, i);
  }
  return 0;
}

static int wait_for_the_end(void *unused)
{
  (void)unused;
  return eddy_sleep(EDDY_NEVER);
}

EDDY_TEST_KERNEL(tls_workers, session_of_one_is_resumed_by_all)
{
  eddy_workers *workers;
  CHECK_OK(new_both(&both));
  atomic_store(&resumed, 0);
  CHECK_OK(start_workers(3, wait_for_the_end, NULL, &workers));
  return eddy_run(ask_each_worker, workers);
}

/* ---- all at once ---- */

static void drop_socket(void *fd)
{
  eddy_sock_close((int)(intptr_t)fd);
}

/* A worker that talks to itself. */
static int ask_oneself(void *unused)
{
  static const eddy_task_options options = {.unstarted = drop_socket};
  (void)unused;
  for (int i = 0; i < ROUNDS; i++) {
    eddy_task *task;
    int fds[2];
    int rc = eddy_sock_pair(fds);
    if (rc < 0) return rc;
    rc = eddy_loop_create_task_with(
        NULL, answer, (void *)(intptr_t)fds[1], &options, &task);
    if (rc < 0) {
      eddy_sock_close(fds[0]);
      eddy_sock_close(fds[1]);
      return rc;
    }
    rc = ask(fds[0]);
    int answered = eddy_task_await(task, NULL);
    eddy_task_unref(task);
    if (rc == 0) rc = answered;
    if (rc < 0) return rc;
  }
  return 0;
}

EDDY_TEST(tls_workers, contexts_are_used_by_all_at_once)
{
  eddy_workers *workers;
  CHECK_OK(new_both(&both));
  atomic_store(&resumed, 0);
  CHECK_OK(start_workers(3, ask_oneself, NULL, &workers));
  CHECK_OK(eddy_workers_join(workers, EDDY_NEVER));
  CHECK(resumed >= 3 * (ROUNDS - 1));
  return 0;
}
