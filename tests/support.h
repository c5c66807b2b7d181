/* What test bodies share: cleanups, objects that clean themselves up, a trace. */
#ifndef EDDY_TEST_SUPPORT_H
#define EDDY_TEST_SUPPORT_H

#include <eddy.h>

/* ---- cleanups ---- */

/* Has fn(arg) called when the body has ended, the latest first; in a task test that is
 * still inside the main task. */
void test_defer(void (*fn)(void *arg), void *arg);

/* The same, but after the loop has ended: for references that tasks still use. */
void test_defer_late(void (*fn)(void *arg), void *arg);

/* Zeroed memory that lives until the whole test is over, the end of eddy_run included:
 * the place for what tasks and callbacks point to. Never NULL. */
void *test_new(size_t size);

/* ---- the backend under test ---- */

/* "native/uv", ...: what the loops of this test run on unless they are told otherwise. */
const char *test_backend(void);

/* Whether time is virtual there, so that durations are exact. */
bool test_is_virtual(void);

/* ---- objects; each is let go of when the test is over ---- */

/* A loop on the backend under test. */
int test_loop(eddy_loop **out);
int test_queue(size_t maxsize, eddy_queue **out);
/* loop NULL: the running one. */
int test_future(eddy_loop *loop, eddy_future **out);
/* A task on the running loop. */
#define test_task(fn, arg, out)                                                          \
  test_loop_task_at(NULL, fn, arg, EDDY_TASK_HERE_(#fn), out)
/* A task on a loop that need not be running. */
#define test_loop_task(loop, fn, arg, out)                                               \
  test_loop_task_at(loop, fn, arg, EDDY_TASK_HERE_(#fn), out)
int test_loop_task_at(eddy_loop *loop, eddy_fn *fn, void *arg,
    const eddy_task_options *options, eddy_task **out);
/* Two connected sockets. A test that closes one itself says so with test_fd_closed. */
int test_pair(int fds[2]);
/* Closes the descriptor when the body has ended. */
void test_fd(int fd);
void test_fd_closed(int fd);
/* Whether there is something on its way over TCP that the other side's kernel has not said to have:
 * then it may make room for more yet. */
bool test_is_under_way(int fd);

/* ---- the trace: what happened, in order ---- */

/* Appends the text to the trace, after a space. Loop thread. */
void trace(const char *format, ...) EDDY_PRINTF(1, 2);
const char *test_trace(void);
void test_trace_clear(void);

/* A callback that appends its argument, a string. */
int trace_fn(void *text);

/* ---- the harness ---- */

struct test_case {
  const char *name;  /* "suite.case" */
  const char *where; /* "any", "unit", "virtual", "kernel" or one backend's name */
  bool in_task;
  int (*body)(void);
  const char *site;
  struct test_case *next;
};

void test_register(struct test_case *test);

/* The registered cases, in the order of their files and lines. */
struct test_case *test_cases(void);
struct test_case *test_find(const char *name);

/* NULL if the case makes sense on the backend under test, else the reason why not. */
const char *test_unfit(const struct test_case *test);

/* For how many milliseconds a test may wait for what has to come: long, unless faults are being
 * injected, so that it may not come. */
int test_patience(void);

/*
 * Runs a case. Returns 0, or the number of things that went wrong; each was written to
 * stderr. With `tolerant`, failed checks and codes are no failures (faults are being
 * injected and the test may give up); descriptors left open are.
 */
int test_run(struct test_case *test, bool tolerant);

/* What the checks call; both mark the test as failed and return EDDY_ERUNTIME. Any
 * thread. */
int test_failed(const char *file, int line, const char *format, ...) EDDY_PRINTF(3, 4);
int test_failed_code(const char *file, int line, const char *call, int rc, int expected);
bool test_same_text(const char *a, const char *b);

#endif
