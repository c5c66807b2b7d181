/* Running one test case: registration, checks, cleanups, what must not be left behind. */
#include "support.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/wait.h>
#endif

struct cleanup {
  void (*fn)(void *arg);
  void *arg;
};

static struct test_case *cases;
static struct test_case **cases_tail = &cases;

struct cleanups {
  struct cleanup *items;
  size_t count, capacity;
};

static struct {
  atomic_int failures;
  bool tolerant;
  struct cleanups early; /* when the body has ended */
  struct cleanups late;  /* when the loop has ended too */
  void *memory;          /* blocks of test_new; each begins with a pointer to the next */
} running;

void test_register(struct test_case *test)
{
  *cases_tail = test;
  cases_tail = &test->next;
}

struct test_case *test_cases(void)
{
  return cases;
}

struct test_case *test_find(const char *name)
{
  struct test_case *test = cases;
  while (test != NULL && strcmp(test->name, name) != 0)
    test = test->next;
  return test;
}

const char *test_backend(void)
{
  static const char *usual;
  const char *name = getenv("EDDY_BACKEND");
  if (name != NULL && name[0] != '\0') return name;
  eddy_loop *loop;
  eddy_loop_stats stats;
  if (usual == NULL && eddy_loop_new(NULL, &loop) == 0) {
    eddy_loop_get_stats(loop, &stats);
    usual = stats.backend;
    eddy_loop_free(loop);
  }
  return usual != NULL ? usual : "none";
}

bool test_is_virtual(void)
{
  const char *io = strrchr(test_backend(), '/');
  return io != NULL && strcmp(io, "/virtual") == 0;
}

const char *test_unfit(const struct test_case *test)
{
  static char reason[80];
  if (strcmp(test->where, "any") == 0 || strcmp(test->where, "unit") == 0) return NULL;
  if (strcmp(test->where, "virtual") == 0)
    return test_is_virtual() ? NULL : "needs virtual time";
  if (strcmp(test->where, "kernel") == 0)
    return test_is_virtual() ? "needs the kernel" : NULL;
  if (strcmp(test->where, test_backend()) == 0) return NULL;
  snprintf(reason, sizeof reason, "is about %s", test->where);
  return reason;
}

/* ---- checks ---- */

int test_failed(const char *file, int line, const char *format, ...)
{
  atomic_fetch_add(&running.failures, 1);
  if (running.tolerant) return EDDY_ERUNTIME;
  char text[4096];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  fprintf(stderr, "%s:%d: %s\n", file, line, text);
  return EDDY_ERUNTIME;
}

static const char *code_name(int code)
{
  return code == 0 ? "0" : eddy_err_name(code);
}

int test_failed_code(const char *file, int line, const char *call, int rc, int expected)
{
  return test_failed(file, line, "%s: returned %s (%d, %s), not %s", call, code_name(rc),
      rc, eddy_message(rc), code_name(expected));
}

bool test_same_text(const char *a, const char *b)
{
  if (a == NULL || b == NULL) return a == b;
  return strcmp(a, b) == 0;
}

/* ---- cleanups ---- */

/* The harness has no way to go on without memory; it is never what a test is about. */
static void *need(void *block)
{
  if (block == NULL) {
    fputs("the test harness is out of memory\n", stderr);
    abort();
  }
  return block;
}

static void defer(struct cleanups *list, void (*fn)(void *arg), void *arg)
{
  if (list->count == list->capacity) {
    list->capacity = list->capacity ? 2 * list->capacity : 16;
    list->items = need(realloc(list->items, list->capacity * sizeof *list->items));
  }
  list->items[list->count++] = (struct cleanup){fn, arg};
}

static void run_cleanups(struct cleanups *list)
{
  while (list->count > 0) {
    struct cleanup cleanup = list->items[--list->count];
    cleanup.fn(cleanup.arg);
  }
  free(list->items);
  list->items = NULL;
  list->capacity = 0;
}

void test_defer(void (*fn)(void *arg), void *arg)
{
  defer(&running.early, fn, arg);
}

void test_defer_late(void (*fn)(void *arg), void *arg)
{
  defer(&running.late, fn, arg);
}

void *test_new(size_t size)
{
  /* Two words of head keep the block aligned. */
  void **block = need(calloc(1, 2 * sizeof(void *) + size));
  block[0] = running.memory;
  running.memory = block;
  return block + 2;
}

static void free_memory(void)
{
  while (running.memory != NULL) {
    void **block = running.memory;
    running.memory = block[0];
    free(block);
  }
}

/* ---- running ---- */

/* Descriptors that are open, as far as a test goes. */
static int open_descriptors(void)
{
  int count = 0;
#ifndef _WIN32
  for (int fd = 0; fd < 1024; fd++)
    count += fcntl(fd, F_GETFD) >= 0;
#endif
  return count;
}

/* Whether this process has a child, running or not reaped. */
static bool has_children(void)
{
#ifndef _WIN32
  siginfo_t info;
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
#else
  return false;
#endif
}

/* libuv keeps some descriptors for good once they were needed; they are no test's leak.
 */
static void warm_up(void)
{
  static bool warm;
  if (warm) return;
  warm = true;
  eddy_loop_options options = {.backend = "uv/uv"};
  eddy_loop *loop = NULL;
  if (eddy_loop_new(&options, &loop) == 0) eddy_loop_free(loop);
}

static int call_body(void *arg)
{
  struct test_case *test = arg;
  int rc = test->body();
  if (rc != 0 && atomic_load(&running.failures) == 0)
    test_failed_code(test->site, 0, "the body", rc, 0);
  run_cleanups(&running.early);
  return rc;
}

int test_patience(void)
{
  return running.tolerant ? 1000 : 30000;
}

int test_run(struct test_case *test, bool tolerant)
{
  if (strcmp(test->where, "unit") != 0) warm_up();
  running.tolerant = tolerant;
  atomic_store(&running.failures, 0);
  test_trace_clear();
  int before = open_descriptors();
  bool had_children = has_children();
  if (test->in_task) {
    eddy_task_options options = {.site = test->site};
    int rc = eddy_run_with(call_body, test, NULL, &options, NULL);
    if (rc != 0 && atomic_load(&running.failures) == 0)
      test_failed_code(test->site, 0, "eddy_run", rc, 0);
  } else {
    call_body(test);
  }
  run_cleanups(&running.early);
  run_cleanups(&running.late);
  free_memory();
  if (tolerant) {
    atomic_store(&running.failures, 0);
    running.tolerant = false;
  }
  int after = open_descriptors();
  if (after != before)
    test_failed(
        test->site, 0, "%d descriptors were open before and %d after", before, after);
  if (!had_children && has_children())
    test_failed(test->site, 0, "a child process was left");
  return atomic_load(&running.failures);
}
