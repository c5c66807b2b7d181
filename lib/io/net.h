/* What transports and servers share on a loop. */
#ifndef EDDY_IO_NET_H
#define EDDY_IO_NET_H

#include "io/block.h"
#include "loop/loop.h"

/* At most so many bytes are read at a time, as in asyncio. */
#define EDDY__NET_INPUT ((size_t)256 * 1024)
/* Small pieces are gathered into so many before they are sent. */
#define EDDY__NET_OUTPUT ((size_t)64 * 1024)

struct eddy__net {
  struct eddy__owned owned; /* ends what is left when the loop is closed */
  eddy_loop *loop;
  struct eddy__link transports;
  struct eddy__link servers;     /* those that listen */
  struct eddy__link setups;      /* calls that make a server */
  struct eddy__link sendfiles;   /* calls that send a file through a transport */
  eddy_op *op;                   /* for what is tried once and never pending */
  unsigned char *input;          /* lent to a connection while it reads */
  unsigned char *output;         /* lent to a writelines */
  struct eddy__blocks blocks;    /* lent to streams while they have data */
  struct eddy__net_batch *batch; /* lent to a datagram socket; NULL: there was none */
};

/* Makes sure the loop has it: 0 or EDDY_ENOMEM. */
int eddy__net_open(eddy_loop *loop, struct eddy__net **out);

static inline struct eddy__net *eddy__net_of(const eddy_loop *loop)
{
  return loop->net;
}

/* Sends (kind: EDDY_OP_SEND, EDDY_OP_WRITE) at once what the descriptor takes, and how many bytes that were: 0; EDDY_EAGAIN (nothing);
 * the system's code. */
int eddy__net_send(struct eddy__net *net, eddy_op_kind kind, int fd, const void *data,
    size_t size, size_t *sent);

/* Sends a datagram at once: 0; EDDY_EAGAIN; the system's code. `to` NULL: the connected peer. */
int eddy__net_sendto(
    struct eddy__net *net, int fd, const void *data, size_t size, const eddy_address *to);

/* Tells a datagram socket its peer: 0 or the system's code. */
int eddy__net_connect(struct eddy__net *net, int fd, const eddy_address *peer);

/* Makes sure that the loop can lend room for a batch of datagrams: 0 or EDDY_ENOMEM. */
int eddy__net_open_batch(struct eddy__net *net);

/* The room, empty. *count: how many. */
eddy_datagram *eddy__net_batch(struct eddy__net *net, size_t *count);

/* Takes a waiting connection: 0; EDDY_EAGAIN (there is none); the system's code. */
int eddy__net_accept(struct eddy__net *net, int fd, int *connection, eddy_address *peer);

/* A connected socket that was handed in is the loop's from now on. What keeps it from that will be
 * met when it is used. */
void eddy__net_take_over(eddy_loop *loop, int fd);

/* Closes a descriptor; who waits for it is told. */
void eddy__net_close_fd(eddy_loop *loop, int fd);

#endif
