/* open_connection and start_server. */
#include "streams.h"

/* ---- a service ---- */

struct service {
  eddy_server *server;
  eddy_address address;
  int port;
  int handled;
  int ended;
  int fail; /* the handler ends with this */
  eddy_task *task;
  eddy_stream_reader *kept_reader;
  eddy_stream_writer *kept_writer;
};

/* A handler may come so late. */
static void drop_kept(void *arg)
{
  struct service *service = arg;
  eddy_stream_reader_unref(service->kept_reader);
  eddy_stream_writer_unref(service->kept_writer);
}

static void end_service(void *arg)
{
  struct service *service = arg;
  eddy_server_close(service->server);
  eddy_server_unref(service->server);
}

static int serve(struct service *service, eddy_stream_handler *handler,
    const eddy_stream_options *options)
{
  size_t count;
  CHECK_OK(
      eddy_start_server(handler, service, "127.0.0.1", 0, options, &service->server));
  test_defer(end_service, service);
  test_defer_late(drop_kept, service);
  CHECK_OK(eddy_sock_getsockname(
      eddy_server_sockets(service->server, &count)[0], &service->address));
  CHECK_EQ(count, 1);
  service->port = eddy_address_port(&service->address);
  return 0;
}

static int echo(eddy_stream_reader *reader, eddy_stream_writer *writer, void *arg)
{
  struct service *service = arg;
  const char *line;
  size_t size;
  int rc;
  service->handled++;
  service->task = eddy_current_task();
  while ((rc = eddy_stream_reader_readline(reader, &line, &size)) == 0 && size > 0) {
    rc = eddy_stream_writer_write(writer, line, size);
    if (rc == 0) rc = eddy_stream_writer_drain(writer);
    if (rc < 0) break;
  }
  service->ended++;
  if (rc == 0 && service->fail < 0) return eddy_raise(service->fail, "no more of this");
  return rc;
}

/* ---- a client ---- */

static int connect_to(const struct service *service, struct stream *out)
{
  CHECK_OK(
      eddy_open_connection("127.0.0.1", service->port, NULL, &out->reader, &out->writer));
  test_defer_late(unref_reader, out->reader);
  test_defer(unref_writer, out->writer);
  return 0;
}

static int say(struct stream *s, const char *text)
{
  const char *line;
  size_t size;
  CHECK_OK(eddy_stream_writer_write(s->writer, text, strlen(text)));
  CHECK_OK(eddy_stream_reader_readline(s->reader, &line, &size));
  CHECK_BYTES(line, size, text);
  return 0;
}

static int expect_end(struct stream *s)
{
  char byte;
  size_t got = 1;
  CHECK_OK(eddy_stream_reader_read(s->reader, &byte, 1, &got));
  CHECK_EQ(got, 0);
  return 0;
}

EDDY_TASK_TEST(stream, handlers_are_tasks_that_serve_their_connections)
{
  struct service *service = test_new(sizeof *service);
  struct stream clients[5];
  CHECK_OK(serve(service, echo, NULL));
  for (int i = 0; i < 5; i++)
    CHECK_OK(connect_to(service, &clients[i]));
  for (int i = 0; i < 5; i++)
    CHECK_OK(say(&clients[i], "hello\n"));
  CHECK_EQ(service->handled, 5);
  CHECK(service->task != eddy_current_task());
  for (int i = 0; i < 5; i++) {
    CHECK_OK(say(&clients[i], "again\n"));
    CHECK_OK(eddy_stream_writer_write_eof(clients[i].writer));
    CHECK_OK(expect_end(&clients[i])); /* the handler returned */
  }
  CHECK_EQ(service->ended, 5);
  eddy_server_close(service->server);
  for (int i = 0; i < 5; i++)
    eddy_stream_writer_close(clients[i].writer);
  return eddy_server_wait_closed(service->server);
}

EDDY_TASK_TEST(stream, refused_connection_says_where_to)
{
  struct service *service = test_new(sizeof *service);
  eddy_stream_reader *reader = NULL;
  eddy_stream_writer *writer = NULL;
  CHECK_OK(serve(service, echo, NULL));
  eddy_server_close(service->server);
  CHECK_CODE(eddy_open_connection("127.0.0.1", service->port, NULL, &reader, &writer),
      EDDY_ECONNREFUSED);
  CHECK_CONTAINS(eddy_message(EDDY_ECONNREFUSED), "127.0.0.1");
  CHECK_PTR(reader, NULL);
  CHECK_PTR(writer, NULL);
  CHECK_CODE(eddy_open_connection("127.0.0.1", 1, NULL, NULL, &writer), EDDY_EINVAL);
  CHECK_CODE(eddy_open_connection(NULL, 1, NULL, &reader, &writer), EDDY_EINVAL);
  CHECK_CODE(eddy_open_unix_connection("/x", NULL, &reader, NULL), EDDY_EINVAL);
  CHECK_CODE(
      eddy_start_server(NULL, NULL, "127.0.0.1", 0, NULL, &service->server), EDDY_EINVAL);
  CHECK_CODE(
      eddy_start_unix_server(NULL, NULL, "/x", NULL, &service->server), EDDY_EINVAL);
  return 0;
}

EDDY_TASK_TEST(stream, unix_sockets_carry_streams_too)
{
  struct service *service = test_new(sizeof *service);
  struct stream s;
  char path[64];
  int rc;
  snprintf(path, sizeof path, "/tmp/eddy-stream-%p.sock", (void *)service);
  CHECK_OK(eddy_start_unix_server(echo, service, path, NULL, &service->server));
  test_defer(end_service, service);
  CHECK_OK(eddy_open_unix_connection(path, NULL, &s.reader, &s.writer));
  test_defer_late(unref_reader, s.reader);
  test_defer(unref_writer, s.writer);
  CHECK_OK(say(&s, "hello\n"));
  eddy_server_close(service->server);
  rc = eddy_open_unix_connection(path, NULL, &s.reader, &s.writer);
  CHECK(rc == EDDY_ENOENT || rc == EDDY_ECONNREFUSED);
  return 0;
}

EDDY_TASK_TEST(stream, connected_socket_can_be_handed_in)
{
  struct stream s;
  int fds[2];
  CHECK_OK(test_pair(fds));
  test_fd_closed(fds[0]);
  const eddy_connection_options sock = {.sock = &fds[0]};
  const eddy_stream_options options = {.limit = 5, .connection = &sock};
  CHECK_OK(eddy_open_connection(NULL, 0, &options, &s.reader, &s.writer));
  test_defer_late(unref_reader, s.reader);
  test_defer(unref_writer, s.writer);
  CHECK_OK(eddy_sock_sendall(fds[1], "123456\n12345\n", 13));
  const char *line;
  size_t size;
  CHECK_CODE(eddy_stream_reader_readline(s.reader, &line, &size), EDDY_ELIMITOVERRUN);
  CHECK_OK(eddy_stream_reader_readline(s.reader, &line, &size));
  CHECK_BYTES(line, size, "12345\n");
  return 0;
}

/* ---- how handlers end ---- */

static int report(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  struct service *service = arg;
  (void)loop;
  trace("report(%s, %s)", eddy_err_name(context->error), context->detail);
  CHECK_CONTAINS(context->message, "handler of a connection failed");
  CHECK(context->transport != NULL);
  CHECK(!eddy_transport_is_closing(context->transport));
  CHECK_PTR(context->task, service->task);
  return 0;
}

EDDY_TASK_TEST(stream, handler_that_fails_is_reported_and_its_connection_closed)
{
  struct service *service = test_new(sizeof *service);
  struct stream s, other;
  CHECK_OK(serve(service, echo, NULL));
  service->fail = EDDY_EPERM;
  eddy_loop_set_exception_handler(eddy_get_running_loop(), report, service);
  CHECK_OK(connect_to(service, &other));
  CHECK_OK(say(&other, "first\n"));
  CHECK_OK(connect_to(service, &s));
  CHECK_OK(say(&s, "hello\n"));
  CHECK_OK(eddy_stream_writer_write_eof(s.writer));
  CHECK_OK(expect_end(&s));
  CHECK_TRACE("report(EPERM, no more of this)");
  CHECK_OK(say(&other, "the service goes on\n"));
  service->fail = 0;
  return 0;
}

EDDY_TASK_TEST(stream, handler_that_is_cancelled_only_closes_its_connection)
{
  struct service *service = test_new(sizeof *service);
  struct stream s;
  CHECK_OK(serve(service, echo, NULL));
  eddy_loop_set_exception_handler(eddy_get_running_loop(), report, service);
  CHECK_OK(connect_to(service, &s));
  CHECK_OK(say(&s, "hello\n"));
  CHECK(eddy_task_cancel(service->task, NULL));
  CHECK_OK(expect_end(&s));
  CHECK_TRACE("");
  return 0;
}

static int keep(eddy_stream_reader *reader, eddy_stream_writer *writer, void *arg)
{
  struct service *service = arg;
  trace(eddy_current_task() == NULL ? "callback" : "task");
  service->kept_reader = eddy_stream_reader_ref(reader);
  service->kept_writer = eddy_stream_writer_ref(writer);
  service->handled++;
  return service->fail;
}

static int serve_keeper(struct service *service, bool callback, struct stream *s)
{
  const eddy_stream_options options = {.callback = callback};
  CHECK_OK(serve(service, keep, &options));
  CHECK_OK(connect_to(service, s));
  return wait_until(&service->handled);
}

EDDY_TASK_TEST(stream, connection_stays_open_for_those_who_keep_its_writer)
{
  for (int callback = 0; callback < 2; callback++) {
    struct service *service = test_new(sizeof *service);
    struct stream s;
    const char *line;
    char byte;
    size_t size;
    CHECK_OK(serve_keeper(service, callback, &s));
    CHECK_TRACE(callback ? "callback" : "task");
    CHECK_OK(look_around());
    CHECK_OK(eddy_stream_writer_write(s.writer, "hello\n", 6));
    CHECK_OK(eddy_stream_reader_readline(service->kept_reader, &line, &size));
    CHECK_BYTES(line, size, "hello\n");
    CHECK_OK(eddy_stream_writer_write(service->kept_writer, "x", 1));
    CHECK_OK(eddy_stream_reader_readexactly(s.reader, &byte, 1, NULL));
    eddy_stream_writer_unref(service->kept_writer);
    service->kept_writer = NULL;
    CHECK_OK(expect_end(&s));
  }
  return 0;
}

static int report_any(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)loop;
  (void)arg;
  trace("%s: %s", eddy_err_name(context->error), context->message);
  return 0;
}

EDDY_TASK_TEST(stream, callback_that_fails_is_reported_as_connection_made)
{
  struct service *service = test_new(sizeof *service);
  struct stream s;
  char byte;
  service->fail = EDDY_EPERM;
  eddy_loop_set_exception_handler(eddy_get_running_loop(), report_any, NULL);
  CHECK_OK(serve_keeper(service, true, &s));
  CHECK_TRACE("callback EPERM: connection_made failed");
  CHECK_OK(eddy_stream_writer_write(service->kept_writer, "x", 1)); /* it is kept */
  return eddy_stream_reader_readexactly(s.reader, &byte, 1, NULL);
}

EDDY_TASK_TEST(stream, handler_that_fails_closes_what_is_kept_as_well)
{
  static const int codes[] = {EDDY_EPERM, EDDY_ECANCELLED};
  for (int i = 0; i < 2; i++) {
    struct service *service = test_new(sizeof *service);
    struct stream s;
    service->fail = codes[i];
    eddy_loop_set_exception_handler(eddy_get_running_loop(), report_any, NULL);
    CHECK_OK(serve_keeper(service, false, &s));
    CHECK_OK(expect_end(&s));
    CHECK(eddy_stream_writer_is_closing(service->kept_writer));
  }
  CHECK_TRACE("task EPERM: the handler of a connection failed; the connection is closed "
              "task");
  return 0;
}

/* ---- both kinds of coroutine ---- */

struct opening {
  eddy_frame frame; /* first */
  struct service *service;
  eddy_stream_options options;
  struct stream stream;
  eddy_server *server;
};

static void end_opening(void *arg)
{
  struct opening *call = arg;
  eddy_server_close(call->server);
  eddy_server_unref(call->server);
  eddy_stream_reader_unref(call->stream.reader);
  eddy_stream_writer_unref(call->stream.writer);
}

static int open_body(void *arg)
{
  struct opening *call = arg;
  return eddy_open_connection("127.0.0.1", call->service->port, &call->options,
      &call->stream.reader, &call->stream.writer);
}

static int open_frame(eddy_frame *frame)
{
  int rc;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, rc, open_body(frame));
  if (rc < 0) EDDY_RAISE(frame, rc);
  EDDY_END(frame);
}

static int open_and_cancel(enum kind kind)
{
  struct service *service = test_new(sizeof *service);
  CHECK_OK(serve(service, echo, NULL));
  for (int steps = 0; steps < 8; steps++) {
    struct opening *call = test_new(sizeof *call);
    eddy_task *task;
    call->service = service;
    call->options.limit = 10;
    test_defer_late(end_opening, call);
    CHECK_OK(start_kind(kind, open_body, open_frame, &call->frame, &task));
    for (int i = 0; i < steps; i++)
      CHECK_OK(eddy_sleep(0));
    if (steps < 7) (void)eddy_task_cancel(task, NULL);
    int rc = eddy_task_await(task, NULL);
    if (rc == 0) {
      CHECK_OK(say(&call->stream, "hello\n"));
    } else {
      CHECK_CODE(rc, EDDY_ECANCELLED);
      CHECK_PTR(call->stream.reader, NULL);
    }
    if (steps == 7) CHECK_OK(rc);
  }
  return look_around();
}

EDDY_TASK_TEST(stream, cancelled_open_connection_leaves_nothing_behind)
{
  return each_kind(open_and_cancel);
}

static int start_body(void *arg)
{
  struct opening *call = arg;
  return eddy_start_server(
      echo, call->service, "127.0.0.1", 0, &call->options, &call->server);
}

static int start_frame(eddy_frame *frame)
{
  int rc;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, rc, start_body(frame));
  if (rc < 0) EDDY_RAISE(frame, rc);
  EDDY_END(frame);
}

static int start_it(enum kind kind)
{
  struct opening *call = test_new(sizeof *call);
  struct stream s;
  eddy_task *task;
  size_t count;
  call->service = test_new(sizeof *call->service);
  test_defer_late(end_opening, call);
  CHECK_OK(start_kind(kind, start_body, start_frame, &call->frame, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_OK(eddy_sock_getsockname(
      eddy_server_sockets(call->server, &count)[0], &call->service->address));
  call->service->port = eddy_address_port(&call->service->address);
  CHECK_OK(connect_to(call->service, &s));
  return say(&s, "hello\n");
}

EDDY_TASK_TEST(stream, servers_start_from_both_kinds_of_coroutine)
{
  return each_kind(start_it);
}

/* ---- the end of the loop ---- */

static int serve_and_leave(void *arg)
{
  struct service *service = arg;
  struct stream s;
  CHECK_OK(serve(service, echo, NULL));
  CHECK_OK(connect_to(service, &s));
  return say(&s, "hello\n");
}

EDDY_TEST(stream, loop_that_is_closed_ends_handlers_and_connections)
{
  struct service *service = test_new(sizeof *service);
  eddy_loop *loop;
  eddy_task *task;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_loop_task(loop, serve_and_leave, service, &task));
  CHECK_OK(eddy_loop_run_until_complete(loop, eddy_task_future(task), NULL));
  eddy_loop_set_exception_handler(loop, report_any, NULL);
  CHECK_OK(eddy_loop_close(loop));
  CHECK_EQ(service->handled, 1);
  CHECK_EQ(service->ended, 1);
  return 0;
}
