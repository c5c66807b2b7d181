/* Child processes for tasks. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/outcome.h"
#include "io/stream.h"
#include "io/subprocess.h"
#include "io/subprocess_transport.h"

/* While all of the output is read. */
#define NO_LIMIT (SIZE_MAX / 4)

/* Where a communicate stands. */
enum stage { IDLE = 0, READ_OUT, READ_ERR, WAIT };

struct eddy_process {
  uint32_t refs;             /* the program's */
  uint32_t holds;            /* the program's (one), the protocol's, and each call's */
  eddy_transport *transport; /* referenced */
  size_t limit;
  struct {
    eddy_stream_reader *stream;    /* referenced while refs > 0; NULL: no pipe */
    const eddy_protocol *protocol; /* its own, until the pipe is lost */
    void *self;
  } pipes[3];
  eddy_stream_writer *in;
  unsigned open; /* bits: stdout and stderr, while they are not lost */
  bool exited;
  bool given; /* to the program: its start was not given up */
  enum stage stage;
  eddy_process_output output;
};

static void let_go(eddy_process *process)
{
  if (--process->holds > 0) return;
  eddy_transport_unref(process->transport);
  eddy__free(process);
}

/* ---- the protocol ---- */

static int made(void *self, eddy_transport *transport)
{
  eddy_process *process = self;
  process->transport = eddy_transport_ref(transport);
  for (int i = 0; i < 3; i++) {
    const eddy_protocol *protocol = process->pipes[i].protocol;
    if (protocol == NULL) continue;
    eddy_transport *pipe = eddy_subprocess_transport_get_pipe_transport(transport, i);
    int rc = protocol->connection_made(process->pipes[i].self, pipe);
    if (rc == 0 && i == 0) rc = eddy_stream_writer_new(pipe, &process->in);
    if (rc < 0) return rc;
  }
  return 0;
}

static int pipe_data(void *self, int fd, const void *data, size_t size)
{
  eddy_process *process = self;
  const eddy_protocol *protocol = process->pipes[fd].protocol;
  int rc = protocol->data_received(process->pipes[fd].self, data, size);
  if (rc == 0) return 0;
  /* A stream with a hole in it is worse than none. */
  eddy_stream_reader_set_exception(process->pipes[fd].self, rc);
  eddy_transport_abort(
      eddy_subprocess_transport_get_pipe_transport(process->transport, fd));
  return rc;
}

/* When the child has ended and no more output can come, its stdin is of no use. */
static void maybe_close(eddy_process *process)
{
  if (process->open == 0 && process->exited) eddy_transport_close(process->transport);
}

static void end_pipe(eddy_process *process, int fd)
{
  const eddy_protocol *protocol = process->pipes[fd].protocol;
  process->pipes[fd].protocol = NULL;
  process->open &= ~(1u << fd);
  if (protocol != NULL) protocol->release(process->pipes[fd].self);
}

static int pipe_lost(void *self, int fd, int error)
{
  eddy_process *process = self;
  const eddy_protocol *protocol = process->pipes[fd].protocol;
  (void)protocol->connection_lost(process->pipes[fd].self, error);
  end_pipe(process, fd);
  if (fd != 0) maybe_close(process);
  return 0;
}

static int exited(void *self)
{
  eddy_process *process = self;
  process->exited = true;
  maybe_close(process);
  return 0;
}

static int pause_writing(void *self)
{
  eddy_process *process = self;
  return process->pipes[0].protocol->pause_writing(process->pipes[0].self);
}

static int resume_writing(void *self)
{
  eddy_process *process = self;
  return process->pipes[0].protocol->resume_writing(process->pipes[0].self);
}

static void release(void *self)
{
  eddy_process *process = self;
  for (int i = 0; i < 3; i++) {
    end_pipe(process, i);
  }
  if (!process->given) eddy_process_unref(process);
  let_go(process);
}

static const eddy_protocol process_protocol = {
    .connection_made = made,
    .pause_writing = pause_writing,
    .resume_writing = resume_writing,
    .release = release,
    .pipe_data_received = pipe_data,
    .pipe_connection_lost = pipe_lost,
    .process_exited = exited,
};

/* ---- starting ---- */

static int make_stream(eddy_process *process, int i)
{
  int rc = eddy_stream_reader_new(process->limit, &process->pipes[i].stream);
  if (rc < 0) return rc;
  if (i > 0) process->open |= 1u << i;
  return eddy_stream_protocol(
      process->pipes[i].stream, &process->pipes[i].protocol, &process->pipes[i].self);
}

static int make_process(void *arg, const eddy_protocol **protocol, void **self)
{
  const struct eddy__subprocess_request *request = arg;
  int stdio[3];
  eddy_process *process = eddy__alloc(sizeof(*process));
  if (process == NULL) return EDDY_ENOMEM;
  process->refs = 1;
  process->holds = 2;
  process->limit = request->options->limit;
  if (process->limit == 0) process->limit = EDDY_STREAM_LIMIT;
  eddy__subprocess_stdio(request, stdio);
  int rc = 0;
  for (int i = 0; i < 3 && rc == 0; i++) {
    if (stdio[i] == EDDY_SUBPROCESS_PIPE) rc = make_stream(process, i);
  }
  if (rc < 0) {
    release(process);
    return rc;
  }
  *protocol = &process_protocol;
  *self = process;
  return 0;
}

static int create(struct eddy__subprocess_request *request,
    const eddy_subprocess_options *options, eddy_process **out)
{
  eddy_transport *transport;
  void *self = NULL;
  if (out == NULL) return EDDY_EINVAL;
  request->factory = make_process;
  request->arg = request;
  request->options = options != NULL ? options : &eddy__subprocess_defaults;
  request->usual = EDDY_SUBPROCESS_INHERIT;
  int rc = eddy__subprocess(NULL, request, &transport, &self);
  if (rc != 0) return rc;
  eddy_transport_unref(transport);
  /* It cannot be lost yet: its end is told by a later entry of the ring. */
  *out = self;
  (*out)->given = true;
  return 0;
}

int eddy_create_subprocess_exec(
    const char *const argv[], const eddy_subprocess_options *options, eddy_process **out)
{
  struct eddy__subprocess_request request = {
      .call = "create_subprocess_exec", .argv = argv};
  return create(&request, options, out);
}

int eddy_create_subprocess_shell(
    const char *command, const eddy_subprocess_options *options, eddy_process **out)
{
  const char *argv[] = {"/bin/sh", "-c", command, NULL};
  struct eddy__subprocess_request request = {
      .call = "create_subprocess_shell", .argv = command != NULL ? argv : NULL};
  return create(&request, options, out);
}

/* ---- what is known of it ---- */

eddy_process *eddy_process_ref(eddy_process *process)
{
  process->refs++;
  return process;
}

void eddy_process_unref(eddy_process *process)
{
  if (process == NULL || --process->refs > 0) return;
  eddy_stream_writer_unref(process->in);
  process->in = NULL;
  for (int i = 0; i < 3; i++) {
    eddy_stream_reader_unref(process->pipes[i].stream);
    process->pipes[i].stream = NULL;
  }
  let_go(process);
}

eddy_stream_writer *eddy_process_stdin(const eddy_process *process)
{
  return process->in;
}

eddy_stream_reader *eddy_process_stdout(const eddy_process *process)
{
  return process->pipes[1].stream;
}

eddy_stream_reader *eddy_process_stderr(const eddy_process *process)
{
  return process->pipes[2].stream;
}

long eddy_process_pid(const eddy_process *process)
{
  return eddy_subprocess_transport_get_pid(process->transport);
}

bool eddy_process_returncode(const eddy_process *process, int *returncode)
{
  return eddy_subprocess_transport_get_returncode(process->transport, returncode);
}

int eddy_process_send_signal(eddy_process *process, int signum)
{
  if (process == NULL) return EDDY_EINVAL;
  return eddy_subprocess_transport_send_signal(process->transport, signum);
}

int eddy_process_terminate(eddy_process *process)
{
  if (process == NULL) return EDDY_EINVAL;
  return eddy_subprocess_transport_terminate(process->transport);
}

int eddy_process_kill(eddy_process *process)
{
  if (process == NULL) return EDDY_EINVAL;
  return eddy_subprocess_transport_kill(process->transport);
}

/* ---- waiting ---- */

static void describe_wait(const eddy_task *task, char *text, size_t size)
{
  snprintf(text, size, "the end of child process %ld",
      eddy_subprocess_transport_get_pid(task->wait.object));
}

static int end_wait(eddy_task *task, int rc)
{
  eddy_transport *transport = task->wait.object;
  if (rc == 0)
    (void)eddy_subprocess_transport_get_returncode(transport, task->wait.scratch.p);
  eddy_transport_unref(transport);
  return rc;
}

static const struct eddy__wait_type process_wait = {NULL, describe_wait, end_wait, "process"};

int eddy_process_wait(eddy_process *process, int *returncode)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed) return end_wait(task, rc);
  if (process == NULL) return EDDY_EINVAL;
  eddy_transport *transport = process->transport;
  if (eddy_subprocess_transport_get_returncode(transport, returncode)) return 0;
  if (transport->loop != task->future.loop) {
    return eddy_raise(EDDY_EOTHERLOOP, "process_wait: the child belongs to another loop");
  }
  task->wait.scratch = eddy_ptr(returncode);
  (void)eddy_transport_ref(transport);
  return eddy__subprocess_wait(transport, task, &process_wait);
}

/* ---- communicate ---- */

/* What is buffered is bounded by this from now on. */
static void set_limits(eddy_process *process, size_t limit)
{
  for (int i = 1; i < 3; i++) {
    eddy_stream_reader *stream = process->pipes[i].stream;
    if (stream == NULL) continue;
    stream->limit = limit;
    eddy__stream_resume(stream);
  }
}

static int begin_communicate(eddy_process *process, const void *input, size_t size)
{
  if (process->stage != IDLE) {
    return eddy_raise(
        EDDY_ERUNTIME, "communicate: another task communicates with the child");
  }
  if (process->in != NULL) {
    if (size > 0) {
      int rc = eddy_stream_writer_write(process->in, input, size);
      if (rc < 0 && rc != EDDY_ERUNTIME) return rc;
    }
    eddy_stream_writer_close(process->in);
  }
  set_limits(process, NO_LIMIT);
  process->output = (eddy_process_output){0};
  process->stage = READ_OUT;
  process->holds++;
  return 0;
}

static int read_all(eddy_process *process, int fd, const char **data, size_t *size)
{
  eddy_stream_reader *stream = process->pipes[fd].stream;
  if (stream == NULL) return 0;
  int rc = eddy_stream_reader_readall(stream, data, size);
  if (rc != 0) return rc;
  eddy_transport_close(
      eddy_subprocess_transport_get_pipe_transport(process->transport, fd));
  return 0;
}

static int advance(eddy_process *process)
{
  eddy_process_output *output = &process->output;
  int rc = 0;
  if (process->stage == READ_OUT) {
    rc = read_all(process, 1, &output->out, &output->out_size);
    if (rc != 0) return rc;
    process->stage = READ_ERR;
  }
  if (process->stage == READ_ERR) {
    rc = read_all(process, 2, &output->err, &output->err_size);
    if (rc != 0) return rc;
    process->stage = WAIT;
  }
  return eddy_process_wait(process, &output->returncode);
}

int eddy_process_communicate(
    eddy_process *process, const void *input, size_t size, eddy_process_output *output)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (process == NULL || (input == NULL && size > 0)) return EDDY_EINVAL;
  if (resumed) {
    task->wait.resumed = true; /* the wait is that of the call it stands in */
  } else {
    rc = begin_communicate(process, input, size);
    if (rc < 0) return rc;
  }
  rc = advance(process);
  if (rc == EDDY_PENDING) return rc;
  process->stage = IDLE;
  if (process->refs > 0) set_limits(process, process->limit);
  if (rc == 0 && output != NULL) *output = process->output;
  let_go(process);
  return rc;
}
