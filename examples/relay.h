/* Two connections, each of which gets what the other one sends: what the proxies here share. */
#ifndef EXAMPLES_RELAY_H
#define EXAMPLES_RELAY_H

#include <eddy.h>
#include <sys/socket.h>

struct side {
  eddy_stream_reader *reader;
  eddy_stream_writer *writer;
};

struct relay {
  struct side client;
  struct side upstream;
  /* It ends when for so long nothing has moved either way; 0: it never does. */
  eddy_time idle;
  /* ---- while it runs ---- */
  eddy_time moved; /* when something has */
  eddy_task_group group;
  bool broken; /* a side has reset its connection, is gone, or is silent */
};

/* The next piece of one direction, read and passed on; *size is 0 at its end. */
static inline int relay_step(
    eddy_stream_reader *from, eddy_stream_writer *to, void *data, size_t *size)
{
  size_t room = *size;
  int rc = eddy_stream_writer_drain(to);
  if (rc == 0) rc = eddy_stream_reader_read(from, data, room, size);
  if (rc == 0 && *size > 0) rc = eddy_stream_writer_write(to, data, *size);
  return rc;
}

/* The same; it is tried again as long as the other direction moves. */
static inline int relay_timed_step(struct relay *relay, eddy_stream_reader *from,
    eddy_stream_writer *to, void *data, size_t *size)
{
  size_t room = *size;
  for (;;) {
    eddy_timeout scope;
    int rc = eddy_timeout_at_enter(&scope, relay->moved + relay->idle);
    if (rc < 0) return rc;
    eddy_time moved = relay->moved;
    *size = room;
    rc = eddy_timeout_exit(&scope, relay_step(from, to, data, size));
    if (rc != EDDY_ETIMEDOUT || relay->moved == moved) return rc;
  }
}

/* TLS has no half-close: there the end of one direction is that of the connection. */
static inline int relay_pass_end(eddy_stream_writer *to)
{
  if (eddy_stream_writer_can_write_eof(to)) return eddy_stream_writer_write_eof(to);
  eddy_stream_writer_close(to);
  return 0;
}

/* One direction, to its end. */
static inline int relay_pump(
    struct relay *relay, eddy_stream_reader *from, eddy_stream_writer *to)
{
  char data[16 * 1024];
  size_t size;
  int rc;
  do {
    size = sizeof(data);
    rc = relay->idle > 0 ? relay_timed_step(relay, from, to, data, &size)
                         : relay_step(from, to, data, &size);
    relay->moved = eddy_loop_time(eddy_get_running_loop());
  } while (rc == 0 && size > 0);
  if (rc == 0) rc = relay_pass_end(to);
  if (rc == 0 || rc == EDDY_ECANCELLED) return rc;
  relay->broken = true;
  eddy_task_group_cancel(&relay->group); /* the other direction has no purpose any more */
  return 0;
}

static inline int relay_pump_back(void *arg)
{
  struct relay *relay = arg;
  return relay_pump(relay, relay->upstream.reader, relay->client.writer);
}

/* Lets the peer see a reset. Without this it would see an end, as if all had been sent. */
static inline void relay_reset(eddy_stream_writer *writer)
{
  const struct linger at_once = {.l_onoff = 1};
  eddy_transport *transport = eddy_stream_writer_transport(writer);
  int fd = eddy_transport_get_fd(transport);
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  eddy_transport_abort(transport);
}

/* Both directions, until both have ended, one has broken, or the task is cancelled. */
static inline int relay_run(struct relay *relay)
{
  relay->moved = eddy_loop_time(eddy_get_running_loop());
  int rc = eddy_task_group_enter(&relay->group);
  if (rc < 0) return rc;
  rc = eddy_task_group_create_task(&relay->group, relay_pump_back, relay, NULL);
  if (rc == 0) rc = relay_pump(relay, relay->client.reader, relay->upstream.writer);
  rc = eddy_task_group_exit(&relay->group, rc);
  if (rc < 0 || relay->broken) {
    relay_reset(relay->client.writer);
    relay_reset(relay->upstream.writer);
  }
  return rc;
}

#endif
