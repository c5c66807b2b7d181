/*
 * TLS for the client of the network rows: OpenSSL on a socket that does not block, read and written
 * as send and recv would. Without BENCH_TLS there is none.
 */
#ifndef EDDY_BENCH_NET_TLS_H
#define EDDY_BENCH_NET_TLS_H

#include <errno.h>
#include <sys/types.h>

#include "bench.h"

struct net_tls; /* OpenSSL's SSL */

#ifdef BENCH_TLS
#include <openssl/ssl.h>

static SSL_CTX *net_tls_context;

static inline SSL *net_tls_ssl(struct net_tls *tls)
{
  return (SSL *)(void *)tls;
}

/* From now on connections are TLS, and the server has to show this certificate. */
static inline void net_tls_trust(const char *certificate)
{
  net_tls_context = SSL_CTX_new(TLS_client_method());
  bench_check(net_tls_context != NULL, "SSL_CTX_new");
  bench_check(SSL_CTX_load_verify_locations(net_tls_context, certificate, NULL) == 1,
      "--tls is no certificate");
  SSL_CTX_set_verify(net_tls_context, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_mode(net_tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(net_tls_context, 1);
}

/* NULL: the connection is to be plain. */
static inline struct net_tls *net_tls_new(int fd)
{
  if (net_tls_context == NULL) return NULL;
  SSL *ssl = SSL_new(net_tls_context);
  bench_check(ssl != NULL && SSL_set_fd(ssl, fd) == 1, "SSL_new");
  SSL_set_connect_state(ssl);
  return (struct net_tls *)(void *)ssl;
}

static inline ssize_t net_tls_result(struct net_tls *tls, int rc)
{
  if (rc > 0) return rc;
  int error = SSL_get_error(net_tls_ssl(tls), rc);
  bench_check(error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE, "TLS");
  errno = EAGAIN;
  return -1;
}

static inline ssize_t net_tls_send(struct net_tls *tls, const void *data, size_t size)
{
  return net_tls_result(tls, SSL_write(net_tls_ssl(tls), data, (int)size));
}

static inline ssize_t net_tls_recv(struct net_tls *tls, void *data, size_t size)
{
  return net_tls_result(tls, SSL_read(net_tls_ssl(tls), data, (int)size));
}

/* Sends close_notify, and frees. NULL is allowed. */
static inline void net_tls_end(struct net_tls *tls)
{
  if (tls == NULL) return;
  (void)SSL_shutdown(net_tls_ssl(tls));
  SSL_free(net_tls_ssl(tls));
}
#else
static inline void net_tls_trust(const char *certificate)
{
  (void)certificate;
  bench_check(0, "--tls: built without OpenSSL");
}

static inline struct net_tls *net_tls_new(int fd)
{
  (void)fd;
  return NULL;
}

static inline ssize_t net_tls_send(struct net_tls *tls, const void *data, size_t size)
{
  (void)tls;
  (void)data;
  (void)size;
  errno = ENOTSUP;
  return -1;
}

static inline ssize_t net_tls_recv(struct net_tls *tls, void *data, size_t size)
{
  return net_tls_send(tls, data, size);
}

static inline void net_tls_end(struct net_tls *tls)
{
  (void)tls;
}
#endif

#endif
