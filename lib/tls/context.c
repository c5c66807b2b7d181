#include <openssl/err.h>

#include "tls/tls.h"

/* ---- life ---- */

/* The SSL_CTX is the context's from now on, also if this fails. */
static int new_context(SSL_CTX *ssl_ctx, eddy_tls_context **out)
{
  eddy_tls_context *context = OPENSSL_zalloc(sizeof(*context));
  BIO_METHOD *bio = eddy__tls_bio_method();
  CRYPTO_RWLOCK *lock = CRYPTO_THREAD_lock_new();
  if (context == NULL || bio == NULL || lock == NULL) {
    OPENSSL_free(context);
    BIO_meth_free(bio);
    CRYPTO_THREAD_lock_free(lock);
    SSL_CTX_free(ssl_ctx);
    ERR_clear_error();
    return EDDY_ENOMEM;
  }
  context->layer.type = &eddy__tls_layer_type;
  atomic_init(&context->refs, 1);
  context->ssl_ctx = ssl_ctx;
  context->bio = bio;
  context->lock = lock;
  *out = context;
  return 0;
}

static int new_own(const SSL_METHOD *method, const char *call, eddy_tls_context **out)
{
  if (out == NULL) return EDDY_EINVAL;
  ERR_clear_error();
  SSL_CTX *ssl_ctx = SSL_CTX_new(method);
  if (ssl_ctx == NULL) return eddy__tls_raise_plain(call, NULL);
  return new_context(ssl_ctx, out);
}

int eddy_tls_context_new_client(eddy_tls_context **out)
{
  eddy_tls_context *context = NULL;
  if (out == NULL) return EDDY_EINVAL;
  int rc = new_own(TLS_client_method(), "new_client", &context);
  if (rc < 0) return rc;
  context->client = true;
  if (SSL_CTX_set_default_verify_paths(context->ssl_ctx) != 1) {
    rc = eddy__tls_raise_plain("new_client", "the system's authorities");
    eddy_tls_context_unref(context);
    return rc;
  }
  ERR_clear_error(); /* directories that are not there */
  SSL_CTX_set_verify(context->ssl_ctx, SSL_VERIFY_PEER, NULL);
  *out = context;
  return 0;
}

int eddy_tls_context_new_server(eddy_tls_context **out)
{
  static const unsigned char whose[] = "eddy";
  int rc = new_own(TLS_server_method(), "new_server", out);
  if (rc < 0) return rc;
  (*out)->server = true;
  (void)SSL_CTX_set_session_id_context((*out)->ssl_ctx, whose, sizeof(whose) - 1);
  SSL_CTX_set_options((*out)->ssl_ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
  return 0;
}

int eddy_tls_context_from_ssl_ctx(SSL_CTX *ssl_ctx, eddy_tls_context **out)
{
  if (ssl_ctx == NULL || out == NULL) return EDDY_EINVAL;
  if (SSL_CTX_up_ref(ssl_ctx) != 1) return EDDY_ENOMEM;
  int rc = new_context(ssl_ctx, out);
  if (rc < 0) return rc;
  (*out)->client = true;
  (*out)->server = true;
  (*out)->foreign = true;
  return 0;
}

SSL_CTX *eddy_tls_context_ssl_ctx(const eddy_tls_context *context)
{
  return context->ssl_ctx;
}

eddy_tls_context *eddy_tls_context_ref(eddy_tls_context *context)
{
  atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
  return context;
}

void eddy_tls_context_unref(eddy_tls_context *context)
{
  if (context == NULL) return;
  if (atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) > 1) return;
  eddy__tls_forget_names(context);
  eddy_tls_session_unref(context->session);
  SSL_CTX_free(context->ssl_ctx);
  BIO_meth_free(context->bio);
  CRYPTO_THREAD_lock_free(context->lock);
  OPENSSL_free(context->protocols);
  OPENSSL_free(context);
}

eddy_layer *eddy_tls_layer(eddy_tls_context *context)
{
  return context != NULL ? &context->layer : NULL;
}

/* ---- what is shown, and what is trusted ---- */

/* The key of the caller's has a password: nobody at the terminal is asked for it. */
static int no_password(char *out, int size, int writing, void *unused)
{
  (void)out;
  (void)size;
  (void)writing;
  (void)unused;
  return -1;
}

int eddy_tls_context_load_cert_chain(
    eddy_tls_context *context, const char *certfile, const char *keyfile)
{
  if (context == NULL || certfile == NULL) return EDDY_EINVAL;
  if (keyfile == NULL) keyfile = certfile;
  SSL_CTX *ssl_ctx = context->ssl_ctx;
  ERR_clear_error();
  if (!context->foreign) SSL_CTX_set_default_passwd_cb(ssl_ctx, no_password);
  if (SSL_CTX_use_certificate_chain_file(ssl_ctx, certfile) != 1) {
    return eddy__tls_raise_plain("load_cert_chain", certfile);
  }
  if (SSL_CTX_use_PrivateKey_file(ssl_ctx, keyfile, SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(ssl_ctx) != 1) {
    return eddy__tls_raise_plain("load_cert_chain", keyfile);
  }
  ERR_clear_error();
  return 0;
}

int eddy_tls_context_load_verify_locations(
    eddy_tls_context *context, const char *cafile, const char *capath)
{
  if (context == NULL || (cafile == NULL && capath == NULL)) return EDDY_EINVAL;
  ERR_clear_error();
  if (cafile != NULL && SSL_CTX_load_verify_file(context->ssl_ctx, cafile) != 1) {
    return eddy__tls_raise_plain("load_verify_locations", cafile);
  }
  if (capath != NULL && SSL_CTX_load_verify_dir(context->ssl_ctx, capath) != 1) {
    return eddy__tls_raise_plain("load_verify_locations", capath);
  }
  ERR_clear_error();
  return 0;
}

void eddy_tls_context_require_client_certificate(eddy_tls_context *context)
{
  context->requires_certificate = true;
}

void eddy_tls_context_accept_any_name(eddy_tls_context *context)
{
  context->any_name = true;
}

void eddy_tls_context_accept_any_certificate(eddy_tls_context *context)
{
  context->any_certificate = true;
}

void eddy_tls_context_ignore_truncation(eddy_tls_context *context)
{
  context->ignores_truncation = true;
}
