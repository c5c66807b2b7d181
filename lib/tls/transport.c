/* What the program calls. */
#include <string.h>

#include "tls/tls.h"

static void tls_close(eddy_transport *upper)
{
  eddy__tls_close(eddy__tls_of(upper));
}

static void tls_abort(eddy_transport *upper, int error)
{
  struct eddy__tls *tls = eddy__tls_of(upper);
  eddy_transport_set_closing(upper);
  tls->state = EDDY__TLS_CLOSED;
  tls->error = error;
  if (error < 0) eddy_transport_explain(upper, error);
  eddy__tls_stop(tls);
  eddy_transport_abort(tls->lower); /* it tells when it is lost */
}

static int on_resume(void *arg)
{
  struct eddy__tls *tls = arg;
  eddy_transport *upper = eddy_transport_ref(tls->upper);
  eddy_handle_unref(tls->resume);
  tls->resume = NULL;
  if (tls->state == EDDY__TLS_OPEN) eddy__tls_read(tls);
  if (tls->state == EDDY__TLS_OPEN) eddy__tls_control_input(tls);
  eddy_transport_unref(upper);
  return 0;
}

/* Reading goes on in the next iteration, as in asyncio. */
static int tls_set_reading(eddy_transport *upper, bool on)
{
  struct eddy__tls *tls = eddy__tls_of(upper);
  if (!on || tls->resume != NULL) return 0;
  return eddy_loop_call_soon(eddy__tls_loop(tls), on_resume, tls, &tls->resume);
}

static size_t tls_buffered(const eddy_transport *upper)
{
  return eddy__bytes_size(&eddy__tls_of(upper)->backlog);
}

static int tls_fd(const eddy_transport *upper)
{
  const eddy_transport *lower = eddy__tls_of(upper)->lower;
  return lower != NULL ? eddy_transport_get_fd(lower) : -1;
}

static int tls_address(const eddy_transport *upper, bool peer, eddy_address *out)
{
  const eddy_transport *lower = eddy__tls_of(upper)->lower;
  if (lower == NULL) return EDDY_EBADF;
  return peer ? eddy_transport_get_peername(lower, out)
              : eddy_transport_get_sockname(lower, out);
}

static const void *tls_info(const eddy_transport *upper, const char *name)
{
  const struct eddy__tls *tls = eddy__tls_of(upper);
  if (strcmp(name, "sslcontext") == 0) return tls->context;
  if (strcmp(name, "ssl_object") == 0) return tls->open ? tls->ssl : NULL;
  if (strcmp(name, "peercert") == 0) {
    return tls->open ? SSL_get0_peer_certificate(tls->ssl) : NULL;
  }
  if (strcmp(name, "cipher") == 0)
    return tls->open ? SSL_get_cipher_name(tls->ssl) : NULL;
  if (strcmp(name, "version") == 0) return tls->open ? SSL_get_version(tls->ssl) : NULL;
  if (strcmp(name, "alpn") == 0) return tls->protocol;
  return tls->lower != NULL ? eddy_transport_get_extra_info(tls->lower, name) : NULL;
}

static void tls_closed(eddy_transport *upper)
{
  struct eddy__tls *tls = eddy__tls_of(upper);
  tls->state = EDDY__TLS_CLOSED;
  eddy__tls_stop(tls);
}

/* What was negotiated could be asked for until now. */
static void tls_destroy(eddy_transport *upper)
{
  struct eddy__tls *tls = eddy__tls_of(upper);
  SSL_free(tls->ssl);
  OPENSSL_free(tls->protocol);
  OPENSSL_free(tls->name);
  eddy_tls_context_unref(tls->context);
  eddy_transport_unref(tls->lower);
}

const eddy_transport_type eddy__tls_transport_type = {
    .name = "TLS",
    .state_size = sizeof(struct eddy__tls),
    .bears_layers = true,
    .high = EDDY__TLS_WRITE_HIGH,
    .sendfile = EDDY_SENDFILE_COPIED,
    .write = eddy__tls_write,
    .close = tls_close,
    .abort = tls_abort,
    .set_reading = tls_set_reading,
    .buffered = tls_buffered,
    .fd = tls_fd,
    .address = tls_address,
    .extra_info = tls_info,
    .closed = tls_closed,
    .destroy = tls_destroy,
};
