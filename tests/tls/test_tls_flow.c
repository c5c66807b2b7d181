/* Much data, both ways, at different speeds. */
#include "tls.h"

/* Every byte says where it stands. */
static void fill(unsigned char *bytes, size_t place, size_t size)
{
  for (size_t i = 0; i < size; i++)
    bytes[i] = byte_at(place + i);
}

#define RECORDS 10000
#define RECORD 700

/* Sends and checks by numbers: nothing is kept. */
struct sender {
  struct peer *peer;
  size_t total;
  size_t sent;
  size_t got;
  size_t most; /* buffered at any time */
  int done;
};

static struct sender *senders[2];

static struct sender *sender_of(const struct peer *peer)
{
  return senders[peer == senders[1]->peer];
}

static int take(struct peer *peer, const void *data, size_t size)
{
  struct sender *sender = sender_of(peer);
  const unsigned char *bytes = data;
  peer->size = 0; /* it need not be kept */
  for (size_t i = 0; i < size; i++)
    CHECK_EQ(bytes[i], byte_at(sender->got + i));
  sender->got += size;
  if (sender->got == sender->total) sender->done++;
  return 0;
}

static int push(struct peer *peer)
{
  struct sender *sender = sender_of(peer);
  unsigned char record[RECORD];
  while (sender->sent < sender->total && peer->paused == 0) {
    size_t size = sender->total - sender->sent;
    if (size > RECORD) size = RECORD;
    fill(record, sender->sent, size);
    sender->sent += size;
    CHECK_OK(eddy_transport_write(peer->transport, record, size));
    size_t buffered = eddy_transport_get_write_buffer_size(peer->transport);
    if (buffered > sender->most) sender->most = buffered;
  }
  return 0;
}

static int exchange(struct tls_pair *pair, size_t total)
{
  struct tls_end *ends[] = {&pair->client, &pair->server};
  for (int i = 0; i < 2; i++) {
    senders[i] = test_new(sizeof *senders[i]);
    senders[i]->peer = ends[i]->peer;
    senders[i]->total = total;
    ends[i]->peer->on_data = take;
    ends[i]->peer->on_resume = push;
  }
  CHECK_OK(push(pair->client.peer));
  CHECK_OK(push(pair->server.peer));
  CHECK_OK(wait_until(&senders[0]->done));
  CHECK_OK(wait_until(&senders[1]->done));
  for (int i = 0; i < 2; i++) {
    CHECK_EQ(senders[i]->sent, total);
    CHECK_EQ(senders[i]->got, total);
    CHECK(senders[i]->most <= (size_t)512 * 1024 + RECORD);
  }
  return 0;
}

EDDY_TASK_TEST(tls_flow, ten_thousand_records_both_ways_at_once)
{
  struct tls_pair *pair;
  CHECK_OK(open_tls_pair(&pair));
  CHECK_OK(exchange(pair, (size_t)RECORDS * RECORD));
  return tls_pair_close(pair);
}

EDDY_TASK_TEST(tls_flow, through_a_narrow_way)
{
  struct tls_pair *pair;
  CHECK_OK(new_tls_pair(&pair));
  pair->up.piece = 1000;
  pair->down.piece = 333;
  CHECK_OK(tls_pair_open(pair, true));
  CHECK_OK(exchange(pair, 300 * 1000));
  CHECK_OK(tls_pair_close(pair));
  CHECK_OK(wait_until(&pair->up.ended));
  return wait_until(&pair->down.ended);
}

EDDY_TASK_TEST(tls_flow, pieces_go_out_as_one_write)
{
  struct tls_pair *pair;
  static char large[50000];
  eddy_buffer pieces[] = {
      {"a", 1}, {NULL, 0}, {"bc", 2}, {large, sizeof large}, {"d", 1}};
  CHECK_OK(open_tls_pair(&pair));
  memset(large, '-', sizeof large);
  CHECK_OK(eddy_transport_writelines(pair->client.peer->transport, pieces, 5));
  CHECK_OK(wait_for_bytes(pair->server.peer, sizeof large + 4));
  CHECK_MEM(pair->server.peer->bytes, "abc-", 4);
  CHECK_MEM(pair->server.peer->bytes + sizeof large + 2, "-d", 2);
  return tls_pair_close(pair);
}

EDDY_TASK_TEST(tls_flow, the_marks_are_those_of_asyncio)
{
  struct tls_pair *pair;
  size_t low, high;
  CHECK_OK(open_tls_pair(&pair));
  eddy_transport *t = pair->client.peer->transport;
  eddy_transport_get_write_buffer_limits(t, &low, &high);
  CHECK_EQ(high, 512 * 1024);
  CHECK_EQ(low, 128 * 1024);
  CHECK_OK(eddy_transport_set_write_buffer_limits(t, 1000, EDDY_LIMIT_DEFAULT));
  CHECK_OK(
      eddy_transport_set_write_buffer_limits(t, EDDY_LIMIT_DEFAULT, EDDY_LIMIT_DEFAULT));
  eddy_transport_get_write_buffer_limits(t, &low, &high);
  CHECK_EQ(high, 512 * 1024);
  return tls_pair_close(pair);
}

/* A peer that asks for much and never reads: what is queued stays bounded, and so does what a
 * protocol that does not read has in store. */
EDDY_TASK_TEST(tls_flow, who_does_not_read_makes_the_other_wait)
{
  struct tls_pair *pair;
  static char block[64 * 1024];
  size_t written = 0;
  CHECK_OK(open_tls_pair(&pair));
  eddy_transport *t = pair->client.peer->transport;
  eddy_transport_pause_reading(pair->server.peer->transport);
  CHECK(!eddy_transport_is_reading(pair->server.peer->transport));
  for (int i = 0; i < 2000 && pair->client.peer->paused == 0; i++) {
    CHECK_OK(eddy_transport_write(t, block, sizeof block));
    written += sizeof block;
    CHECK_OK(eddy_sleep(0));
  }
  CHECK_EQ(pair->client.peer->paused, 1);
  CHECK_BETWEEN(512 * 1024, eddy_transport_get_write_buffer_size(t), 600 * 1024);
  CHECK_EQ(pair->server.peer->size, 0);
  CHECK_OK(eddy_transport_resume_reading(pair->server.peer->transport));
  CHECK_OK(wait_for_bytes(pair->server.peer, written));
  CHECK_EQ(pair->client.peer->paused, 0);
  return tls_pair_close(pair);
}

static int pause_at_once(struct peer *peer, const void *data, size_t size)
{
  (void)data;
  (void)size;
  eddy_transport_pause_reading(peer->transport);
  return 0;
}

EDDY_TASK_TEST(tls_flow, reading_that_is_paused_in_data_received_goes_on_where_it_was)
{
  struct tls_pair *pair;
  static unsigned char block[300 * 1000];
  CHECK_OK(open_tls_pair(&pair));
  fill(block, 0, sizeof block);
  pair->server.peer->on_data = pause_at_once;
  CHECK_OK(eddy_transport_write(pair->client.peer->transport, block, sizeof block));
  for (int i = 0; i < test_patience() && pair->server.peer->size < sizeof block; i++) {
    CHECK_OK(eddy_sleep(i < 100 ? 0 : EDDY_MS(1)));
    CHECK_OK(eddy_transport_resume_reading(pair->server.peer->transport));
  }
  CHECK_EQ(pair->server.peer->size, sizeof block);
  CHECK_MEM(pair->server.peer->bytes, block, sizeof block);
  CHECK_OK(eddy_transport_resume_reading(pair->server.peer->transport));
  return tls_pair_close(pair);
}

/* The peer has ended, but what it said before is still wanted. */
EDDY_TASK_TEST(tls_flow, what_came_before_the_end_is_read_after_a_pause)
{
  struct tls_pair *pair;
  static unsigned char block[200 * 1000];
  CHECK_OK(open_tls_pair(&pair));
  fill(block, 0, sizeof block);
  eddy_transport_pause_reading(pair->server.peer->transport);
  CHECK_OK(eddy_transport_write(pair->client.peer->transport, block, sizeof block));
  eddy_transport_close(pair->client.peer->transport);
  for (int i = 0; i < 20; i++)
    CHECK_OK(eddy_sleep(0));
  CHECK_EQ(pair->server.peer->size, 0);
  CHECK_EQ(pair->server.peer->lost, 0);
  CHECK_OK(eddy_transport_resume_reading(pair->server.peer->transport));
  CHECK_OK(tls_pair_gone(pair));
  CHECK_EQ(pair->server.peer->size, sizeof block);
  CHECK_MEM(pair->server.peer->bytes, block, sizeof block);
  CHECK_EQ(pair->server.peer->ended, 1);
  CHECK_CODE(pair->server.peer->error, 0);
  return 0;
}

/* ---- buffered protocols ---- */

struct buffered {
  char room[100];
  size_t size;
  char got[2000];
  int updates;
  int fail;
};

static int buffered_get(void *self, size_t hint, void **buffer, size_t *size)
{
  struct buffered *buffered = self;
  (void)hint;
  if (buffered->fail < 0) return eddy_raise(buffered->fail, "no buffer");
  *buffer = buffered->room;
  *size = sizeof buffered->room;
  return 0;
}

static int buffered_updated(void *self, size_t size)
{
  struct buffered *buffered = self;
  CHECK(size > 0 && size <= sizeof buffered->room);
  CHECK(buffered->size + size <= sizeof buffered->got);
  memcpy(buffered->got + buffered->size, buffered->room, size);
  buffered->size += size;
  buffered->updates++;
  return 0;
}

static const eddy_protocol buffered_protocol = {
    .get_buffer = buffered_get, .buffer_updated = buffered_updated};

EDDY_TASK_TEST(tls_flow, a_buffered_protocol_has_its_own_memory_filled)
{
  struct tls_pair *pair;
  unsigned char block[1500];
  CHECK_OK(open_tls_pair(&pair));
  struct buffered *buffered = test_new(sizeof *buffered);
  eddy_transport *t = pair->server.peer->transport;
  fill(block, 0, sizeof block);
  CHECK_OK(eddy_transport_set_protocol(t, &buffered_protocol, buffered));
  CHECK_OK(eddy_transport_write(pair->client.peer->transport, block, sizeof block));
  for (int i = 0; i < test_patience() && buffered->size < sizeof block; i++)
    CHECK_OK(eddy_sleep(i < 100 ? 0 : EDDY_MS(1)));
  CHECK_EQ(buffered->size, sizeof block);
  CHECK_MEM(buffered->got, block, sizeof block);
  CHECK_EQ(buffered->updates, 15);
  CHECK_OK(eddy_transport_set_protocol(t, &peer_protocol, pair->server.peer));
  return tls_pair_close(pair);
}

EDDY_TASK_TEST(tls_flow, a_buffered_protocol_without_a_buffer_ends_the_connection)
{
  struct tls_pair *pair;
  CHECK_OK(open_tls_pair(&pair));
  struct buffered *buffered = test_new(sizeof *buffered);
  buffered->fail = EDDY_ENOSPC;
  CHECK_OK(eddy_transport_set_protocol(
      pair->server.peer->transport, &buffered_protocol, buffered));
  pair->server.peer->released = 1; /* it is the test's again */
  CHECK_OK(eddy_transport_write(pair->client.peer->transport, "x", 1));
  return tls_pair_gone(pair);
}

/* ---- memory ---- */

EDDY_TASK_TEST(tls_flow, an_idle_connection_holds_no_buffer)
{
  struct tls_pair *pair;
  eddy_loop_stats stats;
  CHECK_OK(open_tls_pair(&pair));
  CHECK_OK(eddy_transport_write(pair->client.peer->transport, "x", 1));
  CHECK_OK(wait_for_bytes(pair->server.peer, 1));
  CHECK_OK(settle());
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  CHECK_EQ(stats.buffers, 0);
  return tls_pair_close(pair);
}
