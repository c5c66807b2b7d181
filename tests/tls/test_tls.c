/* TLS connections: who talks to whom, and what was agreed on. */
#include "tls.h"

EDDY_TASK_TEST(tls, a_client_and_a_server_talk)
{
  struct tls_pair *pair;
  CHECK_OK(open_tls_pair(&pair));
  CHECK_OK(eddy_transport_write(pair->client.peer->transport, "hello", 5));
  CHECK_OK(wait_for_bytes(pair->server.peer, 5));
  CHECK_MEM(pair->server.peer->bytes, "hello", 5);
  CHECK_OK(eddy_transport_write(pair->server.peer->transport, "you too", 7));
  CHECK_OK(wait_for_bytes(pair->client.peer, 7));
  CHECK_OK(tls_pair_close(pair));
  CHECK_EQ(pair->server.peer->ended, 1); /* eof_received */
  return 0;
}

EDDY_TASK_TEST(tls, its_transport_tells_what_was_agreed_on)
{
  struct tls_pair *pair;
  CHECK_OK(open_tls_pair(&pair));
  eddy_transport *t = pair->client.peer->transport;
  CHECK_STR(eddy_transport_get_extra_info(t, "version"), "TLSv1.3");
  CHECK_CONTAINS(eddy_transport_get_extra_info(t, "cipher"), "TLS_");
  CHECK_PTR(eddy_transport_get_extra_info(t, "sslcontext"), pair->both.client);
  CHECK_PTR(eddy_transport_get_extra_info(t, "alpn"), NULL);
  CHECK_PTR(eddy_transport_get_extra_info(t, "no such thing"), NULL);
  const X509 *shown = eddy_transport_get_extra_info(t, "peercert");
  CHECK(shown != NULL);
  CHECK_EQ(X509_cmp(shown, pair->both.identity.certificate), 0);
  CHECK(eddy_transport_get_extra_info(pair->server.peer->transport, "peercert") == NULL);
  const SSL *ssl = eddy_transport_get_extra_info(t, "ssl_object");
  CHECK(ssl != NULL);
  CHECK_PTR(SSL_get_current_compression((SSL *)(uintptr_t)ssl), NULL);
  CHECK(eddy_transport_get_fd(t) >= 0);
  CHECK(!eddy_transport_can_write_eof(t));
  CHECK_CODE(eddy_transport_write_eof(t), EDDY_ENOTSUP);
  CHECK_OK(tls_pair_close(pair));
  /* The end changes nothing of that. */
  CHECK_STR(eddy_transport_get_extra_info(t, "version"), "TLSv1.3");
  CHECK(eddy_transport_get_extra_info(t, "peercert") != NULL);
  CHECK_EQ(eddy_transport_get_fd(t), -1);
  return 0;
}

EDDY_TASK_TEST(tls, the_first_protocol_of_the_servers_that_both_have_is_chosen)
{
  static const char *const ours[] = {"h2", "http/1.1"}, *const theirs[] = {
                                                            "http/1.1", "x"};
  struct tls_pair *pair;
  CHECK_OK(new_tls_pair(&pair));
  CHECK_OK(eddy_tls_context_set_alpn_protocols(pair->both.server, ours, 2));
  CHECK_OK(eddy_tls_context_set_alpn_protocols(pair->both.client, theirs, 2));
  CHECK_OK(tls_pair_open(pair, false));
  CHECK_STR(
      eddy_transport_get_extra_info(pair->client.peer->transport, "alpn"), "http/1.1");
  CHECK_STR(
      eddy_transport_get_extra_info(pair->server.peer->transport, "alpn"), "http/1.1");
  return tls_pair_close(pair);
}

EDDY_TASK_TEST(tls, without_a_protocol_in_common_there_is_none)
{
  static const char *const ours[] = {"h2"}, *const theirs[] = {"x"};
  struct tls_pair *pair;
  CHECK_OK(new_tls_pair(&pair));
  CHECK_OK(eddy_tls_context_set_alpn_protocols(pair->both.server, ours, 1));
  CHECK_OK(eddy_tls_context_set_alpn_protocols(pair->both.client, theirs, 1));
  CHECK_OK(tls_pair_open(pair, false));
  CHECK_PTR(eddy_transport_get_extra_info(pair->client.peer->transport, "alpn"), NULL);
  return tls_pair_close(pair);
}

/* The name in the certificate that the client was shown. */
static int shown_for(struct tls_pair *pair, const char *name, const char *expected)
{
  GENERAL_NAMES *names;
  pair->client.peer = new_peer("c:");
  pair->server.peer = new_peer("s:");
  pair->client.peer->quiet = pair->server.peer->quiet = true;
  pair->client.options.server_hostname = name;
  eddy_tls_context_accept_any_name(pair->both.client);
  CHECK_OK(tls_pair_open(pair, false));
  const X509 *shown = eddy_transport_get_extra_info(
      pair->client.peer->transport, "peercert");
  names = X509_get_ext_d2i(shown, NID_subject_alt_name, NULL, NULL);
  const ASN1_STRING *first = sk_GENERAL_NAME_value(names, 0)->d.dNSName;
  bool same = strcmp((const char *)ASN1_STRING_get0_data(first), expected) == 0;
  GENERAL_NAMES_free(names);
  CHECK(same);
  return tls_pair_close(pair);
}

EDDY_TASK_TEST(tls, a_server_chooses_its_context_by_the_name_asked_for)
{
  struct tls_pair *pair;
  struct identity exact, any;
  eddy_tls_context *for_exact, *for_any;
  CHECK_OK(new_tls_pair(&pair));
  CHECK_OK(new_identity(
      (struct wish){.names = "DNS:a.example.org", .by = &pair->both.authority}, &exact));
  CHECK_OK(new_identity(
      (struct wish){.names = "DNS:*.example.org", .by = &pair->both.authority}, &any));
  CHECK_OK(new_server_context(&exact, &for_exact));
  CHECK_OK(new_server_context(&any, &for_any));
  eddy_tls_context *server = pair->both.server;
  CHECK_OK(eddy_tls_context_add_server_name(server, "*.example.org", for_any));
  CHECK_OK(eddy_tls_context_add_server_name(server, "A.example.org", for_exact));
  CHECK_OK(shown_for(pair, "a.example.ORG", "a.example.org"));
  CHECK_OK(shown_for(pair, "b.example.org", "*.example.org"));
  CHECK_OK(shown_for(pair, "a.b.example.org", "localhost"));
  CHECK_OK(shown_for(pair, "example.com", "localhost"));
  CHECK_OK(
      shown_for(pair, "127.0.0.1", "localhost")); /* which is not asked for by name */
  CHECK_CODE(eddy_tls_context_add_server_name(server, "x", server), EDDY_EINVAL);
  CHECK_CODE(
      eddy_tls_context_add_server_name(server, "x", pair->both.client), EDDY_EINVAL);
  return 0;
}

EDDY_TASK_TEST(tls, an_address_is_checked_as_one)
{
  struct tls_pair *pair;
  CHECK_OK(new_tls_pair(&pair));
  pair->client.options.server_hostname = "127.0.0.1";
  CHECK_OK(tls_pair_open(pair, false));
  CHECK_OK(tls_pair_close(pair));
  CHECK_OK(new_tls_pair(&pair));
  pair->client.options.server_hostname = "127.0.0.2";
  CHECK_OK(tls_pair_start(pair, false));
  return tls_pair_refused(pair, EDDY_ECERTIFICATE, "IP address mismatch");
}

EDDY_TASK_TEST(tls, a_server_may_require_a_certificate_of_clients)
{
  struct tls_pair *pair;
  struct identity identity;
  CHECK_OK(new_tls_pair(&pair));
  eddy_tls_context_require_client_certificate(pair->both.server);
  CHECK_OK(trust(pair->both.server, &pair->both.authority));
  CHECK_OK(new_identity(
      (struct wish){.names = "DNS:me", .by = &pair->both.authority}, &identity));
  SSL_CTX *ssl_ctx = eddy_tls_context_ssl_ctx(pair->both.client);
  CHECK_EQ(SSL_CTX_use_certificate(ssl_ctx, identity.certificate), 1);
  CHECK_EQ(SSL_CTX_use_PrivateKey(ssl_ctx, identity.key), 1);
  CHECK_OK(tls_pair_open(pair, false));
  const X509 *shown = eddy_transport_get_extra_info(
      pair->server.peer->transport, "peercert");
  CHECK(shown != NULL);
  CHECK_EQ(X509_cmp(shown, identity.certificate), 0);
  return tls_pair_close(pair);
}

EDDY_TASK_TEST(tls, a_callers_own_ssl_ctx_serves_both_sides)
{
  struct tls_pair *pair;
  eddy_tls_context *context;
  CHECK_OK(new_tls_pair(&pair));
  SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_method());
  CHECK(ssl_ctx != NULL);
  CHECK_OK(eddy_tls_context_from_ssl_ctx(ssl_ctx, &context));
  SSL_CTX_free(ssl_ctx);
  test_defer_late(unref_context, context);
  CHECK_PTR(eddy_tls_context_ssl_ctx(context), ssl_ctx);
  CHECK_EQ(SSL_CTX_use_certificate(ssl_ctx, pair->both.identity.certificate), 1);
  CHECK_EQ(SSL_CTX_use_PrivateKey(ssl_ctx, pair->both.identity.key), 1);
  CHECK_EQ(SSL_CTX_get_verify_mode(ssl_ctx), SSL_VERIFY_NONE);
  pair->client.context = pair->server.context = context;
  CHECK_OK(tls_pair_start(pair, false));
  /* It checks all the same. */
  CHECK_OK(tls_pair_refused(pair, EDDY_ECERTIFICATE, "unable to get local issuer"));
  CHECK_EQ(SSL_CTX_get_verify_mode(ssl_ctx), SSL_VERIFY_NONE); /* it was not changed */
  CHECK_OK(trust(context, &pair->both.authority));
  pair->client.peer = new_peer("c:");
  pair->server.peer = new_peer("s:");
  pair->client.peer->quiet = pair->server.peer->quiet = true;
  CHECK_OK(tls_pair_open(pair, false));
  return tls_pair_close(pair);
}

EDDY_TASK_TEST(tls, any_certificate_is_accepted_only_if_that_was_said)
{
  struct tls_pair *pair;
  struct identity self;
  CHECK_OK(new_tls_pair(&pair));
  CHECK_OK(new_identity((struct wish){.names = "DNS:elsewhere"}, &self));
  CHECK_OK(new_server_context(&self, &pair->server.context));
  eddy_tls_context_accept_any_certificate(pair->both.client);
  pair->client.options.server_hostname = "";
  CHECK_OK(tls_pair_open(pair, false));
  return tls_pair_close(pair);
}

EDDY_TASK_TEST(tls, a_context_is_for_its_side)
{
  struct tls_pair *pair;
  CHECK_OK(new_tls_pair(&pair));
  pair->client.context = pair->both.server;
  pair->server.context = pair->both.client;
  CHECK_OK(tls_pair_start(pair, false));
  CHECK_OK(tls_pair_join(pair));
  CHECK_CODE(pair->client.rc, EDDY_EINVAL);
  CHECK_STR(pair->client.message, "tls: the context is for servers");
  CHECK_CODE(pair->server.rc, EDDY_EINVAL);
  CHECK_EQ(pair->client.peer->released, 1);
  CHECK_EQ(pair->server.peer->released, 1);
  return 0;
}

EDDY_TASK_TEST(tls, a_client_that_checks_names_needs_one)
{
  struct tls_pair *pair;
  CHECK_OK(new_tls_pair(&pair));
  pair->client.options.server_hostname = "";
  CHECK_OK(tls_pair_start(pair, false));
  CHECK_OK(eddy_task_await(pair->client.task, NULL));
  CHECK_CODE(pair->client.rc, EDDY_EINVAL);
  CHECK_CONTAINS(pair->client.message, "eddy_tls_context_accept_any_name");
  CHECK_OK(eddy_task_await(pair->server.task, NULL));
  CHECK_CODE(pair->server.rc, EDDY_ECONNRESET);
  return 0;
}

EDDY_TASK_TEST(tls, a_name_that_is_too_long_is_none)
{
  struct tls_pair *pair;
  char *name = test_new(400);
  memset(name, 'a', 300);
  CHECK_OK(new_tls_pair(&pair));
  pair->client.options.server_hostname = name;
  CHECK_OK(tls_pair_start(pair, false));
  CHECK_OK(tls_pair_join(pair));
  CHECK_CODE(pair->client.rc, EDDY_EINVAL);
  CHECK_CONTAINS(pair->client.message, "no host name (300 bytes)");
  return 0;
}

EDDY_UNIT_TEST(tls, files_that_cannot_be_loaded_are_named)
{
  eddy_tls_context *context;
  CHECK_OK(eddy_tls_context_new_server(&context));
  test_defer(unref_context, context);
  int rc = eddy_tls_context_load_cert_chain(context, "/nowhere/cert.pem", NULL);
  CHECK_CODE(rc, EDDY_ENOENT);
  CHECK_CONTAINS(eddy_message(rc), "/nowhere/cert.pem");
  rc = eddy_tls_context_load_cert_chain(context, "/dev/null", NULL);
  CHECK_CODE(rc, EDDY_ETLS);
  CHECK_CONTAINS(eddy_message(rc), "/dev/null");
  rc = eddy_tls_context_load_verify_locations(context, "/nowhere/ca.pem", NULL);
  CHECK_CODE(rc, EDDY_ENOENT);
  CHECK_CODE(eddy_tls_context_load_verify_locations(context, NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_tls_context_set_alpn_protocols(context, NULL, 1), EDDY_EINVAL);
  static const char *const empty[] = {""};
  CHECK_CODE(eddy_tls_context_set_alpn_protocols(context, empty, 1), EDDY_EINVAL);
  CHECK_EQ(ERR_peek_error(), 0);
  return 0;
}
