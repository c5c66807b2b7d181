/*
 * HTTP/1.1 that says hello, on protocols: the row "http" beside examples/http_server, which is
 * on streams. The parser is llhttp; all answers to what one read brought leave together.
 *
 * Prints where it listens, and ends on SIGTERM.
 */
#define _DEFAULT_SOURCE

#include <eddy.h>
#include <llhttp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BACKLOG 1024
#define BODY "hello, world\n"

struct connection {
  eddy_transport *transport;
  llhttp_t parser;
};

/* The answers to the bytes that are looked at. */
static char output[16 * 1024];
static size_t output_size;

static const char *answer(size_t *size)
{
  static char text[256];
  static time_t made;
  static size_t length;
  time_t now = time(NULL);
  if (now != made) {
    struct tm parts;
    gmtime_r(&now, &parts);
    length = strftime(text, sizeof(text),
        "HTTP/1.1 200 OK\r\nServer: eddy\r\nDate: %a, %d %b %Y %H:%M:%S GMT\r\n"
        "Content-Type: text/plain\r\nContent-Length: 13\r\n\r\n" BODY,
        &parts);
    made = now;
  }
  *size = length;
  return text;
}

static int flush(struct connection *connection)
{
  size_t size = output_size;
  output_size = 0;
  return size > 0 ? eddy_transport_write(connection->transport, output, size) : 0;
}

static int on_message_complete(llhttp_t *parser)
{
  struct connection *connection = parser->data;
  size_t size;
  const char *text = answer(&size);
  if (size > sizeof(output) - output_size && flush(connection) < 0) return HPE_USER;
  memcpy(output + output_size, text, size);
  output_size += size;
  return 0;
}

static const llhttp_settings_t settings = {.on_message_complete = on_message_complete};

static int made(void *self, eddy_transport *transport)
{
  struct connection *connection = self;
  connection->transport = transport;
  llhttp_init(&connection->parser, HTTP_REQUEST, &settings);
  connection->parser.data = connection;
  return 0;
}

static int received(void *self, const void *data, size_t size)
{
  struct connection *connection = self;
  llhttp_errno_t error = llhttp_execute(&connection->parser, data, size);
  int rc = flush(connection);
  if (error != HPE_OK) eddy_transport_close(connection->transport);
  return rc;
}

static int hold(void *self)
{
  eddy_transport_pause_reading(((struct connection *)self)->transport);
  return 0;
}

static int go_on(void *self)
{
  return eddy_transport_resume_reading(((struct connection *)self)->transport);
}

static const eddy_protocol hello = {.connection_made = made,
    .data_received = received,
    .pause_writing = hold,
    .resume_writing = go_on,
    .release = free};

static int make(void *unused, const eddy_protocol **protocol, void **self)
{
  (void)unused;
  *self = malloc(sizeof(struct connection));
  *protocol = &hello;
  return *self != NULL ? 0 : EDDY_ENOMEM;
}

static int stop(void *task)
{
  eddy_task_cancel(task, NULL);
  return 0;
}

static int serve(void *unused)
{
  const eddy_server_options options = {.backlog = BACKLOG};
  eddy_loop *loop = eddy_get_running_loop();
  eddy_server *server;
  eddy_address address;
  char text[EDDY_ADDRESS_TEXT];
  (void)unused;
  int rc = eddy_loop_add_signal_handler(loop, SIGTERM, stop, eddy_current_task());
  if (rc == 0)
    rc = eddy_loop_create_server(loop, make, NULL, "127.0.0.1", 0, &options, &server);
  if (rc < 0) return rc;
  rc = eddy_sock_getsockname(eddy_server_sockets(server, NULL)[0], &address);
  if (rc == 0) {
    printf("listening on %s (eddy)\n", eddy_address_format(&address, text, sizeof(text)));
    fflush(stdout);
  }
  while (rc == 0) {
    rc = eddy_sleep(EDDY_S(3600));
  }
  eddy_server_close(server);
  eddy_server_abort_clients(server);
  eddy_server_unref(server);
  return rc == EDDY_ECANCELLED ? 0 : rc;
}

int main(void)
{
  int rc = eddy_run(serve, NULL);
  if (rc < 0) fprintf(stderr, "eddy_http: %s\n", eddy_message(rc));
  return rc < 0;
}
