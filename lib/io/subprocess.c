#include "io/subprocess.h"

#include <stdio.h>

#include "base/outcome.h"
#include "io/connection.h"
#include "io/pipe.h"
#include "io/subprocess_transport.h"

const eddy_subprocess_options eddy__subprocess_defaults;

/* Where the call stands. */
enum { STARTING, ENDING };

/* ---- the standard descriptors ---- */

/* A pipe between the child's descriptor i and the loop. */
static int open_pipe(eddy_loop *loop, struct eddy__subprocess_start *start, int i)
{
  int reader, writer;
  eddy_pipe_kind kind;
  int rc = eddy__child_pipe(&reader, &writer);
  if (rc < 0) return rc;
  start->child.fds[i] = i == 0 ? reader : writer;
  start->ends[i] = i == 0 ? writer : reader;
  rc = loop->io->pipe_open != NULL
           ? loop->io->pipe_open(loop->io_state, start->ends[i], &kind)
           : EDDY_ENOTSUP;
  if (rc != EDDY_ENOTSUP) return rc;
  return eddy_raise(rc,
      "subprocess: the backend %s has no pipes to a child; its stdin, stdout and stderr "
      "can "
      "be inherited, EDDY_SUBPROCESS_DEVNULL or descriptors",
      loop->backend_name);
}

void eddy__subprocess_stdio(const struct eddy__subprocess_request *request, int stdio[3])
{
  const eddy_subprocess_options *options = request->options;
  stdio[0] = options->in != 0 ? options->in : request->usual;
  stdio[1] = options->out != 0 ? options->out : request->usual;
  stdio[2] = options->err != 0 ? options->err : request->usual;
}

static int check_stdio(const struct eddy__subprocess_request *request, const int stdio[3])
{
  static const char *const names[] = {"in", "out", "err"};
  for (int i = 0; i < 3; i++) {
    if (stdio[i] >= EDDY_SUBPROCESS_INHERIT &&
        (stdio[i] != EDDY_SUBPROCESS_STDOUT || i == 2))
      continue;
    return eddy_raise(
        EDDY_EINVAL, "%s: options.%s cannot be %d", request->call, names[i], stdio[i]);
  }
  return 0;
}

static int check_passed(const struct eddy__subprocess_request *request)
{
  const eddy_subprocess_options *options = request->options;
  if (options->pass_count > 0 && options->pass_fds == NULL) return EDDY_EINVAL;
  for (size_t i = 0; i < options->pass_count; i++) {
    if (options->pass_fds[i] >= 3) continue;
    return eddy_raise(EDDY_EINVAL,
        "%s: options.pass_fds cannot have %d; in, out and err are options of their own",
        request->call, options->pass_fds[i]);
  }
  return 0;
}

/* What each standard descriptor of the child will be; pipes are opened. */
static int prepare_stdio(
    eddy_loop *loop, const int stdio[3], struct eddy__subprocess_start *start)
{
  for (int i = 0; i < 3; i++) {
    int rc = 0;
    switch (stdio[i]) {
    case EDDY_SUBPROCESS_PIPE:
      rc = open_pipe(loop, start, i);
      break;
    case EDDY_SUBPROCESS_STDOUT:
      start->child.fds[i] = EDDY__CHILD_STDOUT;
      break;
    case EDDY_SUBPROCESS_DEVNULL:
      start->child.fds[i] = EDDY__CHILD_NULL;
      break;
    case EDDY_SUBPROCESS_INHERIT:
      start->child.fds[i] = EDDY__CHILD_INHERIT;
      break;
    default:
      start->child.fds[i] = stdio[i];
    }
    if (rc < 0) return rc;
  }
  return 0;
}

/* ---- the start ---- */

/* Closes the child's ends of the pipes, and after a failure ours. */
static void close_pipes(
    const int stdio[3], struct eddy__subprocess_start *start, bool ours)
{
  for (int i = 0; i < 3; i++) {
    if (stdio[i] == EDDY_SUBPROCESS_PIPE) eddy__child_close(start->child.fds[i]);
    if (ours) eddy__child_close(start->ends[i]);
  }
}

static int start_child(
    eddy_task *task, const struct eddy__subprocess_request *request, eddy_transport **out)
{
  eddy_loop *loop = task->future.loop;
  const eddy_subprocess_options *options = request->options;
  int stdio[3];
  eddy__subprocess_stdio(request, stdio);
  struct eddy__subprocess_start start = {.child = {.argv = request->argv,
                                             .env = options->env,
                                             .cwd = options->cwd,
                                             .fds = {-1, -1, -1},
                                             .new_session = options->start_new_session,
                                             .inherit_fds = options->inherit_fds,
                                             .pass_fds = options->pass_fds,
                                             .pass_count = options->pass_count},
      .ends = {-1, -1, -1}};
  const eddy_protocol *protocol;
  void *self;
  int rc = check_stdio(request, stdio);
  if (rc == 0) rc = check_passed(request);
  if (rc == 0)
    rc = eddy__connection_ask(request->factory, request->arg, &protocol, &self);
  if (rc < 0) return rc;
  rc = prepare_stdio(loop, stdio, &start);
  bool made = rc == 0;
  if (made) rc = eddy__subprocess_transport_new(loop, &start, protocol, self, out);
  close_pipes(stdio, &start, !made);
  if (rc == 0) {
    (*out)->waiter = task;
    return 0;
  }
  if (protocol->release != NULL) protocol->release(self);
  if (rc == EDDY_ENOTSUP || rc == EDDY_ENOMEM) return rc;
  return eddy_raise(rc, "%s %s%s%s: %s", request->call, request->argv[0],
      options->cwd != NULL ? " in " : "", options->cwd != NULL ? options->cwd : "",
      eddy_strerror(rc));
}

/* ---- the call ---- */

static void describe_start(const eddy_task *task, char *text, size_t size)
{
  snprintf(text, size, "the start of child process %ld",
      eddy_subprocess_transport_get_pid(task->wait.object));
}

static void describe_end(const eddy_task *task, char *text, size_t size)
{
  snprintf(text, size, "the end of child process %ld, which was killed",
      eddy_subprocess_transport_get_pid(task->wait.object));
}

static const struct eddy__wait_type start_wait = {NULL, describe_start, NULL, "process start"};
static const struct eddy__wait_type end_wait = {NULL, describe_end, NULL, "process"};

/* The start was given up: the child is killed and, if the task may wait, reaped. */
static int give_up(eddy_task *task, eddy_transport *made, int rc)
{
  made->waiter = NULL;
  eddy_transport_close(made);
  if (rc != EDDY_EGENERATOREXIT && !eddy__subprocess_child(made)->ended) {
    task->wait.phase = ENDING;
    task->wait.scratch = eddy_int(rc);
    int ended = eddy__subprocess_wait(made, task, &end_wait);
    if (ended == EDDY_PENDING) return ended;
    if (ended < 0) rc = ended;
  }
  eddy_transport_unref(made);
  return rc;
}

static int finish(eddy_task *task, int rc, eddy_transport **transport, void **self)
{
  eddy_transport *made = task->wait.object;
  if (task->wait.phase == ENDING) {
    eddy_transport_unref(made);
    return rc < 0 ? rc : (int)task->wait.scratch.i;
  }
  if (rc < 0) return give_up(task, made, rc);
  return eddy__connection_end(made, 0, transport, self);
}

int eddy__subprocess(eddy_loop *loop, const struct eddy__subprocess_request *request,
    eddy_transport **transport, void **self)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (!resumed) {
    eddy_transport *made;
    if (request->factory == NULL || request->argv == NULL || request->argv[0] == NULL)
      return EDDY_EINVAL;
    rc = eddy__connection_loop(loop, task);
    if (rc < 0) return rc;
    rc = start_child(task, request, &made);
    if (rc < 0) return rc;
    task->wait.phase = STARTING;
    rc = eddy__wait(task, &start_wait, made);
    if (rc == EDDY_PENDING) return rc;
  }
  return finish(task, rc, transport, self);
}

int eddy_loop_subprocess_exec(eddy_loop *loop, eddy_protocol_factory *factory, void *arg,
    const char *const argv[], const eddy_subprocess_options *options,
    eddy_transport **transport, void **self)
{
  struct eddy__subprocess_request request = {.call = "subprocess_exec",
      .factory = factory,
      .arg = arg,
      .argv = argv,
      .options = options != NULL ? options : &eddy__subprocess_defaults,
      .usual = EDDY_SUBPROCESS_PIPE};
  return eddy__subprocess(loop, &request, transport, self);
}

int eddy_loop_subprocess_shell(eddy_loop *loop, eddy_protocol_factory *factory, void *arg,
    const char *command, const eddy_subprocess_options *options,
    eddy_transport **transport, void **self)
{
  const char *argv[] = {"/bin/sh", "-c", command, NULL};
  struct eddy__subprocess_request request = {.call = "subprocess_shell",
      .factory = factory,
      .arg = arg,
      .argv = command != NULL ? argv : NULL,
      .options = options != NULL ? options : &eddy__subprocess_defaults,
      .usual = EDDY_SUBPROCESS_PIPE};
  return eddy__subprocess(loop, &request, transport, self);
}
