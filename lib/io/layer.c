#include "io/layer.h"

#include <stdio.h>
#include <string.h>

#include "io/connection.h"
#include "io/stream.h"

#include "base/alloc.h"
#include "base/outcome.h"

/* ---- what calls are told ---- */

int eddy__layer_check(const char *call, const eddy_layer *layer,
    const char *server_hostname, eddy_time handshake_timeout, eddy_time shutdown_timeout)
{
  const char *alone = server_hostname != NULL  ? "server_hostname"
                      : handshake_timeout != 0 ? "ssl_handshake_timeout"
                      : shutdown_timeout != 0  ? "ssl_shutdown_timeout"
                                               : NULL;
  if (layer == NULL && alone != NULL) {
    return eddy_raise(EDDY_EINVAL, "%s: %s means nothing without tls", call, alone);
  }
  if (handshake_timeout < 0 || shutdown_timeout < 0) {
    return eddy_raise(EDDY_EINVAL, "%s: %s must be positive", call,
        handshake_timeout < 0 ? "ssl_handshake_timeout" : "ssl_shutdown_timeout");
  }
  return 0;
}

void eddy__layer_ref(eddy_layer *layer)
{
  if (layer != NULL && layer->type->ref != NULL) layer->type->ref(layer);
}

void eddy__layer_unref(eddy_layer *layer)
{
  if (layer != NULL && layer->type->unref != NULL) layer->type->unref(layer);
}

/* ---- memory ---- */

void *eddy_loop_lend(eddy_loop *loop, size_t size)
{
  struct eddy__net *net;
  if (eddy__net_open(loop, &net) < 0) return NULL;
  struct eddy__block *block = eddy__block_get(&net->blocks, size);
  return block != NULL ? block->bytes : NULL;
}

void eddy_loop_give_back(eddy_loop *loop, void *bytes)
{
  if (bytes == NULL) return;
  struct eddy__net *net = eddy__net_of(loop);
  struct eddy__block *block = (struct eddy__block *)(void *)((char *)bytes -
                                                             offsetof(struct eddy__block,
                                                                 bytes));
  eddy__block_put(net != NULL ? &net->blocks : NULL, block);
}

/* ---- on a new connection ---- */

static int wrap(eddy_loop *loop, const struct eddy__layer_use *use, bool made,
    const eddy_protocol *protocol, void *self, eddy_layer_ends *ends)
{
  const char *name = use->server_hostname;
  eddy_layer_request request = {.loop = loop,
      .protocol = protocol,
      .self = self,
      .server_side = use->server_side,
      .made = made,
      .server_hostname = name != NULL && name[0] != '\0' ? name : NULL,
      .handshake_timeout = use->handshake_timeout,
      .shutdown_timeout = use->shutdown_timeout};
  return use->layer->type->wrap(use->layer, &request, ends);
}

/* There is nothing to put it on: the program's instance is the caller's again. */
static void unwrap(const eddy_layer_ends *ends)
{
  static const eddy_protocol nobody = {.release = NULL};
  (void)!eddy_transport_set_protocol(ends->transport, &nobody, NULL);
  ends->protocol->release(ends->self);
  eddy_transport_unref(ends->transport);
}

int eddy__layer_socket(eddy_loop *loop, const struct eddy__socket_options *options,
    const struct eddy__layer_use *use, const eddy_protocol *protocol, void *self,
    eddy_transport **out)
{
  eddy_layer_ends ends;
  eddy_transport *lower;
  if (use->layer == NULL)
    return eddy__socket_transport_new(loop, options, protocol, self, out);
  struct eddy__transport_more *more = eddy__transport_more_new();
  if (more == NULL) return EDDY_ENOMEM;
  int rc = wrap(loop, use, false, protocol, self, &ends);
  if (rc < 0) goto fail_wrap;
  rc = eddy__socket_transport_new(loop, options, ends.protocol, ends.self, &lower);
  if (rc < 0) goto fail_socket;
  eddy__transport_take_more(lower, more);
  lower->more->upper = eddy_transport_ref(ends.transport);
  eddy_transport_unref(lower); /* the loop has a reference */
  *out = ends.transport;
  return 0;
fail_socket:
  unwrap(&ends);
fail_wrap:
  eddy__free(more);
  return rc;
}

/* ---- on a connection under way ---- */

static void describe(const eddy_task *task, char *text, size_t size)
{
  const eddy_transport *made = task->wait.object;
  snprintf(text, size, "start_tls of the %s connection on descriptor %d",
      made->type->name, eddy_transport_get_fd(made));
}

const struct eddy__wait_type eddy__layer_wait = {NULL, describe, NULL, "layer"};

/* What a stream has in its buffer came before the layer was there, and is the layer's: it must
 * not be taken for what the layer has checked. */
static int pass_on_early(eddy_transport *lower, const eddy_transport *upper)
{
  eddy_stream_reader *stream = upper->stream;
  size_t size = stream != NULL ? eddy_stream_reader_buffered(stream) : 0;
  if (size == 0) return 0;
  char *bytes = eddy__alloc(size);
  if (bytes == NULL) return EDDY_ENOMEM;
  memcpy(bytes, eddy__buffer_lend(&stream->buffer), size);
  eddy__stream_drop(stream, size);
  (void)eddy_transport_received(lower, bytes, size);
  eddy__free(bytes);
  return 0;
}

/* Two callbacks of asyncio's in one, since nothing can come between them. */
static int begin(void *arg)
{
  eddy_transport *lower = arg;
  if (!lower->closing && eddy__transport_upper(lower) != NULL) {
    eddy_transport *upper = eddy_transport_ref(lower->more->upper);
    eddy_transport_made(lower);
    int rc = pass_on_early(lower, upper);
    if (rc == 0) rc = eddy_transport_resume_reading(lower);
    if (rc < 0) eddy_transport_fail(lower, rc, "reading could not be resumed");
    eddy_transport_unref(upper);
  }
  lower->layer_queued = false;
  eddy_transport_unref(lower);
  return 0;
}

static int on_begin(void *lower)
{
  return eddy__transport_call(lower, begin);
}

static int check(const eddy_loop *loop, const eddy_task *task,
    const eddy_transport *lower, const eddy_layer *layer,
    const eddy_start_tls_options *options)
{
  int rc = eddy__connection_loop(loop, task);
  if (rc < 0) return rc;
  if (lower->loop != task->future.loop) {
    return eddy_raise(EDDY_EOTHERLOOP, "start_tls: the transport is another loop's");
  }
  if (!lower->type->bears_layers) {
    return eddy_raise(
        EDDY_ENOTSUP, "start_tls: not on a %s transport", lower->type->name);
  }
  if (lower->closing || eddy__transport_upper(lower) != NULL) {
    return eddy_raise(EDDY_EINVALIDSTATE,
        lower->closing
            ? "start_tls: the connection is closing"
            : "start_tls: the transport has a layer; use the layer's transport");
  }
  if (lower->sends_file) {
    return eddy_raise(EDDY_EINVALIDSTATE, "start_tls: a sendfile is in progress");
  }
  return eddy__layer_check("start_tls", layer, NULL, options->ssl_handshake_timeout,
      options->ssl_shutdown_timeout);
}

/* Puts it on: *out is what the task is to wait for. */
static int put_on(eddy_task *task, eddy_transport *lower, const eddy_protocol *protocol,
    void *self, const struct eddy__layer_use *use, eddy_transport **out)
{
  eddy_layer_ends ends;
  int rc = eddy__transport_extend(lower);
  if (rc < 0) return rc;
  rc = eddy__loop_book(lower->loop); /* for the beginning */
  if (rc < 0) return rc;
  rc = wrap(lower->loop, use, true, protocol, self, &ends);
  if (rc < 0) {
    eddy__loop_unbook(lower->loop);
    return rc;
  }
  eddy_transport_pause_reading(lower);
  lower->protocol = ends.protocol;
  lower->self = ends.self;
  lower->input_ended = false;
  lower->more->upper = eddy_transport_ref(ends.transport);
  lower->layer_queued = true;
  eddy__stream_replace_transport(lower, ends.transport, self);
  eddy__loop_push(lower->loop, on_begin, eddy_transport_ref(lower));
  ends.transport->waiter = task;
  *out = ends.transport;
  return 0;
}

int eddy_loop_start_tls(eddy_loop *loop, eddy_transport *transport,
    const eddy_protocol *protocol, void *self, eddy_layer *layer,
    const eddy_start_tls_options *options, eddy_transport **out)
{
  static const eddy_start_tls_options defaults;
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (!resumed) {
    eddy_transport *made;
    if (transport == NULL || protocol == NULL || layer == NULL || out == NULL)
      return EDDY_EINVAL;
    if (options == NULL) options = &defaults;
    rc = check(loop, task, transport, layer, options);
    if (rc < 0) return rc;
    struct eddy__layer_use use = {.layer = layer,
        .server_hostname = options->server_hostname,
        .server_side = options->server_side,
        .handshake_timeout = options->ssl_handshake_timeout,
        .shutdown_timeout = options->ssl_shutdown_timeout};
    rc = put_on(task, transport, protocol, self, &use, &made);
    if (rc < 0) return rc;
    rc = eddy__wait(task, &eddy__layer_wait, made);
    if (rc == EDDY_PENDING) return rc;
  }
  return eddy__connection_end(task->wait.object, rc, out, NULL);
}
