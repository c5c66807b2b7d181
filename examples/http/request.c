#include "request.h"

#include <string.h>
#include <strings.h>

/* Chunks may be small, but not all of them: so much may come for each byte of the body. */
#define OVERHEAD_PER_BYTE 8

static struct http_request *request_of(llhttp_t *parser)
{
  return parser->data;
}

static int refuse(struct http_request *request, int status)
{
  if (request->refused == 0) request->refused = status;
  return HPE_USER;
}

/* ---- what llhttp calls ---- */

static int on_message_begin(llhttp_t *parser)
{
  struct http_request *request = request_of(parser);
  request->begun = true;
  request->head = false;
  request->complete = false;
  request->expects_continue = false;
  request->modified_since[0] = '\0';
  request->body_size = 0;
  request->target_size = 0;
  request->overhead = 0;
  request->hosts = 0;
  request->field_size = 0;
  request->value_size = 0;
  return 0;
}

static int on_url(llhttp_t *parser, const char *data, size_t size)
{
  struct http_request *request = request_of(parser);
  if (size >= HTTP_TARGET - request->target_size) return refuse(request, 414);
  memcpy(request->target + request->target_size, data, size);
  request->target_size += size;
  return 0;
}

static int on_url_complete(llhttp_t *parser)
{
  request_of(parser)->target[request_of(parser)->target_size] = '\0';
  return 0;
}

/* Of a field so much is kept as is needed to know it; a longer one is none that matters here. */
static int on_header_field(llhttp_t *parser, const char *data, size_t size)
{
  struct http_request *request = request_of(parser);
  size_t room = sizeof(request->field) - 1 - request->field_size;
  if (request->head) return 0; /* a trailer */
  if (size > room) size = room;
  memcpy(request->field + request->field_size, data, size);
  request->field_size += size;
  return 0;
}

static int on_header_value(llhttp_t *parser, const char *data, size_t size)
{
  struct http_request *request = request_of(parser);
  size_t room = sizeof(request->value) - 1 - request->value_size;
  if (request->head) return 0;
  if (size > room) size = room;
  memcpy(request->value + request->value_size, data, size);
  request->value_size += size;
  return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
  struct http_request *request = request_of(parser);
  if (request->head) return 0;
  request->field[request->field_size] = '\0';
  request->value[request->value_size] = '\0';
  if (strcasecmp(request->field, "host") == 0) {
    request->hosts++;
  } else if (strcasecmp(request->field, "expect") == 0) {
    request->expects_continue = strcasecmp(request->value, "100-continue") == 0;
  } else if (strcasecmp(request->field, "if-modified-since") == 0) {
    memcpy(request->modified_since, request->value, sizeof(request->value));
  }
  request->field_size = 0;
  request->value_size = 0;
  return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
  struct http_request *request = request_of(parser);
  bool new = parser->http_major == 1 && parser->http_minor >= 1;
  request->head = true;
  request->keep_alive = llhttp_should_keep_alive(parser) != 0;
  request->expects_continue = request->expects_continue && new;
  parser->upgrade = 0; /* an offer that may be passed over */
  if (parser->http_major != 1) return refuse(request, 505);
  if (request->hosts > 1 || (new && request->hosts == 0)) return refuse(request, 400);
  bool sized = (parser->flags & F_CONTENT_LENGTH) != 0;
  if (sized && parser->content_length > request->body_limit) return refuse(request, 413);
  return HPE_PAUSED;
}

/* The bytes of a body in chunks are moved together. */
static int on_body(llhttp_t *parser, const char *data, size_t size)
{
  struct http_request *request = request_of(parser);
  if (size > request->body_limit - request->body_size) return refuse(request, 413);
  memmove(request->piece + request->piece_size, data, size);
  request->piece_size += size;
  request->body_size += size;
  return 0;
}

static int on_message_complete(llhttp_t *parser)
{
  request_of(parser)->complete = true;
  return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_url_complete = on_url_complete,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* ---- feeding it ---- */

void http_request_init(struct http_request *request, uint64_t body_limit)
{
  llhttp_init(&request->parser, HTTP_REQUEST, &settings);
  request->parser.data = request;
  request->body_limit = body_limit;
  request->begun = false;
  request->head = false;
  request->complete = false;
  request->refused = 0;
}

size_t http_request_feed(struct http_request *request, char *data, size_t size)
{
  if (request->complete) {
    request->begun = false;
    request->head = false;
    request->complete = false;
  }
  bool in_head = !request->head;
  request->piece = data;
  request->piece_size = 0;
  llhttp_errno_t error = llhttp_execute(&request->parser, data, size);
  size_t used = size;
  if (error != HPE_OK) used = (size_t)(llhttp_get_error_pos(&request->parser) - data);
  if (error == HPE_PAUSED) {
    llhttp_resume(&request->parser);
  } else if (error != HPE_OK) {
    (void)refuse(request, 400);
  }
  request->overhead += used - request->piece_size;
  uint64_t most = HTTP_HEAD_LIMIT;
  if (!in_head) most += OVERHEAD_PER_BYTE * request->body_size;
  if (request->overhead > most) (void)refuse(request, in_head ? 431 : 400);
  return used;
}
