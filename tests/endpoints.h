/* Datagram protocols that record what they are told. */
#ifndef EDDY_TEST_ENDPOINTS_H
#define EDDY_TEST_ENDPOINTS_H

#include <unistd.h>

#include "lookups.h"
#include "sock_calls.h"

/* An instance. What it is told goes into the trace as "<name>made", "<name>got(text)", ... */
struct end {
  eddy_frame frame; /* first: of the call that creates it */
  const char *name;
  eddy_endpoint_options options;
  eddy_transport *transport; /* referenced until the test is over */
  eddy_address at;           /* its own address */
  eddy_address from;         /* of the last datagram */
  size_t sizes[2];           /* of the last two */
  int received;
  int errors;
  int released;
  bool quiet;
  bool echo;
  int fail_received, fail_factory;
  int close_at; /* the datagram at which it closes; 0: none */
  int (*on_error)(struct end *end);
  int rc;
  char message[200];
  eddy_task *task;
};

static inline void end_says(const struct end *end, const char *what)
{
  if (!end->quiet) trace("%s%s", end->name, what);
}

static inline int end_made(void *self, eddy_transport *transport)
{
  struct end *end = self;
  end_says(end, "made");
  CHECK_OK(eddy_transport_get_sockname(transport, &end->at));
  end->transport = transport;
  return 0;
}

static inline int end_lost(void *self, int error)
{
  struct end *end = self;
  if (!end->quiet)
    trace("%slost%s%s", end->name, error < 0 ? ":" : "",
        error < 0 ? eddy_err_name(error) : "");
  return 0;
}

static inline int end_received(
    void *self, const void *data, size_t size, const eddy_address *from)
{
  struct end *end = self;
  end->received++;
  end->sizes[0] = end->sizes[1];
  end->sizes[1] = size;
  end->from = *from;
  if (!end->quiet)
    trace("%sgot(%.*s)", end->name, size < 20 ? (int)size : 20, (const char *)data);
  if (end->echo) CHECK_OK(eddy_transport_sendto(end->transport, data, size, from));
  if (end->close_at == end->received) eddy_transport_close(end->transport);
  if (end->fail_received < 0) return eddy_raise(end->fail_received, "no, thank you");
  return 0;
}

static inline int end_error(void *self, int error)
{
  struct end *end = self;
  end->errors++;
  if (!end->quiet) trace("%serror(%s)", end->name, eddy_err_name(error));
  return end->on_error != NULL ? end->on_error(end) : 0;
}

static inline int end_pause(void *self)
{
  end_says(self, "pause");
  return 0;
}

static inline int end_resume(void *self)
{
  end_says(self, "resume");
  return 0;
}

static inline void end_release(void *self)
{
  ((struct end *)self)->released++;
}

static const eddy_protocol end_protocol = {
    .connection_made = end_made,
    .connection_lost = end_lost,
    .pause_writing = end_pause,
    .resume_writing = end_resume,
    .release = end_release,
    .datagram_received = end_received,
    .error_received = end_error,
};

static inline int end_factory(void *arg, const eddy_protocol **protocol, void **self)
{
  struct end *end = arg;
  if (end->fail_factory < 0) return end->fail_factory;
  *protocol = &end_protocol;
  *self = end;
  return 0;
}

static inline struct end *end_new(const char *name)
{
  struct end *end = test_new(sizeof *end);
  end->name = name;
  end->rc = EDDY_PENDING;
  end->options.local_host = "127.0.0.1";
  return end;
}

static inline void end_unref(void *transport)
{
  eddy_transport_unref(transport);
}

static inline int end_create(struct end *end)
{
  eddy_transport *transport;
  int rc = eddy_loop_create_datagram_endpoint(
      NULL, end_factory, end, &end->options, &transport, NULL);
  if (rc == 0) {
    end->transport = transport;
    test_defer_late(end_unref, transport);
  }
  return rc;
}

static inline int end_ended(struct end *end, int rc)
{
  end->rc = rc;
  snprintf(end->message, sizeof end->message, "%s", rc < 0 ? eddy_message(rc) : "");
  return rc == EDDY_ECANCELLED ? rc : 0;
}

static inline int end_body(void *arg)
{
  struct end *end = arg;
  return end_ended(end, end_create(end));
}

static inline int end_frame(eddy_frame *frame)
{
  struct end *end = (struct end *)frame;
  int rc;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, rc, end_create(end));
  rc = end_ended(end, rc);
  if (rc < 0) EDDY_RAISE(frame, rc);
  EDDY_END(frame);
}

static inline int end_start(enum kind kind, struct end *end)
{
  return start_kind(kind, end_body, end_frame, &end->frame, &end->task);
}

/* Creates it in a task of this kind; its code. */
static inline int end_run(enum kind kind, struct end *end)
{
  CHECK_OK(end_start(kind, end));
  int rc = eddy_task_await(end->task, NULL);
  return rc < 0 && rc != end->rc ? rc : end->rc;
}

static inline int end_send(struct end *end, const char *text, const eddy_address *to)
{
  return eddy_transport_sendto(end->transport, text, strlen(text), to);
}

/* Waits until a count is reached; not for ever: what is counted may have failed. */
static inline int end_until(const int *count, int wanted)
{
  for (int i = 0; i < 3000 && *count < wanted; i++)
    CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK(*count >= wanted);
  return 0;
}

/* Closes it, and waits for its end. */
static inline int end_close(struct end *end)
{
  eddy_transport_close(end->transport);
  return end_until(&end->released, 1);
}

/* Waits until it was told of so many datagrams. */
static inline int end_await(const struct end *end, int received)
{
  return end_until(&end->received, received);
}

static inline void end_remove_file(void *path)
{
  (void)unlink(path);
}

/* A path for a Unix socket, whose file is removed afterwards. */
static inline const char *end_path(void)
{
  static int number;
  char *path = test_new(100);
  snprintf(path, 100, "/tmp/eddy-endpoint-%ld-%d", (long)getpid(), number++);
  (void)unlink(path);
  test_defer_late(end_remove_file, path);
  return path;
}

#endif
