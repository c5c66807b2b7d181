#include "io/sock.h"

#include <stdio.h>

#include "io/transport.h"

#include "base/clock.h"
#include "base/outcome.h"

/* After so many calls that did not wait, a task lets the others run. */
#define SPINS 64

/* How long a listener rests when there are no descriptors left, as in asyncio. */
#define ACCEPT_PAUSE EDDY_S(1)

/* What the wait that a call continues after was for (task->wait.phase). */
enum phase { PHASE_TURN, PHASE_READY, PHASE_PAUSE };

static const char *const names[] = {[EDDY_OP_READABLE] = "wait",
    [EDDY_OP_WRITABLE] = "wait",
    [EDDY_OP_RECV] = "recv",
    [EDDY_OP_SEND] = "send",
    [EDDY_OP_ACCEPT] = "accept",
    [EDDY_OP_CONNECT] = "connect",
    [EDDY_OP_RECVFROM] = "recvfrom",
    [EDDY_OP_SENDTO] = "sendto",
    [EDDY_OP_RECV_BATCH] = "recv_batch",
    [EDDY_OP_SENDFILE] = "sendfile"};

static void describe_ready(const eddy_task *task, char *text, size_t size)
{
  const eddy_op *op = task->op;
  if (op->kind == EDDY_OP_CONNECT) {
    char peer[EDDY_ADDRESS_TEXT];
    snprintf(text, size, "connect to %s on descriptor %d",
        eddy_address_format(op->address, peer, sizeof(peer)), op->fd);
    return;
  }
  snprintf(text, size, "%s on descriptor %d", names[op->kind], op->fd);
}

static void describe_pause(const eddy_task *task, char *text, size_t size)
{
  snprintf(
      text, size, "accept on descriptor %d, resting: no descriptors left", task->op->fd);
}

static const struct eddy__wait_type ready_wait = {NULL, describe_ready, NULL, "socket"};
static const struct eddy__wait_type pause_wait = {
    eddy__wait_until_cancel, describe_pause, NULL, "accept pause"};

/* The poller has news: the task tries again when its step comes. */
static int op_ready(void *arg)
{
  eddy_task *task = arg;
  eddy__op_ran(task->future.loop, task->op);
  eddy__wait_woken(task, 0);
  return 0;
}

int eddy__sock_begin(struct eddy__sock_call *call, eddy_op_kind kind, int fd)
{
  int rc;
  call->task = eddy__wait_begin(&call->resumed, &rc);
  if (call->task == NULL) return rc;
  eddy_task *task = call->task;
  call->loop = task->future.loop;
  if (call->resumed) {
    if (task->wait.phase != PHASE_TURN) return 0;
    call->resumed = false;
    if (task->wait.status < 0) return task->wait.status;
  } else {
    if (fd < 0) return eddy__fail(EDDY_EBADF, names[kind], "descriptor", fd);
    if (++task->spins > SPINS) {
      task->spins = 0;
      task->wait.phase = PHASE_TURN;
      rc = eddy__wait_turn(task, 0);
      if (rc != 0) return rc;
    }
  }
  if (task->op == NULL) task->op = eddy__op_new(call->loop);
  return task->op == NULL ? EDDY_ENOMEM : 0;
}

int eddy__sock_fail_at(int rc, const char *operation, const eddy_address *address)
{
  char text[EDDY_ADDRESS_TEXT];
  return eddy_raise(rc, "%s %s: %s", operation,
      eddy_address_format(address, text, sizeof(text)), eddy_strerror(rc));
}

/* A transport uses the descriptor, and it is not the transport itself that asks. */
static bool is_claimed(const eddy_loop *loop, const eddy_op *op)
{
  if (!eddy__fd_is_claimed(loop, op->fd)) return false;
  if (op->kind != EDDY_OP_SENDFILE) return true;
  struct eddy__fd *claim = eddy__fds_find(&loop->claimed, op->fd);
  return !eddy__transport_of_claim(claim)->sends_file;
}

static int fail(const eddy_loop *loop, const eddy_op *op, int rc)
{
  bool connects = op->kind == EDDY_OP_CONNECT;
  bool about_peer = connects || (op->kind == EDDY_OP_SENDTO && op->address != NULL);
  if (about_peer && rc != EDDY_EBADF && rc != EDDY_EBUSY) {
    return eddy__sock_fail_at(rc, names[op->kind], op->address);
  }
  if (rc == EDDY_EMSGSIZE && op->kind == EDDY_OP_RECVFROM) {
    return eddy_raise(rc,
        "recvfrom descriptor %d: a datagram is larger than the buffer of %zu bytes; the "
        "rest "
        "of it is lost",
        op->fd, op->size);
  }
  if (rc != EDDY_EBUSY) return eddy__fail(rc, names[op->kind], "descriptor", op->fd);
  if (is_claimed(loop, op)) return eddy__fd_refusal(loop, names[op->kind], op->fd);
  bool sends = connects || op->kind == EDDY_OP_SEND || op->kind == EDDY_OP_SENDTO ||
               op->kind == EDDY_OP_SENDFILE;
  return eddy_raise(rc, "%s descriptor %d: another task or callback waits to %s already",
      names[op->kind], op->fd, sends ? "write to it" : "read from it");
}

int eddy__sock_carry_out(struct eddy__sock_call *call)
{
  eddy_task *task = call->task;
  eddy_op *op = task->op;
  int rc = 0;
  if (!call->resumed) rc = eddy__op_start(call->loop, op, op_ready, task);
  if (rc == EDDY_PENDING && is_claimed(call->loop, op)) {
    eddy__op_cancel(call->loop, op);
    rc = EDDY_EBUSY;
  }
  while (call->resumed || rc == EDDY_PENDING) {
    if (call->resumed) {
      rc = task->wait.status;
      call->resumed = false;
    } else {
      task->spins = 0;
      task->wait.phase = PHASE_READY;
      rc = eddy__wait(task, &ready_wait, NULL);
      if (rc == EDDY_PENDING) return rc;
    }
    if (rc < 0) {
      eddy__op_cancel(call->loop, op);
      return rc;
    }
    rc = eddy__op_finish(call->loop, op);
  }
  return rc < 0 ? fail(call->loop, op, rc) : 0;
}

void eddy__sock_describe(
    eddy_op *op, eddy_op_kind kind, int fd, void *buffer, size_t size)
{
  op->kind = kind;
  op->fd = fd;
  op->buffer = buffer;
  op->size = size;
  op->address = NULL;
  op->result = 0;
}

static int transfer(eddy_op_kind kind, int fd, void *buffer, size_t size, size_t *moved)
{
  if ((buffer == NULL && size > 0) || moved == NULL) return EDDY_EINVAL;
  struct eddy__sock_call call;
  int rc = eddy__sock_begin(&call, kind, fd);
  if (rc != 0) return rc;
  if (!call.resumed) eddy__sock_describe(call.task->op, kind, fd, buffer, size);
  rc = eddy__sock_carry_out(&call);
  if (rc == 0) *moved = (size_t)call.task->op->result;
  return rc;
}

int eddy_sock_recv(int fd, void *buffer, size_t size, size_t *got)
{
  return transfer(EDDY_OP_RECV, fd, buffer, size, got);
}

int eddy_sock_recv_into(int fd, void *buffer, size_t size, size_t *got)
{
  return transfer(EDDY_OP_RECV, fd, buffer, size, got);
}

int eddy_sock_send(int fd, const void *data, size_t size, size_t *sent)
{
  /* A SEND never writes to its buffer. */
  return transfer(EDDY_OP_SEND, fd, (void *)(uintptr_t)data, size, sent);
}

int eddy_sock_sendall(int fd, const void *data, size_t size)
{
  if (data == NULL && size > 0) return EDDY_EINVAL;
  struct eddy__sock_call call;
  int rc = eddy__sock_begin(&call, EDDY_OP_SEND, fd);
  if (rc != 0) return rc;
  eddy_op *op = call.task->op;
  /* What is left to send stands in the operation, where it outlives a stackless wait. */
  if (!call.resumed)
    eddy__sock_describe(op, EDDY_OP_SEND, fd, (void *)(uintptr_t)data, size);
  while (op->size > 0) {
    rc = eddy__sock_carry_out(&call);
    if (rc != 0) return rc;
    op->buffer = (char *)op->buffer + op->result;
    op->size -= (size_t)op->result;
  }
  return 0;
}

int eddy_sock_connect(int fd, const eddy_address *address)
{
  if (address == NULL || address->length == 0) return EDDY_EINVAL;
  struct eddy__sock_call call;
  int rc = eddy__sock_begin(&call, EDDY_OP_CONNECT, fd);
  if (rc != 0) return rc;
  if (!call.resumed) {
    eddy__sock_describe(call.task->op, EDDY_OP_CONNECT, fd, NULL, 0);
    call.task->op->address = (eddy_address *)(uintptr_t)address;
  }
  return eddy__sock_carry_out(&call);
}

/* Out of descriptors: says so, and waits a while. 0, EDDY_PENDING or an error. */
static int rest(struct eddy__sock_call *call, int rc)
{
  eddy_task *task = call->task;
  eddy__loop_report(call->loop, "accept: no descriptors left; trying again in 1 s", rc,
      NULL, task, NULL, task->site);
  eddy_time when = eddy__time_after(eddy__loop_now(call->loop), ACCEPT_PAUSE);
  task->wait.phase = PHASE_PAUSE;
  return eddy__wait_until(task, &pause_wait, when);
}

static bool out_of_descriptors(int rc)
{
  return rc == EDDY_EMFILE || rc == EDDY_ENFILE || rc == EDDY_ENOBUFS;
}

int eddy_sock_accept(int listener, int *connection, eddy_address *peer)
{
  if (connection == NULL) return EDDY_EINVAL;
  struct eddy__sock_call call;
  int rc = eddy__sock_begin(&call, EDDY_OP_ACCEPT, listener);
  if (rc != 0) return rc;
  eddy_task *task = call.task;
  bool rested = call.resumed && task->wait.phase == PHASE_PAUSE;
  if (rested) rc = task->wait.status;
  for (;;) {
    if (rested) {
      eddy__wait_until_end(task);
      if (rc < 0) return rc;
      call.resumed = false;
    }
    if (!call.resumed) {
      eddy__sock_describe(task->op, EDDY_OP_ACCEPT, listener, NULL, 0);
      task->op->address = peer;
    }
    rc = eddy__sock_carry_out(&call);
    if (!out_of_descriptors(rc)) break;
    rc = rest(&call, rc);
    if (rc == EDDY_PENDING) return rc;
    rested = true;
  }
  if (rc == 0) *connection = (int)task->op->result;
  return rc;
}

/* ---- calls that do not wait ---- */

/* The running loop, for a call that needs its backend. */
static int running(eddy_loop **loop)
{
  *loop = eddy__self.loop;
  return *loop == NULL ? EDDY_ENOLOOP : 0;
}

int eddy_sock_listen(
    const char *host, int port, const eddy_listen_options *options, int *fd)
{
  static const eddy_listen_options defaults;
  eddy_loop *loop;
  eddy_address address;
  int rc = running(&loop);
  if (rc < 0) return rc;
  if (fd == NULL) return EDDY_EINVAL;
  if (options == NULL) options = &defaults;
  rc = eddy_address_parse(host, port, &address);
  if (rc < 0) return rc;
  rc = loop->io->sock_listen(loop->io_state, &address, options, fd);
  return rc < 0 ? eddy__sock_fail_at(rc, "listen on", &address) : 0;
}

int eddy_sock_open(const eddy_address *address, int *fd)
{
  eddy_loop *loop;
  int rc = running(&loop);
  if (rc < 0) return rc;
  if (address == NULL || address->length == 0 || fd == NULL) return EDDY_EINVAL;
  rc = loop->io->sock_open(loop->io_state, address, fd);
  return rc < 0 ? eddy__sock_fail_at(rc, "open a socket for", address) : 0;
}

int eddy_sock_pair(int fds[2])
{
  eddy_loop *loop;
  int rc = running(&loop);
  if (rc < 0) return rc;
  if (fds == NULL) return EDDY_EINVAL;
  rc = loop->io->sock_pair(loop->io_state, fds);
  return rc < 0 ? eddy__fail(rc, "open a pair of sockets", NULL, -1) : 0;
}

int eddy_sock_shutdown(int fd, eddy_shutdown how)
{
  eddy_loop *loop;
  int rc = running(&loop);
  if (rc < 0) return rc;
  if ((unsigned)how > EDDY_SHUTDOWN_BOTH) return EDDY_EINVAL;
  rc = fd < 0 ? EDDY_EBADF : loop->io->sock_shutdown(loop->io_state, fd, how);
  return rc < 0 ? eddy__fail(rc, "shutdown", "descriptor", fd) : 0;
}

static int get_name(int fd, bool peer, eddy_address *out)
{
  eddy_loop *loop;
  int rc = running(&loop);
  if (rc < 0) return rc;
  if (out == NULL) return EDDY_EINVAL;
  rc = fd < 0 ? EDDY_EBADF : loop->io->sock_name(loop->io_state, fd, peer, out);
  return rc < 0 ? eddy__fail(rc, peer ? "getpeername" : "getsockname", "descriptor", fd)
                : 0;
}

int eddy_sock_getsockname(int fd, eddy_address *out)
{
  return get_name(fd, false, out);
}

int eddy_sock_getpeername(int fd, eddy_address *out)
{
  return get_name(fd, true, out);
}

/* To this loop or away from it. */
static int move(int fd, const char *call, bool here)
{
  eddy_loop *loop;
  int rc = running(&loop);
  if (rc < 0) return rc;
  if (fd < 0) return eddy__fail(EDDY_EBADF, call, "descriptor", fd);
  rc = eddy__fd_refusal(loop, call, fd);
  if (rc < 0) return rc;
  int (*io_call)(void *, int) = here ? loop->io->sock_adopt : loop->io->sock_disown;
  if (io_call == NULL) return 0;
  rc = io_call(loop->io_state, fd);
  if (rc != EDDY_EBUSY) return rc < 0 ? eddy__fail(rc, call, "descriptor", fd) : 0;
  return eddy_raise(
      rc, "%s descriptor %d: a task or callback of this loop waits for it", call, fd);
}

int eddy_sock_adopt(int fd)
{
  return move(fd, "adopt", true);
}

int eddy_sock_disown(int fd)
{
  return move(fd, "disown", false);
}

int eddy_sock_close(int fd)
{
  eddy_loop *loop;
  int rc = running(&loop);
  if (rc < 0) return rc;
  if (fd < 0) return eddy__fail(EDDY_EBADF, "close", "descriptor", fd);
  eddy__watches_forget(loop, fd);
  rc = loop->io->sock_close(loop->io_state, fd);
  return rc < 0 ? eddy__fail(rc, "close", "descriptor", fd) : 0;
}
