/* Certificates for tests, made when they are needed: none can expire in the tree. */
#ifndef EDDY_TEST_CERTIFICATES_H
#define EDDY_TEST_CERTIFICATES_H

#include <eddy/tls.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "eddy_test.h"

struct identity {
  X509 *certificate;
  EVP_PKEY *key;
};

#define HOUR (60L * 60)

/* What a certificate is to say. */
struct wish {
  const char *names;         /* "DNS:localhost,IP:127.0.0.1"; NULL: an authority */
  long from;                 /* seconds from now */
  long until;                /* 0: in an hour */
  const struct identity *by; /* NULL: itself */
};

static inline void free_identity(void *arg)
{
  struct identity *identity = arg;
  X509_free(identity->certificate);
  EVP_PKEY_free(identity->key);
}

static inline int extend(X509 *certificate, int what, const char *value)
{
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, what, value);
  CHECK(extension != NULL);
  CHECK_EQ(X509_add_ext(certificate, extension, -1), 1);
  X509_EXTENSION_free(extension);
  return 0;
}

static inline int new_identity(struct wish wish, struct identity *out)
{
  static long serial;
  struct identity *kept = test_new(sizeof *kept);
  X509 *certificate = X509_new();
  CHECK(certificate != NULL);
  kept->certificate = certificate;
  test_defer_late(free_identity, kept);
  kept->key = EVP_EC_gen("P-256");
  CHECK(kept->key != NULL);
  char called[64];
  snprintf(called, sizeof called, "%s %ld",
      wish.names != NULL ? "eddy test" : "eddy test authority", ++serial);
  X509_NAME *name = X509_get_subject_name(certificate);
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
  CHECK(X509_gmtime_adj(X509_getm_notBefore(certificate), wish.from - HOUR) != NULL);
  CHECK(X509_gmtime_adj(X509_getm_notAfter(certificate),
            wish.until != 0 ? wish.until : wish.from + HOUR) != NULL);
  CHECK_EQ(X509_NAME_add_entry_by_txt(
               name, "CN", MBSTRING_ASC, (unsigned char *)called, -1, -1, 0),
      1);
  const struct identity *by = wish.by != NULL ? wish.by : kept;
  CHECK_EQ(X509_set_issuer_name(certificate, X509_get_subject_name(by->certificate)), 1);
  CHECK_EQ(X509_set_pubkey(certificate, kept->key), 1);
  if (wish.names != NULL) CHECK_OK(extend(certificate, NID_subject_alt_name, wish.names));
  if (wish.names == NULL) {
    CHECK_OK(extend(certificate, NID_basic_constraints, "critical,CA:TRUE"));
    CHECK_OK(extend(certificate, NID_key_usage, "critical,keyCertSign"));
  }
  CHECK(X509_sign(certificate, by->key, EVP_sha256()) > 0);
  *out = *kept;
  return 0;
}

/* ---- contexts ---- */

static inline void unref_context(void *context)
{
  eddy_tls_context_unref(context);
}

/* A server's that shows this. */
static inline int new_server_context(
    const struct identity *identity, eddy_tls_context **out)
{
  CHECK_OK(eddy_tls_context_new_server(out));
  test_defer_late(unref_context, *out);
  SSL_CTX *ssl_ctx = eddy_tls_context_ssl_ctx(*out);
  CHECK_EQ(SSL_CTX_use_certificate(ssl_ctx, identity->certificate), 1);
  CHECK_EQ(SSL_CTX_use_PrivateKey(ssl_ctx, identity->key), 1);
  return 0;
}

static inline int trust(eddy_tls_context *context, const struct identity *authority)
{
  X509_STORE *store = SSL_CTX_get_cert_store(eddy_tls_context_ssl_ctx(context));
  CHECK_EQ(X509_STORE_add_cert(store, authority->certificate), 1);
  return 0;
}

/* A client's that trusts this authority. */
static inline int new_client_context(
    const struct identity *authority, eddy_tls_context **out)
{
  CHECK_OK(eddy_tls_context_new_client(out));
  test_defer_late(unref_context, *out);
  return trust(*out, authority);
}

/* An authority, a server of this name, and a client that trusts it. */
struct both {
  struct identity authority;
  struct identity identity;
  eddy_tls_context *server;
  eddy_tls_context *client;
};

static inline int new_both(struct both *out)
{
  struct wish wish = {.names = "DNS:localhost,IP:127.0.0.1", .by = &out->authority};
  CHECK_OK(new_identity((struct wish){0}, &out->authority));
  CHECK_OK(new_identity(wish, &out->identity));
  CHECK_OK(new_server_context(&out->identity, &out->server));
  return new_client_context(&out->authority, &out->client);
}

#endif
