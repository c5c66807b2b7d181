/* Reading and writing. */
#include <string.h>

#include <openssl/err.h>

#include "tls/tls.h"

/* What a record can hold. */
#define RECORD ((size_t)16 * 1024)
/* Records are handed down in blocks of about this size. */
#define BLOCK ((size_t)44 * 1024)
/* As much is read before the program is told; less than 64 KiB for the sake of what is lent. */
#define INPUT ((size_t)64 * 1024 - 64)

int eddy__tls_send(struct eddy__tls *tls)
{
  eddy_loop *loop = eddy__tls_loop(tls);
  struct eddy__bytes records = tls->outgoing;
  if (tls->no_memory) return eddy__tls_raise(tls, "TLS connection", SSL_ERROR_NONE);
  if (eddy__bytes_size(&records) == 0) return 0;
  memset(&tls->outgoing, 0, sizeof(tls->outgoing));
  int rc = eddy_transport_write(
      tls->lower, eddy__bytes_first(&records), eddy__bytes_size(&records));
  eddy__bytes_clear(loop, &records);
  return rc;
}

/* ---- reading ---- */

/* Whether a read can give anything. */
static bool has_input(const struct eddy__tls *tls)
{
  return tls->chunk_size > 0 || eddy__bytes_size(&tls->incoming) > 0 ||
         SSL_has_pending(tls->ssl);
}

/* Fills the buffer as far as there are records; returns why not further (SSL_ERROR_NONE: it is
 * full). */
static int fill(struct eddy__tls *tls, unsigned char *buffer, size_t size, size_t *filled)
{
  int why = SSL_ERROR_NONE;
  *filled = 0;
  while (*filled < size) {
    size_t got = 0;
    if (!has_input(tls) && *filled > 0) return SSL_ERROR_WANT_READ;
    ERR_clear_error();
    int done = SSL_read_ex(tls->ssl, buffer + *filled, size - *filled, &got);
    why = SSL_get_error(tls->ssl, done);
    if (why != SSL_ERROR_NONE) break;
    *filled += got;
  }
  return why;
}

/* Reads for a buffered protocol, into its own memory, and tells it. */
static int read_buffered(struct eddy__tls *tls, const eddy_protocol *protocol, void *self)
{
  void *buffer = NULL;
  size_t size = 0, filled;
  int rc = protocol->get_buffer(
      self, eddy__bytes_size(&tls->incoming) + tls->chunk_size, &buffer, &size);
  if (rc >= 0 && (buffer == NULL || size == 0)) {
    rc = eddy_raise(EDDY_ERUNTIME, "get_buffer gave an empty buffer");
  }
  if (rc < 0) {
    eddy_transport_fail(tls->upper, rc, "get_buffer failed; the connection is aborted");
    return SSL_ERROR_NONE;
  }
  if (tls->state != EDDY__TLS_OPEN)
    return SSL_ERROR_NONE; /* it has closed the connection */
  int why = fill(tls, buffer, size, &filled);
  if (filled == 0 || protocol->buffer_updated == NULL) return why;
  rc = protocol->buffer_updated(self, filled);
  if (rc < 0) {
    eddy_transport_fail(
        tls->upper, rc, "buffer_updated failed; the connection is aborted");
  }
  return why;
}

/* Reads once and tells the program; returns as fill. */
static int read_once(struct eddy__tls *tls, unsigned char **block)
{
  void *self;
  size_t filled;
  const eddy_protocol *protocol = eddy_transport_get_protocol(tls->upper, &self);
  if (protocol->get_buffer != NULL) return read_buffered(tls, protocol, self);
  if (*block == NULL) *block = eddy_loop_lend(eddy__tls_loop(tls), INPUT);
  if (*block == NULL) {
    tls->no_memory = true;
    return SSL_ERROR_SYSCALL;
  }
  int why = fill(tls, *block, INPUT, &filled);
  if (why == SSL_ERROR_SSL || why == SSL_ERROR_SYSCALL) {
    /* The reason must not be lost while the program runs. */
    int rc = eddy__tls_raise(tls, "TLS connection", why);
    eddy_transport_explain(tls->upper, rc);
    tls->error = rc;
  }
  if (filled > 0) (void)eddy_transport_received(tls->upper, *block, filled);
  return why;
}

static void read_all(struct eddy__tls *tls)
{
  unsigned char *block = NULL;
  int why = SSL_ERROR_NONE;
  while (why == SSL_ERROR_NONE && tls->state == EDDY__TLS_OPEN &&
         eddy_transport_is_reading(tls->upper)) {
    why = read_once(tls, &block);
  }
  eddy_loop_give_back(eddy__tls_loop(tls), block);
  if (tls->state != EDDY__TLS_OPEN) return;
  if (why == SSL_ERROR_ZERO_RETURN) {
    eddy__tls_peer_ended(tls);
  } else if (why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ) {
    (void)eddy__tls_fail(
        tls, tls->error < 0 ? tls->error : eddy__tls_raise(tls, "TLS connection", why));
  } else if (why == SSL_ERROR_WANT_READ && tls->ended) {
    eddy__tls_peer_gone(tls);
  }
}

void eddy__tls_read(struct eddy__tls *tls)
{
  read_all(tls);
  if (tls->state != EDDY__TLS_OPEN) return;
  /* What OpenSSL had to answer, and what it could not write before it had read. */
  int rc = eddy__tls_send(tls);
  if (rc < 0) {
    (void)eddy__tls_fail(tls, rc);
  } else if (eddy__bytes_size(&tls->backlog) > 0 && !tls->writing_paused) {
    eddy__tls_write_backlog(tls);
  }
}

int eddy__tls_discard(struct eddy__tls *tls)
{
  unsigned char *block = eddy_loop_lend(eddy__tls_loop(tls), INPUT);
  if (block == NULL) return EDDY_ENOMEM;
  int why = SSL_ERROR_NONE;
  size_t got;
  while (why == SSL_ERROR_NONE) {
    ERR_clear_error();
    int done = SSL_read_ex(tls->ssl, block, INPUT, &got);
    why = SSL_get_error(tls->ssl, done);
  }
  eddy_loop_give_back(eddy__tls_loop(tls), block);
  if (why == SSL_ERROR_ZERO_RETURN) return 0;
  if (why == SSL_ERROR_WANT_READ) return EDDY_PENDING;
  return eddy__tls_raise(tls, "end of the TLS connection", why);
}

/* ---- writing ---- */

/* Encrypts what is there: how much was taken, all of it unless the connection below takes no
 * more; negative: an error. */
static int encrypt(
    struct eddy__tls *tls, const unsigned char *data, size_t size, size_t *taken)
{
  *taken = 0;
  while (*taken < size && !tls->writing_paused) {
    size_t part = size - *taken < RECORD ? size - *taken : RECORD, sent = 0;
    ERR_clear_error();
    int done = SSL_write_ex(tls->ssl, data + *taken, part, &sent);
    int why = SSL_get_error(tls->ssl, done);
    if (why == SSL_ERROR_WANT_READ) break; /* it goes on when something was read */
    if (why != SSL_ERROR_NONE) return eddy__tls_raise(tls, "TLS connection", why);
    *taken += sent;
    if (eddy__bytes_size(&tls->outgoing) < BLOCK) continue;
    int rc = eddy__tls_send(tls);
    if (rc < 0) return rc;
  }
  return 0;
}

void eddy__tls_write_backlog(struct eddy__tls *tls)
{
  eddy_loop *loop = eddy__tls_loop(tls);
  size_t size = eddy__bytes_size(&tls->backlog), taken;
  if (size > 0) {
    int rc = encrypt(tls, eddy__bytes_first(&tls->backlog), size, &taken);
    if (rc == 0) rc = eddy__tls_send(tls);
    if (rc < 0) {
      (void)eddy__tls_fail(tls, rc);
      return;
    }
    if (taken > 0) eddy__bytes_drop(loop, &tls->backlog, taken);
  }
  eddy_transport_shrank(tls->upper);
  if (tls->state == EDDY__TLS_FLUSHING) eddy__tls_end(tls);
}

/* Keeps the pieces behind what is kept already: all, or nothing with a code. */
static int keep(struct eddy__tls *tls, const eddy_buffer *pieces, size_t count)
{
  eddy_loop *loop = eddy__tls_loop(tls);
  size_t size = 0;
  for (size_t i = 0; i < count; i++) {
    size += pieces[i].size;
  }
  int rc = eddy__bytes_reserve(loop, &tls->backlog, size);
  if (rc < 0) return rc;
  for (size_t i = 0; i < count; i++) {
    (void)eddy__bytes_append(loop, &tls->backlog, pieces[i].data, pieces[i].size);
  }
  return 0;
}

/* The rest of a piece that was not taken whole: a stream with a hole in it is worse than none. */
static int keep_rest(struct eddy__tls *tls, const eddy_buffer *piece, size_t taken)
{
  eddy_buffer rest = {(const unsigned char *)piece->data + taken, piece->size - taken};
  if (rest.size == 0) return 0;
  int rc = keep(tls, &rest, 1);
  if (rc < 0 && taken > 0) (void)eddy__tls_fail(tls, rc);
  return rc;
}

int eddy__tls_write(eddy_transport *upper, const eddy_buffer *pieces, size_t count)
{
  struct eddy__tls *tls = eddy__tls_of(upper);
  eddy_loop *loop = eddy__tls_loop(tls);
  struct eddy__bytes joined = {.data = NULL};
  eddy_buffer whole = pieces[0];
  size_t taken = 0;
  if (tls->state >= EDDY__TLS_FLUSHING) {
    eddy_transport_dropped(upper);
    return 0;
  }
  if (tls->state < EDDY__TLS_OPEN || tls->writing_paused ||
      eddy__bytes_size(&tls->backlog) > 0) {
    int rc = keep(tls, pieces, count);
    if (rc == 0) eddy_transport_grew(upper);
    return rc;
  }
  for (size_t i = 0; count > 1 && i < count; i++) { /* few records rather than many */
    int rc = eddy__bytes_append(loop, &joined, pieces[i].data, pieces[i].size);
    if (rc == 0) continue;
    eddy__bytes_clear(loop, &joined);
    return rc;
  }
  if (count > 1) {
    whole = (eddy_buffer){eddy__bytes_first(&joined), eddy__bytes_size(&joined)};
  }
  int rc = encrypt(tls, whole.data, whole.size, &taken);
  if (rc == 0) rc = eddy__tls_send(tls);
  if (rc < 0) {
    (void)eddy__tls_fail(tls, rc);
    rc = 0; /* connection_lost tells */
  } else {
    rc = keep_rest(tls, &whole, taken);
    if (rc == 0) eddy_transport_grew(upper);
  }
  eddy__bytes_clear(loop, &joined);
  return rc;
}
