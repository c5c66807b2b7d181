#include "http.h"

#include <stdio.h>
#include <string.h>

#include <eddy/file.h>

enum { PATH = 2048, PART = 256 * 1024 };

static int hex(char digit)
{
  if (digit >= '0' && digit <= '9') return digit - '0';
  digit = (char)(digit | 0x20);
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The file that a target names: 0, or the status to refuse it with. Nothing outside of the root
 * can be named, and nothing whose name begins with a dot. (Symbolic links are followed: what is
 * below the root is the operator's choice.) */
static int find_path(const char *root, const char *target, char *path)
{
  size_t size = strlen(root);
  if (size + 16 > PATH) return 404;
  memcpy(path, root, size);
  if (*target != '/') return 400;
  for (; *target != '\0' && *target != '?' && *target != '#'; target++) {
    int byte = (unsigned char)*target;
    if (byte == '%') {
      int high = hex(target[1]);
      int low = high < 0 ? -1 : hex(target[2]);
      byte = high * 16 + low;
      if (low < 0 || byte == 0) return 400;
      target += 2;
    }
    if (byte == '.' && path[size - 1] == '/' && size > strlen(root)) return 404;
    if (size + 16 > PATH) return 404;
    path[size++] = (char)byte;
  }
  const char *end = path[size - 1] == '/' ? "index.html" : "";
  strcpy(path + size, end);
  return 0;
}

static const char *type_of(const char *path)
{
  static const char *const types[][2] = {{".html", "text/html; charset=utf-8"},
      {".css", "text/css"}, {".js", "text/javascript"}, {".json", "application/json"},
      {".txt", "text/plain; charset=utf-8"}, {".svg", "image/svg+xml"},
      {".png", "image/png"}, {".jpg", "image/jpeg"}};
  const char *end = strrchr(path, '.');
  for (size_t i = 0; end != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
    if (strcmp(end, types[i][0]) == 0) return types[i][1];
  }
  return "application/octet-stream";
}

/* Sends the file part by part, so that each has its time. */
static int send_file(struct http_connection *connection, int file, uint64_t size)
{
  eddy_transport *transport = eddy_stream_writer_transport(connection->writer);
  eddy_sendfile_options options = {.offset = 0};
  int rc = http_flush(connection);
  while (rc == 0 && (uint64_t)options.offset < size) {
    uint64_t left = size - (uint64_t)options.offset;
    eddy_timeout scope;
    size_t sent = 0;
    options.count = (int64_t)(left < PART ? left : PART);
    rc = eddy_timeout_enter(&scope, connection->http->patience);
    if (rc < 0) return rc;
    rc = eddy_timeout_exit(
        &scope, eddy_loop_sendfile(NULL, transport, file, &options, &sent));
    /* It is shorter than it was: what was promised cannot be kept. */
    if (rc == 0 && sent == 0) rc = EDDY_EPIPE;
    options.offset += (int64_t)sent;
  }
  return rc == EDDY_ERUNTIME ? EDDY_ECONNRESET : rc; /* the connection is closing */
}

/* Answers that the file cannot be had, unless it was the connection's task that was ended. */
static int refuse(struct http_connection *connection, int rc)
{
  if (rc == EDDY_ECANCELLED || rc == EDDY_EGENERATOREXIT) return rc;
  bool absent = rc == EDDY_ENOENT || rc == EDDY_ENOTDIR || rc == EDDY_ENAMETOOLONG;
  bool closed = rc == EDDY_EACCES || rc == EDDY_EPERM || rc == EDDY_ELOOP;
  bool full = rc == EDDY_EMFILE || rc == EDDY_ENFILE;
  return http_answer_status(connection, absent ? 404 : closed ? 403 : full ? 503 : 500);
}

int http_answer_file(struct http_connection *connection, const char *root)
{
  const struct http_request *request = &connection->request;
  char path[PATH];
  char date[HTTP_DATE], modified[64];
  eddy_file_status status;
  int file;
  int refused = find_path(root, request->target, path);
  if (refused != 0) return http_answer_status(connection, refused);
  int rc = eddy_file_stat(path, &status);
  if (rc < 0) return refuse(connection, rc);
  if (status.kind != EDDY_FILE_REGULAR) return http_answer_status(connection, 404);

  http_date((time_t)(status.changed / EDDY_S(1)), date);
  snprintf(modified, sizeof(modified), "Last-Modified: %s\r\n", date);
  bool known = strcmp(date, request->modified_since) == 0;
  if (known || http_request_method(request) == HTTP_HEAD) {
    return http_put_head(
        connection, known ? 304 : 200, type_of(path), status.size, modified);
  }

  rc = eddy_file_open(path, EDDY_FILE_READ, 0, &file);
  if (rc < 0) return refuse(connection, rc);
  rc = http_put_head(connection, 200, type_of(path), status.size, modified);
  if (rc == 0) rc = send_file(connection, file, status.size);
  int closed = eddy_file_close(file);
  return rc < 0 ? rc : closed;
}
