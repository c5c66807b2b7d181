/* What the connection below tells, and what becomes of it. */
#include <string.h>

#include <openssl/err.h>

#include "tls/tls.h"

/* ---- timers ---- */

static void stop_timer(struct eddy__tls *tls)
{
  if (tls->timer == NULL) return;
  eddy_handle_cancel(tls->timer);
  eddy_handle_unref(tls->timer);
  tls->timer = NULL;
}

static int start_timer(struct eddy__tls *tls, eddy_time delay, eddy_fn *fn)
{
  stop_timer(tls);
  return eddy_loop_call_later(eddy__tls_loop(tls), delay, fn, tls, &tls->timer);
}

static double seconds(eddy_time time)
{
  return (double)time / (double)EDDY_S(1);
}

void eddy__tls_stop(struct eddy__tls *tls)
{
  eddy_loop *loop = eddy__tls_loop(tls);
  stop_timer(tls);
  if (tls->resume != NULL) {
    eddy_handle_cancel(tls->resume);
    eddy_handle_unref(tls->resume);
    tls->resume = NULL;
  }
  tls->chunk_size = 0;
  eddy__bytes_clear(loop, &tls->incoming);
  eddy__bytes_clear(loop, &tls->outgoing);
  eddy__bytes_clear(loop, &tls->backlog);
}

/* ---- errors ---- */

/* Whoever waits for the connection hears of it. */
static void get_ready(struct eddy__tls *tls, int error)
{
  if (tls->ready) return;
  tls->ready = true;
  eddy_transport_ready(tls->upper, error);
}

/* The connection below was to send the last words, and did not. */
static int on_last_words(void *arg)
{
  struct eddy__tls *tls = arg;
  eddy_transport_abort(tls->lower);
  return 0;
}

int eddy__tls_fail(struct eddy__tls *tls, int error)
{
  if (tls->state == EDDY__TLS_CLOSED) return error;
  tls->state = EDDY__TLS_CLOSED;
  if (tls->error == 0) eddy_transport_explain(tls->upper, error);
  tls->error = error;
  eddy_transport_set_closing(tls->upper);
  get_ready(tls, error);
  (void)eddy__tls_send(tls); /* the alert */
  eddy__tls_stop(tls);
  if (eddy_transport_get_write_buffer_size(tls->lower) == 0 ||
      start_timer(tls, tls->shutdown_timeout, on_last_words) < 0) {
    eddy_transport_abort(tls->lower);
  } else {
    eddy_transport_close(tls->lower);
  }
  return error;
}

/* ---- the handshake ---- */

static int on_handshake_timeout(void *arg)
{
  struct eddy__tls *tls = arg;
  char peer[EDDY_ADDRESS_TEXT + 256];
  (void)eddy__tls_fail(tls,
      eddy_raise(EDDY_ECONNABORTED, "TLS handshake with %s: it takes longer than %g s",
          eddy__tls_peer(tls, peer, sizeof(peer)), seconds(tls->handshake_timeout)));
  return 0;
}

/* A client's peer has shown a certificate, and it was found to be right, in this connection or
 * in that whose session is resumed. */
static int check_peer(struct eddy__tls *tls)
{
  if (SSL_is_server(tls->ssl) || tls->context->any_certificate) return 0;
  char peer[EDDY_ADDRESS_TEXT + 256];
  long result = SSL_get_verify_result(tls->ssl);
  bool shown = SSL_get0_peer_certificate(tls->ssl) != NULL;
  if (shown && result == X509_V_OK) return 0;
  return eddy_raise(EDDY_ECERTIFICATE, "TLS handshake with %s: %s",
      eddy__tls_peer(tls, peer, sizeof(peer)),
      shown ? X509_verify_cert_error_string(result) : "there is no certificate");
}

static int note_protocol(struct eddy__tls *tls)
{
  const unsigned char *name;
  unsigned size;
  SSL_get0_alpn_selected(tls->ssl, &name, &size);
  if (size == 0) return 0;
  tls->protocol = OPENSSL_strndup((const char *)name, size);
  return tls->protocol != NULL ? 0 : EDDY_ENOMEM;
}

/* The handshake is over. */
static void open_up(struct eddy__tls *tls)
{
  int rc = check_peer(tls);
  if (rc == 0) rc = note_protocol(tls);
  if (rc < 0) {
    (void)eddy__tls_fail(tls, rc);
    return;
  }
  stop_timer(tls);
  tls->state = EDDY__TLS_OPEN;
  tls->open = true;
  if (!tls->told) {
    tls->told = true;
    eddy_transport_made(tls->upper);
  }
  get_ready(tls, 0);
  if (tls->state == EDDY__TLS_OPEN) eddy__tls_write_backlog(tls);
  if (tls->state == EDDY__TLS_OPEN) eddy__tls_read(tls);
}

static void shake_hands(struct eddy__tls *tls)
{
  ERR_clear_error();
  int done = SSL_do_handshake(tls->ssl);
  int why = SSL_get_error(tls->ssl, done);
  if (why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ) {
    (void)eddy__tls_fail(tls, eddy__tls_raise(tls, "TLS handshake", why));
    return;
  }
  int rc = eddy__tls_send(tls);
  if (rc < 0) {
    (void)eddy__tls_fail(tls, rc);
  } else if (why == SSL_ERROR_NONE) {
    open_up(tls);
  }
}

static int connection_made(void *self, eddy_transport *lower)
{
  struct eddy__tls *tls = eddy__tls_of(self);
  tls->lower = eddy_transport_ref(lower);
  if (tls->state != EDDY__TLS_NEW) { /* closed before it began */
    eddy_transport_abort(lower);
    return 0;
  }
  tls->state = EDDY__TLS_HANDSHAKE;
  int rc = start_timer(tls, tls->handshake_timeout, on_handshake_timeout);
  if (rc < 0) {
    (void)eddy__tls_fail(tls, rc);
  } else {
    shake_hands(tls);
  }
  return 0;
}

/* ---- input ---- */

void eddy__tls_control_input(struct eddy__tls *tls)
{
  size_t size = eddy__bytes_size(&tls->incoming);
  if (!tls->reading_paused && size >= EDDY__TLS_READ_HIGH) {
    tls->reading_paused = true;
    eddy_transport_pause_reading(tls->lower);
  } else if (tls->reading_paused && size <= EDDY__TLS_READ_LOW) {
    int rc = eddy_transport_resume_reading(tls->lower);
    tls->reading_paused = rc < 0;
    if (rc < 0) (void)eddy__tls_fail(tls, rc);
  }
}

static int data_received(void *self, const void *data, size_t size)
{
  struct eddy__tls *tls = eddy__tls_of(self);
  eddy_transport *upper = eddy_transport_ref(self);
  tls->chunk = data;
  tls->chunk_size = size;
  if (tls->state == EDDY__TLS_HANDSHAKE) {
    shake_hands(tls);
  } else if (tls->state == EDDY__TLS_OPEN) {
    eddy__tls_read(tls);
  } else if (tls->state == EDDY__TLS_SHUTDOWN) {
    eddy__tls_end(tls);
  }
  /* What nobody wanted to read yet. */
  if (tls->chunk_size > 0 && tls->state != EDDY__TLS_CLOSED) {
    int rc = eddy__bytes_append(
        eddy__tls_loop(tls), &tls->incoming, tls->chunk, tls->chunk_size);
    if (rc < 0) (void)eddy__tls_fail(tls, rc);
  }
  tls->chunk_size = 0;
  if (tls->state != EDDY__TLS_CLOSED) eddy__tls_control_input(tls);
  eddy_transport_unref(upper);
  return 0;
}

static int eof_received(void *self)
{
  struct eddy__tls *tls = eddy__tls_of(self);
  char peer[EDDY_ADDRESS_TEXT + 256];
  tls->ended = true;
  switch (tls->state) {
  case EDDY__TLS_HANDSHAKE:
    (void)eddy__tls_fail(
        tls, eddy_raise(EDDY_ECONNRESET, "TLS handshake with %s: the peer has gone",
                 eddy__tls_peer(tls, peer, sizeof(peer))));
    break;
  case EDDY__TLS_OPEN:
    /* What waits is read first, when the program wants to. */
    if (eddy_transport_is_reading(tls->upper)) eddy__tls_read(tls);
    break;
  case EDDY__TLS_FLUSHING:
  case EDDY__TLS_SHUTDOWN:
    eddy__tls_end(tls);
    break;
  default:
    break;
  }
  return 1; /* closing is ours */
}

/* ---- the end ---- */

void eddy__tls_peer_ended(struct eddy__tls *tls)
{
  eddy_transport_received_eof(tls->upper);
  eddy_transport_close(tls->upper); /* there is no half-close */
}

void eddy__tls_peer_gone(struct eddy__tls *tls)
{
  char peer[EDDY_ADDRESS_TEXT + 256];
  if (tls->context->ignores_truncation) {
    eddy__tls_peer_ended(tls);
    return;
  }
  (void)eddy__tls_fail(tls, eddy_raise(EDDY_ETRUNCATED,
                                "TLS connection with %s: the peer has gone without "
                                "close_notify; data may be missing",
                                eddy__tls_peer(tls, peer, sizeof(peer))));
}

static int on_shutdown_timeout(void *arg)
{
  struct eddy__tls *tls = arg;
  char peer[EDDY_ADDRESS_TEXT + 256];
  tls->state = EDDY__TLS_CLOSED;
  tls->error = eddy_raise(EDDY_ETIMEDOUT,
      "TLS connection with %s: the peer did not end it within %g s",
      eddy__tls_peer(tls, peer, sizeof(peer)), seconds(tls->shutdown_timeout));
  eddy_transport_explain(tls->upper, tls->error);
  eddy_transport_abort(tls->lower);
  return 0;
}

/* Both have said that they end. The timer goes on: the last words may not leave. */
static void finish(struct eddy__tls *tls)
{
  tls->state = EDDY__TLS_CLOSED;
  eddy_transport_close(tls->lower);
}

/* Says close_notify: whether the peer has said it, too. */
static int say_end(struct eddy__tls *tls)
{
  ERR_clear_error();
  int done = SSL_shutdown(tls->ssl);
  int why = done < 0 ? SSL_get_error(tls->ssl, done) : SSL_ERROR_NONE;
  if (why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ) {
    return eddy__tls_raise(tls, "end of the TLS connection", why);
  }
  int rc = eddy__tls_send(tls);
  if (rc < 0) return rc;
  return done == 1 ? 0 : EDDY_PENDING;
}

void eddy__tls_end(struct eddy__tls *tls)
{
  int rc = EDDY_PENDING;
  if (tls->state == EDDY__TLS_FLUSHING) {
    if (eddy__bytes_size(&tls->backlog) > 0) return;
    tls->state = EDDY__TLS_SHUTDOWN;
    rc = say_end(tls);
  }
  if (rc == EDDY_PENDING) rc = eddy__tls_discard(tls);
  if (rc < 0) {
    (void)eddy__tls_fail(tls, rc);
  } else if (rc == 0 || tls->ended) {
    finish(tls);
  } else {
    eddy__tls_control_input(tls);
  }
}

void eddy__tls_close(struct eddy__tls *tls)
{
  eddy_transport_set_closing(tls->upper);
  if (tls->state != EDDY__TLS_OPEN) {
    tls->state = EDDY__TLS_CLOSED;
    eddy_transport_abort(tls->lower);
    return;
  }
  tls->state = EDDY__TLS_FLUSHING;
  int rc = start_timer(tls, tls->shutdown_timeout, on_shutdown_timeout);
  if (rc < 0) {
    (void)eddy__tls_fail(tls, rc);
    return;
  }
  eddy__tls_end(tls);
}

/* The connection below is gone. */
static int connection_lost(void *self, int error)
{
  struct eddy__tls *tls = eddy__tls_of(self);
  eddy_transport *upper = eddy_transport_ref(self);
  bool early = tls->state < EDDY__TLS_OPEN || (!tls->ready && tls->error == 0);
  tls->state = EDDY__TLS_CLOSED;
  eddy__tls_stop(tls);
  if (early) {
    char peer[EDDY_ADDRESS_TEXT + 256];
    int rc = error < 0 ? error : EDDY_ECONNABORTED;
    get_ready(tls, eddy_raise(rc, "TLS handshake with %s: %s",
                       eddy__tls_peer(tls, peer, sizeof(peer)),
                       error < 0 ? eddy_strerror(error) : "it was closed meanwhile"));
  }
  if (tls->error == 0 && error < 0) eddy_transport_explain(upper, error);
  if (tls->error == 0) tls->error = error;
  if (tls->told) {
    eddy_transport_lose(upper, tls->error);
  } else {
    eddy_transport_discard(upper);
  }
  eddy_transport_unref(upper);
  return 0;
}

static int pause_writing(void *self)
{
  eddy__tls_of(self)->writing_paused = true;
  return 0;
}

static int resume_writing(void *self)
{
  struct eddy__tls *tls = eddy__tls_of(self);
  tls->writing_paused = false;
  if (tls->state == EDDY__TLS_OPEN || tls->state == EDDY__TLS_FLUSHING) {
    eddy__tls_write_backlog(tls);
  }
  return 0;
}

static void release(void *self)
{
  eddy_transport *upper = self;
  if (!eddy__tls_of(upper)->told) eddy_transport_discard(upper);
  eddy_transport_unref(upper);
}

const eddy_protocol eddy__tls_protocol = {
    .connection_made = connection_made,
    .connection_lost = connection_lost,
    .pause_writing = pause_writing,
    .resume_writing = resume_writing,
    .release = release,
    .data_received = data_received,
    .eof_received = eof_received,
};
