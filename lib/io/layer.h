/* Layers from the inside: how they are put on connections. */
#ifndef EDDY_IO_LAYER_H
#define EDDY_IO_LAYER_H

#include <eddy/layer.h>

#include "io/socket_transport.h"

/* How a call was told to use a layer. */
struct eddy__layer_use {
  eddy_layer *layer;           /* NULL: none */
  const char *server_hostname; /* NULL or "": none */
  bool server_side;
  eddy_time handshake_timeout;
  eddy_time shutdown_timeout;
};

/* Checks what a call was told: 0 or EDDY_EINVAL with a message that names it. */
int eddy__layer_check(const char *call, const eddy_layer *layer,
    const char *server_hostname, eddy_time handshake_timeout, eddy_time shutdown_timeout);

/* As eddy__socket_transport_new, with the layer on it; *out is the program's transport. */
int eddy__layer_socket(eddy_loop *loop, const struct eddy__socket_options *options,
    const struct eddy__layer_use *use, const eddy_protocol *protocol, void *self,
    eddy_transport **out);

/* For a server, which keeps its layer. NULL is allowed. */
void eddy__layer_ref(eddy_layer *layer);
void eddy__layer_unref(eddy_layer *layer);

/* The wait of start_tls. */
extern const struct eddy__wait_type eddy__layer_wait;

#endif
