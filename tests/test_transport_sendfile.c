/* eddy_loop_sendfile: by the system on kernel sockets, by reading and writing on those in
 * memory and where a transport has no descriptor to send to. */
#include <eddy/transport_type.h>

#include "files.h"
#include "transports.h"

enum { SIZE = 700000 };

/* A call in a task of its own. */
struct sender {
  eddy_frame frame; /* first */
  eddy_transport *transport;
  int file;
  eddy_sendfile_options options;
  size_t sent;
  int rc;
  char message[120];
  eddy_task *task;
};

static int sender_ended(struct sender *sender, int rc)
{
  sender->rc = rc;
  snprintf(sender->message, sizeof sender->message, "%s", rc < 0 ? eddy_message(rc) : "");
  return rc == EDDY_ECANCELLED ? rc : 0;
}

static int sender_call(struct sender *sender)
{
  return eddy_loop_sendfile(
      NULL, sender->transport, sender->file, &sender->options, &sender->sent);
}

static int sender_body(void *arg)
{
  return sender_ended(arg, sender_call(arg));
}

static int sender_frame(eddy_frame *frame)
{
  struct sender *sender = (struct sender *)frame;
  int rc;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, rc, sender_call(sender));
  rc = sender_ended(sender, rc);
  if (rc < 0) EDDY_RAISE(frame, rc);
  EDDY_END(frame);
}

static int sender_start(enum kind kind, eddy_transport *transport, int file,
    int64_t offset, int64_t count, struct sender **out)
{
  struct sender *sender = test_new(sizeof *sender);
  sender->transport = transport;
  sender->file = file;
  sender->options = (eddy_sendfile_options){.offset = offset, .count = count};
  sender->rc = EDDY_PENDING;
  *out = sender;
  return start_kind(kind, sender_body, sender_frame, &sender->frame, &sender->task);
}

static int sender_join(struct sender *sender)
{
  CHECK_OK(eddy_task_await(sender->task, NULL));
  return sender->rc;
}

/* A peer over one end; its descriptor is the transport's. */
static int peer_over(int fds[2], struct peer **out)
{
  *out = new_peer("");
  (*out)->quiet = true;
  (*out)->keep_open = true;
  return attach_peer(*out, fds[0]);
}

/* Receives `size` bytes, which are those of the file from `place` on. */
static int expect(int fd, size_t place, size_t size)
{
  static unsigned char bytes[SIZE];
  CHECK_OK(recv_all(fd, bytes, size));
  for (size_t i = 0; i < size; i++)
    if (bytes[i] != byte_at(place + i)) CHECK_EQ(i, SIZE_MAX);
  return 0;
}

static int send_part(enum kind kind, int fds[2], int64_t offset, int64_t count)
{
  struct sender *sender;
  struct peer *a;
  int file;
  size_t expected = count > 0 ? (size_t)count : SIZE - (size_t)offset;
  char word[8];
  CHECK_OK(peer_over(fds, &a));
  CHECK_OK(file_with(SIZE, &file));
  CHECK_OK(eddy_transport_write(a->transport, "before", 6));
  CHECK_OK(sender_start(kind, a->transport, file, offset, count, &sender));
  CHECK_OK(recv_all(fds[1], word, 6));
  CHECK_MEM(word, "before", 6);
  CHECK_OK(expect(fds[1], (size_t)offset, expected));
  CHECK_OK(sender_join(sender));
  CHECK_EQ(sender->sent, expected);
  CHECK_EQ(lseek(file, 0, SEEK_CUR), (off_t)((size_t)offset + expected));
  CHECK_OK(eddy_transport_write(a->transport, "behind", 6));
  CHECK_OK(recv_all(fds[1], word, 6));
  CHECK_MEM(word, "behind", 6);
  CHECK_OK(eddy_sock_sendall(fds[1], "back", 4)); /* it reads again */
  CHECK_OK(wait_for_bytes(a, 4));
  CHECK_EQ(a->paused, 0);
  return peer_end(a);
}

static int whole_file(enum kind kind, int fds[2])
{
  return send_part(kind, fds, 0, 0);
}

EDDY_TASK_TEST(transport_sendfile, file_goes_between_what_is_written_before_and_after)
{
  return each_stream(whole_file);
}

static int part_of_file(enum kind kind, int fds[2])
{
  return send_part(kind, fds, 1000, 100);
}

EDDY_TASK_TEST(transport_sendfile, part_of_a_file_is_sent)
{
  return each_stream(part_of_file);
}

static int behind_queue(enum kind kind, int fds[2])
{
  enum { QUEUED = 16000000 };
  struct sender *sender;
  struct peer *a;
  int file;
  char *bytes = test_new(QUEUED), *got = test_new(QUEUED);
  CHECK_OK(peer_over(fds, &a));
  CHECK_OK(file_with(5000, &file));
  for (size_t i = 0; i < QUEUED; i++)
    bytes[i] = (char)byte_at(i + 7);
  CHECK_OK(eddy_transport_write(a->transport, bytes, QUEUED));
  CHECK_EQ(a->paused, 1);
  CHECK_OK(sender_start(kind, a->transport, file, 0, 0, &sender));
  CHECK_OK(look_around());
  CHECK_EQ(sender->rc, EDDY_PENDING);
  CHECK(!eddy_transport_is_reading(a->transport));
  CHECK_CODE(eddy_transport_write(a->transport, "x", 1), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "sendfile is in progress");
  CHECK_CODE(eddy_transport_write_eof(a->transport), EDDY_ERUNTIME);
  CHECK_CODE(eddy_loop_sendfile(NULL, a->transport, file, NULL, NULL), EDDY_ERUNTIME);
  CHECK_OK(eddy_sock_sendall(fds[1], "back", 4));
  CHECK_OK(look_around());
  CHECK_EQ(a->size, 0);
  CHECK_OK(recv_all(fds[1], got, QUEUED));
  CHECK_MEM(got, bytes, QUEUED);
  CHECK_OK(expect(fds[1], 0, 5000));
  CHECK_OK(sender_join(sender));
  CHECK_EQ(sender->sent, 5000);
  CHECK_EQ(a->paused, 0);
  CHECK_OK(wait_for_bytes(a, 4));
  return peer_end(a);
}

EDDY_TASK_TEST(transport_sendfile, waits_for_the_queue_and_lets_nobody_else_write)
{
  return each_stream(behind_queue);
}

static int read_by_program(enum kind kind, int fds[2])
{
  struct sender *sender;
  struct peer *a;
  int file;
  CHECK_OK(peer_over(fds, &a));
  CHECK_OK(file_with(10, &file));
  eddy_transport_pause_reading(a->transport);
  CHECK_OK(sender_start(kind, a->transport, file, 0, 0, &sender));
  CHECK_OK(sender_join(sender));
  CHECK(!eddy_transport_is_reading(a->transport)); /* the program's own pause */
  return peer_end(a);
}

EDDY_TASK_TEST(transport_sendfile, leaves_a_pause_of_the_programs_alone)
{
  return each_stream(read_by_program);
}

EDDY_TASK_TEST(transport_sendfile, refuses_what_cannot_be)
{
  int fds[2], file;
  struct peer *a;
  size_t sent = 7;
  CHECK_OK(test_pair(fds));
  CHECK_OK(file_with(10, &file));
  CHECK_CODE(eddy_loop_sendfile(NULL, NULL, file, NULL, &sent), EDDY_EINVAL);
  CHECK_OK(peer_over(fds, &a));
  eddy_transport *t = a->transport;
  const eddy_sendfile_options offset = {.offset = -1}, count = {.count = -1};
  CHECK_CODE(eddy_loop_sendfile(NULL, t, file, &offset, &sent), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_sendfile(NULL, t, file, &count, &sent), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_sendfile(NULL, t, -1, NULL, &sent), EDDY_EBADF);
  CHECK(eddy_transport_is_reading(t));
  CHECK_OK(eddy_transport_write_eof(t));
  CHECK_CODE(eddy_loop_sendfile(NULL, t, file, NULL, &sent), EDDY_ERUNTIME);
  eddy_transport_close(t);
  CHECK_CODE(eddy_loop_sendfile(NULL, t, file, NULL, &sent), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "is closing");
  CHECK_EQ(sent, 7);
  CHECK_EQ(lseek(file, 0, SEEK_CUR), 0);
  return peer_end(a);
}

EDDY_TASK_TEST_VIRTUAL(transport_sendfile, without_fallback_the_system_has_to_do_it)
{
  int fds[2], file;
  struct peer *a;
  CHECK_OK(test_pair(fds));
  CHECK_OK(file_with(10, &file));
  CHECK_OK(peer_over(fds, &a));
  const eddy_sendfile_options options = {.no_fallback = true};
  CHECK_CODE(eddy_loop_sendfile(NULL, a->transport, file, &options, NULL), EDDY_ENOTSUP);
  CHECK_EQ(lseek(file, 0, SEEK_CUR), 0);
  return peer_end(a);
}

static int peer_goes(enum kind kind, int fds[2])
{
  struct sender *sender;
  struct peer *a;
  int file;
  CHECK_OK(peer_over(fds, &a));
  a->keep_open = false;
  CHECK_OK(file_with(SIZE, &file));
  CHECK_OK(fill_up(eddy_transport_get_fd(a->transport)));
  CHECK_OK(sender_start(kind, a->transport, file, 0, 0, &sender));
  CHECK_OK(look_around());
  CHECK_EQ(sender->rc, EDDY_PENDING);
  CHECK_OK(close_now(fds[1]));
  int rc = sender_join(sender);
  CHECK(rc == EDDY_EPIPE || rc == EDDY_ECONNRESET);
  CHECK_BETWEEN(0, sender->sent, SIZE - 1);
  CHECK_EQ(lseek(file, 0, SEEK_CUR), (off_t)sender->sent);
  CHECK_OK(wait_until(&a->released)); /* reading it found the end */
  return 0;
}

EDDY_TASK_TEST(transport_sendfile, peer_that_goes_in_the_middle_ends_it)
{
  return each_stream(peer_goes);
}

static int aborted(enum kind kind, int fds[2])
{
  struct sender *sender;
  struct peer *a;
  int file;
  CHECK_OK(peer_over(fds, &a));
  CHECK_OK(file_with(SIZE, &file));
  CHECK_OK(fill_up(eddy_transport_get_fd(a->transport)));
  CHECK_OK(sender_start(kind, a->transport, file, 0, 0, &sender));
  CHECK_OK(look_around());
  eddy_transport_abort(a->transport);
  CHECK_CODE(sender_join(sender), EDDY_ECONNRESET);
  CHECK_CONTAINS(sender->message, "lost");
  return peer_end(a);
}

EDDY_TASK_TEST(transport_sendfile, abort_ends_it)
{
  return each_stream(aborted);
}

static int cancelled(enum kind kind, int fds[2])
{
  struct sender *sender;
  struct peer *a;
  int file;
  CHECK_OK(peer_over(fds, &a));
  CHECK_OK(file_with(SIZE * 10, &file));
  CHECK_OK(sender_start(kind, a->transport, file, 100, 0, &sender));
  CHECK_OK(look_around());
  CHECK_EQ(sender->rc, EDDY_PENDING);
  CHECK(eddy_task_cancel(sender->task, NULL));
  CHECK_CODE(eddy_task_await(sender->task, NULL), EDDY_ECANCELLED);
  CHECK_BETWEEN(1, sender->sent, SIZE * 10 - 101);
  CHECK_EQ(lseek(file, 0, SEEK_CUR), (off_t)(100 + sender->sent));
  CHECK(eddy_transport_is_reading(a->transport));
  CHECK_OK(eddy_transport_write(a->transport, "behind", 6));
  for (size_t done = 0; done < sender->sent;) { /* as much as it said, and no more */
    size_t part = sender->sent - done < SIZE ? sender->sent - done : SIZE;
    CHECK_OK(expect(fds[1], 100 + done, part));
    done += part;
  }
  char word[6];
  CHECK_OK(recv_all(fds[1], word, 6));
  CHECK_MEM(word, "behind", 6);
  return peer_end(a);
}

EDDY_TASK_TEST(transport_sendfile, cancelled_call_says_how_much_was_sent)
{
  return each_stream(cancelled);
}

/* ---- a transport without a descriptor: as TLS, it is written to ---- */

struct sink {
  unsigned char *bytes;
  size_t size;
  size_t queued;
};

static int sink_write(eddy_transport *transport, const eddy_buffer *pieces, size_t count)
{
  struct sink *sink = eddy_transport_state(transport);
  for (size_t i = 0; i < count; i++) {
    memcpy(sink->bytes + sink->size, pieces[i].data, pieces[i].size);
    sink->size += pieces[i].size;
    sink->queued += pieces[i].size;
  }
  eddy_transport_grew(transport);
  return 0;
}

static size_t sink_buffered(const eddy_transport *transport)
{
  return ((struct sink *)eddy_transport_state(transport))->queued;
}

static void sink_drain(eddy_transport *transport)
{
  ((struct sink *)eddy_transport_state(transport))->queued = 0;
  eddy_transport_shrank(transport);
}

static void sink_close(eddy_transport *transport)
{
  eddy_transport_lose(transport, 0);
}

static void sink_closed(eddy_transport *transport)
{
  (void)transport;
}

static const eddy_transport_type sink_type = {
    .name = "sink",
    .state_size = sizeof(struct sink),
    .sendfile = EDDY_SENDFILE_COPIED,
    .write = sink_write,
    .close = sink_close,
    .abort = eddy_transport_lose,
    .buffered = sink_buffered,
    .closed = sink_closed,
};

static eddy_transport_type dumb_type;

static int new_sink(const eddy_transport_type *type, struct peer *peer)
{
  eddy_transport *transport;
  CHECK_OK(eddy_transport_new(
      eddy_get_running_loop(), type, &peer_protocol, peer, &transport));
  struct sink *sink = eddy_transport_state(transport);
  sink->bytes = test_new(SIZE + 1);
  eddy_transport_made(transport);
  eddy_transport_unref(transport);
  return 0;
}

static int copied(enum kind kind)
{
  struct peer *a = new_peer("");
  struct sender *sender;
  int file;
  CHECK_OK(new_sink(&sink_type, a));
  CHECK_OK(file_with(SIZE, &file));
  test_trace_clear();
  CHECK_OK(sender_start(kind, a->transport, file, 0, 0, &sender));
  struct sink *sink = eddy_transport_state(a->transport);
  size_t most = 0;
  while (sender->rc == EDDY_PENDING) {
    CHECK_OK(eddy_sleep(EDDY_MS(1)));
    if (sender->rc == EDDY_PENDING) CHECK_TRACE(""); /* no pauses */
    if (sink->queued > most) most = sink->queued;
    sink_drain(a->transport);
  }
  CHECK_OK(sender_join(sender));
  CHECK_EQ(sender->sent, SIZE);
  CHECK_EQ(sink->size, SIZE);
  CHECK_BETWEEN(16384, most, 65536 + 16384); /* as flow control has it */
  for (size_t i = 0; i < SIZE; i++)
    if (sink->bytes[i] != byte_at(i)) CHECK_EQ(i, SIZE_MAX);
  const eddy_sendfile_options options = {.no_fallback = true};
  CHECK_CODE(eddy_loop_sendfile(NULL, a->transport, file, &options, NULL), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "fallback is disabled");
  return peer_end(a);
}

EDDY_TASK_TEST(transport_sendfile, is_copied_where_there_is_no_descriptor_to_send_to)
{
  CHECK_OK(copied(STACKFUL));
  return copied(STACKLESS);
}

EDDY_TASK_TEST(transport_sendfile, transport_that_cannot_send_files_says_so)
{
  struct peer *a = new_peer("");
  int file;
  dumb_type = sink_type;
  dumb_type.sendfile = EDDY_SENDFILE_REFUSED;
  CHECK_OK(new_sink(&dumb_type, a));
  CHECK_OK(file_with(10, &file));
  CHECK_CODE(eddy_loop_sendfile(NULL, a->transport, file, NULL, NULL), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "not supported");
  return peer_end(a);
}

static int copying_ends(enum kind kind)
{
  struct peer *a = new_peer("");
  struct sender *sender;
  int file;
  CHECK_OK(new_sink(&sink_type, a));
  CHECK_OK(file_with(SIZE, &file));
  CHECK_OK(sender_start(kind, a->transport, file, 0, 0, &sender));
  for (int i = 0; i < test_patience() && sink_buffered(a->transport) <= 65536; i++)
    CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_EQ(sender->rc, EDDY_PENDING); /* it waits for room */
  eddy_transport_lose(a->transport, EDDY_ETIMEDOUT);
  CHECK_CODE(sender_join(sender), EDDY_ETIMEDOUT);
  CHECK_EQ(sender->sent, ((struct sink *)eddy_transport_state(a->transport))->size);
  return peer_end(a);
}

EDDY_TASK_TEST(transport_sendfile, copying_ends_with_the_connection)
{
  CHECK_OK(copying_ends(STACKFUL));
  return copying_ends(STACKLESS);
}
