/* Sessions that are used again. */
#include "tls.h"

static void unref_session(void *session)
{
  eddy_tls_session_unref(session);
}

/* A new connection of the pair's two contexts, with data in both directions, so that tickets have
 * come. */
static int again(struct tls_pair *pair)
{
  pair->client.peer = new_peer("c:");
  pair->server.peer = new_peer("s:");
  pair->client.peer->quiet = pair->server.peer->quiet = true;
  CHECK_OK(tls_pair_open(pair, false));
  CHECK_OK(eddy_transport_write(pair->server.peer->transport, "x", 1));
  return wait_for_bytes(pair->client.peer, 1);
}

static int session_of(struct tls_pair *pair, eddy_tls_session **out)
{
  CHECK_OK(eddy_tls_get_session(pair->client.peer->transport, out));
  test_defer_late(unref_session, *out);
  CHECK(eddy_tls_session_ssl(*out) != NULL);
  return 0;
}

static int resumes(int version)
{
  struct tls_pair *pair;
  eddy_tls_session *session;
  CHECK_OK(new_tls_pair(&pair));
  SSL_CTX *ssl_ctx = eddy_tls_context_ssl_ctx(pair->both.client);
  SSL_CTX_set_max_proto_version(ssl_ctx, version);
  CHECK_OK(again(pair));
  CHECK(!eddy_tls_session_reused(pair->client.peer->transport));
  CHECK_OK(session_of(pair, &session));
  CHECK_OK(tls_pair_close(pair));
  CHECK_OK(eddy_tls_context_set_session(pair->both.client, session));
  CHECK_OK(again(pair));
  CHECK(eddy_tls_session_reused(pair->client.peer->transport));
  CHECK(eddy_tls_session_reused(pair->server.peer->transport));
  CHECK(eddy_transport_get_extra_info(pair->client.peer->transport, "peercert") != NULL);
  CHECK_OK(tls_pair_close(pair));
  CHECK_OK(eddy_tls_context_set_session(pair->both.client, NULL));
  CHECK_OK(again(pair));
  CHECK(!eddy_tls_session_reused(pair->client.peer->transport));
  return tls_pair_close(pair);
}

EDDY_TASK_TEST(tls_session, a_session_is_resumed)
{
  CHECK_OK(resumes(TLS1_3_VERSION));
  return resumes(TLS1_2_VERSION);
}

EDDY_TASK_TEST(tls_session, a_session_is_for_the_name_it_was_made_with)
{
  struct tls_pair *pair;
  eddy_tls_session *session;
  CHECK_OK(new_tls_pair(&pair));
  CHECK_OK(again(pair));
  CHECK_OK(session_of(pair, &session));
  CHECK_OK(tls_pair_close(pair));
  CHECK_OK(eddy_tls_context_set_session(pair->both.client, session));
  pair->client.options.server_hostname = "127.0.0.1";
  CHECK_OK(again(pair));
  CHECK(!eddy_tls_session_reused(pair->client.peer->transport));
  CHECK_OK(tls_pair_close(pair));
  /* A name that the certificate does not have is refused as ever. */
  pair->client.options.server_hostname = "elsewhere";
  pair->client.peer = new_peer("c:");
  pair->server.peer = new_peer("s:");
  pair->client.peer->quiet = pair->server.peer->quiet = true;
  CHECK_OK(tls_pair_start(pair, false));
  return tls_pair_refused(pair, EDDY_ECERTIFICATE, "hostname mismatch");
}

EDDY_TASK_TEST(tls_session, a_session_is_for_its_own_context)
{
  struct tls_pair *pair;
  struct both other;
  eddy_tls_session *session;
  CHECK_OK(new_tls_pair(&pair));
  CHECK_OK(new_both(&other));
  CHECK_OK(again(pair));
  CHECK_OK(session_of(pair, &session));
  CHECK_CODE(eddy_tls_context_set_session(other.client, session), EDDY_EINVAL);
  CHECK_CODE(
      eddy_tls_get_session(pair->server.peer->transport, &session), EDDY_EINVALIDSTATE);
  return tls_pair_close(pair);
}

EDDY_TASK_TEST(tls_session, only_tls_connections_have_one)
{
  struct peer *peer = new_peer("");
  eddy_tls_session *session;
  int socket;
  CHECK_OK(peer_and_socket(peer, &socket));
  CHECK_CODE(eddy_tls_get_session(peer->transport, &session), EDDY_ENOTSUP);
  CHECK(!eddy_tls_session_reused(peer->transport));
  CHECK_CODE(eddy_tls_get_session(NULL, &session), EDDY_EINVAL);
  return peer_end(peer);
}
