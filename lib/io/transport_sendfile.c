/* eddy_loop_sendfile: a file through a transport, by the system or by reading and writing. */
#include <stdio.h>
#include <unistd.h>

#include <eddy/connection.h>
#include <eddy/file.h>

#include "io/connection.h"
#include "io/transport.h"
#include "task/task.h"

#include "base/alloc.h"

/* So much is read and written at a time, as in asyncio. */
#define BLOCK ((size_t)16 * 1024)

/* What is to be done next. */
enum phase {
  EMPTY,  /* wait until what was written before is sent */
  NATIVE, /* have the system send */
  READ,   /* read a block */
  WRITE,  /* write it, when there is room */
};

/* A call under way, on the list of the loop's. */
struct call {
  struct eddy__link link;
  eddy_task *task;
  eddy_transport *transport; /* referenced; its `sends_file` is ours */
  struct eddy__link waiter;  /* the task's wait, in EMPTY and WRITE */
  enum phase phase;
  bool full;   /* the high mark was passed, the low one not reached since */
  bool paused; /* reading, by us */
  int file;
  int64_t offset; /* where it began */
  int64_t left;   /* bytes at most; INT64_MAX: up to the end */
  size_t sent;
  size_t got; /* of the block, read and not written */
  unsigned char *block;
};

static struct call *call_of_link(struct eddy__link *link)
{
  return EDDY__ENTRY(link, struct call, link);
}

/* The call that this task makes, or the one on this transport: the oldest are found first, and
 * there are few. */
static struct call *find(
    const eddy_loop *loop, const eddy_task *task, const eddy_transport *transport)
{
  struct eddy__net *net = eddy__net_of(loop);
  struct eddy__link *link = net->sendfiles.next;
  while (link != &net->sendfiles) {
    struct call *call = call_of_link(link);
    if (call->task == task || call->transport == transport) return call;
    link = link->next;
  }
  return NULL;
}

/* ---- waiting for the transport ---- */

static bool may_go_on(const struct call *call)
{
  if (call->transport->lost) return true;
  return call->phase == EMPTY ? eddy_transport_get_write_buffer_size(call->transport) == 0
                              : !call->full;
}

void eddy__transport_sendfile_go_on(eddy_transport *transport)
{
  struct call *call = find(transport->loop, NULL, transport);
  size_t queued = eddy_transport_get_write_buffer_size(transport);
  if (queued <= eddy__transport_low(transport)) call->full = false;
  struct eddy__link *link = eddy__list_first(&call->waiter);
  if (link == NULL || !may_go_on(call)) return;
  eddy__wait_wake(eddy__wait_task(EDDY__ENTRY(link, struct eddy__done, link)), 0);
}

static void describe(const eddy_task *task, char *text, size_t size)
{
  const struct call *call = task->wait.object;
  snprintf(text, size,
      "sendfile through the transport of descriptor %d: %zu bytes queued",
      eddy_transport_get_fd(call->transport),
      eddy_transport_get_write_buffer_size(call->transport));
}

static const struct eddy__wait_type room_wait = {NULL, describe, NULL, "transport room"};

/* 0 when the phase may begin, EDDY_PENDING, or a code. */
static int wait_for_room(struct call *call, bool *resumed, int rc)
{
  if (!*resumed && !may_go_on(call)) {
    call->task->wait.done.complete = NULL;
    eddy__list_append(&call->waiter, &call->task->wait.done.link);
    rc = eddy__wait(call->task, &room_wait, call);
  }
  *resumed = false;
  if (rc != 0) return rc;
  const eddy_transport *transport = call->transport;
  if (!transport->lost && !(call->phase == EMPTY && transport->closing)) return 0;
  rc = transport->error < 0 ? transport->error : EDDY_ECONNRESET;
  return eddy_raise(rc, "sendfile: the connection is lost");
}

/* ---- the phases: 0, EDDY_PENDING or a code ---- */

/* A call inside is made again, as a stackless coroutine does it. */
static void hand_on(struct call *call, bool *resumed)
{
  if (*resumed) call->task->wait.resumed = true;
  *resumed = false;
}

static int send_natively(struct call *call, bool *resumed, bool no_fallback)
{
  eddy_transport *transport = call->transport;
  eddy_sendfile_options options = {.offset = call->offset,
      .count = call->left == INT64_MAX ? 0 : call->left,
      .no_fallback = true};
  hand_on(call, resumed);
  int rc = eddy_sock_sendfile(
      eddy_transport_get_fd(transport), call->file, &options, &call->sent);
  if (rc == EDDY_ENOTSUP && call->sent == 0 && !no_fallback) {
    call->phase = READ;
    return 0;
  }
  if (rc == 0) call->left = 0;
  if (rc == EDDY_EBADF && transport->lost) {
    return eddy_raise(EDDY_ECONNRESET, "sendfile: the connection is lost");
  }
  return rc;
}

static int read_block(struct call *call, bool *resumed)
{
  size_t size = call->left < (int64_t)BLOCK ? (size_t)call->left : BLOCK;
  if (call->block == NULL) call->block = eddy__realloc(NULL, BLOCK);
  if (call->block == NULL) return EDDY_ENOMEM;
  hand_on(call, resumed);
  int rc = eddy_file_pread(
      call->file, call->block, size, (uint64_t)call->offset + call->sent, &call->got);
  if (rc != 0) return rc;
  call->phase = WRITE;
  if (call->got == 0) call->left = 0; /* the end of the file */
  return 0;
}

static int write_block(struct call *call)
{
  eddy_transport *transport = call->transport;
  eddy_buffer piece = {call->block, call->got};
  int rc = transport->type->write(transport, &piece, 1);
  if (rc < 0) return rc;
  call->sent += call->got;
  if (call->left != INT64_MAX) call->left -= (int64_t)call->got;
  call->full = eddy_transport_get_write_buffer_size(transport) >
               eddy__transport_high(transport);
  call->phase = READ;
  return 0;
}

static int carry_on(struct call *call, bool resumed, int status, bool no_fallback)
{
  bool native = call->transport->type->sendfile == EDDY_SENDFILE_NATIVE;
  int rc = 0;
  while (rc == 0 && call->left > 0) {
    switch (call->phase) {
    case EMPTY:
      rc = wait_for_room(call, &resumed, status);
      if (rc == 0) call->phase = native ? NATIVE : READ;
      break;
    case NATIVE:
      rc = send_natively(call, &resumed, no_fallback);
      break;
    case READ:
      rc = read_block(call, &resumed);
      break;
    default:
      rc = wait_for_room(call, &resumed, status);
      if (rc == 0) rc = write_block(call);
      break;
    }
    status = 0;
  }
  return rc;
}

/* ---- the beginning and the end ---- */

static int check(const eddy_transport *transport, const eddy_sendfile_options *options)
{
  if (options->offset < 0 || options->count < 0) {
    return eddy_raise(EDDY_EINVAL, "sendfile: neither offset nor count may be negative");
  }
  if (transport->closing) {
    return eddy_raise(EDDY_ERUNTIME, "sendfile: the transport is closing");
  }
  if (transport->type->sendfile == EDDY_SENDFILE_REFUSED ||
      transport->type->write == NULL) {
    return eddy_raise(EDDY_ERUNTIME, "sendfile: not supported by a %s transport",
        transport->type->name);
  }
  if (transport->type->sendfile != EDDY_SENDFILE_NATIVE && options->no_fallback) {
    return eddy_raise(EDDY_ERUNTIME,
        "sendfile: the system cannot send through a %s transport, and the fallback is "
        "disabled",
        transport->type->name);
  }
  if (transport->write_ended) {
    return eddy_raise(EDDY_ERUNTIME, "sendfile: it comes after write_eof");
  }
  if (transport->sends_file) {
    return eddy_raise(EDDY_ERUNTIME, "sendfile: another one is in progress");
  }
  return 0;
}

static int begin(eddy_task *task, eddy_transport *transport, int file,
    const eddy_sendfile_options *options, struct call **out)
{
  int rc = check(transport, options);
  if (rc < 0) return rc;
  struct call *call = eddy__alloc(sizeof(*call));
  if (call == NULL) return EDDY_ENOMEM;
  call->task = task;
  call->transport = eddy_transport_ref(transport);
  eddy__list_init(&call->waiter);
  call->file = file;
  call->offset = options->offset;
  call->left = options->count > 0 ? options->count : INT64_MAX;
  call->paused = eddy_transport_is_reading(transport);
  eddy_transport_pause_reading(transport);
  transport->sends_file = true;
  eddy__list_append(&eddy__net_of(transport->loop)->sendfiles, &call->link);
  *out = call;
  return 0;
}

/* Everything is as before: the protocol learns what became of the queue. */
static int end(struct call *call, int rc)
{
  eddy_transport *transport = call->transport;
  eddy__list_remove(&call->link);
  transport->sends_file = false;
  if (call->sent > 0) {
    (void)lseek(call->file, (off_t)(call->offset + (int64_t)call->sent), SEEK_SET);
  }
  int resumed = call->paused ? eddy_transport_resume_reading(transport) : 0;
  eddy_transport_shrank(transport);
  eddy_transport_grew(transport);
  eddy_transport_unref(transport);
  eddy__free(call->block);
  eddy__free(call);
  return rc == 0 ? resumed : rc;
}

int eddy_loop_sendfile(eddy_loop *loop, eddy_transport *transport, int file,
    const eddy_sendfile_options *options, size_t *sent)
{
  static const eddy_sendfile_options whole;
  int rc;
  bool resumed;
  struct call *call = NULL;
  if (options == NULL) options = &whole;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (transport == NULL) return EDDY_EINVAL;
  if (resumed) {
    call = find(transport->loop, task, NULL);
  } else {
    rc = eddy__connection_loop(loop, task);
    if (rc == 0) rc = eddy__connection_loop(transport->loop, task);
    if (rc == 0) rc = begin(task, transport, file, options, &call);
    if (rc < 0) return rc;
  }
  rc = carry_on(call, resumed, rc, options->no_fallback);
  if (rc == EDDY_PENDING) return rc;
  if (sent != NULL && (rc == 0 || call->sent > 0)) *sent = call->sent;
  return end(call, rc);
}
