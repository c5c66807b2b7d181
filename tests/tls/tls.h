/* TLS connections between two protocols of a test, with something in between. */
#ifndef EDDY_TEST_TLS_H
#define EDDY_TEST_TLS_H

#include "certificates.h"
#include "streams.h"

/* ---- what is between them ---- */

/* Carries bytes from one socket to another. */
struct carrier {
  int from;
  int to;
  size_t piece; /* at most so many at a time; 0: as they come */
  size_t cut;   /* after so many the direction ends; 0: never */
  size_t spoil; /* this byte (from 1) is changed; 0: none */
  bool stopped; /* nothing is carried any more */
  size_t carried;
  int ended; /* it has ended */
};

static inline int carry(void *arg)
{
  struct carrier *carrier = arg;
  char bytes[4096];
  int rc = 0;
  while (rc == 0 && (carrier->cut == 0 || carrier->carried < carrier->cut)) {
    size_t most = carrier->piece > 0 ? carrier->piece : sizeof bytes, got = 0;
    rc = eddy_sock_recv(carrier->from, bytes, most, &got);
    if (rc < 0 || got == 0) break;
    while (carrier->stopped)
      CHECK_OK(eddy_sleep(EDDY_MS(1)));
    if (carrier->spoil > carrier->carried && carrier->spoil <= carrier->carried + got)
      bytes[carrier->spoil - carrier->carried - 1] ^= 0x41;
    if (carrier->cut > 0 && carrier->carried + got > carrier->cut)
      got = carrier->cut - carrier->carried;
    carrier->carried += got;
    rc = eddy_sock_sendall(carrier->to, bytes, got);
  }
  (void)!eddy_sock_shutdown(carrier->to, EDDY_SHUTDOWN_WRITE);
  carrier->ended++;
  return 0;
}

/* ---- the two ---- */

struct tls_end {
  struct peer *peer;
  eddy_tls_context *context;
  eddy_connection_options options;
  int fd;
  int rc; /* EDDY_PENDING until the call has returned */
  char message[200];
  eddy_task *task;
};

struct tls_pair {
  struct both both;
  struct tls_end client;
  struct tls_end server;
  struct carrier up; /* client to server, if carried */
  struct carrier down;
};

static inline int tls_end_called(struct tls_end *end, int rc)
{
  end->rc = rc;
  snprintf(end->message, sizeof end->message, "%s", rc < 0 ? eddy_message(rc) : "");
  test_fd_closed(end->fd);
  return rc == EDDY_ECANCELLED ? rc : 0;
}

static inline int tls_connect(void *arg)
{
  struct tls_end *end = arg;
  end->options.sock = &end->fd;
  return tls_end_called(end, eddy_loop_create_connection(NULL, peer_factory, end->peer,
                                 NULL, 0, &end->options, NULL, NULL));
}

static inline int tls_accept(void *arg)
{
  struct tls_end *end = arg;
  return tls_end_called(end, eddy_loop_connect_accepted_socket(NULL, peer_factory,
                                 end->peer, end->fd, &end->options, NULL, NULL));
}

/* Two ends that know each other; change what they have, then tls_pair_start. */
static inline int new_tls_pair(struct tls_pair **out)
{
  struct tls_pair *pair = test_new(sizeof *pair);
  *out = pair;
  CHECK_OK(new_both(&pair->both));
  pair->client.peer = new_peer("c:");
  pair->server.peer = new_peer("s:");
  pair->client.peer->quiet = true;
  pair->server.peer->quiet = true;
  pair->client.context = pair->both.client;
  pair->server.context = pair->both.server;
  pair->client.options.server_hostname = "localhost";
  return 0;
}

/* Lets both begin. `carried`: through the pair's carriers. */
static inline int tls_pair_start(struct tls_pair *pair, bool carried)
{
  int near[2], far[2];
  eddy_task *task;
  CHECK_OK(test_pair(near));
  pair->client.fd = near[0];
  pair->server.fd = near[1];
  if (carried) {
    CHECK_OK(test_pair(far));
    pair->server.fd = far[1];
    pair->up.from = pair->down.to = near[1];
    pair->up.to = pair->down.from = far[0];
    CHECK_OK(test_task(carry, &pair->up, &task));
    CHECK_OK(test_task(carry, &pair->down, &task));
  }
  pair->client.rc = pair->server.rc = EDDY_PENDING;
  pair->client.options.tls = eddy_tls_layer(pair->client.context);
  pair->server.options.tls = eddy_tls_layer(pair->server.context);
  CHECK_OK(test_task(tls_accept, &pair->server, &pair->server.task));
  return test_task(tls_connect, &pair->client, &pair->client.task);
}

/* Waits for the answers of both calls. */
static inline int tls_pair_join(struct tls_pair *pair)
{
  CHECK_OK(eddy_task_await(pair->client.task, NULL));
  return eddy_task_await(pair->server.task, NULL);
}

/* A pair that is connected. */
static inline int tls_pair_open(struct tls_pair *pair, bool carried)
{
  CHECK_OK(tls_pair_start(pair, carried));
  CHECK_OK(tls_pair_join(pair));
  if (pair->client.rc < 0) CHECK_STR(pair->client.message, "");
  if (pair->server.rc < 0) CHECK_STR(pair->server.message, "");
  return 0;
}

static inline int open_tls_pair(struct tls_pair **out)
{
  CHECK_OK(new_tls_pair(out));
  return tls_pair_open(*out, false);
}

/* Both are gone, and their instances were released once. */
static inline int tls_pair_gone(struct tls_pair *pair)
{
  CHECK_OK(wait_until(&pair->client.peer->released));
  CHECK_OK(wait_until(&pair->server.peer->released));
  CHECK_EQ(pair->client.peer->released, 1);
  CHECK_EQ(pair->server.peer->released, 1);
  return 0;
}

/* One closes, and both hear that all was in order. */
static inline int tls_pair_close(struct tls_pair *pair)
{
  eddy_transport_close(pair->client.peer->transport);
  CHECK_OK(tls_pair_gone(pair));
  CHECK_CODE(pair->client.peer->error, 0);
  CHECK_CODE(pair->server.peer->error, 0);
  CHECK_EQ(pair->client.peer->lost, 1);
  CHECK_EQ(pair->server.peer->lost, 1);
  return 0;
}

/* The handshake fails: the client with this code and these words, and nobody had a
 * connection. */
static inline int tls_pair_refused(struct tls_pair *pair, int client, const char *words)
{
  CHECK_OK(tls_pair_join(pair));
  CHECK_CODE(pair->client.rc, client);
  CHECK_CONTAINS(pair->client.message, words);
  CHECK_OK(wait_until(&pair->client.peer->released));
  CHECK_EQ(pair->client.peer->made, 0);
  return 0;
}

#endif
