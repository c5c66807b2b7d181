/*
 * TLS from the inside.
 *
 * context.c    contexts: what is shown, trusted and negotiated
 * names.c      server names (SNI) and protocols (ALPN)
 * session.c    sessions
 * layer.c      puts TLS on a connection; what a client insists on
 * protocol.c   what the connection below tells: handshake, records, the end
 * records.c    reading and writing
 * transport.c  what the program calls
 * bio.c        what OpenSSL reads from and writes to
 * error.c      what OpenSSL says, as codes and words
 * bytes.c      lent memory
 *
 * This library knows of eddy what its public headers say.
 *
 * OpenSSL runs where the loop's callbacks do, on the loop's own stack, but for what a task writes
 * or closes: its handshake does not need room on a task's stack. While it runs nothing of the
 * program's is called: what it sends is kept until it has returned. So its queue of errors, which
 * is the thread's, is cleared before each call and read right after it.
 */
#ifndef EDDY_TLS_TLS_H
#define EDDY_TLS_TLS_H

#include <stdatomic.h>

#include <eddy/handle.h>
#include <eddy/tls.h>
#include <eddy/transport_type.h>

#include <openssl/ssl.h>

#include "tls/bytes.h"

/* Marks of flow control, as in asyncio. */
#define EDDY__TLS_WRITE_HIGH ((size_t)512 * 1024)
#define EDDY__TLS_READ_HIGH ((size_t)256 * 1024)
#define EDDY__TLS_READ_LOW (EDDY__TLS_READ_HIGH / 4)

#define EDDY__TLS_HANDSHAKE_TIMEOUT EDDY_S(60)
#define EDDY__TLS_SHUTDOWN_TIMEOUT EDDY_S(30)

/* ---- contexts ---- */

/* A server name with a context of its own. */
struct eddy__tls_name {
  struct eddy__tls_name *next;
  eddy_tls_context *context; /* referenced */
  char pattern[];
};

struct eddy_tls_context {
  eddy_layer layer; /* first */
  atomic_uint refs;
  SSL_CTX *ssl_ctx;
  BIO_METHOD *bio;
  bool client; /* which sides it is for */
  bool server;
  bool foreign; /* the SSL_CTX is the caller's */
  bool any_name;
  bool any_certificate;
  bool requires_certificate; /* of clients */
  bool ignores_truncation;
  unsigned char *protocols; /* ALPN, as it is sent; or NULL */
  unsigned protocols_size;
  struct eddy__tls_name *names;
  CRYPTO_RWLOCK *lock;       /* for the session; nothing else changes while it is used */
  eddy_tls_session *session; /* to be resumed: referenced; or NULL */
};

struct eddy_tls_session {
  atomic_uint refs;
  SSL_SESSION *session;
  SSL_CTX *ssl_ctx; /* that checked the certificate: referenced */
  char name[];      /* that it was made out to; "": any */
};

/* The layer's type. */
extern const eddy_layer_type eddy__tls_layer_type;

/* Chooses the context for the name that the client asks for. */
int eddy__tls_choose_name(SSL *ssl, int *alert, void *context);

/* The session to be resumed, referenced, or NULL. */
eddy_tls_session *eddy__tls_session_of(eddy_tls_context *context);

/* Frees the names. */
void eddy__tls_forget_names(eddy_tls_context *context);

/* ---- connections ---- */

enum eddy__tls_state {
  EDDY__TLS_NEW, /* the connection below has not begun */
  EDDY__TLS_HANDSHAKE,
  EDDY__TLS_OPEN,
  EDDY__TLS_FLUSHING, /* closed: what is queued is sent */
  EDDY__TLS_SHUTDOWN, /* close_notify is sent; the peer's is waited for */
  EDDY__TLS_CLOSED,   /* nothing goes in or out any more */
};

/* The state of the program's transport. */
struct eddy__tls {
  eddy_transport *upper;     /* that it is the state of */
  eddy_transport *lower;     /* referenced from its connection_made on, until the end */
  eddy_tls_context *context; /* referenced */
  SSL *ssl;
  eddy_handle *timer;  /* of the handshake, then of the end */
  eddy_handle *resume; /* reading is to go on */
  eddy_time handshake_timeout;
  eddy_time shutdown_timeout;
  const unsigned char *chunk; /* lent by the connection below while it tells of it */
  size_t chunk_size;
  struct eddy__bytes incoming; /* records that nobody wanted to read yet */
  struct eddy__bytes outgoing; /* records, while OpenSSL runs */
  struct eddy__bytes backlog;  /* the program's bytes that wait to be sent */
  int error;                   /* what connection_lost will be told */
  uint8_t state;
  bool told;           /* the program's protocol has its connection */
  bool open;           /* the handshake was successful */
  bool ready;          /* eddy_transport_ready was called */
  bool ended;          /* the connection below has no more input */
  bool writing_paused; /* that of the connection below */
  bool reading_paused; /* that of the connection below, by us */
  bool no_memory;      /* while OpenSSL ran */
  char *protocol;      /* that ALPN gave; or NULL */
  char *name;          /* that a client's peer has to be; NULL: any */
};

static inline struct eddy__tls *eddy__tls_of(const eddy_transport *upper)
{
  return eddy_transport_state(upper);
}

static inline eddy_loop *eddy__tls_loop(const struct eddy__tls *tls)
{
  return eddy_transport_get_loop(tls->upper);
}

extern const eddy_transport_type eddy__tls_transport_type;
extern const eddy_protocol eddy__tls_protocol;

/* ---- protocol.c ---- */

/* The connection ends with an error, whose message was just raised: what OpenSSL had to say to
 * the peer is sent, and the connection below closed. Returns the code. */
int eddy__tls_fail(struct eddy__tls *tls, int error);

/* The program closes it. */
void eddy__tls_close(struct eddy__tls *tls);

/* Goes on with the end, as far as the peer lets it. */
void eddy__tls_end(struct eddy__tls *tls);

/* The peer has ended, with close_notify or without. */
void eddy__tls_peer_ended(struct eddy__tls *tls);
void eddy__tls_peer_gone(struct eddy__tls *tls);

/* Pauses the connection below when too much waits to be read, and lets it go on. */
void eddy__tls_control_input(struct eddy__tls *tls);

/* Lets go of timers and memory. */
void eddy__tls_stop(struct eddy__tls *tls);

/* ---- records.c ---- */

/* Reads what there is and hands it to the program. */
void eddy__tls_read(struct eddy__tls *tls);

/* Reads what there is for nobody: EDDY_PENDING (more may come), 0 (the peer has ended), or an
 * error. */
int eddy__tls_discard(struct eddy__tls *tls);

/* As eddy_transport_type.write. */
int eddy__tls_write(eddy_transport *upper, const eddy_buffer *pieces, size_t count);

/* Sends from the backlog what the connection below takes. */
void eddy__tls_write_backlog(struct eddy__tls *tls);

/* Hands what OpenSSL has written to the connection below: 0, or a code that ends everything. */
int eddy__tls_send(struct eddy__tls *tls);

/* ---- bio.c ---- */

/* The kind of BIO whose data is a struct eddy__tls; NULL without memory. */
BIO_METHOD *eddy__tls_bio_method(void);

/* ---- error.c ---- */

/* Raises what OpenSSL's queue says and returns the code, when `call` has failed with `why`
 * (SSL_get_error). The queue is empty afterwards. */
int eddy__tls_raise(const struct eddy__tls *tls, const char *call, int why);

/* The same for calls without a connection; `object`: what they are about, or NULL. */
int eddy__tls_raise_plain(const char *call, const char *object);

/* "example.org", "127.0.0.1:443". Returns text. */
const char *eddy__tls_peer(const struct eddy__tls *tls, char *text, size_t size);

#endif
