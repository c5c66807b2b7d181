/* eddy_sock_sendfile: by the system on kernel sockets, by hand on those in memory. */
#include "files.h"

enum { SIZE = 700000 };

/* A call in a task of its own. */
struct sender {
  eddy_frame frame; /* first */
  int fd;
  int file;
  eddy_sendfile_options options;
  size_t sent;
  int rc;
  eddy_task *task;
};

static int sender_ended(struct sender *sender, int rc)
{
  sender->rc = rc;
  return rc == EDDY_ECANCELLED ? rc : 0;
}

static int sender_body(void *arg)
{
  struct sender *sender = arg;
  return sender_ended(sender,
      eddy_sock_sendfile(sender->fd, sender->file, &sender->options, &sender->sent));
}

static int sender_frame(eddy_frame *frame)
{
  struct sender *sender = (struct sender *)frame;
  int rc;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, rc,
      eddy_sock_sendfile(sender->fd, sender->file, &sender->options, &sender->sent));
  rc = sender_ended(sender, rc);
  if (rc < 0) EDDY_RAISE(frame, rc);
  EDDY_END(frame);
}

static int sender_start(
    enum kind kind, int fd, int file, int64_t offset, int64_t count, struct sender **out)
{
  struct sender *sender = test_new(sizeof *sender);
  sender->fd = fd;
  sender->file = file;
  sender->options = (eddy_sendfile_options){.offset = offset, .count = count};
  sender->rc = EDDY_PENDING;
  *out = sender;
  return start_kind(kind, sender_body, sender_frame, &sender->frame, &sender->task);
}

/* Receives `size` bytes, which are those of the file from `place` on. */
static int expect(int fd, size_t place, size_t size)
{
  static unsigned char bytes[SIZE];
  CHECK_OK(recv_all(fd, bytes, size));
  for (size_t i = 0; i < size; i++)
    CHECK_EQ(bytes[i], byte_at(place + i));
  return 0;
}

static int send_part(enum kind kind, int fds[2], size_t size, int64_t offset,
    int64_t count, size_t expected)
{
  struct sender *sender;
  int file;
  CHECK_OK(file_with(size, &file));
  CHECK_OK(eddy_sock_sendall(fds[0], "before", 6));
  CHECK_OK(sender_start(kind, fds[0], file, offset, count, &sender));
  char words[6];
  CHECK_OK(recv_all(fds[1], words, 6));
  CHECK_MEM(words, "before", 6);
  CHECK_OK(expect(fds[1], (size_t)offset, expected));
  CHECK_OK(eddy_task_await(sender->task, NULL));
  CHECK_CODE(sender->rc, 0);
  CHECK_EQ(sender->sent, expected);
  off_t position = expected > 0 ? (off_t)((size_t)offset + expected) : 0;
  CHECK_EQ(lseek(file, 0, SEEK_CUR), position);
  CHECK_OK(eddy_sock_sendall(fds[0], "behind", 6));
  CHECK_OK(recv_all(fds[1], words, 6));
  CHECK_MEM(words, "behind", 6);
  return 0;
}

static int whole_file(enum kind kind, int fds[2])
{
  return send_part(kind, fds, SIZE, 0, 0, SIZE);
}

EDDY_TASK_TEST(sendfile, whole_file_is_sent_between_other_data)
{
  return each_stream(whole_file);
}

static int part_of_file(enum kind kind, int fds[2])
{
  CHECK_OK(send_part(kind, fds, SIZE, 2000, 300000, 300000));
  CHECK_OK(send_part(kind, fds, 5000, 4000, 2000, 1000)); /* it ends before that */
  CHECK_OK(send_part(kind, fds, 5000, 6000, 0, 0));       /* it ended before */
  return send_part(kind, fds, 0, 0, 0, 0);
}

EDDY_TASK_TEST(sendfile, part_of_a_file_and_an_empty_one_are_sent)
{
  return each_stream(part_of_file);
}

EDDY_TASK_TEST(sendfile, negative_numbers_and_bad_descriptors_are_refused)
{
  int fds[2], file;
  CHECK_OK(test_pair(fds));
  CHECK_OK(file_with(10, &file));
  CHECK_CODE(
      eddy_sock_sendfile(fds[0], file, &(eddy_sendfile_options){.offset = -1}, NULL),
      EDDY_EINVAL);
  CHECK_CODE(
      eddy_sock_sendfile(fds[0], file, &(eddy_sendfile_options){.count = -1}, NULL),
      EDDY_EINVAL);
  CHECK_CODE(eddy_sock_sendfile(-1, file, NULL, NULL), EDDY_EBADF);
  CHECK_CODE(eddy_sock_sendfile(fds[0], -1, NULL, NULL), EDDY_EBADF);
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(sendfile, without_fallback_it_is_an_error_where_the_system_cannot)
{
  int fds[2], file;
  size_t sent = 7;
  CHECK_OK(test_pair(fds));
  CHECK_OK(file_with(10, &file));
  CHECK_CODE(eddy_sock_sendfile(
                 fds[0], file, &(eddy_sendfile_options){.no_fallback = true}, &sent),
      EDDY_ENOTSUP);
  CHECK_EQ(sent, 7);
  return 0;
}

EDDY_TASK_TEST_KERNEL(sendfile, system_sends_without_fallback)
{
  int fds[2], file;
  size_t sent;
  CHECK_OK(tcp_pair(fds));
  test_fd_closed(fds[0]), test_fd_closed(fds[1]);
  CHECK_OK(file_with(1000, &file));
  CHECK_OK(eddy_sock_sendfile(
      fds[0], file, &(eddy_sendfile_options){.no_fallback = true}, &sent));
  CHECK_EQ(sent, 1000);
  CHECK_OK(expect(fds[1], 0, 1000));
  CHECK_OK(eddy_sock_close(fds[0]));
  CHECK_OK(eddy_sock_close(fds[1]));
  return 0;
}

static int peer_goes(enum kind kind, int fds[2])
{
  struct sender *sender;
  int file;
  CHECK_OK(file_with(SIZE, &file));
  CHECK_OK(close_now(fds[1]));
  CHECK_OK(eddy_sleep(EDDY_MS(2)));
  for (int i = 0; i < 2; i++) { /* TCP learns it by the first */
    CHECK_OK(sender_start(kind, fds[0], file, 0, 0, &sender));
    CHECK_OK(eddy_task_await(sender->task, NULL));
  }
  CHECK(sender->rc == EDDY_EPIPE || sender->rc == EDDY_ECONNRESET);
  return 0;
}

EDDY_TASK_TEST(sendfile, peer_that_is_gone_is_an_error_and_no_signal)
{
  return each_stream(peer_goes);
}

static int cancelled(enum kind kind, int fds[2])
{
  struct sender *sender;
  int file;
  CHECK_OK(file_with(SIZE, &file));
  CHECK_OK(fill_up(fds[0]));
  CHECK_OK(sender_start(kind, fds[0], file, 100, 0, &sender));
  CHECK_OK(look_around());
  CHECK_EQ(sender->rc, EDDY_PENDING);
  CHECK(eddy_task_cancel(sender->task, NULL));
  CHECK_CODE(eddy_task_await(sender->task, NULL), EDDY_ECANCELLED);
  /* TCP may find some room yet when it has moved what it was given. */
  size_t position = sender->sent > 0 ? 100 + sender->sent : 0;
  CHECK_EQ(lseek(file, 0, SEEK_CUR), position);
  return 0;
}

EDDY_TASK_TEST(sendfile, cancelled_call_leaves_the_file_where_it_was)
{
  return each_stream(cancelled);
}

/* ---- in the midst of it ---- */

enum {
  BIG = 16 * 1024 * 1024,
  PART = 50000
}; /* more than sockets take without a reader */

/* A call that has sent a part, and waits. */
static int half_way(enum kind kind, int fds[2], struct sender **out)
{
  int file;
  CHECK_OK(file_with(BIG, &file));
  CHECK_OK(sender_start(kind, fds[0], file, 0, 0, out));
  CHECK_OK(expect(fds[1], 0, PART));
  CHECK_OK(look_around());
  CHECK_EQ((*out)->rc, EDDY_PENDING);
  return 0;
}

static int cancelled_half_way(enum kind kind, int fds[2])
{
  struct sender *sender;
  char byte;
  size_t got = 1;
  CHECK_OK(half_way(kind, fds, &sender));
  CHECK(eddy_task_cancel(sender->task, NULL));
  CHECK_CODE(eddy_task_await(sender->task, NULL), EDDY_ECANCELLED);
  off_t position = lseek(sender->file, 0, SEEK_CUR);
  CHECK_BETWEEN(PART, position, BIG - 1);
  /* So much has been sent, and no more comes. */
  CHECK_OK(eddy_sock_shutdown(fds[0], EDDY_SHUTDOWN_WRITE));
  for (size_t place = PART; place < (size_t)position;) {
    size_t left = (size_t)position - place;
    size_t size = left < SIZE ? left : SIZE;
    CHECK_OK(expect(fds[1], place, size));
    place += size;
  }
  CHECK_OK(eddy_sock_recv(fds[1], &byte, 1, &got));
  CHECK_EQ(got, 0);
  return 0;
}

EDDY_TASK_TEST_KERNEL(sendfile, cancelled_half_way_the_file_is_behind_what_was_sent)
{
  return each_stream(cancelled_half_way);
}

static int peer_goes_half_way(enum kind kind, int fds[2])
{
  struct sender *sender;
  CHECK_OK(half_way(kind, fds, &sender));
  CHECK_OK(close_now(fds[1]));
  CHECK_OK(eddy_task_await(sender->task, NULL));
  CHECK(sender->rc == EDDY_EPIPE || sender->rc == EDDY_ECONNRESET);
  CHECK_BETWEEN(PART, lseek(sender->file, 0, SEEK_CUR), BIG - 1);
  return 0;
}

EDDY_TASK_TEST_KERNEL(
    sendfile, peer_that_goes_half_way_is_an_error_and_the_file_has_moved)
{
  return each_stream(peer_goes_half_way);
}

/* ---- what is no file, or no stream ---- */

static void close_end(void *fd)
{
  close((int)(intptr_t)fd);
}

EDDY_TASK_TEST(sendfile, what_has_no_positions_is_refused)
{
  int fds[2], ends[2];
  size_t sent = 7;
  CHECK_OK(test_pair(fds));
  CHECK_EQ(pipe(ends), 0);
  test_defer(close_end, (void *)(intptr_t)ends[0]);
  test_defer(close_end, (void *)(intptr_t)ends[1]);
  CHECK_CODE(eddy_sock_sendfile(fds[0], ends[0], NULL, &sent), EDDY_ESPIPE);
  CHECK_CODE(eddy_sock_sendfile(
                 fds[0], ends[0], &(eddy_sendfile_options){.no_fallback = true}, &sent),
      EDDY_ENOTSUP);
  CHECK_EQ(sent, 7);
  return 0;
}

EDDY_TASK_TEST(sendfile, datagram_socket_without_a_peer_is_an_error)
{
  int fd, file;
  eddy_address address;
  size_t sent = 7;
  CHECK_OK(eddy_address_parse("127.0.0.1", 0, &address));
  CHECK_OK(eddy_sock_open_datagram(&address, NULL, &fd));
  test_fd(fd);
  CHECK_OK(file_with(100, &file));
  CHECK_CODE(eddy_sock_sendfile(fd, file, NULL, &sent), EDDY_EDESTADDRREQ);
  CHECK_EQ(sent, 7);
  return 0;
}
