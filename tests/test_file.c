/* Files, by tasks of both kinds. */
#include <sys/ioctl.h>
#include <unistd.h>

#include <uv.h>

#include "kinds.h"

/* A name that no file has; whatever it names when the test is over is removed. */
static void remove_path(void *path)
{
  if (unlink(path) != 0) (void)rmdir(path);
}

static char *file_path(void)
{
  static int number;
  char *path = test_new(100);
  snprintf(path, 100, "/tmp/eddy-file-%ld-%d", (long)getpid(), number++);
  remove_path(path);
  test_defer_late(remove_path, path);
  return path;
}

/* A whole life of a file as a stackless coroutine; a stackful one calls the body. */
struct life {
  eddy_frame frame; /* first */
  const char *path;
  int file;
  int rc;
  size_t got;
  char bytes[16];
  eddy_file_status status;
  void *data;
  eddy_task *task;
};

static int life_frame(eddy_frame *frame)
{
  struct life *life = (struct life *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, life->rc,
      eddy_file_open(life->path,
          EDDY_FILE_READ | EDDY_FILE_WRITE | EDDY_FILE_CREATE | EDDY_FILE_EXCLUSIVE, 0600,
          &life->file));
  CHECK_CODE(life->rc, 0);
  EDDY_AWAIT(frame, life->rc, eddy_file_write(life->file, "hello world", 11));
  CHECK_CODE(life->rc, 0);
  EDDY_AWAIT(frame, life->rc, eddy_file_pwrite(life->file, "W", 1, 6));
  CHECK_CODE(life->rc, 0);
  EDDY_AWAIT(frame, life->rc, eddy_file_read(life->file, life->bytes, 15, &life->got));
  CHECK_CODE(life->rc, 0);
  CHECK_EQ(life->got, 0); /* the position is at the end: pwrite left it alone */
  EDDY_AWAIT(frame, life->rc, eddy_file_pread(life->file, life->bytes, 5, 6, &life->got));
  CHECK_CODE(life->rc, 0);
  CHECK_EQ(life->got, 5);
  CHECK_STR(life->bytes, "World");
  EDDY_AWAIT(frame, life->rc, eddy_file_sync(life->file));
  CHECK_CODE(life->rc, 0);
  EDDY_AWAIT(frame, life->rc, eddy_file_truncate(life->file, 5));
  CHECK_CODE(life->rc, 0);
  EDDY_AWAIT(frame, life->rc, eddy_file_fstat(life->file, &life->status));
  CHECK_CODE(life->rc, 0);
  CHECK_EQ(life->status.size, 5);
  CHECK_EQ(life->status.kind, EDDY_FILE_REGULAR);
  CHECK_EQ(life->status.mode, 0600);
  EDDY_AWAIT(frame, life->rc, eddy_file_close(life->file));
  CHECK_CODE(life->rc, 0);
  life->file = -1;
  EDDY_AWAIT(
      frame, life->rc, eddy_file_read_all(life->path, 100, &life->data, &life->got));
  CHECK_CODE(life->rc, 0);
  CHECK_EQ(life->got, 5);
  CHECK_STR(life->data, "hello");
  eddy_file_free(life->data);
  EDDY_END(frame);
}

static int life_body(void *arg)
{
  struct life *life = arg;
  CHECK_OK(eddy_file_open(life->path,
      EDDY_FILE_READ | EDDY_FILE_WRITE | EDDY_FILE_CREATE | EDDY_FILE_EXCLUSIVE, 0600,
      &life->file));
  CHECK_OK(eddy_file_write(life->file, "hello world", 11));
  CHECK_OK(eddy_file_pwrite(life->file, "W", 1, 6));
  CHECK_OK(eddy_file_read(life->file, life->bytes, 15, &life->got));
  CHECK_EQ(life->got, 0);
  CHECK_OK(eddy_file_pread(life->file, life->bytes, 5, 6, &life->got));
  CHECK_STR(life->bytes, "World");
  CHECK_OK(eddy_file_truncate(life->file, 5));
  CHECK_OK(eddy_file_close(life->file));
  life->file = -1;
  CHECK_OK(eddy_file_read_all(life->path, 5, &life->data, &life->got));
  CHECK_STR(life->data, "hello");
  eddy_file_free(life->data);
  return 0;
}

/* A body that was left early. */
static void close_left(void *arg)
{
  struct life *life = arg;
  if (life->file >= 0) (void)close(life->file);
}

static int whole_life(enum kind kind)
{
  struct life *life = test_new(sizeof *life);
  life->path = file_path();
  life->file = -1;
  test_defer_late(close_left, life);
  CHECK_OK(start_kind(kind, life_body, life_frame, &life->frame, &life->task));
  return eddy_task_await(life->task, NULL);
}

EDDY_TASK_TEST(file, is_written_read_and_closed_by_tasks)
{
  return each_kind(whole_life);
}

EDDY_TASK_TEST(file, errors_name_the_call_and_the_file)
{
  int file;
  size_t got;
  char byte;
  void *data;
  CHECK_CODE(eddy_file_open("/nonexistent/file", EDDY_FILE_READ, 0, &file), EDDY_ENOENT);
  CHECK_STR(eddy_message(EDDY_ENOENT), "open /nonexistent/file: no such file");
  CHECK_CODE(eddy_file_read(-1, &byte, 1, &got), EDDY_EBADF);
  CHECK_CONTAINS(eddy_message(EDDY_EBADF), "read descriptor -1");
  CHECK_CODE(eddy_file_read_all("/tmp", 10, &data, &got), EDDY_EISDIR);
  CHECK_CODE(eddy_file_close(-1), EDDY_EBADF);
  CHECK_CODE(eddy_file_unlink("/nonexistent/file"), EDDY_ENOENT);
  return 0;
}

EDDY_TASK_TEST(file, bad_arguments_are_refused)
{
  int file;
  char byte;
  size_t got;
  CHECK_CODE(eddy_file_open(NULL, EDDY_FILE_READ, 0, &file), EDDY_EINVAL);
  CHECK_CODE(eddy_file_open("/tmp", 0, 0, &file), EDDY_EINVAL);
  CHECK_CODE(eddy_file_open("/tmp", EDDY_FILE_READ, 0, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_file_read(0, NULL, 1, &got), EDDY_EINVAL);
  CHECK_CODE(eddy_file_pread(0, &byte, 1, UINT64_MAX, &got), EDDY_EINVAL);
  CHECK_CODE(eddy_file_pwrite(0, &byte, 1, UINT64_MAX), EDDY_EINVAL);
  CHECK_CODE(eddy_file_write(0, NULL, 1), EDDY_EINVAL);
  CHECK_CODE(eddy_file_rename("/tmp", NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_file_stat("/tmp", NULL), EDDY_EINVAL);
  return 0;
}

EDDY_TEST(file, calls_need_a_task)
{
  int file;
  CHECK_CODE(eddy_file_open("/tmp", EDDY_FILE_READ, 0, &file), EDDY_ENOTASK);
  return 0;
}

EDDY_TASK_TEST(file, names_and_directories_change)
{
  char *from = file_path(), *to = file_path();
  eddy_file_status status;
  CHECK_OK(eddy_file_write_all(from, "abc", 3));
  CHECK_OK(eddy_file_write_all(from, "", 0)); /* replaced */
  CHECK_OK(eddy_file_rename(from, to));
  CHECK_CODE(eddy_file_stat(from, &status), EDDY_ENOENT);
  CHECK_OK(eddy_file_stat(to, &status));
  CHECK_EQ(status.size, 0);
  CHECK(status.changed > 0 && status.inode != 0);
  CHECK_OK(eddy_file_mkdir(from, 0700));
  CHECK_OK(eddy_file_stat(from, &status));
  CHECK_EQ(status.kind, EDDY_FILE_DIRECTORY);
  CHECK_OK(eddy_file_rmdir(from));
  CHECK_OK(eddy_file_unlink(to));
  return 0;
}

EDDY_TASK_TEST(file, larger_than_the_limit_is_not_read)
{
  char *path = file_path();
  void *data = NULL;
  size_t size = 7;
  char *much = test_new(20000);
  memset(much, 'x', 20000);
  CHECK_OK(eddy_file_write_all(path, much, 20000));
  CHECK_CODE(eddy_file_read_all(path, 19999, &data, &size), EDDY_EFBIG);
  CHECK_CONTAINS(eddy_message(EDDY_EFBIG), "more than 19999 bytes");
  CHECK(data == NULL && size == 7);
  CHECK_OK(eddy_file_read_all(path, 20000, &data, &size));
  CHECK_EQ(size, 20000);
  CHECK_MEM(data, much, 20000);
  eddy_file_free(data);
  return 0;
}

/* A pipe whose other end is silent stands for a disk that does not answer. */
struct stuck {
  eddy_frame frame; /* first */
  int fds[2];
  char bytes[4];
  size_t got;
  int rc;
  eddy_task *task;
};

static int stuck_body(void *arg)
{
  struct stuck *stuck = arg;
  return eddy_file_read(stuck->fds[0], stuck->bytes, 1, &stuck->got);
}

static int stuck_frame(eddy_frame *frame)
{
  struct stuck *stuck = (struct stuck *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(
      frame, stuck->rc, eddy_file_read(stuck->fds[0], stuck->bytes, 1, &stuck->got));
  if (stuck->rc < 0) EDDY_RAISE(frame, stuck->rc);
  EDDY_END(frame);
}

/* Lets a thread that has begun to read come to its end. */
static void end_stuck(void *arg)
{
  struct stuck *stuck = arg;
  int waiting = 1;
  if (write(stuck->fds[1], "x", 1) == 1) {
    for (int i = 0; i < 100 && waiting > 0; i++) {
      uv_sleep(1);
      if (ioctl(stuck->fds[0], FIONREAD, &waiting) != 0) break;
    }
  }
}

/* When the loop is closed, and with it the thread over. */
static void close_stuck(void *arg)
{
  struct stuck *stuck = arg;
  (void)close(stuck->fds[0]);
  (void)close(stuck->fds[1]);
}

static int cancel_stuck(enum kind kind)
{
  struct stuck *stuck = test_new(sizeof *stuck);
  char text[200], expected[200];
  CHECK_EQ(pipe(stuck->fds), 0);
  test_defer(end_stuck, stuck);
  test_defer_late(close_stuck, stuck);
  CHECK_OK(start_kind(kind, stuck_body, stuck_frame, &stuck->frame, &stuck->task));
  CHECK_OK(settle());
  snprintf(expected, sizeof expected, "read of the file on descriptor %d", stuck->fds[0]);
  CHECK_STR(eddy_task_waits_for(stuck->task, text, sizeof text), expected);
  CHECK(eddy_task_cancel(stuck->task, NULL));
  CHECK_CODE(eddy_task_await(stuck->task, NULL), EDDY_ECANCELLED);
  CHECK_EQ(stuck->got, 0);
  return 0;
}

EDDY_TASK_TEST(file, read_that_does_not_answer_is_cancelled_at_once)
{
  return each_kind(cancel_stuck);
}
