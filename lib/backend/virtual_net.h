/*
 * Sockets in memory, one network per loop.
 *
 * A socket is one end of a stream, a listener, neither yet, or one for datagrams. What was sent
 * lies at the receiving end. Whatever happens to a socket puts it on the network's list of touched
 * ones, and the next poll reports, in that order, those operations that can be finished.
 *
 * virtual_net.c      descriptors and the life of a socket
 * virtual_op.c       operations: start, finish, cancel, and the report
 * virtual_stream.c   receive, send, shut down
 * virtual_listen.c   listen, connect, accept
 * virtual_datagram.c datagrams
 */
#ifndef EDDY_BACKEND_VIRTUAL_NET_H
#define EDDY_BACKEND_VIRTUAL_NET_H

#include <eddy/backend.h>

#include "base/alloc.h"
#include "base/list.h"
#include "base/pool.h"

/* The bytes one direction of a stream holds at most. */
#define EDDY__VSOCK_LIMIT 65536u

enum eddy__vsock_kind {
  EDDY__VSOCK_FRESH,    /* neither connected nor listening */
  EDDY__VSOCK_CALLING,  /* connecting: refused if error is set, else waiting for room */
  EDDY__VSOCK_STREAM,   /* connected, or was */
  EDDY__VSOCK_LISTENER, /* `listener` is set */
  EDDY__VSOCK_DATAGRAM, /* `post` is set */
};

/* What a datagram socket has. */
struct eddy__vpost {
  struct eddy__link link; /* on the network's list while it has an address */
  struct eddy__vsock *sock;
  eddy_address address; /* its own, once it has one */
  eddy_address peer;    /* the fixed one; length 0: none */
  bool named;
  bool reuse_port;
  bool dual_stack;
  bool broadcast;
  struct eddy__link arrived; /* not taken yet */
  size_t count;
  size_t bytes;
  /* Sockets (by `queued`) for whose datagrams there was no room. */
  struct eddy__link senders;
};

/* The names of a connection's two ends; both hold a reference. */
struct eddy__vwire {
  unsigned refs;
  eddy_address client;
  eddy_address server;
};

struct eddy__vsock;

struct eddy__vlistener {
  struct eddy__link link; /* on the network's list */
  struct eddy__vsock *sock;
  eddy_address address;
  bool reuse_port;
  bool dual_stack;
  size_t backlog;
  size_t waiting;            /* connections on `ready` */
  struct eddy__link ready;   /* the far ends (by `queued`), not accepted yet */
  struct eddy__link callers; /* sockets (by `queued`) for which there was no room */
};

struct eddy__vsock {
  struct eddy__link all;
  struct eddy__link touched;
  struct eddy__link queued;
  int fd; /* -1: not accepted yet, or closed */
  int family;
  enum eddy__vsock_kind kind;
  int error;        /* told once, by whichever operation comes first */
  bool closed;      /* kept only until its operations have been finished or cancelled */
  bool server;      /* the wire's `server` is this end's name */
  bool input_ended; /* the peer will send no more */
  bool read_shut;
  bool write_shut;
  eddy_op *reader;
  eddy_op *writer;
  struct eddy__vsock *peer; /* STREAM: the other end, NULL once closed; CALLING: the
                               far end, owned, if there is somebody to take it */
  eddy_address *bound;      /* owned; the name it was given before it called; or NULL */
  struct eddy__vwire *wire; /* NULL: nameless (a pair), or no connection */
  struct eddy__vlistener *listener; /* owned */
  struct eddy__vpost *post;         /* owned */
  /* Received and not yet read: a ring, there only while it is not empty. */
  unsigned char *bytes;
  size_t capacity; /* a power of two */
  size_t head;
  size_t count;
};

struct eddy__vslot {
  struct eddy__vsock *sock; /* NULL: free */
  unsigned generation;
  size_t next_free;
};

struct eddy__vnet {
  eddy_loop *loop;
  struct eddy__vslot *slots;
  size_t slot_count;
  size_t first_free; /* taken at the front, given back at the end; slot_count: none */
  size_t last_free;
  struct eddy__pool socks;
  struct eddy__link all;
  struct eddy__link touched;
  struct eddy__link listeners;
  struct eddy__link posts;
  unsigned next_port;
};

/* An operation as the loop allocates it, with this half's bytes behind it. */
struct eddy__vop {
  eddy_op op;
  struct eddy__vsock *sock; /* while it is pending; outlives the descriptor */
};

/* ---- virtual_net.c ---- */
void eddy__vnet_init(struct eddy__vnet *net, eddy_loop *loop);

/* Frees everything, open sockets too. */
void eddy__vnet_fini(struct eddy__vnet *net);

/* The socket of a descriptor: 0; EDDY_ENOTSUP (a kernel's); EDDY_EBADF (closed). */
int eddy__vnet_find(const struct eddy__vnet *net, int fd, struct eddy__vsock **out);

int eddy__vnet_open(struct eddy__vnet *net, const eddy_address *address, int *fd);
int eddy__vnet_pair(struct eddy__vnet *net, int fds[2]);
int eddy__vnet_close(struct eddy__vnet *net, int fd);

/* A socket without a descriptor, or NULL. */
struct eddy__vsock *eddy__vsock_new(struct eddy__vnet *net, int family);

/* Gives it a descriptor: 0; EDDY_ENOMEM; EDDY_EMFILE. */
int eddy__vsock_number(struct eddy__vnet *net, struct eddy__vsock *sock);

/* Ends a socket: its operations and its peer's are touched, and it is freed as soon as it
 * has no operation. */
void eddy__vsock_close(struct eddy__vnet *net, struct eddy__vsock *sock);

/* Frees it, without a word to anybody. */
void eddy__vsock_free(struct eddy__vnet *net, struct eddy__vsock *sock);

/* Lets go of the names of the connection. */
void eddy__vsock_unwire(struct eddy__vsock *sock);

/* ---- virtual_op.c ---- */
int eddy__vop_start(struct eddy__vnet *net, eddy_op *op);
int eddy__vop_finish(struct eddy__vnet *net, eddy_op *op);
void eddy__vop_cancel(struct eddy__vnet *net, eddy_op *op);

/* Something happened that an operation of this side may have waited for. */
void eddy__vsock_touch_reader(struct eddy__vnet *net, struct eddy__vsock *sock);
void eddy__vsock_touch_writer(struct eddy__vnet *net, struct eddy__vsock *sock);

/* Signals what can be finished. Returns whether there was anything. */
bool eddy__vnet_report(struct eddy__vnet *net);

/* ---- virtual_stream.c ---- */
int eddy__vsock_recv(struct eddy__vnet *net, struct eddy__vsock *sock, eddy_op *op);
int eddy__vsock_send(struct eddy__vnet *net, struct eddy__vsock *sock, eddy_op *op);
int eddy__vnet_shutdown(struct eddy__vnet *net, int fd, eddy_shutdown how);

/* The peer, if there is one, sees the end of a stream. */
void eddy__vsock_part(struct eddy__vnet *net, struct eddy__vsock *sock);

/* ---- virtual_listen.c ---- */
int eddy__vnet_listen(struct eddy__vnet *net, const eddy_address *address,
    const eddy_listen_options *options, int *fd);
int eddy__vnet_bind(struct eddy__vnet *net, int fd, const eddy_address *address);
int eddy__vnet_name(struct eddy__vnet *net, int fd, bool peer, eddy_address *out);

/* The next of the ports that the network chooses itself. */
unsigned eddy__vnet_next_port(struct eddy__vnet *net);

/* Refuses the callers and resets what was not accepted. */
void eddy__vsock_unlisten(struct eddy__vnet *net, struct eddy__vsock *sock);

/* Calls: a code if it cannot; EDDY_PENDING otherwise, even if the answer is there
 * already; a Unix address is answered at once. */
int eddy__vsock_connect(
    struct eddy__vnet *net, struct eddy__vsock *sock, const eddy_address *address);

/* The answer: 0, a code (the socket is fresh again), or EDDY_PENDING. */
int eddy__vsock_connected(struct eddy__vnet *net, struct eddy__vsock *sock);

/* Gives up a call; the socket is fresh again. */
void eddy__vsock_hang_up(struct eddy__vnet *net, struct eddy__vsock *sock);

int eddy__vsock_accept(struct eddy__vnet *net, struct eddy__vsock *sock, eddy_op *op);

/* ---- virtual_datagram.c ---- */
int eddy__vnet_open_datagram(struct eddy__vnet *net, const eddy_address *address,
    const eddy_datagram_options *options, int *fd);

/* A datagram operation, receive and send among them: 0, a code, or EDDY_PENDING. */
int eddy__vpost_attempt(struct eddy__vnet *net, struct eddy__vsock *sock, eddy_op *op);

/* Whether the operation can be finished. */
bool eddy__vpost_ready(
    struct eddy__vnet *net, const struct eddy__vsock *sock, const eddy_op *op);

int eddy__vpost_connect(
    struct eddy__vnet *net, struct eddy__vsock *sock, const eddy_address *address);
int eddy__vpost_shutdown(
    struct eddy__vnet *net, struct eddy__vsock *sock, eddy_shutdown how);
int eddy__vpost_name(const struct eddy__vsock *sock, bool peer, eddy_address *out);

/* The socket is closed: who waits to send to it tries again. */
void eddy__vpost_leave(struct eddy__vnet *net, struct eddy__vsock *sock);
void eddy__vpost_free(struct eddy__vsock *sock);

#endif
