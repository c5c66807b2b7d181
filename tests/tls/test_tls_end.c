/* How TLS connections end. */
#include "tls.h"

EDDY_TASK_TEST(tls_end, closing_sends_what_is_queued_first)
{
  struct tls_pair *pair;
  static char block[1000 * 1000];
  CHECK_OK(open_tls_pair(&pair));
  memset(block, 'x', sizeof block);
  CHECK_OK(eddy_transport_write(pair->client.peer->transport, block, sizeof block));
  eddy_transport_close(pair->client.peer->transport);
  CHECK(eddy_transport_is_closing(pair->client.peer->transport));
  CHECK_OK(tls_pair_gone(pair));
  CHECK_EQ(pair->server.peer->size, sizeof block);
  CHECK_MEM(pair->server.peer->bytes, block, sizeof block);
  CHECK_EQ(pair->server.peer->ended, 1);
  CHECK_CODE(pair->server.peer->error, 0);
  CHECK_CODE(pair->client.peer->error, 0);
  return 0;
}

EDDY_TASK_TEST(tls_end, what_is_written_after_close_is_dropped)
{
  struct tls_pair *pair;
  CHECK_OK(open_tls_pair(&pair));
  eddy_transport *t = pair->client.peer->transport;
  eddy_transport_close(t);
  eddy_transport_close(t);
  CHECK_OK(eddy_transport_write(t, "late", 4));
  CHECK_OK(tls_pair_gone(pair));
  CHECK_OK(eddy_transport_write(t, "later", 5));
  CHECK_EQ(pair->server.peer->size, 0);
  CHECK_EQ(pair->client.peer->lost, 1);
  return 0;
}

EDDY_TASK_TEST(tls_end, what_comes_after_close_is_dropped)
{
  struct tls_pair *pair;
  CHECK_OK(new_tls_pair(&pair));
  CHECK_OK(tls_pair_open(pair, true));
  pair->up.stopped = true; /* the server does not hear of it */
  eddy_transport_close(pair->client.peer->transport);
  CHECK_OK(eddy_transport_write(pair->server.peer->transport, "too late", 8));
  CHECK_OK(settle());
  CHECK_EQ(pair->client.peer->size, 0);
  CHECK_EQ(pair->client.peer->lost, 0);
  pair->up.stopped = false;
  CHECK_OK(tls_pair_gone(pair));
  CHECK_EQ(pair->client.peer->size, 0);
  CHECK_CODE(pair->client.peer->error, 0);
  CHECK_CODE(pair->server.peer->error, 0);
  CHECK_OK(wait_until(&pair->up.ended));
  return wait_until(&pair->down.ended);
}

EDDY_TASK_TEST(tls_end, abort_drops_what_is_queued_and_the_peer_hears_of_it)
{
  struct tls_pair *pair;
  CHECK_OK(open_tls_pair(&pair));
  eddy_transport_abort(pair->client.peer->transport);
  CHECK_OK(tls_pair_gone(pair));
  CHECK_CODE(pair->client.peer->error, 0);
  CHECK(pair->server.peer->error == EDDY_ETRUNCATED ||
        pair->server.peer->error == EDDY_ECONNRESET);
  CHECK_EQ(pair->server.peer->ended, 0);
  return 0;
}

/* After the handshake of TLS 1.3 and the tickets, and some data. */
static int cut(bool tolerant, struct tls_pair **out)
{
  CHECK_OK(new_tls_pair(out));
  struct tls_pair *pair = *out;
  if (tolerant) eddy_tls_context_ignore_truncation(pair->both.client);
  CHECK_OK(tls_pair_open(pair, true));
  CHECK_OK(eddy_transport_write(pair->server.peer->transport, "half a s", 8));
  CHECK_OK(wait_for_bytes(pair->client.peer, 8));
  pair->down.cut = pair->down.carried + 10;
  CHECK_OK(eddy_transport_write(pair->server.peer->transport, "entence, all of it", 18));
  CHECK_OK(wait_until(&pair->client.peer->released));
  CHECK_EQ(pair->client.peer->size, 8);
  eddy_transport_abort(pair->server.peer->transport);
  CHECK_OK(tls_pair_gone(pair));
  CHECK_OK(wait_until(&pair->up.ended));
  return wait_until(&pair->down.ended);
}

EDDY_TASK_TEST(tls_end, a_connection_that_was_cut_is_told_from_one_that_was_ended)
{
  struct tls_pair *pair;
  CHECK_OK(cut(false, &pair));
  CHECK_CODE(pair->client.peer->error, EDDY_ETRUNCATED);
  CHECK_CONTAINS(pair->client.peer->message, "without close_notify");
  CHECK_EQ(pair->client.peer->ended, 0);
  return 0;
}

EDDY_TASK_TEST(tls_end, truncation_may_be_ignored)
{
  struct tls_pair *pair;
  CHECK_OK(cut(true, &pair));
  CHECK_CODE(pair->client.peer->error, 0);
  CHECK_EQ(pair->client.peer->ended, 1);
  return 0;
}

EDDY_TASK_TEST(tls_end, keeping_it_open_after_the_peers_end_is_not_possible)
{
  struct tls_pair *pair;
  CHECK_OK(open_tls_pair(&pair));
  pair->server.peer->keep_open = true;
  return tls_pair_close(pair);
}

static int say_goodbye(struct peer *peer, const void *data, size_t size)
{
  (void)size;
  if (memcmp(data, "bye", 3) != 0) return 0;
  CHECK_OK(eddy_transport_write(peer->transport, "goodbye", 7));
  eddy_transport_close(peer->transport);
  return 0;
}

EDDY_TASK_TEST(tls_end, both_may_close_at_once)
{
  struct tls_pair *pair;
  CHECK_OK(open_tls_pair(&pair));
  pair->server.peer->on_data = say_goodbye;
  CHECK_OK(eddy_transport_write(pair->client.peer->transport, "bye", 3));
  CHECK_OK(wait_for_bytes(pair->client.peer, 7));
  eddy_transport_close(pair->client.peer->transport);
  CHECK_OK(tls_pair_gone(pair));
  CHECK_CODE(pair->client.peer->error, 0);
  CHECK_CODE(pair->server.peer->error, 0);
  return 0;
}

static int close_when_made(struct peer *peer)
{
  CHECK_OK(eddy_transport_write(peer->transport, "hi", 2));
  eddy_transport_close(peer->transport);
  return 0;
}

EDDY_TASK_TEST(tls_end, connection_made_may_write_and_close)
{
  struct tls_pair *pair;
  CHECK_OK(new_tls_pair(&pair));
  pair->server.peer->on_made = close_when_made;
  CHECK_OK(tls_pair_start(pair, false));
  CHECK_OK(tls_pair_join(pair));
  CHECK_OK(pair->client.rc);
  CHECK_OK(tls_pair_gone(pair));
  CHECK_EQ(pair->client.peer->size, 2);
  CHECK_CODE(pair->client.peer->error, 0);
  return 0;
}

static int abort_it(struct peer *peer, const void *data, size_t size)
{
  (void)data;
  (void)size;
  eddy_transport_abort(peer->transport);
  return 0;
}

EDDY_TASK_TEST(tls_end, data_received_may_abort)
{
  struct tls_pair *pair;
  static char block[100000];
  CHECK_OK(open_tls_pair(&pair));
  pair->server.peer->on_data = abort_it;
  CHECK_OK(eddy_transport_write(pair->client.peer->transport, block, sizeof block));
  CHECK_OK(tls_pair_gone(pair));
  CHECK(pair->server.peer->size < sizeof block);
  CHECK_CODE(pair->server.peer->error, 0);
  return 0;
}

EDDY_TASK_TEST(tls_end, an_error_of_data_received_ends_the_connection)
{
  struct tls_pair *pair;
  CHECK_OK(open_tls_pair(&pair));
  pair->server.peer->fail_data = EDDY_ERANGE;
  CHECK_OK(eddy_transport_write(pair->client.peer->transport, "x", 1));
  CHECK_OK(tls_pair_gone(pair));
  CHECK_CODE(pair->server.peer->error, EDDY_ERANGE);
  CHECK_STR(pair->server.peer->message, "data_received says no");
  return 0;
}

EDDY_TASK_TEST(tls_end, cancelling_the_call_during_the_handshake_closes_the_connection)
{
  struct tls_pair *pair;
  CHECK_OK(new_tls_pair(&pair));
  pair->down.stopped = true;
  CHECK_OK(tls_pair_start(pair, true));
  CHECK_OK(settle());
  CHECK(eddy_task_cancel(pair->client.task, NULL));
  CHECK_CODE(eddy_task_await(pair->client.task, NULL), EDDY_ECANCELLED);
  CHECK_OK(wait_until(&pair->client.peer->released));
  CHECK_EQ(pair->client.peer->made + pair->client.peer->lost, 0);
  pair->down.stopped = false;
  CHECK_OK(eddy_task_await(pair->server.task, NULL));
  CHECK_OK(tls_pair_gone(pair));
  CHECK_OK(wait_until(&pair->up.ended));
  return wait_until(&pair->down.ended);
}

EDDY_TASK_TEST(tls_end, cancelling_the_call_before_the_handshake_leaves_nothing)
{
  struct tls_pair *pair;
  CHECK_OK(new_tls_pair(&pair));
  CHECK_OK(tls_pair_start(pair, false));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(pair->client.task, NULL));
  CHECK(eddy_task_cancel(pair->server.task, NULL));
  CHECK_CODE(eddy_task_await(pair->client.task, NULL), EDDY_ECANCELLED);
  CHECK_CODE(eddy_task_await(pair->server.task, NULL), EDDY_ECANCELLED);
  return tls_pair_gone(pair);
}

EDDY_TASK_TEST_VIRTUAL(
    tls_end, a_peer_that_does_not_answer_close_notify_has_half_a_minute)
{
  struct tls_pair *pair;
  eddy_loop *loop = eddy_get_running_loop();
  CHECK_OK(new_tls_pair(&pair));
  CHECK_OK(tls_pair_open(pair, true));
  pair->up.stopped = true;
  eddy_time before = eddy_loop_time(loop);
  eddy_transport_close(pair->client.peer->transport);
  while (pair->client.peer->released == 0)
    CHECK_OK(eddy_sleep(EDDY_MS(100)));
  CHECK_BETWEEN(EDDY_S(30), eddy_loop_time(loop) - before, EDDY_S(30) + EDDY_MS(100));
  CHECK_CODE(pair->client.peer->error, EDDY_ETIMEDOUT);
  CHECK_CONTAINS(pair->client.peer->message, "did not end it within 30 s");
  pair->up.stopped = false;
  CHECK_OK(tls_pair_gone(pair));
  CHECK_OK(wait_until(&pair->up.ended));
  return wait_until(&pair->down.ended);
}

EDDY_TASK_TEST_VIRTUAL(tls_end, a_peer_that_does_not_read_cannot_hold_a_closed_connection)
{
  struct tls_pair *pair;
  static char block[2 * 1000 * 1000];
  CHECK_OK(new_tls_pair(&pair));
  pair->client.options.ssl_shutdown_timeout = EDDY_S(3);
  CHECK_OK(tls_pair_open(pair, true));
  pair->up.stopped = true;
  CHECK_OK(eddy_transport_write(pair->client.peer->transport, block, sizeof block));
  eddy_transport_close(pair->client.peer->transport);
  CHECK_OK(eddy_sleep(EDDY_MS(2900)));
  CHECK_EQ(pair->client.peer->lost, 0);
  CHECK_OK(eddy_sleep(EDDY_MS(200)));
  CHECK_CODE(pair->client.peer->error, EDDY_ETIMEDOUT);
  pair->up.stopped = false;
  CHECK_OK(tls_pair_gone(pair));
  CHECK_OK(wait_until(&pair->up.ended));
  return wait_until(&pair->down.ended);
}

/* The loop is closed while connections are there. */
static int leave_it_open(void *arg)
{
  struct tls_pair **pair = arg;
  CHECK_OK(new_tls_pair(pair));
  CHECK_OK(tls_pair_open(*pair, false));
  CHECK_OK(eddy_transport_write((*pair)->client.peer->transport, "x", 1));
  eddy_transport_pause_reading((*pair)->server.peer->transport);
  return 0;
}

static int leave_it_shaking_hands(void *arg)
{
  struct tls_pair **pair = arg;
  CHECK_OK(new_tls_pair(pair));
  CHECK_OK(tls_pair_start(*pair, false));
  CHECK_OK(eddy_sleep(0));
  return eddy_sleep(0);
}

EDDY_TEST(tls_end, a_loop_that_is_closed_releases_connections)
{
  struct tls_pair *open, *young = NULL;
  CHECK_OK(eddy_run(leave_it_open, &open));
  CHECK_EQ(open->client.peer->released, 1);
  CHECK_EQ(open->server.peer->released, 1);
  CHECK_EQ(open->client.peer->lost, 0);
  (void)!eddy_run(leave_it_shaking_hands, &young);
  CHECK(young != NULL);
  CHECK_EQ(young->client.peer->released, 1);
  CHECK_EQ(young->server.peer->released, 1);
  return 0;
}
