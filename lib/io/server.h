/*
 * Servers from the inside.
 *
 * server.c          the object: references, closing, waiting
 * accept.c          taking connections
 * create_server.c   the calls that make one
 */
#ifndef EDDY_IO_SERVER_H
#define EDDY_IO_SERVER_H

#include <eddy/server.h>

#include "io/layer.h"
#include "io/net.h"
#include "io/stream.h"

/* Of a peer's address so many bytes are kept: IPv6. */
#define EDDY__ARRIVAL_PEER 28

/* A connection that was taken, before its protocol is made. */
struct eddy__arrival {
  int fd;
  uint8_t peer_length;
  unsigned char peer[EDDY__ARRIVAL_PEER];
};

/* A socket that listens. */
struct eddy__listener {
  struct eddy_server *server;
  eddy_op *op;
  eddy_timer rest;  /* while there are no descriptors */
  char *path;       /* of the file to be removed at the end; or NULL */
  uint64_t file[2]; /* its device and inode */
};

struct eddy_server {
  struct eddy__link link; /* on the loop's list, which is a reference, until it is closed
                             and nothing of it is queued */
  size_t refs;
  eddy_loop *loop; /* referenced */
  eddy_protocol_factory *factory;
  void *arg;
  struct eddy__stream_service streams; /* what arg is, if it is a server of streams */
  struct eddy__layer_use layer;        /* with a reference to the layer */
  eddy_context *context;  /* referenced; in which the factory runs, or NULL */
  size_t clients;         /* connections, each with a reference */
  struct eddy__link line; /* who waits in wait_closed */
  eddy_task *forever;     /* in serve_forever, or NULL */
  bool forever_waits;     /* it waits to be cancelled */
  bool serving;
  bool open;  /* it has its sockets */
  bool ended; /* closed, and there was no connection left */
  int backlog;
  size_t count;
  int *fds;
  struct eddy__listener *listeners;
  /* What was taken and has its turn in the next iteration; one entry of the ring, booked while
   * it is open. */
  struct eddy__arrival *arrivals;
  size_t arrived;
  bool arrivals_queued;
};

/* ---- server.c ---- */

/* A server without sockets: one reference is the caller's. */
int eddy__server_new(eddy_loop *loop, eddy_protocol_factory *factory, void *arg,
    int backlog, size_t most, eddy_server **out);

/* Gives it a listening descriptor, which is taken over. There is room. `path`: of the file to
 * be removed at the end, or NULL. Returns 0 or EDDY_ENOMEM. */
int eddy__server_add(eddy_server *server, int fd, const char *path);

/* It has all its sockets: the loop keeps it from now on. */
void eddy__server_open(eddy_server *server);

/* Takes connections: 0 or a code. */
int eddy__server_start(eddy_server *server);

/* It is closed and nothing of it is queued: the loop lets go of it. */
void eddy__server_retire(eddy_server *server);

/* A connection begins, or ends. */
void eddy__server_attach(struct eddy_server *server);
void eddy__server_detach(struct eddy_server *server);

/* The loop is being closed. */
void eddy__server_discard(struct eddy_server *server);

/* ---- create_server.c ---- */

/* The loop is being closed: ends a call that makes a server, on the loop's list by this link. */
void eddy__setup_discard(struct eddy__link *link);

/* ---- accept.c ---- */

/* Waits for connections: 0 or a code. */
int eddy__listener_start(struct eddy__listener *listener);
void eddy__listener_stop(struct eddy__listener *listener);

/* What has arrived and not begun is closed. */
void eddy__server_drop_arrivals(eddy_server *server);

#endif
