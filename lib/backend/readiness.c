#include "backend/readiness.h"

#include "base/alloc.h"

#define SMALLEST 64 /* numbers the first table has room for */

enum side {
  READER = EDDY__READER,
  WRITER = EDDY__WRITER,
};

static enum side side_of(const eddy_op *op)
{
  switch (op->kind) {
  case EDDY_OP_WRITABLE:
  case EDDY_OP_SEND:
  case EDDY_OP_WRITE:
  case EDDY_OP_SENDTO:
  case EDDY_OP_SENDFILE:
  case EDDY_OP_CONNECT:
    return WRITER;
  default:
    return READER;
  }
}

static unsigned event_of(enum side side)
{
  return side == READER ? EDDY__READ : EDDY__WRITE;
}

static uint8_t without(unsigned events, enum side side)
{
  return (uint8_t)(events & ~event_of(side));
}

bool eddy__readiness_is_bare(const eddy_op *op)
{
  return op->kind == EDDY_OP_READABLE || op->kind == EDDY_OP_WRITABLE;
}

void eddy__readiness_init(struct eddy__readiness *table, eddy_loop *loop,
    const struct eddy__poller *poller, void *poller_self)
{
  *table = (struct eddy__readiness){
      .loop = loop,
      .poller = poller,
      .poller_self = poller_self,
      .lent = -1,
      .fresh = -1,
      .epoch = 1,
  };
}

void eddy__readiness_fini(struct eddy__readiness *table)
{
  for (size_t fd = 0; fd < table->size; fd++) {
    if (table->slots[fd] != NULL)
      table->poller->drop(table->poller_self, table->slots[fd]);
  }
  eddy__free(table->slots);
  table->slots = NULL;
  table->size = 0;
}

static struct eddy__slot *find_slot(const struct eddy__readiness *table, int fd)
{
  return fd >= 0 && (size_t)fd < table->size ? table->slots[fd] : NULL;
}

static int grow_table(struct eddy__readiness *table, int fd)
{
  size_t size = table->size == 0 ? SMALLEST : table->size;
  while (size <= (size_t)fd) {
    size *= 2;
  }
  if (size == table->size) return 0;
  struct eddy__slot **slots = eddy__realloc(table->slots, size * sizeof(slots[0]));
  if (slots == NULL) return EDDY_ENOMEM;
  for (size_t i = table->size; i < size; i++) {
    slots[i] = NULL;
  }
  table->slots = slots;
  table->size = size;
  return 0;
}

/* The slot of an open descriptor, made if need be. */
static int get_slot(struct eddy__readiness *table, int fd, struct eddy__slot **out)
{
  int rc = grow_table(table, fd);
  if (rc < 0) return rc;
  if (table->slots[fd] == NULL) {
    struct eddy__slot *slot = table->poller->make(table->poller_self);
    if (slot == NULL) return EDDY_ENOMEM;
    slot->fd = fd;
    table->slots[fd] = slot;
  }
  *out = table->slots[fd];
  return 0;
}

static void signal_op(struct eddy__readiness *table, eddy_op *op)
{
  table->signals++;
  eddy_backend_signal(table->loop, op);
}

static unsigned waiting(const struct eddy__slot *slot)
{
  unsigned events = 0;
  if (slot->ops[READER] != NULL) events |= EDDY__READ;
  if (slot->ops[WRITER] != NULL) events |= EDDY__WRITE;
  return events;
}

static void list_fresh(struct eddy__readiness *table, struct eddy__slot *slot)
{
  if (slot->fresh) return;
  slot->fresh = true;
  slot->next_fresh = table->fresh;
  table->fresh = slot->fd;
}

/* A failure leaves the slot unarmed. Who waits in the other direction is signalled then,
 * and meets the error itself when it tries again. */
static int arm(struct eddy__readiness *table, struct eddy__slot *slot, unsigned events)
{
  unsigned before = slot->armed;
  int rc = table->poller->arm(table->poller_self, slot, events);
  slot->armed = rc == 0 ? (uint8_t)events : 0;
  if (before == 0 && slot->armed != 0 && slot->file_kind != EDDY__FILE_UNKNOWN)
    list_fresh(table, slot);
  if (rc < 0) eddy__readiness_event(table, slot, before & waiting(slot));
  return rc;
}

static void disarm(
    struct eddy__readiness *table, struct eddy__slot *slot, unsigned events)
{
  if ((slot->armed & events) != 0) (void)arm(table, slot, slot->armed & ~events);
}

static void forget(struct eddy__readiness *table, struct eddy__slot *slot)
{
  table->poller->forget(table->poller_self, slot);
  slot->armed = 0;
  slot->lent = 0;
  slot->ready = 0;
  slot->edge = false;
  slot->ended = false;
  slot->generation++;
}

static void attach(struct eddy__readiness *table, struct eddy__slot *slot, eddy_op *op)
{
  enum side side = side_of(op);
  slot->ops[side] = op;
  slot->signalled = without(slot->signalled, side);
  slot->lent = without(slot->lent, side);
  table->pending++;
  op->status = 0;
}

static void detach(struct eddy__readiness *table, struct eddy__slot *slot, enum side side)
{
  slot->ops[side] = NULL;
  slot->signalled = without(slot->signalled, side);
  table->pending--;
}

/* Leaves the direction armed until the next poll, in case it is waited on again. */
static void lend(struct eddy__readiness *table, struct eddy__slot *slot, enum side side)
{
  slot->lent = (uint8_t)(slot->lent | event_of(side));
  if (slot->listed) return;
  slot->listed = true;
  slot->next_lent = table->lent;
  table->lent = slot->fd;
}

/* Whoever waits is detached, and finishes with the code. */
static void fail_waiters(struct eddy__readiness *table, struct eddy__slot *slot, int code)
{
  for (enum side side = READER; side <= WRITER; side++) {
    eddy_op *op = slot->ops[side];
    if (op == NULL) continue;
    bool signalled = (slot->signalled & event_of(side)) != 0;
    detach(table, slot, side);
    op->status = code;
    if (!signalled) signal_op(table, op);
  }
}

void eddy__readiness_lost(
    struct eddy__readiness *table, struct eddy__slot *slot, int code)
{
  forget(table, slot);
  slot->own = false;
  slot->stream = false;
  slot->level = false;
  slot->file_kind = EDDY__FILE_UNKNOWN;
  fail_waiters(table, slot, code);
}

/* Compares what the number stands for with what was registered, and forgets the
 * registration unless both are known to be the same. */
static void recognise(
    struct eddy__readiness *table, struct eddy__slot *slot, const struct eddy__file *file)
{
  unsigned known = slot->file_kind;
  bool same = known == file->kind && slot->file == eddy__file_identity(file);
  slot->file = eddy__file_identity(file);
  slot->file_kind = (uint8_t)file->kind;
  slot->vetted = slot->vetted && same;
  if (slot->armed == 0) return;
  if (same && file->kind != EDDY__FILE_OTHER) return;
  if (!same && known != EDDY__FILE_UNKNOWN) {
    /* Who still waits here waits for a file that is gone. */
    forget(table, slot);
    fail_waiters(table, slot, EDDY_EBADF);
    return;
  }
  unsigned events = slot->armed & waiting(slot);
  forget(table, slot);
  if (events != 0 && arm(table, slot, events) < 0)
    eddy__readiness_event(table, slot, events);
}

/* ---- whether there is anything to read ---- */

static bool is_drained(
    const struct eddy__readiness *table, const struct eddy__slot *slot, const eddy_op *op)
{
  return slot != NULL && slot->drained == table->epoch && op->kind == EDDY_OP_RECV &&
         op->size > 0 && (op->flags & EDDY_OP_NOWAIT) == 0;
}

/* What an attempt says about edges reported before: whether one is to be waited for. */
static void note_edge(struct eddy__slot *slot, const eddy_op *op, int rc)
{
  bool blocked = rc == EDDY_PENDING;
  bool less = op->kind == EDDY_OP_RECV_BATCH ||
              (op->kind == EDDY_OP_RECV && slot->stream);
  bool drained = less && rc == 0 && op->result > 0 && (size_t)op->result < op->size;
  if (blocked || (drained && !slot->ended))
    slot->ready = without(slot->ready, side_of(op));
  if (blocked) slot->ended = false;
}

/* An operation was tried, on a descriptor that may have no slot. */
static void note_attempt(
    struct eddy__readiness *table, struct eddy__slot *slot, const eddy_op *op, int rc)
{
  if (slot != NULL && slot->edge) note_edge(slot, op, rc);
  if (op->kind == EDDY_OP_RECV) {
    bool less = rc == 0 && op->result > 0 && (size_t)op->result < op->size;
    if (less && slot != NULL && slot->stream) slot->drained = table->epoch;
    return;
  }
  /* What is sent cannot come back on the same descriptor before a poll. */
  bool drained = slot != NULL && slot->drained == table->epoch;
  table->epoch++;
  if (drained) slot->drained = table->epoch;
}

static int attempt(
    struct eddy__readiness *table, struct eddy__slot *slot, eddy_op *op, bool again)
{
  int rc = EDDY_ENOTSUP;
  if (slot != NULL && table->poller->attempt != NULL)
    rc = table->poller->attempt(table->poller_self, slot, op);
  return rc == EDDY_ENOTSUP ? eddy__socket_attempt(op, again) : rc;
}

static int try_first(struct eddy__readiness *table, struct eddy__slot *slot, eddy_op *op)
{
  bool own = slot != NULL && slot->own;
  if (!own && (op->kind == EDDY_OP_ACCEPT || op->kind == EDDY_OP_CONNECT)) {
    int rc = eddy__socket_nonblocking(op->fd);
    if (rc < 0) return rc;
  }
  if ((op->flags & EDDY_OP_LATER) != 0) return EDDY_PENDING;
  int rc = attempt(table, slot, op, false);
  if (rc == 0 && op->kind == EDDY_OP_ACCEPT)
    eddy__readiness_adopt(table, (int)op->result, true);
  return rc;
}

int eddy__readiness_start(struct eddy__readiness *table, eddy_op *op)
{
  if (op->fd < 0) return EDDY_EBADF;
  enum side side = side_of(op);
  struct eddy__slot *slot = find_slot(table, op->fd);
  if (slot != NULL && slot->ops[side] != NULL) return EDDY_EBUSY;
  bool own = slot != NULL && slot->own;
  int rc = EDDY_PENDING;
  if (!is_drained(table, slot, op)) {
    rc = try_first(table, slot, op);
    if ((op->flags & EDDY_OP_LATER) == 0) note_attempt(table, slot, op, rc);
  }
  if (rc != EDDY_PENDING) return rc;
  if ((op->flags & EDDY_OP_NOWAIT) != 0) return EDDY_EAGAIN;
  bool look = !own || eddy__readiness_is_bare(op);
  struct eddy__file file;
  if (look) {
    rc = eddy__file_look(op->fd, &file);
    if (rc < 0) return rc;
  }
  rc = get_slot(table, op->fd, &slot);
  if (rc < 0) return rc;
  if (eddy__readiness_is_bare(op)) slot->level = true;
  if (look) recognise(table, slot, &file);
  if ((slot->armed & event_of(side)) == 0) {
    rc = arm(table, slot, slot->armed | event_of(side));
    if (rc < 0) return rc;
  }
  attach(table, slot, op);
  if (slot->edge && (slot->ready & event_of(side)) != 0)
    eddy__readiness_event(table, slot, event_of(side));
  return EDDY_PENDING;
}

int eddy__readiness_finish(struct eddy__readiness *table, eddy_op *op)
{
  if (op->status < 0) return op->status;
  enum side side = side_of(op);
  struct eddy__slot *slot = find_slot(table, op->fd);
  if (slot == NULL || slot->ops[side] != op) return EDDY_EINVAL;
  int rc = attempt(table, slot, op, true);
  note_attempt(table, slot, op, rc);
  if (rc == EDDY_PENDING) {
    slot->signalled = without(slot->signalled, side);
    if ((slot->armed & event_of(side)) != 0) return EDDY_PENDING;
    rc = arm(table, slot, slot->armed | event_of(side));
    if (rc == 0) return EDDY_PENDING;
  }
  detach(table, slot, side);
  if (eddy__readiness_is_bare(op)) lend(table, slot, side);
  if (rc == 0 && op->kind == EDDY_OP_ACCEPT)
    eddy__readiness_adopt(table, (int)op->result, true);
  return rc;
}

void eddy__readiness_cancel(struct eddy__readiness *table, eddy_op *op)
{
  enum side side = side_of(op);
  struct eddy__slot *slot = find_slot(table, op->fd);
  if (slot == NULL || slot->ops[side] != op) return; /* it had failed already */
  detach(table, slot, side);
  if (eddy__readiness_is_bare(op)) disarm(table, slot, event_of(side));
}

int eddy__readiness_close(struct eddy__readiness *table, int fd)
{
  table->epoch++;
  struct eddy__slot *slot = find_slot(table, fd);
  if (slot != NULL) eddy__readiness_lost(table, slot, EDDY_EBADF);
  return eddy__socket_close(fd);
}

/* The number stays open, so that its registration does not end by itself. */
static void lose_open(struct eddy__readiness *table, struct eddy__slot *slot)
{
  slot->edge = false;
  eddy__readiness_lost(table, slot, EDDY_EBADF);
}

void eddy__readiness_adopt(struct eddy__readiness *table, int fd, bool stream)
{
  struct eddy__slot *slot;
  /* Without memory the descriptor counts as somebody else's, which only costs a look. */
  if (get_slot(table, fd, &slot) < 0) return;
  if (slot->armed != 0 || slot->ops[READER] != NULL || slot->ops[WRITER] != NULL) {
    lose_open(table, slot);
  } else if (table->poller->attempt != NULL) {
    forget(table, slot); /* what was taken in under this number before */
  }
  slot->file_kind = EDDY__FILE_UNKNOWN;
  slot->own = true;
  slot->level = false;
  slot->stream = stream;
  slot->drained = 0;
}

void eddy__readiness_disown(struct eddy__readiness *table, int fd)
{
  struct eddy__slot *slot = find_slot(table, fd);
  if (slot != NULL) lose_open(table, slot);
}

bool eddy__readiness_waits(const struct eddy__readiness *table, int fd)
{
  const struct eddy__slot *slot = find_slot(table, fd);
  return slot != NULL && waiting(slot) != 0;
}

void eddy__readiness_settle(struct eddy__readiness *table)
{
  table->epoch++;
  while (table->lent >= 0) {
    struct eddy__slot *slot = table->slots[table->lent];
    table->lent = slot->next_lent;
    slot->listed = false;
    unsigned events = slot->lent;
    slot->lent = 0;
    disarm(table, slot, events);
  }
}

void eddy__readiness_verify(struct eddy__readiness *table)
{
  while (table->fresh >= 0) {
    struct eddy__slot *slot = table->slots[table->fresh];
    struct eddy__file file;
    table->fresh = slot->next_fresh;
    slot->fresh = false;
    if (slot->armed == 0 || slot->file_kind == EDDY__FILE_UNKNOWN) continue;
    int rc = eddy__file_look(slot->fd, &file);
    bool same = rc == 0 && slot->file == eddy__file_identity(&file);
    if (!same) eddy__readiness_lost(table, slot, rc < 0 ? rc : EDDY_EBADF);
  }
}

void eddy__readiness_event(
    struct eddy__readiness *table, struct eddy__slot *slot, unsigned events)
{
  unsigned idle = 0;
  for (enum side side = READER; side <= WRITER; side++) {
    unsigned event = event_of(side);
    if ((events & event) == 0) continue;
    if (slot->ops[side] == NULL) {
      idle |= event;
    } else if ((slot->signalled & event) == 0) {
      slot->signalled = (uint8_t)(slot->signalled | event);
      signal_op(table, slot->ops[side]);
    }
  }
  if (!slot->edge) disarm(table, slot, idle);
}

void eddy__readiness_rest(struct eddy__readiness *table, struct eddy__slot *slot)
{
  disarm(table, slot, EDDY__READ);
}

void eddy__readiness_edge(
    struct eddy__readiness *table, struct eddy__slot *slot, unsigned events, bool ended)
{
  slot->ready = (uint8_t)(slot->ready | events);
  if (ended) slot->ended = true;
  eddy__readiness_event(table, slot, events);
}

bool eddy__readiness_watches(const struct eddy__readiness *table, const eddy_op *op)
{
  const struct eddy__slot *slot = find_slot(table, op->fd);
  return slot != NULL && (slot->armed & event_of(side_of(op))) != 0;
}
