#define _DEFAULT_SOURCE

#include <stdio.h>
#include <string.h>

#include "http.h"

#define LINGER EDDY_S(2)

/* ---- what is sent ---- */

/* Waits until the peer has taken enough of what was written. */
static int drain(struct http_connection *connection)
{
  eddy_timeout scope;
  if (eddy_transport_get_write_buffer_size(
          eddy_stream_writer_transport(connection->writer)) == 0)
    return 0;
  int rc = eddy_timeout_enter(&scope, connection->http->patience);
  if (rc < 0) return rc;
  return eddy_timeout_exit(&scope, eddy_stream_writer_drain(connection->writer));
}

int http_write(struct http_connection *connection, const void *data, size_t size)
{
  int rc = eddy_stream_writer_write(connection->writer, data, size);
  return rc == 0 ? drain(connection) : rc;
}

int http_flush(struct http_connection *connection)
{
  size_t size = connection->output_size;
  connection->output_size = 0;
  return size > 0 ? http_write(connection, connection->output, size) : 0;
}

/* Answers are gathered, and leave together when there is nothing more to do at once. */
static int put(struct http_connection *connection, const void *data, size_t size)
{
  if (size > sizeof(connection->output) - connection->output_size) {
    int rc = http_flush(connection);
    if (rc < 0) return rc;
    if (size > sizeof(connection->output)) return http_write(connection, data, size);
  }
  memcpy(connection->output + connection->output_size, data, size);
  connection->output_size += size;
  return 0;
}

static int put_text(struct http_connection *connection, const char *text)
{
  return put(connection, text, strlen(text));
}

static const char *first_line(int status)
{
  switch (status) {
#define LINE(number, text)                                                               \
  case number:                                                                           \
    return "HTTP/1.1 " #number " " text "\r\n"
    LINE(200, "OK");
    LINE(304, "Not Modified");
    LINE(400, "Bad Request");
    LINE(403, "Forbidden");
    LINE(404, "Not Found");
    LINE(405, "Method Not Allowed");
    LINE(408, "Request Timeout");
    LINE(413, "Content Too Large");
    LINE(414, "URI Too Long");
    LINE(431, "Request Header Fields Too Large");
    LINE(503, "Service Unavailable");
    LINE(505, "HTTP Version Not Supported");
#undef LINE
  default:
    return "HTTP/1.1 500 Internal Server Error\r\n";
  }
}

void http_date(time_t when, char text[HTTP_DATE])
{
  struct tm parts;
  text[0] = '\0';
  if (gmtime_r(&when, &parts) == NULL) return;
  (void)strftime(text, HTTP_DATE, "%a, %d %b %Y %H:%M:%S GMT", &parts);
}

/* The lines that all answers of a second have. */
static const char *common_lines(void)
{
  static time_t made;
  static char lines[64];
  time_t now = time(NULL);
  if (now != made) {
    char date[HTTP_DATE];
    http_date(now, date);
    snprintf(lines, sizeof(lines), "Server: eddy\r\nDate: %s\r\n", date);
    made = now;
  }
  return lines;
}

static int put_length(struct http_connection *connection, uint64_t size)
{
  char text[sizeof("\r\nContent-Length: 18446744073709551615\r\n")];
  char *at = text + sizeof(text);
  *--at = '\n';
  *--at = '\r';
  do {
    *--at = (char)('0' + size % 10);
    size /= 10;
  } while (size > 0);
  static const char name[] = "\r\nContent-Length: ";
  at -= sizeof(name) - 1;
  memcpy(at, name, sizeof(name) - 1);
  return put(connection, at, (size_t)(text + sizeof(text) - at));
}

int http_put_head(struct http_connection *connection, int status, const char *type,
    uint64_t size, const char *extra)
{
  const struct http_request *request = &connection->request;
  connection->answered = true;
  connection->closing = connection->closing || !request->head || !request->keep_alive ||
                        connection->http->stopping;
  int rc = put_text(connection, first_line(status));
  if (rc == 0) rc = put_text(connection, common_lines());
  if (rc == 0) rc = put_text(connection, "Content-Type: ");
  if (rc == 0) rc = put_text(connection, type);
  if (rc == 0) rc = put_length(connection, size);
  if (rc == 0 && extra != NULL) rc = put_text(connection, extra);
  if (rc == 0 && connection->closing) {
    rc = put_text(connection, "Connection: close\r\n");
  } else if (rc == 0 && request->parser.http_minor == 0) {
    rc = put_text(connection, "Connection: keep-alive\r\n");
  }
  return rc == 0 ? put(connection, "\r\n", 2) : rc;
}

int http_answer(struct http_connection *connection, int status, const char *type,
    const void *body, size_t size)
{
  const char *extra = status == 405 ? "Allow: GET, HEAD, POST\r\n" : NULL;
  bool with_body = !connection->request.head ||
                   http_request_method(&connection->request) != HTTP_HEAD;
  int rc = http_put_head(connection, status, type, size, extra);
  return rc == 0 && with_body ? put(connection, body, size) : rc;
}

int http_answer_status(struct http_connection *connection, int status)
{
  const char *text = first_line(status) + strlen("HTTP/1.1 ");
  return http_answer(connection, status, "text/plain", text, strlen(text));
}

/* ---- what is received ---- */

/* Reads until the deadline: 0, also at the end of the stream, when nothing is there then. */
static int read_more(struct http_connection *connection, eddy_time deadline)
{
  eddy_timeout scope;
  int rc = http_flush(connection);
  if (rc == 0) rc = eddy_timeout_at_enter(&scope, deadline);
  if (rc < 0) return rc;
  connection->start = 0;
  connection->end = 0;
  rc = eddy_stream_reader_read(
      connection->reader, connection->input, sizeof(connection->input), &connection->end);
  return eddy_timeout_exit(&scope, rc);
}

static void feed(struct http_connection *connection)
{
  connection->start += http_request_feed(&connection->request,
      connection->input + connection->start, connection->end - connection->start);
}

static eddy_time now(void)
{
  return eddy_loop_time(eddy_get_running_loop());
}

/* Reads up to the end of a head, or of what makes it none: 0; EDDY_STOP: no more requests. */
static int read_head(struct http_connection *connection)
{
  struct http_request *request = &connection->request;
  struct http *http = connection->http;
  eddy_time deadline = EDDY_NEVER;
  int rc;
  if (request->complete || connection->start < connection->end) feed(connection);
  while (!request->head && request->refused == 0) {
    connection->idle = !request->begun;
    if (connection->idle && http->stopping) return EDDY_STOP;
    if (connection->idle) {
      rc = read_more(connection, now() + http->idle);
      if (rc == EDDY_ETIMEDOUT) return EDDY_STOP;
    } else {
      if (deadline == EDDY_NEVER) deadline = now() + http->patience;
      rc = read_more(connection, deadline);
      if (rc == EDDY_ETIMEDOUT) request->refused = 408;
    }
    if (rc == EDDY_ETIMEDOUT) break;
    if (rc < 0) return rc;
    if (connection->end == 0) {
      if (!request->begun) return EDDY_STOP;
      request->refused = 400;
      break;
    }
    feed(connection);
  }
  connection->idle = false;
  return 0;
}

int http_read_body(struct http_connection *connection, const char **data, size_t *size)
{
  struct http_request *request = &connection->request;
  *size = 0;
  while (!request->complete) {
    feed(connection); /* also with nothing: a body may have none */
    if (request->refused != 0) return EDDY_EPROTO;
    *data = request->piece;
    *size = request->piece_size;
    if (*size > 0) return 0;
    if (request->complete || connection->start < connection->end) continue;
    if (request->expects_continue) {
      request->expects_continue = false;
      int rc = put_text(connection, "HTTP/1.1 100 Continue\r\n\r\n");
      if (rc < 0) return rc;
    }
    int rc = read_more(connection, now() + connection->http->patience);
    if (rc == EDDY_ETIMEDOUT || (rc == 0 && connection->end == 0)) {
      request->refused = rc == 0 ? 400 : 408;
      rc = EDDY_EPROTO;
    }
    if (rc < 0) return rc;
  }
  return 0;
}

/* ---- one request after the other ---- */

/* Reads what the handler has left of the request. */
static int skip_body(struct http_connection *connection)
{
  const char *data;
  size_t size = 1;
  int rc = 0;
  while (rc == 0 && size > 0) {
    rc = http_read_body(connection, &data, &size);
  }
  if (rc == EDDY_EPROTO) connection->closing = true; /* it was answered already */
  return rc == EDDY_EPROTO ? 0 : rc;
}

static int serve_one(struct http_connection *connection)
{
  struct http_request *request = &connection->request;
  int rc = read_head(connection);
  if (rc != 0) return rc;
  connection->answered = false;
  if (request->refused == 0) {
    rc = connection->http->handler(connection);
    if (rc < 0 && rc != EDDY_EPROTO) return rc;
  }
  if (request->refused != 0) {
    connection->closing = true;
    return connection->answered ? 0 : http_answer_status(connection, request->refused);
  }
  /* Who has not been told to go on may never send the body. */
  if (request->expects_continue && !request->complete) connection->closing = true;
  return connection->closing ? 0 : skip_body(connection);
}

/* Reads for a while what the peer still sends, since a socket that is closed with unread data
 * resets the connection, and what was sent may be lost with it. */
static int linger(struct http_connection *connection)
{
  eddy_timeout scope;
  size_t got = 1;
  int rc = 0;
  if (eddy_stream_writer_can_write_eof(connection->writer))
    rc = eddy_stream_writer_write_eof(connection->writer);
  if (rc == 0) rc = eddy_timeout_enter(&scope, LINGER);
  if (rc < 0) return rc;
  while (rc == 0 && got > 0) {
    rc = eddy_stream_reader_read(
        connection->reader, connection->input, sizeof(connection->input), &got);
  }
  rc = eddy_timeout_exit(&scope, rc);
  return rc == EDDY_ETIMEDOUT ? 0 : rc;
}

/* Ends the connection when all has been sent. */
static int say_goodbye(struct http_connection *connection)
{
  struct http_request *request = &connection->request;
  eddy_timeout scope;
  int rc = http_flush(connection);
  if (request->head && !request->complete && request->refused == 0) feed(connection);
  if (rc == 0 && !request->complete && connection->answered) rc = linger(connection);
  if (rc == 0) rc = eddy_timeout_enter(&scope, connection->http->patience);
  if (rc < 0) return rc;
  eddy_stream_writer_close(connection->writer);
  return eddy_timeout_exit(&scope, eddy_stream_writer_wait_closed(connection->writer));
}

static void enlist(struct http_connection *connection)
{
  struct http *http = connection->http;
  http->count++;
  connection->place = &http->first;
  connection->next = http->first;
  if (connection->next != NULL) connection->next->place = &connection->next;
  http->first = connection;
}

static void strike_out(struct http_connection *connection)
{
  connection->http->count--;
  *connection->place = connection->next;
  if (connection->next != NULL) connection->next->place = connection->place;
}

/* A peer that is gone, or does not go on. */
static bool is_everyday(int rc)
{
  return rc == EDDY_ECONNRESET || rc == EDDY_EPIPE || rc == EDDY_ENOTCONN ||
         rc == EDDY_ETIMEDOUT || rc == EDDY_ETLS || rc == EDDY_ETRUNCATED;
}

int http_serve(eddy_stream_reader *reader, eddy_stream_writer *writer, void *http)
{
  struct http_connection connection;
  connection.http = http;
  connection.reader = reader;
  connection.writer = writer;
  connection.closing = false;
  connection.idle = false;
  connection.answered = false;
  connection.start = 0;
  connection.end = 0;
  connection.output_size = 0;
  http_request_init(&connection.request, connection.http->body_limit);
  enlist(&connection);
  int rc = 0;
  if (connection.http->most > 0 && connection.http->count > connection.http->most) {
    rc = http_answer_status(&connection, 503);
    connection.closing = true;
  }
  while (rc == 0 && !connection.closing) {
    rc = serve_one(&connection);
  }
  if (rc >= 0) rc = say_goodbye(&connection);
  if (rc < 0) eddy_transport_abort(eddy_stream_writer_transport(writer));
  strike_out(&connection);
  return is_everyday(rc) ? 0 : rc;
}

void http_stop(struct http *http)
{
  http->stopping = true;
  for (struct http_connection *c = http->first; c != NULL; c = c->next) {
    if (c->idle) eddy_stream_writer_close(c->writer); /* which ends its read */
  }
}
