/* Protocols that record what they are told, on connections of every kind. */
#ifndef EDDY_TEST_TRANSPORTS_H
#define EDDY_TEST_TRANSPORTS_H

#include <string.h>
#include <unistd.h>

#include "sock_calls.h"

/* An instance. What it is told goes into the trace as "<name>made", "<name>data(3)", ... */
struct peer {
  const char *name;
  eddy_transport *transport; /* referenced until the test is over */
  char *bytes;               /* received */
  size_t size;
  size_t capacity;
  int made;
  int ended;
  int lost;
  int released;
  int error;      /* told to connection_lost */
  int paused;     /* pauses minus resumes */
  bool quiet;     /* nothing goes into the trace */
  bool keep_open; /* eof_received answers so */
  int fail_made, fail_data, fail_eof, fail_lost, fail_pause;
  char message[120]; /* of the error of connection_lost */
  int (*on_made)(struct peer *peer);
  int (*on_data)(struct peer *peer, const void *data, size_t size);
  int (*on_lost)(struct peer *peer);
  int (*on_resume)(struct peer *peer);
};

static inline void peer_says(const struct peer *peer, const char *what)
{
  if (!peer->quiet) trace("%s%s", peer->name, what);
}

static inline void unref_transport(void *transport)
{
  eddy_transport_unref(transport);
}

static inline int peer_made(void *self, eddy_transport *transport)
{
  struct peer *peer = self;
  peer_says(peer, "made");
  peer->made++;
  peer->transport = eddy_transport_ref(transport);
  test_defer_late(unref_transport, transport);
  if (peer->on_made != NULL) CHECK_OK(peer->on_made(peer));
  return peer->fail_made;
}

static inline int peer_keep(struct peer *peer, const void *data, size_t size)
{
  if (peer->size + size > peer->capacity) {
    size_t capacity = 2 * (peer->size + size) + 64;
    char *bytes = test_new(capacity);
    if (peer->size > 0) memcpy(bytes, peer->bytes, peer->size);
    peer->bytes = bytes;
    peer->capacity = capacity;
  }
  if (size > 0) memcpy(peer->bytes + peer->size, data, size);
  peer->size += size;
  return 0;
}

static inline int peer_data(void *self, const void *data, size_t size)
{
  struct peer *peer = self;
  if (!peer->quiet) trace("%sdata(%zu)", peer->name, size);
  CHECK(size > 0);
  CHECK_EQ(peer->lost, 0);
  CHECK_OK(peer_keep(peer, data, size));
  if (peer->on_data != NULL) CHECK_OK(peer->on_data(peer, data, size));
  if (peer->fail_data < 0) return eddy_raise(peer->fail_data, "data_received says no");
  return 0;
}

static inline int peer_eof(void *self)
{
  struct peer *peer = self;
  peer_says(peer, "eof");
  peer->ended++;
  return peer->fail_eof < 0 ? peer->fail_eof : peer->keep_open;
}

static inline int peer_lost(void *self, int error)
{
  struct peer *peer = self;
  if (!peer->quiet) {
    if (error < 0)
      trace("%slost(%s)", peer->name, eddy_err_name(error));
    else
      trace("%slost", peer->name);
  }
  peer->lost++;
  peer->error = error;
  snprintf(
      peer->message, sizeof peer->message, "%s", error < 0 ? eddy_message(error) : "");
  if (peer->on_lost != NULL) CHECK_OK(peer->on_lost(peer));
  return peer->fail_lost;
}

static inline int peer_pause(void *self)
{
  struct peer *peer = self;
  peer_says(peer, "pause");
  CHECK_EQ(peer->paused, 0);
  peer->paused++;
  return peer->fail_pause;
}

static inline int peer_resume(void *self)
{
  struct peer *peer = self;
  peer_says(peer, "resume");
  CHECK_EQ(peer->paused, 1);
  peer->paused--;
  if (peer->on_resume != NULL) CHECK_OK(peer->on_resume(peer));
  return 0;
}

static inline void peer_release(void *self)
{
  struct peer *peer = self;
  peer->released++;
}

static const eddy_protocol peer_protocol = {
    .connection_made = peer_made,
    .connection_lost = peer_lost,
    .pause_writing = peer_pause,
    .resume_writing = peer_resume,
    .release = peer_release,
    .data_received = peer_data,
    .eof_received = peer_eof,
};

/* A factory that hands out the peer it is given. */
static inline int peer_factory(void *arg, const eddy_protocol **protocol, void **self)
{
  *protocol = &peer_protocol;
  *self = arg;
  return 0;
}

static inline struct peer *new_peer(const char *name)
{
  struct peer *peer = test_new(sizeof *peer);
  peer->name = name;
  return peer;
}

/* Puts a peer on a connected socket, which is taken over. */
static inline int attach_peer(struct peer *peer, int fd)
{
  int rc = eddy_loop_connect_accepted_socket(
      NULL, peer_factory, peer, fd, NULL, NULL, NULL);
  test_fd_closed(fd);
  if (rc < 0) (void)eddy_sock_close(fd); /* it may be so that nothing was done */
  return rc;
}

/* Waits, with patience, until the number is not 0. */
static inline int wait_until(const int *number)
{
  for (int i = 0; i < test_patience() && *number == 0; i++) {
    CHECK_OK(eddy_sleep(i < 100 ? 0 : EDDY_MS(1)));
  }
  CHECK(*number != 0);
  return 0;
}

/* As wait_until, and back in the very iteration in which it became so, or the next one. */
static inline int spin_until(const int *number)
{
  for (int i = 0; i < 10000000 && *number == 0; i++) {
    CHECK_OK(eddy_sleep(0));
  }
  CHECK(*number != 0);
  return 0;
}

static inline int wait_for_bytes(const struct peer *peer, size_t size)
{
  for (int i = 0; i < test_patience() && peer->size < size; i++) {
    CHECK_OK(eddy_sleep(i < 100 ? 0 : EDDY_MS(1)));
  }
  CHECK_EQ(peer->size, size);
  return 0;
}

/* A peer, and a plain socket at the other end. */
static inline int peer_and_socket(struct peer *peer, int *socket)
{
  int fds[2];
  *socket = -1;
  CHECK_OK(test_pair(fds));
  CHECK_OK(attach_peer(peer, fds[0]));
  *socket = fds[1];
  return 0;
}

/* Closes it, if it is not, and waits for the end. */
static inline int peer_end(struct peer *peer)
{
  eddy_transport_close(peer->transport);
  CHECK_OK(wait_until(&peer->released));
  CHECK_EQ(peer->lost, 1);
  CHECK_EQ(peer->released, 1);
  return 0;
}

static inline void remove_path(void *path)
{
  unlink(path);
}

/* A path for a Unix socket, of this process's own; the file goes when the test is over. */
static inline const char *new_path(void)
{
  static unsigned made;
  char *path = test_new(64);
  snprintf(path, 64, "/tmp/eddy-net-%ld-%u.sock", (long)getpid(), ++made);
  unlink(path);
  test_defer_late(remove_path, path);
  return path;
}

#endif
