/* Puts TLS on a connection. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tls/tls.h"

/* ---- what is checked ---- */

/* Numeric addresses are checked as such, and are never asked for by name. */
static bool is_address(const char *name)
{
  ASN1_OCTET_STRING *bytes = a2i_IPADDRESS(name);
  bool is = bytes != NULL;
  ASN1_OCTET_STRING_free(bytes);
  ERR_clear_error();
  return is;
}

/* A client's peer has to be this name or address. */
static int expect_name(SSL *ssl, const char *name, bool address)
{
  X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return address ? X509_VERIFY_PARAM_set1_ip_asc(param, name)
                 : X509_VERIFY_PARAM_set1_host(param, name, 0);
}

static int set_name(struct eddy__tls *tls, const char *name)
{
  const eddy_tls_context *context = tls->context;
  bool checks = !context->any_certificate && !context->any_name;
  if (name == NULL) {
    if (!checks) return 0;
    return eddy_raise(EDDY_EINVAL,
        "tls: there is no server_hostname to check the certificate for; "
        "eddy_tls_context_accept_any_name does without");
  }
  /* "fe80::1%eth0": the interface is this machine's alone. */
  size_t size = strcspn(name, "%");
  tls->name = OPENSSL_strndup(name, strchr(name, ':') != NULL ? size : strlen(name));
  if (tls->name == NULL) return EDDY_ENOMEM;
  bool address = is_address(tls->name);
  ERR_clear_error();
  if (!address && SSL_set_tlsext_host_name(tls->ssl, tls->name) != 1) {
    ERR_clear_error();
    return eddy_raise(
        EDDY_EINVAL, "tls: server_hostname is no host name (%zu bytes)", strlen(name));
  }
  if (checks && expect_name(tls->ssl, tls->name, address) != 1) {
    ERR_clear_error();
    return eddy_raise(EDDY_EINVAL, "tls: server_hostname '%s' is no host name", name);
  }
  return 0;
}

static int set_up_client(struct eddy__tls *tls, const char *name)
{
  const eddy_tls_context *context = tls->context;
  int rc = set_name(tls, name);
  if (rc < 0) return rc;
  if (context->any_certificate) {
    SSL_set_verify(tls->ssl, SSL_VERIFY_NONE, NULL);
  } else {
    SSL_set_verify(tls->ssl, SSL_VERIFY_PEER, SSL_get_verify_callback(tls->ssl));
  }
  eddy_tls_session *session = eddy__tls_session_of(tls->context);
  if (session != NULL && strcmp(session->name, tls->name != NULL ? tls->name : "") == 0) {
    (void)SSL_set_session(tls->ssl, session->session);
  }
  eddy_tls_session_unref(session);
  SSL_set_connect_state(tls->ssl);
  return 0;
}

static void set_up_server(const struct eddy__tls *tls)
{
  if (tls->context->requires_certificate) {
    SSL_set_verify(tls->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
        SSL_get_verify_callback(tls->ssl));
  }
  SSL_set_accept_state(tls->ssl);
}

/* ---- wrapping ---- */

static int new_ssl(struct eddy__tls *tls)
{
  ERR_clear_error();
  tls->ssl = SSL_new(tls->context->ssl_ctx);
  BIO *bio = tls->ssl != NULL ? BIO_new(tls->context->bio) : NULL;
  if (bio == NULL) {
    SSL_free(tls->ssl);
    tls->ssl = NULL;
    ERR_clear_error();
    return EDDY_ENOMEM;
  }
  BIO_set_data(bio, tls);
  SSL_set_bio(tls->ssl, bio, bio);
  SSL_set_mode(tls->ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                             SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_set_options(tls->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_clear_options(tls->ssl, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
  if (SSL_get_min_proto_version(tls->ssl) < TLS1_2_VERSION) {
    (void)SSL_set_min_proto_version(tls->ssl, TLS1_2_VERSION);
  }
  return 0;
}

/* The request's names and times: 0 or a code. */
static int set_up(struct eddy__tls *tls, const eddy_layer_request *request)
{
  tls->told = request->made;
  tls->handshake_timeout = request->handshake_timeout > 0 ? request->handshake_timeout
                                                          : EDDY__TLS_HANDSHAKE_TIMEOUT;
  tls->shutdown_timeout = request->shutdown_timeout > 0 ? request->shutdown_timeout
                                                        : EDDY__TLS_SHUTDOWN_TIMEOUT;
  int rc = new_ssl(tls);
  if (rc < 0) return rc;
  if (!request->server_side) return set_up_client(tls, request->server_hostname);
  set_up_server(tls);
  return 0;
}

static int wrap(
    eddy_layer *layer, const eddy_layer_request *request, eddy_layer_ends *out)
{
  static const eddy_protocol nobody = {.release = NULL};
  eddy_tls_context *context = (eddy_tls_context *)layer;
  eddy_transport *upper;
  if (request->server_side ? !context->server : !context->client) {
    return eddy_raise(EDDY_EINVAL, "tls: the context is for %s",
        context->server ? "servers" : "clients");
  }
  int rc = eddy_transport_new(
      request->loop, &eddy__tls_transport_type, request->protocol, request->self, &upper);
  if (rc < 0) return rc;
  struct eddy__tls *tls = eddy__tls_of(upper);
  tls->upper = upper;
  tls->context = eddy_tls_context_ref(context);
  rc = set_up(tls, request);
  if (rc < 0) {
    (void)!eddy_transport_set_protocol(upper, &nobody, NULL); /* it stays the caller's */
    eddy_transport_discard(upper);
    eddy_transport_unref(upper);
    return rc;
  }
  out->transport = upper;
  out->protocol = &eddy__tls_protocol;
  out->self = eddy_transport_ref(upper);
  return 0;
}

static void ref(eddy_layer *layer)
{
  (void)eddy_tls_context_ref((eddy_tls_context *)layer);
}

static void unref(eddy_layer *layer)
{
  eddy_tls_context_unref((eddy_tls_context *)layer);
}

const eddy_layer_type eddy__tls_layer_type = {"TLS", wrap, ref, unref};
