/* Traces as files: by name, by the environment, of several loops and processes. */
#include <pthread.h>

#include "capture.h"
#include "tools/unpack.h"

static const char *path; /* the case's file */

static void remove_file(void *name)
{
  (void)unlink(name);
}

/* A name for a file that is not there, nor one with a process's number behind it. */
static int begin(void)
{
  char *name = test_new(64);
  snprintf(name, 64, "/tmp/eddy-trace-%ld", (long)getpid());
  (void)unlink(name);
  test_defer_late(remove_file, name);
  path = name;
  return 0;
}

static void forget_environment(void *unused)
{
  (void)unused;
  unsetenv("EDDY_TRACE");
}

static int by_environment(const char *name)
{
  CHECK_EQ(setenv("EDDY_TRACE", name, 1), 0);
  test_defer(forget_environment, NULL);
  return 0;
}

/* How many events of a kind a file has; -1: it is none. */
static int count(const char *name, eddy_trace_kind kind)
{
  static unsigned char bytes[1 << 20];
  FILE *file = fopen(name, "rb");
  eddy_trace_event event;
  const char *text;
  int found = 0;
  bool good = true;
  if (file == NULL) return -1;
  struct unpack from = {.at = bytes, .end = bytes + fread(bytes, 1, sizeof(bytes), file)};
  fclose(file);
  while (good && unpack_next(&from, &event, &text)) {
    found += event.kind == kind;
    if (event.kind == EDDY_TRACE_BEGIN) good = event.value == EDDY_TRACE_MAGIC;
  }
  return good && !from.bad && from.at == from.end ? found : -1;
}

static int yields(void *unused)
{
  (void)unused;
  for (int i = 0; i < 3; i++)
    CHECK_OK(eddy_sleep(0));
  return 0;
}

EDDY_TEST(trace_file, holds_a_loop_from_its_beginning_to_its_end)
{
  CHECK_OK(begin());
  CHECK_OK(by_environment(path));
  CHECK_OK(eddy_run(yields, NULL));
  CHECK_EQ(count(path, EDDY_TRACE_LOOP), 1);
  CHECK_BETWEEN(1, count(path, EDDY_TRACE_TASK), 9); /* the runner makes some, too */
  CHECK_EQ(count(path, EDDY_TRACE_ENDED), count(path, EDDY_TRACE_TASK));
  CHECK_BETWEEN(3, count(path, EDDY_TRACE_PARKED), 30);
  CHECK_EQ(count(path, EDDY_TRACE_COUNTED), 3);
  return 0;
}

static void *run_one(void *unused)
{
  int rc = eddy_run(yields, NULL);
  (void)unused;
  return rc == 0 ? NULL : &path;
}

EDDY_TEST(trace_file, has_every_loop_of_the_process)
{
  pthread_t threads[3];
  void *failed = NULL;
  CHECK_OK(begin());
  CHECK_OK(by_environment(path));
  CHECK_OK(eddy_run(yields, NULL));
  int before = count(path, EDDY_TRACE_LOOP);
  for (int i = 0; i < 3; i++)
    CHECK_EQ(pthread_create(&threads[i], NULL, run_one, NULL), 0);
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(pthread_join(threads[i], &failed), 0);
    CHECK_PTR(failed, NULL);
  }
  CHECK_EQ(count(path, EDDY_TRACE_LOOP), before + 3);
  CHECK_EQ(count(path, EDDY_TRACE_COUNTED), 3 * (before + 3));
  return 0;
}

/* In the child: its file has its own number, and is gone when the case is over. */
static int run_in_child(void *unused)
{
  char name[80];
  (void)unused;
  CHECK_OK(eddy_run(yields, NULL));
  snprintf(name, sizeof(name), "%s.%ld", path, (long)getpid());
  int ends = count(name, EDDY_TRACE_ENDED);
  (void)unlink(name);
  CHECK_BETWEEN(1, ends, 9);
  return 0;
}

static int fork_and_yield(void *unused)
{
  static struct child child;
  (void)unused;
  CHECK_OK(child_run(&child, run_in_child, NULL));
  if (child.status != 0) fputs(child.text, stderr);
  CHECK_EQ(child.status, 0);
  return eddy_sleep(0);
}

EDDY_TEST(trace_file, of_a_child_after_fork_is_another)
{
  CHECK_OK(begin());
  char numbered[80];
  snprintf(numbered, sizeof(numbered), "%s.%%p", path);
  CHECK_OK(by_environment(numbered));
  CHECK_OK(eddy_run(fork_and_yield, NULL));
  snprintf(numbered, sizeof(numbered), "%s.%ld", path, (long)getpid());
  int tasks = count(numbered, EDDY_TRACE_TASK);
  int ends = count(numbered, EDDY_TRACE_ENDED);
  (void)unlink(numbered);
  CHECK_BETWEEN(1, tasks, 9);
  CHECK_EQ(ends, tasks);
  return 0;
}

EDDY_TASK_TEST(trace_file, of_a_loop_begins_anew)
{
  eddy_loop *loop = eddy_get_running_loop();
  CHECK_OK(begin());
  const eddy_trace_options options = {.file = path};
  for (int i = 0; i < 2; i++) {
    CHECK_OK(eddy_loop_trace_start(loop, &options));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(eddy_loop_trace_stop(loop));
    CHECK_EQ(count(path, EDDY_TRACE_LOOP), 1);
  }
  return 0;
}

EDDY_TASK_TEST(trace_file, that_cannot_be_opened_is_an_error)
{
  const eddy_trace_options options = {.file = "/nonexistent/trace"};
  CHECK_CODE(eddy_loop_trace_start(eddy_get_running_loop(), &options), EDDY_ENOENT);
  CHECK_CONTAINS(eddy_message(EDDY_ENOENT), "/nonexistent/trace");
  return 0;
}

EDDY_TEST(trace_file, that_the_environment_names_wrongly_is_reported)
{
  CHECK_OK(by_environment("/nonexistent/trace"));
  struct capture *capture = capture_begin();
  int rc = eddy_run(yields, NULL);
  const char *text = capture_end(capture);
  CHECK_OK(rc);
  CHECK_CONTAINS(text, "EDDY_TRACE=/nonexistent/trace: no such file");
  return 0;
}

EDDY_TEST(trace_file, full_disk_ends_the_trace_and_not_the_program)
{
  if (access("/dev/full", W_OK) != 0) return 0;
  CHECK_OK(by_environment("/dev/full"));
  struct capture *capture = capture_begin();
  int rc = eddy_run(yields, NULL);
  const char *text = capture_end(capture);
  CHECK_OK(rc);
  CHECK_CONTAINS(text, "eddy: a trace ends after 0 events: no space left");
  return 0;
}
