/* Child processes under test, and a protocol that records what it is told. */
#ifndef EDDY_TEST_CHILDREN_H
#define EDDY_TEST_CHILDREN_H

#include <stdlib.h>

#include "transports.h"

/* An instance. */
struct child {
  eddy_transport *transport; /* referenced until the test is over */
  char *text[3];             /* what came from the child's descriptors, as strings */
  size_t size[3];
  int pipes_lost; /* a bit for each descriptor */
  int pipe_error; /* the last one told to pipe_connection_lost */
  int exits, lost, released;
  int error; /* told to connection_lost */
  int fail;  /* what its functions return */
  char last; /* the last function that was called */
};

static inline int child_made(void *self, eddy_transport *transport)
{
  struct child *child = self;
  trace("made");
  child->transport = eddy_transport_ref(transport);
  test_defer_late(unref_transport, transport);
  return child->fail;
}

static inline int child_data(void *self, int fd, const void *data, size_t size)
{
  struct child *child = self;
  char *text = realloc(child->text[fd], child->size[fd] + size + 1);
  if (text == NULL) abort();
  memcpy(text + child->size[fd], data, size);
  child->size[fd] += size;
  text[child->size[fd]] = '\0';
  child->text[fd] = text;
  child->last = 'D';
  CHECK_EQ(child->pipes_lost & 1 << fd, 0);
  return child->fail;
}

static inline int child_pipe_lost(void *self, int fd, int error)
{
  struct child *child = self;
  CHECK_EQ(child->pipes_lost & 1 << fd, 0);
  child->pipes_lost |= 1 << fd;
  if (error < 0) child->pipe_error = error;
  child->last = 'P';
  return child->fail;
}

static inline int child_exited(void *self)
{
  struct child *child = self;
  trace("exited");
  CHECK(eddy_subprocess_transport_get_returncode(child->transport, NULL));
  child->exits++;
  child->last = 'E';
  return child->fail;
}

static inline int child_lost(void *self, int error)
{
  struct child *child = self;
  trace("lost");
  child->lost++;
  child->error = error;
  child->last = 'L';
  return child->fail;
}

static inline int child_pause(void *self)
{
  (void)self;
  trace("pause");
  return 0;
}

static inline int child_resume(void *self)
{
  (void)self;
  trace("resume");
  return 0;
}

static inline void child_release(void *self)
{
  ((struct child *)self)->released++;
}

static const eddy_protocol child_protocol = {
    .connection_made = child_made,
    .connection_lost = child_lost,
    .pause_writing = child_pause,
    .resume_writing = child_resume,
    .release = child_release,
    .pipe_data_received = child_data,
    .pipe_connection_lost = child_pipe_lost,
    .process_exited = child_exited,
};

static inline int child_factory(void *arg, const eddy_protocol **protocol, void **self)
{
  *protocol = &child_protocol;
  *self = arg;
  return 0;
}

/* The test is over: nothing of the child may be left. */
static inline void end_child(void *arg)
{
  struct child *child = arg;
  for (int i = 0; i < 3; i++) {
    free(child->text[i]);
  }
}

static inline struct child *new_child(void)
{
  struct child *child = test_new(sizeof *child);
  test_defer_late(end_child, child);
  return child;
}

static const eddy_subprocess_options no_pipes = {.in = EDDY_SUBPROCESS_DEVNULL,
    .out = EDDY_SUBPROCESS_INHERIT,
    .err = EDDY_SUBPROCESS_INHERIT};

static const eddy_subprocess_options only_out = {
    .in = EDDY_SUBPROCESS_DEVNULL, .err = EDDY_SUBPROCESS_INHERIT};

static inline int start_shell(
    struct child *child, const char *command, const eddy_subprocess_options *options)
{
  return eddy_loop_subprocess_shell(
      NULL, child_factory, child, command, options, NULL, NULL);
}

static inline int child_returned(const struct child *child, int expected)
{
  int code = -1000;
  CHECK(eddy_subprocess_transport_get_returncode(child->transport, &code));
  CHECK_EQ(code, expected);
  return 0;
}

static inline int wait_for_text(const struct child *child, int fd)
{
  for (int i = 0; i < test_patience() && child->size[fd] == 0; i++) {
    CHECK_OK(eddy_sleep(i < 100 ? 0 : EDDY_MS(1)));
  }
  CHECK(child->size[fd] > 0);
  return 0;
}

static inline int trace_report(
    eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)loop;
  (void)arg;
  trace("report(%s)", context->message);
  return 0;
}

#endif
