/* A layer as a library outside would make it: each byte is turned over, and both sides have to
 * say "!" first. */
#ifndef EDDY_TEST_TOY_LAYER_H
#define EDDY_TEST_TOY_LAYER_H

#include <eddy/transport_type.h>

#include "streams.h"

#define TOY_HELLO '!'

struct toy_layer {
  eddy_layer base;
  int refs;
  int wrapped;
  int fail; /* what wrap answers */
  bool silent;
  char server_hostname[32]; /* of the last connection */
  eddy_time handshake_timeout;
};

/* The state of the transport above. */
struct toy {
  eddy_transport *lower; /* referenced while there is one */
  bool told;             /* the protocol has its connection */
  bool begun;
  bool silent;
};

static inline struct toy *toy_of(const eddy_transport *upper)
{
  return eddy_transport_state(upper);
}

static inline int toy_write(
    eddy_transport *upper, const eddy_buffer *pieces, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    char *bytes = eddy_loop_lend(eddy_transport_get_loop(upper), pieces[i].size);
    if (bytes == NULL) return EDDY_ENOMEM;
    for (size_t k = 0; k < pieces[i].size; k++) {
      bytes[k] = (char)~((const char *)pieces[i].data)[k];
    }
    int rc = eddy_transport_write(toy_of(upper)->lower, bytes, pieces[i].size);
    eddy_loop_give_back(eddy_transport_get_loop(upper), bytes);
    if (rc < 0) return rc;
  }
  return 0;
}

static inline void toy_close(eddy_transport *upper)
{
  eddy_transport_set_closing(upper);
  eddy_transport_close(toy_of(upper)->lower);
}

static inline void toy_abort(eddy_transport *upper, int error)
{
  eddy_transport_abort(toy_of(upper)->lower);
  if (toy_of(upper)->told) eddy_transport_lose(upper, error);
}

static inline int toy_set_reading(eddy_transport *upper, bool on)
{
  if (on) return eddy_transport_resume_reading(toy_of(upper)->lower);
  eddy_transport_pause_reading(toy_of(upper)->lower);
  return 0;
}

static inline int toy_fd(const eddy_transport *upper)
{
  const eddy_transport *lower = toy_of(upper)->lower;
  return lower != NULL ? eddy_transport_get_fd(lower) : -1;
}

static inline void toy_closed(eddy_transport *upper)
{
  eddy_transport_unref(toy_of(upper)->lower);
  toy_of(upper)->lower = NULL;
}

static const eddy_transport_type toy_transport_type = {
    .name = "toy",
    .state_size = sizeof(struct toy),
    .bears_layers = true,
    .write = toy_write,
    .close = toy_close,
    .abort = toy_abort,
    .set_reading = toy_set_reading,
    .fd = toy_fd,
    .closed = toy_closed,
};

/* ---- the protocol below; its instance is the transport above ---- */

static inline int toy_made(void *upper, eddy_transport *lower)
{
  static const char hello[] = {TOY_HELLO};
  toy_of(upper)->lower = eddy_transport_ref(lower);
  if (eddy_transport_is_closing(upper)) { /* before it began */
    eddy_transport_abort(lower);
    return 0;
  }
  return toy_of(upper)->silent ? 0 : eddy_transport_write(lower, hello, sizeof hello);
}

static inline int toy_data(void *self, const void *data, size_t size)
{
  eddy_transport *upper = self;
  struct toy *toy = toy_of(upper);
  const char *bytes = data;
  if (!toy->begun) {
    if (bytes[0] != TOY_HELLO) {
      int rc = eddy_raise(EDDY_EPROTO, "toy: the peer has no manners");
      eddy_transport_ready(upper, rc);
      eddy_transport_abort(toy->lower);
      return 0;
    }
    toy->begun = true;
    if (!toy->told) {
      toy->told = true;
      eddy_transport_made(upper);
    }
    eddy_transport_ready(upper, 0);
    bytes++;
    size--;
  }
  char out[256];
  while (size > 0) {
    size_t part = size < sizeof out ? size : sizeof out;
    for (size_t i = 0; i < part; i++) {
      out[i] = (char)~bytes[i];
    }
    int rc = eddy_transport_received(upper, out, part);
    if (rc < 0) return 0;
    bytes += part;
    size -= part;
  }
  return 0;
}

static inline int toy_eof(void *upper)
{
  if (toy_of(upper)->begun) eddy_transport_received_eof(upper);
  return 0;
}

static inline int toy_lost(void *self, int error)
{
  eddy_transport *upper = self;
  if (!toy_of(upper)->begun) {
    int rc = error < 0 ? error : EDDY_ECONNABORTED;
    eddy_transport_ready(upper, eddy_raise(rc, "toy: lost before the greeting"));
    error = rc;
  }
  if (toy_of(upper)->told) {
    eddy_transport_explain(upper, error);
    eddy_transport_lose(upper, error);
  } else {
    eddy_transport_discard(upper);
  }
  return 0;
}

static inline void toy_release(void *self)
{
  eddy_transport *upper = self;
  if (!toy_of(upper)->told) eddy_transport_discard(upper);
  eddy_transport_unref(upper);
}

static const eddy_protocol toy_protocol = {
    .connection_made = toy_made,
    .connection_lost = toy_lost,
    .release = toy_release,
    .data_received = toy_data,
    .eof_received = toy_eof,
};

static inline int toy_wrap(
    eddy_layer *layer, const eddy_layer_request *request, eddy_layer_ends *out)
{
  struct toy_layer *toy = (struct toy_layer *)layer;
  eddy_transport *upper;
  toy->wrapped++;
  if (toy->fail < 0) return eddy_raise(toy->fail, "toy: no");
  int rc = eddy_transport_new(
      request->loop, &toy_transport_type, request->protocol, request->self, &upper);
  if (rc < 0) return rc;
  snprintf(toy->server_hostname, sizeof toy->server_hostname, "%s",
      request->server_hostname != NULL ? request->server_hostname : "(none)");
  toy->handshake_timeout = request->handshake_timeout;
  toy_of(upper)->told = request->made;
  toy_of(upper)->silent = toy->silent;
  out->transport = upper;
  out->protocol = &toy_protocol;
  out->self = eddy_transport_ref(upper);
  return 0;
}

static inline void toy_ref(eddy_layer *layer)
{
  ((struct toy_layer *)layer)->refs++;
}

static inline void toy_unref(eddy_layer *layer)
{
  ((struct toy_layer *)layer)->refs--;
}

static inline struct toy_layer *new_toy(void)
{
  static const eddy_layer_type type = {"toy", toy_wrap, toy_ref, toy_unref};
  struct toy_layer *toy = test_new(sizeof *toy);
  toy->base.type = &type;
  return toy;
}

#endif
