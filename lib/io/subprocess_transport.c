#include "io/subprocess_transport.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/outcome.h"
#include "io/pipe.h"
#include "sync/line.h"

/* The instance of the protocol of one of the child's pipes. */
struct end {
  eddy_transport *process; /* referenced until the pipe is lost */
  int fd;
};

struct state {
  struct eddy__child child;
  struct eddy__link line; /* tasks that wait for the child's end */
  struct end ends[3];
  eddy_transport *pipes[3]; /* referenced; NULL: there is none */
  unsigned open;            /* how many of them are not lost */
  int error;                /* what connection_lost will be told */
};

static struct state *state_of(const eddy_transport *transport)
{
  return eddy_transport_state(transport);
}

/* ---- the end ---- */

/* It is lost when the child has ended and its pipes are closed. */
static void try_finish(eddy_transport *transport)
{
  struct state *state = state_of(transport);
  if (!state->child.ended || state->open > 0 || transport->protocol == NULL) return;
  eddy_transport_lose(transport, state->error);
}

static int tell_of_exit(void *arg)
{
  eddy_transport *transport = arg;
  struct state *state = state_of(transport);
  const eddy_protocol *protocol = transport->protocol;
  if (state->child.stolen) {
    char text[120];
    snprintf(text, sizeof(text),
        "the status of child process %ld was taken by somebody else: 255 is reported",
        state->child.pid);
    eddy__transport_report(transport, text, 0);
  }
  int rc = protocol->process_exited != NULL ? protocol->process_exited(transport->self)
                                            : 0;
  if (rc < 0) eddy__transport_report(transport, "process_exited failed", rc);
  eddy__line_notify(&state->line, SIZE_MAX);
  try_finish(transport);
  return 0;
}

static void exited(void *transport)
{
  (void)eddy__transport_call(transport, tell_of_exit);
}

static void kill_child(const struct state *state)
{
  if (!state->child.ended) (void)eddy__child_signal(state->child.pid, SIGKILL);
}

static void close_process(eddy_transport *transport)
{
  struct state *state = state_of(transport);
  eddy_transport_set_closing(transport);
  for (int i = 0; i < 3; i++) {
    eddy_transport_close(state->pipes[i]);
  }
  kill_child(state);
}

static void abort_process(eddy_transport *transport, int error)
{
  struct state *state = state_of(transport);
  eddy_transport_set_closing(transport);
  if (state->error == 0) state->error = error;
  for (int i = 0; i < 3; i++) {
    eddy_transport_abort(state->pipes[i]);
  }
  kill_child(state);
}

static void process_closed(eddy_transport *transport)
{
  struct state *state = state_of(transport);
  eddy__child_fini(&state->child);
}

static void destroy(eddy_transport *transport)
{
  for (int i = 0; i < 3; i++) {
    eddy_transport_unref(state_of(transport)->pipes[i]);
  }
}

static const void *get_info(const eddy_transport *transport, const char *name)
{
  return strcmp(name, "subprocess") == 0 ? &state_of(transport)->child.pid : NULL;
}

static const eddy_transport_type process_type = {
    .name = "subprocess",
    .state_size = sizeof(struct state),
    .close = close_process,
    .abort = abort_process,
    .extra_info = get_info,
    .closed = process_closed,
    .destroy = destroy,
};

/* ---- the pipes ---- */

static int pipe_data(void *self, const void *data, size_t size)
{
  const struct end *end = self;
  eddy_transport *process = end->process;
  const eddy_protocol *protocol = process->protocol;
  if (protocol == NULL || protocol->pipe_data_received == NULL) return 0;
  int rc = protocol->pipe_data_received(process->self, end->fd, data, size);
  if (rc < 0) eddy__transport_report(process, "pipe_data_received failed", rc);
  return 0;
}

static int pipe_lost(void *self, int error)
{
  const struct end *end = self;
  eddy_transport *process = end->process;
  const eddy_protocol *protocol = process->protocol;
  state_of(process)->open--;
  if (protocol == NULL) return 0; /* it was never begun */
  int rc = 0;
  if (protocol->pipe_connection_lost != NULL)
    rc = protocol->pipe_connection_lost(process->self, end->fd, error);
  if (rc < 0) eddy__transport_report(process, "pipe_connection_lost failed", rc);
  try_finish(process);
  return 0;
}

static int pause_input(void *self)
{
  eddy_transport *process = ((const struct end *)self)->process;
  const eddy_protocol *protocol = process->protocol;
  if (protocol == NULL || protocol->pause_writing == NULL) return 0;
  return protocol->pause_writing(process->self);
}

static int resume_input(void *self)
{
  eddy_transport *process = ((const struct end *)self)->process;
  const eddy_protocol *protocol = process->protocol;
  if (protocol == NULL || protocol->resume_writing == NULL) return 0;
  return protocol->resume_writing(process->self);
}

static void release_end(void *self)
{
  eddy_transport_unref(((struct end *)self)->process);
}

static const eddy_protocol end_protocol = {
    .connection_lost = pipe_lost,
    .pause_writing = pause_input,
    .resume_writing = resume_input,
    .release = release_end,
    .data_received = pipe_data,
};

/* Makes the transports of the ends, which are taken over one by one. */
static int make_pipes(eddy_transport *transport, int ends[3])
{
  struct state *state = state_of(transport);
  for (int i = 0; i < 3; i++) {
    if (ends[i] < 0) continue;
    struct eddy__pipe_options options = {
        .fd = ends[i], .writes = i == 0, .kind = EDDY_PIPE_FIFO};
    struct end *end = &state->ends[i];
    end->process = transport;
    end->fd = i;
    int rc = eddy__pipe_transport_new(
        transport->loop, &options, &end_protocol, end, &state->pipes[i]);
    if (rc < 0) return rc;
    eddy_transport_ref(transport);
    ends[i] = -1;
    state->open++;
  }
  return 0;
}

/* ---- the beginning ---- */

static int begin(void *arg)
{
  eddy_transport *transport = arg;
  eddy_transport_made(transport);
  eddy_transport_ready(transport, 0);
  return 0;
}

static int on_begin(void *transport)
{
  return eddy__transport_call(transport, begin);
}

/* For a transport whose beginning has failed: the protocol stays the caller's. */
static void undo(eddy_transport *transport)
{
  static const eddy_protocol nobody = {0};
  transport->protocol = &nobody;
  eddy_transport_discard(transport);
  for (int i = 0; i < 3; i++) {
    eddy_transport_abort(state_of(transport)->pipes[i]);
  }
  eddy_transport_unref(transport);
}

int eddy__subprocess_transport_new(eddy_loop *loop, struct eddy__subprocess_start *start,
    const eddy_protocol *protocol, void *self, eddy_transport **out)
{
  eddy_transport *transport;
  int rc = eddy_transport_new(loop, &process_type, protocol, self, &transport);
  if (rc < 0) goto fail;
  struct state *state = state_of(transport);
  eddy__list_init(&state->line);
  rc = eddy__child_init(&state->child, loop, exited, transport);
  if (rc < 0) goto fail_transport;
  rc = eddy__loop_book(loop); /* for the beginning */
  if (rc < 0) goto fail_transport;
  rc = eddy__child_begin(&state->child, &start->child);
  if (rc < 0) goto fail_begin;
  rc = make_pipes(transport, start->ends);
  if (rc < 0) goto fail_begin;
  eddy__loop_push(loop, on_begin, transport); /* behind those of the pipes */
  *out = transport;
  return 0;
fail_begin:
  eddy__loop_unbook(loop);
fail_transport:
  undo(transport);
fail:
  for (int i = 0; i < 3; i++) {
    eddy__child_close(start->ends[i]);
  }
  return rc;
}

/* ---- what is known of it ---- */

const struct eddy__child *eddy__subprocess_child(const eddy_transport *transport)
{
  if (transport == NULL || transport->type != &process_type) return NULL;
  return &state_of(transport)->child;
}

int eddy__subprocess_wait(
    eddy_transport *transport, eddy_task *task, const struct eddy__wait_type *type)
{
  return eddy__line_wait(&state_of(transport)->line, task, type, transport);
}

long eddy_subprocess_transport_get_pid(const eddy_transport *transport)
{
  const struct eddy__child *child = eddy__subprocess_child(transport);
  return child != NULL ? child->pid : 0;
}

bool eddy_subprocess_transport_get_returncode(
    const eddy_transport *transport, int *returncode)
{
  const struct eddy__child *child = eddy__subprocess_child(transport);
  if (child == NULL || !child->ended) return false;
  if (returncode != NULL) *returncode = child->returncode;
  return true;
}

eddy_transport *eddy_subprocess_transport_get_pipe_transport(
    const eddy_transport *transport, int fd)
{
  if (eddy__subprocess_child(transport) == NULL || fd < 0 || fd > 2) return NULL;
  return state_of(transport)->pipes[fd];
}

int eddy_subprocess_transport_send_signal(eddy_transport *transport, int signum)
{
  const struct eddy__child *child = eddy__subprocess_child(transport);
  if (child == NULL) return EDDY_EINVAL;
  if (child->ended) {
    return eddy_raise(EDDY_ESRCH, "send_signal: child process %ld has ended", child->pid);
  }
  int rc = eddy__child_signal(child->pid, signum);
  /* Somebody else has taken its status: the loop will learn of it. */
  if (rc == 0 || rc == EDDY_ESRCH) return 0;
  return eddy__fail(rc, "send_signal", "signal", signum);
}

int eddy_subprocess_transport_terminate(eddy_transport *transport)
{
  return eddy_subprocess_transport_send_signal(transport, SIGTERM);
}

int eddy_subprocess_transport_kill(eddy_transport *transport)
{
  return eddy_subprocess_transport_send_signal(transport, SIGKILL);
}
