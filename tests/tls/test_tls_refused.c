/* TLS connections that must not come about. */
#include "tls.h"

/* A pair whose server shows what was wished for. */
static int refused_with(struct wish wish, const char *words)
{
  struct tls_pair *pair;
  struct identity identity;
  CHECK_OK(new_tls_pair(&pair));
  if (wish.by != NULL) wish.by = &pair->both.authority;
  CHECK_OK(new_identity(wish, &identity));
  CHECK_OK(new_server_context(&identity, &pair->server.context));
  CHECK_OK(tls_pair_start(pair, false));
  CHECK_OK(tls_pair_refused(pair, EDDY_ECERTIFICATE, words));
  CHECK_CONTAINS(pair->client.message, "TLS handshake with localhost: ");
  CHECK_OK(wait_until(&pair->server.peer->released));
  /* In TLS 1.3 the server may be done before it hears of the client's mind. */
  if (pair->server.rc == 0)
    CHECK(pair->server.peer->error < 0);
  else
    CHECK_EQ(pair->server.peer->made, 0);
  return 0;
}

static const struct identity somebody;

EDDY_TASK_TEST(tls_refused, an_expired_certificate)
{
  return refused_with(
      (struct wish){
          .names = "DNS:localhost", .from = -2 * HOUR, .until = -HOUR, .by = &somebody},
      "certificate has expired");
}

EDDY_TASK_TEST(tls_refused, a_certificate_of_tomorrow)
{
  return refused_with((struct wish){.names = "DNS:localhost",
                          .from = 24 * HOUR,
                          .until = 48 * HOUR,
                          .by = &somebody},
      "certificate is not yet valid");
}

EDDY_TASK_TEST(tls_refused, a_certificate_of_another_name)
{
  return refused_with(
      (struct wish){.names = "DNS:elsewhere", .by = &somebody}, "hostname mismatch");
}

EDDY_TASK_TEST(tls_refused, a_certificate_that_vouches_for_itself)
{
  return refused_with((struct wish){.names = "DNS:localhost"}, "self-signed certificate");
}

EDDY_TASK_TEST(tls_refused, a_part_of_a_name_is_no_wildcard)
{
  return refused_with(
      (struct wish){.names = "DNS:loc*", .by = &somebody}, "hostname mismatch");
}

EDDY_TASK_TEST(tls_refused, an_authority_that_is_not_trusted)
{
  struct tls_pair *pair;
  struct both other;
  CHECK_OK(new_tls_pair(&pair));
  CHECK_OK(new_both(&other));
  pair->server.context = other.server;
  CHECK_OK(tls_pair_start(pair, false));
  return tls_pair_refused(pair, EDDY_ECERTIFICATE, "the certificate is refused: ");
}

EDDY_TASK_TEST(tls_refused, an_authority_that_has_expired)
{
  struct tls_pair *pair;
  struct identity authority, identity;
  CHECK_OK(new_tls_pair(&pair));
  CHECK_OK(new_identity(
      (struct wish){.from = -3 * HOUR, .until = -HOUR, .by = NULL}, &authority));
  CHECK_OK(
      new_identity((struct wish){.names = "DNS:localhost", .by = &authority}, &identity));
  CHECK_OK(new_server_context(&identity, &pair->server.context));
  CHECK_OK(trust(pair->both.client, &authority));
  CHECK_OK(tls_pair_start(pair, false));
  return tls_pair_refused(pair, EDDY_ECERTIFICATE, "has expired");
}

EDDY_TASK_TEST(tls_refused, a_client_without_the_certificate_that_is_required)
{
  struct tls_pair *pair;
  CHECK_OK(new_tls_pair(&pair));
  eddy_tls_context_require_client_certificate(pair->both.server);
  CHECK_OK(tls_pair_start(pair, false));
  CHECK_OK(eddy_task_await(pair->server.task, NULL));
  CHECK_CODE(pair->server.rc, EDDY_ETLS);
  CHECK_CONTAINS(pair->server.message, "peer did not return a certificate");
  CHECK_OK(wait_until(&pair->client.peer->released)); /* it may have been connected */
  CHECK_OK(eddy_task_await(pair->client.task, NULL));
  /* The alert has arrived. */
  CHECK_CODE(pair->client.peer->lost > 0 ? pair->client.peer->error : pair->client.rc,
      EDDY_ETLS);
  CHECK_CONTAINS(
      pair->client.peer->lost > 0 ? pair->client.peer->message : pair->client.message,
      "the peer says: ");
  CHECK_EQ(pair->server.peer->made, 0);
  return 0;
}

EDDY_TASK_TEST(tls_refused, versions_before_1_2)
{
  struct tls_pair *pair;
  CHECK_OK(new_tls_pair(&pair));
  SSL_CTX *old = eddy_tls_context_ssl_ctx(pair->both.client);
  SSL_CTX_set_min_proto_version(old, TLS1_VERSION);
  SSL_CTX_set_max_proto_version(old, TLS1_1_VERSION);
  CHECK_OK(tls_pair_start(pair, false));
  CHECK_OK(tls_pair_refused(pair, EDDY_ETLS, "TLS handshake with localhost"));
  CHECK_OK(wait_until(&pair->server.peer->released));
  CHECK(pair->server.rc < 0);
  return 0;
}

EDDY_TASK_TEST(tls_refused, two_sides_without_a_version_in_common)
{
  struct tls_pair *pair;
  CHECK_OK(new_tls_pair(&pair));
  SSL_CTX_set_max_proto_version(
      eddy_tls_context_ssl_ctx(pair->both.client), TLS1_2_VERSION);
  SSL_CTX_set_min_proto_version(
      eddy_tls_context_ssl_ctx(pair->both.server), TLS1_3_VERSION);
  CHECK_OK(tls_pair_start(pair, false));
  CHECK_OK(tls_pair_refused(pair, EDDY_ETLS, "the peer says: "));
  CHECK_CONTAINS(pair->client.message, "protocol version");
  CHECK_CODE(pair->server.rc, EDDY_ETLS);
  CHECK_CONTAINS(pair->server.message, "unsupported protocol");
  return 0;
}

/* ---- what is not TLS ---- */

/* One end, and a plain socket at the other. */
static int end_and_socket(struct tls_end *end, eddy_fn *call, int *socket)
{
  int fds[2];
  CHECK_OK(test_pair(fds));
  end->fd = fds[0];
  end->rc = EDDY_PENDING;
  end->options.tls = eddy_tls_layer(end->context);
  *socket = fds[1];
  CHECK_OK(test_task(call, end, &end->task));
  return settle();
}

EDDY_TASK_TEST(tls_refused, a_client_that_does_not_speak_tls)
{
  static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  struct tls_pair *pair;
  int socket;
  char alert[64];
  size_t got;
  CHECK_OK(new_tls_pair(&pair));
  CHECK_OK(end_and_socket(&pair->server, tls_accept, &socket));
  CHECK_OK(eddy_sock_sendall(socket, request, sizeof request - 1));
  CHECK_OK(eddy_task_await(pair->server.task, NULL));
  CHECK_CODE(pair->server.rc, EDDY_ETLS);
  CHECK_CONTAINS(pair->server.message, "http request");
  (void)!eddy_sock_recv(socket, alert, sizeof alert, &got);
  CHECK_OK(wait_until(&pair->server.peer->released));
  CHECK_EQ(pair->server.peer->made, 0);
  return 0;
}

EDDY_TASK_TEST(tls_refused, a_server_that_does_not_speak_tls)
{
  struct tls_pair *pair;
  int socket;
  char hello[5];
  CHECK_OK(new_tls_pair(&pair));
  CHECK_OK(end_and_socket(&pair->client, tls_connect, &socket));
  CHECK_OK(recv_all(socket, hello, 5));
  CHECK_MEM(hello, "\x16\x03\x01", 3); /* a handshake's record */
  CHECK_OK(eddy_sock_sendall(socket, "220 mail ready\r\n", 16));
  CHECK_OK(eddy_task_await(pair->client.task, NULL));
  CHECK_CODE(pair->client.rc, EDDY_ETLS);
  CHECK_CONTAINS(pair->client.message, "wrong version number");
  CHECK_EQ(ERR_peek_error(), 0);
  return 0;
}

EDDY_TASK_TEST(tls_refused, noise_of_every_length_and_kind)
{
  uint64_t seed = 1;
  for (size_t size = 1; size < 400; size += 13) {
    struct tls_pair *pair;
    int socket;
    unsigned char noise[400];
    for (size_t i = 0; i < size; i++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      noise[i] = (unsigned char)(seed >> 56);
    }
    if (size % 2 == 0) memcpy(noise, "\x16\x03\x01\x01\x00\x01\x00", size < 7 ? size : 7);
    CHECK_OK(new_tls_pair(&pair));
    CHECK_OK(end_and_socket(&pair->server, tls_accept, &socket));
    CHECK_OK(eddy_sock_sendall(socket, noise, size));
    CHECK_OK(eddy_sock_shutdown(socket, EDDY_SHUTDOWN_WRITE));
    CHECK_OK(eddy_task_await(pair->server.task, NULL));
    CHECK(pair->server.rc == EDDY_ETLS || pair->server.rc == EDDY_ECONNRESET);
    CHECK_OK(wait_until(&pair->server.peer->released));
    CHECK_EQ(pair->server.peer->made, 0);
  }
  return 0;
}

/* Data that is spoilt on the way is never taken for what was sent. */
EDDY_TASK_TEST(tls_refused, a_byte_that_was_changed_on_the_way)
{
  for (size_t place = 1; place < 2000; place += 97) {
    struct tls_pair *pair;
    CHECK_OK(new_tls_pair(&pair));
    pair->down.spoil = place;
    CHECK_OK(tls_pair_start(pair, true));
    CHECK_OK(tls_pair_join(pair));
    if (pair->server.rc == 0)
      CHECK_OK(eddy_transport_write(pair->server.peer->transport, "0123456789", 10));
    if (pair->client.rc == 0) {
      /* The first byte of a ticket, or of data; or beyond the end. */
      for (int i = 0;
           i < 1000 && pair->client.peer->released == 0 && pair->client.peer->size < 10;
           i++)
        CHECK_OK(eddy_sleep(EDDY_MS(1)));
      if (pair->client.peer->size > 0)
        CHECK_MEM(pair->client.peer->bytes, "0123456789", 10);
    }
    if (pair->client.peer->transport) eddy_transport_abort(pair->client.peer->transport);
    if (pair->server.peer->transport) eddy_transport_abort(pair->server.peer->transport);
    CHECK_OK(tls_pair_gone(pair));
    CHECK_OK(wait_until(&pair->up.ended));
    CHECK_OK(wait_until(&pair->down.ended));
  }
  return 0;
}

/* ---- who goes, or says nothing ---- */

EDDY_TASK_TEST(tls_refused, a_peer_that_goes_in_the_middle_of_the_handshake)
{
  for (size_t cut = 1; cut < 1200; cut += 83) {
    struct tls_pair *pair;
    CHECK_OK(new_tls_pair(&pair));
    pair->down.cut = cut;
    CHECK_OK(tls_pair_start(pair, true));
    CHECK_OK(eddy_task_await(pair->client.task, NULL));
    if (pair->client.rc == 0) { /* it was over by then: the tickets were cut */
      CHECK_OK(wait_until(&pair->client.peer->released));
      CHECK_CODE(pair->client.peer->error, EDDY_ETRUNCATED);
    } else {
      CHECK_CODE(pair->client.rc, EDDY_ECONNRESET);
      CHECK_CONTAINS(
          pair->client.message, "TLS handshake with localhost: the peer has gone");
      CHECK_EQ(pair->client.peer->made, 0);
    }
    CHECK_OK(eddy_task_await(pair->server.task, NULL));
    CHECK_OK(tls_pair_gone(pair));
    CHECK_OK(wait_until(&pair->up.ended));
    CHECK_OK(wait_until(&pair->down.ended));
  }
  return 0;
}

static int say_nothing(eddy_time timeout, eddy_time expected, const char *words)
{
  struct tls_pair *pair;
  int socket;
  eddy_loop *loop = eddy_get_running_loop();
  CHECK_OK(new_tls_pair(&pair));
  pair->server.options.ssl_handshake_timeout = timeout;
  CHECK_OK(end_and_socket(&pair->server, tls_accept, &socket));
  eddy_time before = eddy_loop_time(loop);
  CHECK_OK(eddy_task_await(pair->server.task, NULL));
  CHECK_EQ(eddy_loop_time(loop) - before, expected);
  CHECK_CODE(pair->server.rc, EDDY_ECONNABORTED);
  CHECK_CONTAINS(pair->server.message, words);
  CHECK_OK(wait_until(&pair->server.peer->released));
  CHECK_EQ(pair->server.peer->made, 0);
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(tls_refused, a_peer_that_says_nothing_for_a_minute)
{
  CHECK_OK(say_nothing(0, EDDY_S(60), "it takes longer than 60 s"));
  return say_nothing(EDDY_MS(1500), EDDY_MS(1500), "it takes longer than 1.5 s");
}

EDDY_TASK_TEST_VIRTUAL(tls_refused, a_server_that_answers_too_late)
{
  struct tls_pair *pair;
  CHECK_OK(new_tls_pair(&pair));
  pair->down.stopped = true;
  pair->client.options.ssl_handshake_timeout = EDDY_S(2);
  CHECK_OK(tls_pair_start(pair, true));
  CHECK_OK(eddy_task_await(pair->client.task, NULL));
  CHECK_CODE(pair->client.rc, EDDY_ECONNABORTED);
  CHECK_CONTAINS(pair->client.message, "longer than 2 s");
  pair->down.stopped = false;
  CHECK_OK(eddy_task_await(pair->server.task, NULL));
  CHECK_OK(tls_pair_gone(pair));
  CHECK_EQ(pair->client.peer->made + pair->client.peer->lost, 0);
  CHECK_OK(wait_until(&pair->up.ended));
  CHECK_OK(wait_until(&pair->down.ended));
  return 0;
}

EDDY_TASK_TEST(tls_refused, a_slow_handshake_succeeds)
{
  struct tls_pair *pair;
  CHECK_OK(new_tls_pair(&pair));
  pair->down.piece = pair->up.piece = 1;
  CHECK_OK(tls_pair_open(pair, true));
  CHECK_OK(eddy_transport_write(pair->client.peer->transport, "slowly", 6));
  CHECK_OK(wait_for_bytes(pair->server.peer, 6));
  CHECK_OK(tls_pair_close(pair));
  CHECK_OK(wait_until(&pair->up.ended));
  return wait_until(&pair->down.ended);
}

/* ---- many at once ---- */

#define MANY 60

/* Each failure leaves OpenSSL's queue of errors, which all share, as if nothing had been. */
EDDY_TASK_TEST(tls_refused, failures_do_not_touch_other_connections)
{
  struct tls_pair *pairs[MANY];
  struct both *other = test_new(sizeof *other);
  CHECK_OK(new_both(other));
  for (int i = 0; i < MANY; i++) {
    CHECK_OK(new_tls_pair(&pairs[i]));
    if (i % 3 == 1) pairs[i]->server.context = other->server; /* will be refused */
    if (i % 3 == 2) pairs[i]->down.spoil = 200;
    pairs[i]->down.piece = 50 + (size_t)i;
    CHECK_OK(tls_pair_start(pairs[i], true));
  }
  for (int i = 0; i < MANY; i++) {
    CHECK_OK(tls_pair_join(pairs[i]));
    CHECK((pairs[i]->client.rc == 0) == (i % 3 == 0));
  }
  for (int round = 0; round < 5; round++) {
    for (int i = 0; i < MANY; i += 3)
      CHECK_OK(eddy_transport_write(pairs[i]->server.peer->transport, "more", 4));
    for (int i = 0; i < MANY; i += 3)
      CHECK_OK(wait_for_bytes(pairs[i]->client.peer, 4 * (size_t)(round + 1)));
    /* A stale error, as a library beside us may leave it. */
    ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
  }
  for (int i = 0; i < MANY; i++) {
    if (i % 3 == 0) CHECK_OK(tls_pair_close(pairs[i]));
    CHECK_OK(tls_pair_gone(pairs[i]));
    CHECK_OK(wait_until(&pairs[i]->up.ended));
    CHECK_OK(wait_until(&pairs[i]->down.ended));
  }
  ERR_clear_error();
  return 0;
}

EDDY_TEST(tls_refused, a_context_without_a_place_for_it)
{
  CHECK_CODE(eddy_tls_context_new_client(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_tls_context_new_server(NULL), EDDY_EINVAL);
  return 0;
}
