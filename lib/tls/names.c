/* Server names (SNI) and protocols (ALPN). */
#include <ctype.h>
#include <string.h>

#include <openssl/err.h>

#include "tls/tls.h"

/* ---- server names ---- */

static bool equal(const char *a, const char *b)
{
  while (*a != '\0' && tolower((unsigned char)*a) == tolower((unsigned char)*b)) {
    a++;
    b++;
  }
  return *a == *b;
}

/* "*.example.org" fits names of one more label. */
static bool fits(const char *pattern, const char *name)
{
  if (pattern[0] == '*' && pattern[1] == '.') {
    name = strchr(name, '.');
    pattern++;
    if (name == NULL) return false;
  }
  return equal(pattern, name);
}

int eddy__tls_choose_name(SSL *ssl, int *alert, void *arg)
{
  const eddy_tls_context *context = arg;
  const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  (void)alert;
  if (name == NULL) return SSL_TLSEXT_ERR_OK;
  for (const struct eddy__tls_name *known = context->names; known != NULL;
       known = known->next) {
    if (!fits(known->pattern, name)) continue;
    SSL_CTX *other = known->context->ssl_ctx;
    if (SSL_set_SSL_CTX(ssl, other) == NULL) return SSL_TLSEXT_ERR_ALERT_FATAL;
    /* The SSL has copies of these, that do not change with it. */
    int mode = SSL_CTX_get_verify_mode(other);
    if (known->context->requires_certificate) {
      mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }
    SSL_set_verify(ssl, mode, SSL_CTX_get_verify_callback(other));
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_OK;
}

int eddy_tls_context_add_server_name(
    eddy_tls_context *context, const char *name, eddy_tls_context *other)
{
  if (context == NULL || name == NULL || name[0] == '\0' || other == NULL ||
      other == context) {
    return EDDY_EINVAL;
  }
  if (!context->server || !other->server) {
    return eddy_raise(EDDY_EINVAL, "add_server_name: a context for clients has no names");
  }
  size_t size = strlen(name) + 1;
  struct eddy__tls_name *added = OPENSSL_malloc(sizeof(*added) + size);
  if (added == NULL) return EDDY_ENOMEM;
  memcpy(added->pattern, name, size);
  added->context = eddy_tls_context_ref(other);
  /* Exact names stand in front of patterns, and keep their order. */
  struct eddy__tls_name **place = &context->names;
  while (*place != NULL && (name[0] == '*' || (*place)->pattern[0] != '*')) {
    place = &(*place)->next;
  }
  added->next = *place;
  *place = added;
  SSL_CTX_set_tlsext_servername_callback(context->ssl_ctx, eddy__tls_choose_name);
  SSL_CTX_set_tlsext_servername_arg(context->ssl_ctx, context);
  return 0;
}

void eddy__tls_forget_names(eddy_tls_context *context)
{
  if (context->names == NULL) return;
  SSL_CTX_set_tlsext_servername_callback(context->ssl_ctx, NULL);
  SSL_CTX_set_tlsext_servername_arg(context->ssl_ctx, NULL);
  while (context->names != NULL) {
    struct eddy__tls_name *name = context->names;
    context->names = name->next;
    eddy_tls_context_unref(name->context);
    OPENSSL_free(name);
  }
}

/* ---- protocols ---- */

/* The first of the server's that the client has, too. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *size,
    const unsigned char *offered, unsigned offered_size, void *arg)
{
  const eddy_tls_context *context = arg;
  unsigned char *chosen;
  (void)ssl;
  int rc = SSL_select_next_proto(
      &chosen, size, context->protocols, context->protocols_size, offered, offered_size);
  if (rc != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

int eddy_tls_context_set_alpn_protocols(
    eddy_tls_context *context, const char *const *protocols, size_t count)
{
  size_t size = 0;
  if (context == NULL || protocols == NULL || count == 0) return EDDY_EINVAL;
  if (context->foreign) {
    return eddy_raise(EDDY_ENOTSUP, "set_alpn_protocols: the SSL_CTX is yours, set them "
                                    "with SSL_CTX_set_alpn_protos");
  }
  for (size_t i = 0; i < count; i++) {
    size_t length = protocols[i] != NULL ? strlen(protocols[i]) : 0;
    if (length == 0 || length > 255) {
      return eddy_raise(EDDY_EINVAL,
          "set_alpn_protocols: a name of %zu bytes, not of 1 to 255", length);
    }
    size += 1 + length;
  }
  if (size > 65535) return EDDY_EINVAL;
  unsigned char *wire = OPENSSL_malloc(size), *next = wire;
  if (wire == NULL) return EDDY_ENOMEM;
  for (size_t i = 0; i < count; i++) {
    size_t length = strlen(protocols[i]);
    *next++ = (unsigned char)length;
    memcpy(next, protocols[i], length);
    next += length;
  }
  ERR_clear_error();
  if (context->client &&
      SSL_CTX_set_alpn_protos(context->ssl_ctx, wire, (unsigned)size)) {
    OPENSSL_free(wire);
    return eddy__tls_raise_plain("set_alpn_protocols", NULL);
  }
  OPENSSL_free(context->protocols);
  context->protocols = wire;
  context->protocols_size = (unsigned)size;
  if (context->server) {
    SSL_CTX_set_alpn_select_cb(context->ssl_ctx, choose_protocol, context);
  }
  return 0;
}
