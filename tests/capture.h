/* Catching what is written to stderr, and what becomes of a child process. */
#ifndef EDDY_TEST_CAPTURE_H
#define EDDY_TEST_CAPTURE_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "eddy_test.h"

/* ThreadSanitizer has a thread of its own: under it no process is ever known to be stuck. */
#if defined(__SANITIZE_THREAD__)
#define TEST_TSAN true
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TEST_TSAN true
#endif
#endif
#ifndef TEST_TSAN
#define TEST_TSAN false
#endif

#define NEEDS_ONE_THREAD()                                                               \
  do {                                                                                   \
    if (TEST_TSAN) {                                                                     \
      fputs("not tested: ThreadSanitizer's thread is another thread\n", stderr);         \
      return 0;                                                                          \
    }                                                                                    \
  } while (0)

struct capture {
  FILE *file;
  int saved; /* the true stderr */
  char text[1 << 14];
};

/* Gives stderr back; what was written meanwhile is in capture->text. */
static inline void capture_take(struct capture *capture)
{
  if (capture->file == NULL) return;
  fflush(stderr);
  dup2(capture->saved, STDERR_FILENO);
  close(capture->saved);
  rewind(capture->file);
  size_t length = fread(capture->text, 1, sizeof capture->text - 1, capture->file);
  capture->text[length] = '\0';
  fclose(capture->file);
  capture->file = NULL;
}

/* A body that was left early: what failed in it was written to the file. */
static inline void capture_abandoned(void *arg)
{
  struct capture *capture = arg;
  if (capture->file == NULL) return;
  capture_take(capture);
  fputs(capture->text, stderr);
}

/* From here on stderr goes to a file, until capture_end or the end of the body. */
static inline struct capture *capture_begin(void)
{
  struct capture *capture = test_new(sizeof *capture);
  fflush(stderr);
  capture->file = tmpfile();
  if (capture->file == NULL) return capture;
  capture->saved = dup(STDERR_FILENO);
  dup2(fileno(capture->file), STDERR_FILENO);
  test_defer(capture_abandoned, capture);
  return capture;
}

/* What was written since; valid until the test is over. */
static inline const char *capture_end(struct capture *capture)
{
  capture_take(capture);
  return capture->text;
}

/* How often a part is in a text. */
static inline int count_parts(const char *text, const char *part)
{
  int count = 0;
  for (; (text = strstr(text, part)) != NULL; text += strlen(part))
    count++;
  return count;
}

struct child {
  pid_t pid;
  int output;
  bool aborted;
  int status; /* its exit status; -1 if a signal ended it */
  char text[4096];
};

/*
 * fork, with the child's stderr in a pipe: 0 in the child, which has to leave with _exit,
 * and 1 in the parent, or a code. A child that hangs is ended by SIGALRM.
 */
static inline int child_fork(struct child *child)
{
  int ends[2];
  if (pipe(ends) != 0) return EDDY_EMFILE;
  fflush(NULL);
  child->pid = fork();
  if (child->pid == 0) {
    signal(SIGALRM, SIG_DFL);
    signal(SIGABRT, SIG_DFL);
    alarm(30);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    return 0;
  }
  close(ends[1]);
  child->output = ends[0];
  if (child->pid < 0) {
    close(ends[0]);
    return EDDY_EAGAIN;
  }
  return 1;
}

/* Reads what the child says and waits for its end. */
static inline void child_wait(struct child *child)
{
  size_t length = 0;
  ssize_t got;
  while ((got = read(
              child->output, child->text + length, sizeof child->text - 1 - length)) > 0)
    length += (size_t)got;
  child->text[length] = '\0';
  close(child->output);
  int status = 0;
  waitpid(child->pid, &status, 0);
  child->aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
  child->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Runs fn(arg) in a child, which exits with 0 or, when fn returned a code, with 1. */
static inline int child_run(struct child *child, int (*fn)(void *arg), void *arg)
{
  int rc = child_fork(child);
  if (rc == 0) {
    rc = fn(arg);
    fflush(stderr);
    _exit(rc == 0 ? 0 : 1);
  }
  if (rc < 0) return rc;
  child_wait(child);
  return 0;
}

/* Runs fn in a process of one thread; its failures, and what it wrote otherwise than
 * expected, become the test's. */
static inline int alone(int (*fn)(void *arg), void *arg, const char **text)
{
  struct child *child = test_new(sizeof *child);
  *text = "";
  CHECK_OK(child_run(child, fn, arg));
  *text = child->text;
  if (child->status != 0) CHECK_STR(child->text, "(a child that succeeds)");
  return 0;
}

#endif
