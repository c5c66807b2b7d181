/* Callbacks on descriptors: eddy_loop_add_reader and eddy_loop_add_writer. */
#include "eddy_test.h"

static eddy_loop *loop; /* the case's */

/* A callback's argument: it traces its name and then does what is asked for. */
struct watcher {
  const char *name;
  int fd;
  int calls;
  int last; /* the call at which it removes itself; 0: none */
  int rc;
  int (*also)(struct watcher *watcher);
  struct watcher *other;
};

static int on_ready(void *arg)
{
  struct watcher *watcher = arg;
  if (watcher->name != NULL) trace("%s", watcher->name);
  watcher->calls++;
  if (watcher->also != NULL) CHECK_OK(watcher->also(watcher));
  if (watcher->calls == watcher->last) CHECK(eddy_loop_remove_reader(loop, watcher->fd));
  return watcher->rc;
}

static int on_writable(void *arg)
{
  struct watcher *watcher = arg;
  if (watcher->name != NULL) trace("%s", watcher->name);
  watcher->calls++;
  CHECK(eddy_loop_remove_writer(loop, watcher->fd));
  return 0;
}

static struct watcher *new_watcher(const char *name, int fd)
{
  struct watcher *watcher = test_new(sizeof *watcher);
  watcher->name = name;
  watcher->fd = fd;
  return watcher;
}

/* Two connected sockets; the first one can be read from if `readable`. */
static int new_pair(int fds[2], bool readable)
{
  size_t sent;
  loop = eddy_get_running_loop();
  int rc = test_pair(fds);
  if (rc == 0 && readable) rc = eddy_sock_send(fds[1], "x", 1, &sent);
  return rc;
}

/* Lets the loop run until there were that many calls. */
static int until(const struct watcher *watcher, int calls)
{
  for (int turn = 0; watcher->calls < calls; turn++) {
    CHECK(turn < 1000000);
    CHECK_OK(eddy_sleep(0));
  }
  return 0;
}

/* Lets the loop poll, and run what that brought. */
static int settle(void)
{
  return eddy_sleep(EDDY_MS(1));
}

/* ---- calls ---- */

EDDY_TASK_TEST(watch, reader_is_called_as_long_as_there_is_something_to_read)
{
  int fds[2];
  char byte;
  size_t got;
  CHECK_OK(new_pair(fds, true));
  struct watcher *watcher = new_watcher(NULL, fds[0]);
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], on_ready, watcher));
  CHECK_OK(until(watcher, 3));
  CHECK(eddy_loop_remove_reader(loop, fds[0]));
  int calls = watcher->calls;
  CHECK_OK(settle());
  CHECK_EQ(watcher->calls, calls);
  /* The callback has taken nothing. */
  CHECK_OK(eddy_sock_recv(fds[0], &byte, 1, &got));
  CHECK_EQ(got, 1);
  return 0;
}

EDDY_TASK_TEST(watch, reader_waits_until_there_is_something)
{
  int fds[2];
  size_t sent;
  CHECK_OK(new_pair(fds, false));
  struct watcher *watcher = new_watcher("read", fds[0]);
  watcher->last = 1;
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], on_ready, watcher));
  CHECK_OK(settle());
  CHECK_TRACE("");
  CHECK_OK(eddy_sock_send(fds[1], "x", 1, &sent));
  CHECK_OK(until(watcher, 1));
  CHECK_OK(settle());
  CHECK_TRACE("read");
  return 0;
}

EDDY_TASK_TEST(watch, reader_is_called_at_the_end_of_input)
{
  int fds[2];
  CHECK_OK(new_pair(fds, false));
  struct watcher *watcher = new_watcher("end", fds[0]);
  watcher->last = 1;
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], on_ready, watcher));
  test_fd_closed(fds[1]);
  CHECK_OK(eddy_sock_close(fds[1]));
  CHECK_OK(until(watcher, 1));
  CHECK_TRACE("end");
  return 0;
}

EDDY_TASK_TEST(watch, writer_is_called_when_there_is_room)
{
  int fds[2];
  CHECK_OK(new_pair(fds, false));
  struct watcher *watcher = new_watcher("room", fds[0]);
  CHECK_OK(eddy_loop_add_writer(loop, fds[0], on_writable, watcher));
  CHECK_OK(until(watcher, 1));
  CHECK_OK(settle());
  CHECK_TRACE("room");
  CHECK(!eddy_loop_remove_writer(loop, fds[0]));
  return 0;
}

EDDY_TASK_TEST(watch, read_callback_is_queued_before_the_write_callback)
{
  int fds[2];
  CHECK_OK(new_pair(fds, true));
  struct watcher *writer = new_watcher("w", fds[0]);
  struct watcher *reader = new_watcher("r", fds[0]);
  reader->last = 1;
  CHECK_OK(eddy_loop_add_writer(loop, fds[0], on_writable, writer));
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], on_ready, reader));
  CHECK_OK(until(writer, 1));
  CHECK_TRACE("r w");
  return 0;
}

static int count_report(eddy_loop *of, const eddy_exception_context *context, void *arg)
{
  struct watcher *reports = arg;
  (void)of;
  reports->calls++;
  reports->rc = context->error;
  return 0;
}

EDDY_TASK_TEST(watch, error_of_a_callback_does_not_end_the_watch)
{
  int fds[2];
  CHECK_OK(new_pair(fds, true));
  struct watcher *watcher = new_watcher(NULL, fds[0]);
  watcher->rc = EDDY_EIO;
  watcher->last = 2;
  struct watcher *reports = new_watcher(NULL, -1);
  eddy_loop_set_exception_handler(loop, count_report, reports);
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], on_ready, watcher));
  CHECK_OK(until(watcher, 2));
  CHECK_OK(settle());
  eddy_loop_set_exception_handler(loop, NULL, NULL);
  CHECK_EQ(reports->calls, 2);
  CHECK_EQ(reports->rc, EDDY_EIO);
  return 0;
}

EDDY_TASK_TEST(watch, a_hundred_descriptors_are_all_served)
{
  enum { COUNT = 100 };
  struct watcher **watchers = test_new(COUNT * sizeof *watchers);
  for (int i = 0; i < COUNT; i++) {
    int fds[2];
    CHECK_OK(new_pair(fds, true));
    watchers[i] = new_watcher(NULL, fds[0]);
    watchers[i]->last = 1;
    CHECK_OK(eddy_loop_add_reader(loop, fds[0], on_ready, watchers[i]));
  }
  for (int i = 0; i < COUNT; i++)
    CHECK_OK(until(watchers[i], 1));
  return 0;
}

/* ---- removing and replacing ---- */

static int remove_both(struct watcher *watcher)
{
  CHECK(eddy_loop_remove_reader(loop, watcher->fd));
  CHECK(eddy_loop_remove_reader(loop, watcher->other->fd));
  return 0;
}

/* Two readers that are called in one iteration, and know each other. */
static int new_couple(struct watcher **a, struct watcher **b)
{
  int fds[2], more[2];
  CHECK_OK(new_pair(fds, true));
  CHECK_OK(new_pair(more, true));
  *a = new_watcher(NULL, fds[0]);
  *b = new_watcher(NULL, more[0]);
  (*a)->other = *b;
  (*b)->other = *a;
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], on_ready, *a));
  CHECK_OK(eddy_loop_add_reader(loop, more[0], on_ready, *b));
  return 0;
}

EDDY_TASK_TEST(watch, reader_removed_by_an_earlier_callback_of_the_iteration_does_not_run)
{
  struct watcher *a, *b;
  CHECK_OK(new_couple(&a, &b));
  a->also = b->also = remove_both;
  CHECK_OK(settle());
  CHECK_OK(settle());
  CHECK_EQ(a->calls + b->calls, 1);
  return 0;
}

static int remove_writer_too(struct watcher *watcher)
{
  CHECK(eddy_loop_remove_writer(loop, watcher->fd));
  return 0;
}

EDDY_TASK_TEST(watch, writer_removed_by_the_reader_of_its_descriptor_does_not_run)
{
  int fds[2];
  CHECK_OK(new_pair(fds, true));
  struct watcher *writer = new_watcher("w", fds[0]);
  struct watcher *reader = new_watcher("r", fds[0]);
  reader->last = 1;
  reader->also = remove_writer_too;
  CHECK_OK(eddy_loop_add_writer(loop, fds[0], on_writable, writer));
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], on_ready, reader));
  CHECK_OK(settle());
  CHECK_OK(settle());
  CHECK_TRACE("r");
  return 0;
}

static int replace_other(struct watcher *watcher)
{
  static struct watcher fresh;
  fresh = (struct watcher){.name = "new", .fd = watcher->other->fd, .last = 1};
  trace("old");
  CHECK(eddy_loop_remove_reader(loop, watcher->fd));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "next", NULL));
  return eddy_loop_add_reader(loop, fresh.fd, on_ready, &fresh);
}

EDDY_TASK_TEST(watch, adding_again_replaces_and_cancels_the_callback_that_was_queued)
{
  struct watcher *a, *b;
  CHECK_OK(new_couple(&a, &b));
  a->also = b->also = replace_other;
  CHECK_OK(settle());
  CHECK_OK(settle());
  CHECK_EQ(a->calls + b->calls, 1);
  CHECK_TRACE("old next new"); /* not in the place of the one that was queued */
  return 0;
}

static int remove_and_add_other(struct watcher *watcher)
{
  trace("first");
  watcher->other->also = NULL;
  watcher->other->name = "second";
  watcher->other->last = 1;
  CHECK(eddy_loop_remove_reader(loop, watcher->fd));
  CHECK(eddy_loop_remove_reader(loop, watcher->other->fd));
  CHECK_OK(eddy_loop_add_reader(loop, watcher->other->fd, on_ready, watcher->other));
  return eddy_loop_call_soon(loop, trace_fn, "next", NULL);
}

EDDY_TASK_TEST(watch, removed_and_added_again_it_runs_in_the_next_iteration)
{
  struct watcher *a, *b;
  CHECK_OK(new_couple(&a, &b));
  a->also = b->also = remove_and_add_other;
  CHECK_OK(settle());
  CHECK_OK(settle());
  CHECK_TRACE("first next second");
  return 0;
}

EDDY_TASK_TEST(watch, adding_again_replaces_the_callback)
{
  int fds[2];
  CHECK_OK(new_pair(fds, true));
  struct watcher *old = new_watcher("old", fds[0]);
  struct watcher *fresh = new_watcher("new", fds[0]);
  fresh->last = 1;
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], on_ready, old));
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], on_ready, fresh));
  CHECK_OK(settle());
  CHECK_OK(settle());
  CHECK_TRACE("new");
  CHECK(!eddy_loop_remove_reader(loop, fds[0]));
  return 0;
}

static int replace_itself(struct watcher *watcher)
{
  return eddy_loop_add_reader(loop, watcher->fd, on_ready, watcher->other);
}

EDDY_TASK_TEST(watch, callback_may_replace_itself)
{
  int fds[2];
  CHECK_OK(new_pair(fds, true));
  struct watcher *first = new_watcher("first", fds[0]);
  first->other = new_watcher("second", fds[0]);
  first->other->last = 1;
  first->also = replace_itself;
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], on_ready, first));
  CHECK_OK(until(first->other, 1));
  CHECK_OK(settle());
  CHECK_TRACE("first second");
  return 0;
}

EDDY_TASK_TEST(watch, remove_says_whether_there_was_one)
{
  int fds[2];
  CHECK_OK(new_pair(fds, false));
  struct watcher *watcher = new_watcher("never", fds[0]);
  CHECK(!eddy_loop_remove_reader(loop, fds[0]));
  CHECK(!eddy_loop_remove_writer(loop, fds[0]));
  CHECK(!eddy_loop_remove_reader(loop, -1));
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], on_ready, watcher));
  CHECK(!eddy_loop_remove_writer(loop, fds[0]));
  CHECK(eddy_loop_remove_reader(loop, fds[0]));
  CHECK(!eddy_loop_remove_reader(loop, fds[0]));
  return 0;
}

/* One direction of two is removed; the other one's callback, which traces, is still called. */
static int removed_leaves_the_other(
    bool (*remove)(eddy_loop *loop, int fd), const char *left)
{
  int fds[2];
  CHECK_OK(new_pair(fds, true));
  struct watcher *reader = new_watcher("r", fds[0]), *writer = new_watcher("w", fds[0]);
  reader->last = 1;
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], on_ready, reader));
  CHECK_OK(eddy_loop_add_writer(loop, fds[0], on_writable, writer));
  CHECK(remove(loop, fds[0]));
  CHECK(!remove(loop, fds[0]));
  CHECK_OK(settle());
  CHECK_OK(settle());
  CHECK_TRACE(left);
  return 0;
}

EDDY_TASK_TEST(watch, reader_that_is_removed_leaves_the_writer)
{
  return removed_leaves_the_other(eddy_loop_remove_reader, "w");
}

EDDY_TASK_TEST(watch, writer_that_is_removed_leaves_the_reader)
{
  return removed_leaves_the_other(eddy_loop_remove_writer, "r");
}

EDDY_TASK_TEST(watch, writer_that_is_removed_is_not_called)
{
  int fds[2];
  CHECK_OK(new_pair(fds, false));
  struct watcher *writer = new_watcher("w", fds[0]);
  CHECK(!eddy_loop_remove_writer(loop, fds[0]));
  CHECK_OK(eddy_loop_add_writer(loop, fds[0], on_writable, writer));
  CHECK(!eddy_loop_remove_reader(loop, fds[0]));
  CHECK(eddy_loop_remove_writer(loop, fds[0]));
  CHECK(!eddy_loop_remove_writer(loop, fds[0]));
  CHECK_OK(settle());
  CHECK_OK(settle());
  CHECK_TRACE("");
  return 0;
}

EDDY_TASK_TEST(watch, each_of_many_is_found_and_removed_alone)
{
  enum { COUNT = 120 };
  struct watcher **readers = test_new(COUNT * sizeof *readers);
  struct watcher **writers = test_new(COUNT * sizeof *writers);
  int fds[2];
  for (int i = 0; i < COUNT; i++) {
    CHECK_OK(new_pair(fds, true));
    readers[i] = new_watcher(NULL, fds[0]);
    readers[i]->last = 1;
    writers[i] = new_watcher(NULL, fds[0]);
    CHECK_OK(eddy_loop_add_reader(loop, fds[0], on_ready, readers[i]));
    CHECK_OK(eddy_loop_add_writer(loop, fds[0], on_writable, writers[i]));
  }
  for (int i = COUNT - 1; i >= 0; i--) {
    bool odd = i % 2 == 1;
    CHECK(odd ? eddy_loop_remove_reader(loop, readers[i]->fd)
              : eddy_loop_remove_writer(loop, writers[i]->fd));
  }
  CHECK_OK(settle());
  CHECK_OK(settle());
  for (int i = 0; i < COUNT; i++) {
    CHECK_EQ(readers[i]->calls, i % 2 == 0);
    CHECK_EQ(writers[i]->calls, i % 2 == 1);
    CHECK(!eddy_loop_remove_reader(loop, readers[i]->fd));
    CHECK(!eddy_loop_remove_writer(loop, writers[i]->fd));
  }
  return 0;
}
