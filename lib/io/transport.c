/* What all transports have in common. */
#include "io/transport.h"

#include "io/stream.h"
#include "task/task.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/outcome.h"
#include "base/self.h"

#define HIGH_DEFAULT ((size_t)64 * 1024)
/* From so many writes on after the loss, they are reported. */
#define DROPPED_REPORTED 5

static size_t high_of(const eddy_transport_type *type)
{
  return type->high > 0 ? type->high : HIGH_DEFAULT;
}

size_t eddy__transport_high(const eddy_transport *transport)
{
  return transport->more != NULL ? transport->more->high : high_of(transport->type);
}

size_t eddy__transport_low(const eddy_transport *transport)
{
  return transport->more != NULL ? transport->more->low : high_of(transport->type) / 4;
}

struct eddy__transport_more *eddy__transport_more_new(void)
{
  return eddy__alloc(sizeof(struct eddy__transport_more));
}

void eddy__transport_take_more(
    eddy_transport *transport, struct eddy__transport_more *more)
{
  if (transport->more != NULL) {
    eddy__free(more);
    return;
  }
  more->high = high_of(transport->type);
  more->low = more->high / 4;
  transport->more = more;
}

int eddy__transport_extend(eddy_transport *transport)
{
  if (transport->more != NULL) return 0;
  struct eddy__transport_more *more = eddy__transport_more_new();
  if (more == NULL) return EDDY_ENOMEM;
  eddy__transport_take_more(transport, more);
  return 0;
}

/* In which context the protocol will run: 0 or EDDY_ENOMEM. */
static int remember_context(eddy_transport *transport)
{
  eddy_context *context;
  int rc = eddy__context_capture(&context);
  if (rc < 0 || context == NULL) return rc;
  rc = eddy__transport_extend(transport);
  if (rc < 0) {
    eddy_context_unref(context);
    return rc;
  }
  transport->more->context = context;
  return 0;
}

static void free_more(struct eddy__transport_more *more)
{
  if (more == NULL) return;
  eddy_outcome said = {.message = more->said};
  eddy__outcome_clear(&said);
  eddy_context_unref(more->context);
  eddy__free(more);
}

int eddy_transport_new(eddy_loop *loop, const eddy_transport_type *type,
    const eddy_protocol *protocol, void *self, eddy_transport **out)
{
  if (type == NULL || protocol == NULL || out == NULL) return EDDY_EINVAL;
  int rc = eddy__loop_usable(loop);
  if (rc < 0) return rc;
  struct eddy__net *net;
  rc = eddy__net_open(loop, &net);
  if (rc < 0) return rc;
  eddy_transport *transport = eddy__alloc(
      sizeof(union eddy__transport_header) + type->state_size);
  if (transport == NULL) return EDDY_ENOMEM;
  transport->type = type;
  rc = remember_context(transport);
  if (rc < 0) goto fail;
  rc = eddy__loop_book(loop); /* for connection_lost */
  if (rc < 0) goto fail;
  eddy__loop_ref(loop);
  transport->loop = loop;
  transport->protocol = protocol;
  transport->self = self;
  transport->refs = 2;
  eddy__list_append(&net->transports, &transport->link);
  *out = transport;
  return 0;
fail:
  free_more(transport->more);
  eddy__free(transport);
  return rc;
}

eddy_transport *eddy_transport_ref(eddy_transport *transport)
{
  EDDY_CHECK(transport->refs < EDDY__TRANSPORT_REFS,
      "eddy_transport_ref: a transport has more than a million references; each needs an "
      "eddy_transport_unref");
  transport->refs++;
  return transport;
}

void eddy_transport_unref(eddy_transport *transport)
{
  if (transport == NULL || --transport->refs > 0) return;
  if (transport->type->destroy != NULL) transport->type->destroy(transport);
  eddy__stream_let_go(transport->stream);
  free_more(transport->more);
  eddy__loop_unref(transport->loop);
  eddy__free(transport);
}

void *eddy_transport_state(const eddy_transport *transport)
{
  return (char *)(uintptr_t)transport + sizeof(union eddy__transport_header);
}

const eddy_transport_type *eddy_transport_get_type(const eddy_transport *transport)
{
  return transport->type;
}

eddy_loop *eddy_transport_get_loop(const eddy_transport *transport)
{
  return transport->loop;
}

/* ---- the protocol ---- */

void eddy__transport_report(eddy_transport *transport, const char *message, int error)
{
  const eddy_outcome *outcome = eddy__self.outcome;
  eddy_exception_context context = {.message = message,
      .error = error,
      .detail = outcome != NULL ? eddy__outcome_detail(outcome, error) : NULL,
      .transport = transport,
      .protocol = transport->self};
  eddy_loop_call_exception_handler(transport->loop, &context);
}

void eddy_transport_made(eddy_transport *transport)
{
  const eddy_protocol *protocol = transport->protocol;
  if (protocol == NULL || protocol->connection_made == NULL) return;
  int rc = protocol->connection_made(transport->self, transport);
  if (rc < 0) eddy__transport_report(transport, "connection_made failed", rc);
}

void eddy_transport_explain(eddy_transport *transport, int error)
{
  const eddy_outcome *outcome = eddy__self.outcome;
  if (outcome == NULL || (outcome->message == NULL && transport->more == NULL)) return;
  if (eddy__transport_extend(transport) < 0) return; /* the code will have to do */
  eddy_outcome said = eddy__transport_said(transport);
  eddy__outcome_copy_message(eddy__self.outcome, error, &said);
  transport->more->said = said.message;
}

/* Nobody waits for a server's connections: as in asyncio, those that never begin are reported
 * in debug mode alone. */
void eddy_transport_ready(eddy_transport *transport, int error)
{
  eddy_task *waiter = transport->waiter;
  transport->waiter = NULL;
  if (error < 0) eddy_transport_explain(transport, error);
  if (waiter != NULL) {
    eddy__wait_woken(waiter, error);
  } else if (error < 0 && transport->loop->debug) {
    eddy__transport_report(
        transport, "an accepted connection could not be set up", error);
  }
}

int eddy_transport_received(eddy_transport *transport, const void *data, size_t size)
{
  const eddy_protocol *protocol = transport->protocol;
  if (protocol == NULL || protocol->data_received == NULL) return 0;
  int rc = protocol->data_received(transport->self, data, size);
  if (rc >= 0) return 0;
  eddy_transport_fail(transport, rc, "data_received failed; the connection is aborted");
  return rc;
}

void eddy_transport_received_eof(eddy_transport *transport)
{
  if (transport->input_ended || transport->protocol == NULL) return;
  transport->input_ended = true;
  const eddy_protocol *protocol = transport->protocol;
  int rc = protocol->eof_received != NULL ? protocol->eof_received(transport->self) : 0;
  if (rc < 0) {
    eddy_transport_fail(transport, rc, "eof_received failed; the connection is aborted");
  } else if (rc == 0) {
    eddy_transport_close(transport);
  }
}

int eddy_transport_set_protocol(
    eddy_transport *transport, const eddy_protocol *protocol, void *self)
{
  if (transport == NULL || protocol == NULL) return EDDY_EINVAL;
  if (transport->protocol == NULL) {
    return eddy_raise(
        EDDY_EINVALIDSTATE, "set_protocol: the connection is lost, and was told so");
  }
  transport->protocol = protocol;
  transport->self = self;
  return 0;
}

const eddy_protocol *eddy_transport_get_protocol(
    const eddy_transport *transport, void **self)
{
  if (self != NULL) *self = transport->self;
  return transport->protocol;
}

/* ---- the end ---- */

void eddy__transport_claim(eddy_transport *transport, int fd)
{
  transport->claims = true;
  eddy__fds_put(&transport->loop->claimed, &transport->claim, fd);
}

void eddy_transport_set_closing(eddy_transport *transport)
{
  transport->closing = true;
  if (transport->claims) eddy__fds_remove(&transport->loop->claimed, &transport->claim);
  transport->claims = false;
}

/* The loop lets go of it: nothing is called any more. */
static void end(eddy_transport *transport)
{
  const eddy_protocol *protocol = transport->protocol;
  eddy_transport_set_closing(transport);
  transport->lost = true;
  eddy__list_remove(&transport->link);
  transport->type->closed(transport);
  transport->protocol = NULL;
  if (protocol->release != NULL) protocol->release(transport->self);
  transport->self = NULL;
  eddy_transport *upper = eddy__transport_upper(transport);
  if (upper != NULL) transport->more->upper = NULL;
  eddy_transport_unref(upper);
  eddy_transport_unref(transport);
}

/* What connection_lost is told of the error. */
static void explain_loss(const eddy_transport *transport)
{
  eddy_outcome said = eddy__transport_said(transport);
  if (eddy__outcome_detail(&said, transport->error) != NULL) {
    eddy__outcome_pass_on(&said, transport->error);
    return;
  }
  int fd = eddy_transport_get_fd(transport);
  (void)eddy__fail(transport->error, fd >= 0 ? "connection on" : "connection",
      fd >= 0 ? "descriptor" : NULL, fd);
}

static int lost(void *arg)
{
  eddy_transport *transport = arg;
  const eddy_protocol *protocol = transport->protocol;
  if (protocol->connection_lost != NULL) {
    if (transport->error < 0) explain_loss(transport);
    int rc = protocol->connection_lost(transport->self, transport->error);
    if (rc < 0) eddy__transport_report(transport, "connection_lost failed", rc);
  }
  end(transport);
  return 0;
}

static int on_lost(void *transport)
{
  return eddy__transport_call(transport, lost);
}

void eddy__transport_end_with_loop(eddy_transport *transport)
{
  /* The entry that had this reference was dropped. */
  if (transport->layer_queued) transport->refs--;
  transport->waiter = NULL;
  end(transport);
}

void eddy_transport_discard(eddy_transport *transport)
{
  if (transport->lost) return;
  eddy__loop_unbook(transport->loop);
  end(transport);
}

/* Notes it: false if it was lost before. */
static bool note_loss(eddy_transport *transport, int error)
{
  eddy_transport_set_closing(transport);
  if (transport->lost) return false;
  transport->lost = true;
  transport->error = error;
  if (transport->sends_file) eddy__transport_sendfile_go_on(transport);
  return true;
}

void eddy_transport_lose(eddy_transport *transport, int error)
{
  if (!note_loss(transport, error)) return;
  eddy__loop_push(transport->loop, on_lost, transport);
}

void eddy_transport_lose_now(eddy_transport *transport, int error)
{
  if (!note_loss(transport, error)) return;
  eddy__loop_unbook(transport->loop);
  (void)lost(transport);
}

void eddy_transport_fail(eddy_transport *transport, int error, const char *message)
{
  if (transport->lost) return;
  if (message != NULL) eddy__transport_report(transport, message, error);
  if (!transport->lost) transport->type->abort(transport, error);
}

void eddy_transport_close(eddy_transport *transport)
{
  if (transport == NULL || transport->closing) return;
  transport->type->close(transport);
}

void eddy_transport_abort(eddy_transport *transport)
{
  if (transport == NULL || transport->lost) return;
  transport->type->abort(transport, 0);
}

bool eddy_transport_is_closing(const eddy_transport *transport)
{
  return transport->closing;
}

/* ---- reading ---- */

void eddy_transport_pause_reading(eddy_transport *transport)
{
  if (!eddy_transport_is_reading(transport)) return;
  transport->reading_paused = true;
  if (transport->type->set_reading != NULL) {
    (void)transport->type->set_reading(transport, false);
  }
}

int eddy_transport_resume_reading(eddy_transport *transport)
{
  if (transport == NULL) return EDDY_EINVAL;
  if (transport->closing || !transport->reading_paused) return 0;
  transport->reading_paused = false;
  if (transport->type->set_reading == NULL) return 0;
  int rc = transport->type->set_reading(transport, true);
  if (rc < 0) transport->reading_paused = true;
  return rc;
}

bool eddy_transport_is_reading(const eddy_transport *transport)
{
  return !transport->closing && !transport->reading_paused;
}

/* ---- writing ---- */

/* asyncio drops what is written to a lost connection, so that a program need not look before
 * each write; one that never looks is told. */
void eddy_transport_dropped(eddy_transport *transport)
{
  if (transport->dropped < DROPPED_REPORTED) transport->dropped++;
  if (transport->dropped < DROPPED_REPORTED || transport->protocol == NULL) return;
  eddy__transport_report(
      transport, "write: the connection is lost; the data is dropped", 0);
}

int eddy_transport_writelines(
    eddy_transport *transport, const eddy_buffer *pieces, size_t count)
{
  if (transport == NULL || (pieces == NULL && count > 0)) return EDDY_EINVAL;
  if (transport->loop->special && !transport->loop->closed) {
    int rc = eddy__loop_refusal(transport->loop);
    if (rc < 0) return rc;
  }
  if (transport->type->write == NULL) {
    return eddy_raise(EDDY_ENOTSUP, "write: the transport only reads");
  }
  if (transport->write_ended) {
    return eddy_raise(EDDY_ERUNTIME, "write: it comes after write_eof");
  }
  if (transport->sends_file) {
    return eddy_raise(EDDY_ERUNTIME, "write: a sendfile is in progress");
  }
  size_t size = 0;
  for (size_t i = 0; i < count; i++) {
    if (pieces[i].data == NULL && pieces[i].size > 0) return EDDY_EINVAL;
    size += pieces[i].size;
  }
  if (size == 0) return 0;
  if (!transport->lost) return transport->type->write(transport, pieces, count);
  eddy_transport_dropped(transport);
  return 0;
}

int eddy_transport_write(eddy_transport *transport, const void *data, size_t size)
{
  eddy_buffer piece = {data, size};
  return eddy_transport_writelines(transport, &piece, 1);
}

int eddy_transport_write_eof(eddy_transport *transport)
{
  if (transport == NULL) return EDDY_EINVAL;
  if (transport->type->write_eof == NULL) {
    return eddy_raise(EDDY_ENOTSUP,
        "write_eof: a %s transport cannot end one direction alone",
        transport->type->name);
  }
  if (transport->closing || transport->write_ended) return 0;
  if (transport->sends_file) {
    return eddy_raise(EDDY_ERUNTIME, "write_eof: a sendfile is in progress");
  }
  transport->write_ended = true;
  return transport->type->write_eof(transport);
}

bool eddy_transport_can_write_eof(const eddy_transport *transport)
{
  return transport->type->write_eof != NULL;
}

int eddy_transport_gather_writes(eddy_transport *transport, bool on)
{
  if (transport == NULL) return EDDY_EINVAL;
  if (transport->type->gather == NULL) {
    return eddy_raise(EDDY_ENOTSUP,
        "gather_writes: a %s transport sends each write alone", transport->type->name);
  }
  transport->type->gather(transport, on);
  return 0;
}

size_t eddy_transport_get_write_buffer_size(const eddy_transport *transport)
{
  return transport->type->buffered != NULL ? transport->type->buffered(transport) : 0;
}

void eddy_transport_grew(eddy_transport *transport)
{
  if (transport->writing_paused || transport->protocol == NULL) return;
  if (transport->sends_file) return; /* looked at when that is over */
  if (eddy_transport_get_write_buffer_size(transport) <= eddy__transport_high(transport))
    return;
  transport->writing_paused = true;
  if (transport->protocol->pause_writing == NULL) return;
  int rc = transport->protocol->pause_writing(transport->self);
  if (rc < 0) eddy__transport_report(transport, "pause_writing failed", rc);
}

void eddy_transport_shrank(eddy_transport *transport)
{
  if (transport->sends_file) {
    eddy__transport_sendfile_go_on(transport);
    return;
  }
  if (!transport->writing_paused || transport->protocol == NULL) return;
  if (eddy_transport_get_write_buffer_size(transport) > eddy__transport_low(transport))
    return;
  transport->writing_paused = false;
  if (transport->protocol->resume_writing == NULL) return;
  int rc = transport->protocol->resume_writing(transport->self);
  if (rc < 0) eddy__transport_report(transport, "resume_writing failed", rc);
}

int eddy_transport_set_write_buffer_limits(
    eddy_transport *transport, size_t high, size_t low)
{
  if (transport == NULL) return EDDY_EINVAL;
  if (high == EDDY_LIMIT_DEFAULT) {
    high = high_of(transport->type);
    if (low != EDDY_LIMIT_DEFAULT) high = low <= SIZE_MAX / 4 ? 4 * low : SIZE_MAX;
  }
  if (low == EDDY_LIMIT_DEFAULT) low = high / 4;
  if (low > high) {
    return eddy_raise(EDDY_EINVAL,
        "set_write_buffer_limits: low (%zu) must not be above high (%zu)", low, high);
  }
  int rc = eddy__transport_extend(transport);
  if (rc < 0) return rc;
  transport->more->high = high;
  transport->more->low = low;
  eddy_transport_grew(transport);
  return 0;
}

void eddy_transport_get_write_buffer_limits(
    const eddy_transport *transport, size_t *low, size_t *high)
{
  if (low != NULL) *low = eddy__transport_low(transport);
  if (high != NULL) *high = eddy__transport_high(transport);
}

/* ---- what is known of it ---- */

int eddy_transport_get_fd(const eddy_transport *transport)
{
  return transport->type->fd != NULL ? transport->type->fd(transport) : -1;
}

static int get_address(const eddy_transport *transport, bool peer, eddy_address *out)
{
  if (transport == NULL || out == NULL) return EDDY_EINVAL;
  if (transport->type->address != NULL) {
    return transport->type->address(transport, peer, out);
  }
  return eddy_raise(EDDY_ENOTSUP, "%s: a %s transport has no address",
      peer ? "get_peername" : "get_sockname", transport->type->name);
}

int eddy_transport_get_sockname(const eddy_transport *transport, eddy_address *out)
{
  return get_address(transport, false, out);
}

int eddy_transport_get_peername(const eddy_transport *transport, eddy_address *out)
{
  return get_address(transport, true, out);
}

const void *eddy_transport_get_extra_info(
    const eddy_transport *transport, const char *name)
{
  if (transport == NULL || name == NULL || transport->type->extra_info == NULL)
    return NULL;
  return transport->type->extra_info(transport, name);
}
