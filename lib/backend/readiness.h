/*
 * Operations over a poller that only says when a descriptor is ready.
 *
 * An operation is tried at once and waits only if it would block; when the poller says
 * that its direction is ready it is signalled, and finish tries again. A descriptor
 * stays armed after its waiter has been served, because it will most likely be waited on
 * again: a request then costs no registration. If it becomes ready while nobody waits it
 * is disarmed, or a poller that reports levels would spin.
 *
 * A read that got less than it had room for has taken all there was: the next one waits without
 * trying, which would cost a system call for each request of a service. Only in the usual case,
 * where it could not have been otherwise as far as this loop knows: since then it has neither
 * polled nor done anything to another descriptor. (What another process or thread has sent
 * meanwhile is found by the poll.)
 *
 * A poller that reports edges (struct eddy__slot's `edge`) is not disarmed: each descriptor is
 * registered once. What it has said holds until an attempt finds that it does no more, by having
 * to wait or by a short read; a wait on a direction that may still be ready is signalled at once,
 * since no edge would come. A short read says so only of a stream whose end has not come: the end
 * may have been reported together with the data before it. The waits that promise levels,
 * READABLE and WRITABLE, and descriptors made elsewhere are always reported by level.
 *
 * A number closed behind our back (with close instead of eddy_sock_close) loses its
 * registration in the kernel, and may name another file when it is next waited on:
 *
 *   - Descriptors made here (accept, open, pair, listen) are announced with
 *     eddy__readiness_adopt, which forgets whatever was known of the number. They are
 *     not looked at again, so that the usual request costs nothing.
 *   - All others, and every READABLE or WRITABLE wait, are compared with what was
 *     registered: sockets and pipes by their inode; anything else (eventfd, terminal)
 *     cannot be told apart and is registered anew for each wait.
 *   - A READABLE or WRITABLE wait that is cancelled disarms its direction at once, and
 * one that was finished before the next poll unless it is repeated, so that add_reader,
 *     remove_reader, close leaves nothing behind, even if the file lives on in a
 * duplicate.
 *   - Not detected: a descriptor made here, closed with close and its number taken over
 * by a socket made elsewhere, for RECV, SEND, ACCEPT and CONNECT; a named pipe opened
 *     again under the same number, and with kqueue a duplicate of the same file there; and a
 * waiter whose descriptor is closed behind its back waits on, as it does in asyncio.
 */
#ifndef EDDY_BACKEND_READINESS_H
#define EDDY_BACKEND_READINESS_H

#include <eddy/backend.h>

#include "backend/socket.h"

/* Places of a slot's operations. */
enum eddy__side {
  EDDY__READER = 0,
  EDDY__WRITER = 1,
};

enum eddy__events {
  EDDY__READ = 1,
  EDDY__WRITE = 2,
};

/* What is known of one descriptor number. It is made at the first wait and lives as long
 * as the table; the poller's bytes follow it. */
struct eddy__slot {
  /* Who waits to read, to write: pending, or signalled and not finished. */
  eddy_op *ops[2];
  uint64_t file; /* identity of what was registered, if it was looked at */
  int fd;
  uint32_t generation; /* counts up whenever the number may have changed its meaning */
  uint32_t drained;    /* the table's epoch when a read was short */
  int next_lent;       /* number of the next lent slot; -1: it is the last */
  int next_fresh;      /* likewise */
  uint8_t armed;       /* events the poller reports */
  uint8_t signalled;   /* directions whose operation was signalled */
  uint8_t lent;        /* directions left armed by a finished READABLE or WRITABLE */
  uint8_t ready;       /* edge: events reported, and not known to have passed */
  uint8_t file_kind;   /* enum eddy__file_kind */
  uint8_t registered;  /* the poller's own */
  bool vetted : 1;     /* likewise; cleared when the number names another file */
  bool edge : 1;   /* the poller's: it reports edges of this slot, in both directions */
  bool ended : 1;  /* edge: the end of the stream, or an error, was reported */
  bool level : 1;  /* a READABLE or WRITABLE was started on this file */
  bool listed : 1; /* on the table's list of lent slots */
  bool fresh : 1;  /* on its list of fresh ones */
  bool own : 1;    /* the descriptor was made here */
  bool stream : 1; /* and is a stream, not of datagrams */
};

/* One slot per descriptor number ever waited on, half of what an idle connection holds: it is
 * kept small. */
_Static_assert(sizeof(struct eddy__slot) <= 56, "a slot has grown");

/* Two files of one kind are told apart by this. */
static inline uint64_t eddy__file_identity(const struct eddy__file *file)
{
  return file->inode ^ file->device * UINT64_C(0x9e3779b97f4a7c15);
}

/* The poller under it. */
struct eddy__poller {
  /* A slot, zeroed, with the poller's own behind it; NULL: no memory. */
  struct eddy__slot *(*make)(void *self);
  /* Reports these events of the slot from now on, and no others; 0: none, which cannot
   * fail. After a failure none are reported. A poller of edges chooses slot->edge, never if
   * slot->level is set; more may be reported then. Returns 0; EDDY_EBADF; EDDY_EPERM (not
   * pollable); EDDY_EBUSY (watched by another user of the poller); EDDY_ENOMEM. */
  int (*arm)(void *self, struct eddy__slot *slot, unsigned events);
  /* The number is about to be closed, names another file by now, or is given up: removes what may
   * be registered, and tolerates that it is gone. A poller of edges may leave it to the end of a
   * file that is registered for them (slot->edge). */
  void (*forget)(void *self, struct eddy__slot *slot);
  /* Takes the slot over and frees it when it can. */
  void (*drop)(void *self, struct eddy__slot *slot);
  /* Carries an operation out with what the poller has taken in ahead of it: as
   * eddy__socket_attempt, EDDY_PENDING if it goes on taking in. EDDY_ENOTSUP, or NULL: there is
   * nothing, a system call has to be made. */
  int (*attempt)(void *self, struct eddy__slot *slot, eddy_op *op);
};

struct eddy__readiness {
  eddy_loop *loop;
  const struct eddy__poller *poller;
  void *poller_self;
  struct eddy__slot **slots; /* by descriptor number */
  size_t size;
  int lent;       /* the first lent slot; -1: none */
  int fresh;      /* the first that was looked at and armed since the last
                     eddy__readiness_verify; -1: none */
  uint32_t epoch; /* counts polls, and what may have brought data to another descriptor */
  size_t pending; /* operations that wait */
  /* Operations signalled so far: a poll does not sleep after a new one. */
  uint64_t signals;
};

void eddy__readiness_init(struct eddy__readiness *table, eddy_loop *loop,
    const struct eddy__poller *poller, void *poller_self);

/* No operation is pending any more. */
void eddy__readiness_fini(struct eddy__readiness *table);

/* As the functions of eddy_io with these names. */
int eddy__readiness_start(struct eddy__readiness *table, eddy_op *op);
int eddy__readiness_finish(struct eddy__readiness *table, eddy_op *op);
void eddy__readiness_cancel(struct eddy__readiness *table, eddy_op *op);
int eddy__readiness_close(struct eddy__readiness *table, int fd);

/* The descriptor was just made by this loop, or is its own from now on. `stream`: it is not of
 * datagrams. */
void eddy__readiness_adopt(struct eddy__readiness *table, int fd, bool stream);

/* It is somebody else's from now on. No operation is pending on it. */
void eddy__readiness_disown(struct eddy__readiness *table, int fd);

/* Whether an operation is pending on the descriptor. */
bool eddy__readiness_waits(const struct eddy__readiness *table, int fd);

/* Whether the poller reports the direction of this operation already. */
bool eddy__readiness_watches(const struct eddy__readiness *table, const eddy_op *op);

/* A READABLE or WRITABLE: the descriptor is the caller's business altogether. */
bool eddy__readiness_is_bare(const eddy_op *op);

/* Before each poll: disarms what a finished READABLE or WRITABLE left behind. */
void eddy__readiness_settle(struct eddy__readiness *table);

/* Likewise, for a poller to which a descriptor that is gone means nothing: what was closed or
 * replaced between the start of a wait and now is taken out, and its waiters are signalled. */
void eddy__readiness_verify(struct eddy__readiness *table);

/* From the poller: these events have happened. The read side is signalled first. */
void eddy__readiness_event(
    struct eddy__readiness *table, struct eddy__slot *slot, unsigned events);

/* From a poller of edges: this has happened; `ended`: the stream's end or an error is among it. */
void eddy__readiness_edge(
    struct eddy__readiness *table, struct eddy__slot *slot, unsigned events, bool ended);

/* From the poller: it has stopped reporting what there is to read, which nobody waits for; the next
 * who does arms it anew. */
void eddy__readiness_rest(struct eddy__readiness *table, struct eddy__slot *slot);

/* From the poller: the slot cannot be watched any more; who waits is signalled and
 * finishes with `code`. */
void eddy__readiness_lost(
    struct eddy__readiness *table, struct eddy__slot *slot, int code);

#endif
