#include <string.h>

#include "tls/tls.h"

/* The name that the certificate was checked for, or "". */
static const char *name_of(const struct eddy__tls *tls)
{
  return tls->name != NULL ? tls->name : "";
}

int eddy_tls_get_session(const eddy_transport *transport, eddy_tls_session **out)
{
  if (transport == NULL || out == NULL) return EDDY_EINVAL;
  if (eddy_transport_get_type(transport) != &eddy__tls_transport_type) {
    return eddy_raise(EDDY_ENOTSUP, "get_session: this is not a TLS connection");
  }
  const struct eddy__tls *tls = eddy__tls_of(transport);
  if (!tls->told || SSL_is_server(tls->ssl)) {
    return eddy_raise(EDDY_EINVALIDSTATE, "get_session: only for a client's connection");
  }
  SSL_SESSION *session = SSL_get1_session(tls->ssl);
  if (session == NULL || !SSL_SESSION_is_resumable(session)) {
    SSL_SESSION_free(session);
    return eddy_raise(
        EDDY_EINVALIDSTATE, "get_session: the server has not sent one (yet)");
  }
  size_t size = strlen(name_of(tls)) + 1;
  eddy_tls_session *made = OPENSSL_malloc(sizeof(*made) + size);
  if (made == NULL) {
    SSL_SESSION_free(session);
    return EDDY_ENOMEM;
  }
  atomic_init(&made->refs, 1);
  made->session = session;
  made->ssl_ctx = tls->context->ssl_ctx;
  (void)SSL_CTX_up_ref(made->ssl_ctx);
  memcpy(made->name, name_of(tls), size);
  *out = made;
  return 0;
}

int eddy_tls_context_set_session(eddy_tls_context *context, eddy_tls_session *session)
{
  if (context == NULL) return EDDY_EINVAL;
  if (session != NULL && session->ssl_ctx != context->ssl_ctx) {
    return eddy_raise(EDDY_EINVAL, "set_session: the session is another context's");
  }
  if (session != NULL) (void)eddy_tls_session_ref(session);
  (void)CRYPTO_THREAD_write_lock(context->lock);
  eddy_tls_session *before = context->session;
  context->session = session;
  (void)CRYPTO_THREAD_unlock(context->lock);
  eddy_tls_session_unref(before);
  return 0;
}

eddy_tls_session *eddy__tls_session_of(eddy_tls_context *context)
{
  (void)CRYPTO_THREAD_read_lock(context->lock);
  eddy_tls_session *session = context->session;
  if (session != NULL) (void)eddy_tls_session_ref(session);
  (void)CRYPTO_THREAD_unlock(context->lock);
  return session;
}

bool eddy_tls_session_reused(const eddy_transport *transport)
{
  if (transport == NULL ||
      eddy_transport_get_type(transport) != &eddy__tls_transport_type) {
    return false;
  }
  return SSL_session_reused(eddy__tls_of(transport)->ssl) == 1;
}

struct ssl_session_st *eddy_tls_session_ssl(const eddy_tls_session *session)
{
  return session->session;
}

eddy_tls_session *eddy_tls_session_ref(eddy_tls_session *session)
{
  atomic_fetch_add_explicit(&session->refs, 1, memory_order_relaxed);
  return session;
}

void eddy_tls_session_unref(eddy_tls_session *session)
{
  if (session == NULL) return;
  if (atomic_fetch_sub_explicit(&session->refs, 1, memory_order_acq_rel) > 1) return;
  SSL_SESSION_free(session->session);
  SSL_CTX_free(session->ssl_ctx);
  OPENSSL_free(session);
}
