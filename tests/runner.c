/*
 * The project's own test runner: no fork, nothing but C. It runs where criterion does not
 * (ThreadSanitizer, valgrind, other architectures) and drives campaigns of injected
 * faults.
 *
 *     eddy_tests_plain --list              the cases: name, where they make sense, site
 *     eddy_tests_plain --all               every case, each line as TAP has it
 *     eddy_tests_plain --run NAME ...      these cases, or all of a suite
 *     eddy_tests_plain --tolerate ...      failed checks count for nothing, crashes and
 *                                          descriptors left open do
 *     eddy_tests_plain --without FILE ...  but for those that a line of the file names; the
 *                                          reason is the rest of the line
 *
 * The backend is taken from EDDY_BACKEND; EDDY_TEST_TIMEOUT is the limit for one case in
 * seconds (60; 0: none). The last line is `N passed, N failed`. Exit status: 0 when
 * nothing failed, 1 when something did, 2 when no case matches, 124 when a case takes too
 * long.
 */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef _WIN32
#include <unistd.h>
#endif

/* A case that is left out, with the reason why. */
struct left_out {
  char name[120];
  char reason[200];
};

static struct left_out left_out[20];
static size_t left_out_count;

static struct {
  bool tolerant;
  unsigned timeout;
  int number, passed, failed, skipped;
} run;

#ifndef _WIN32
static const char *volatile current;

static void too_long(int signum)
{
  static const char text[] = "\nBail out! a case took too long: ";
  (void)signum;
  const char *name = current;
  if (write(STDERR_FILENO, text, sizeof text - 1) >= 0 &&
      write(STDERR_FILENO, name, strlen(name)) >= 0 && write(STDERR_FILENO, "\n", 1) >= 0)
    _exit(124);
  _exit(124);
}

static void limit_time(const char *name)
{
  current = name;
  if (run.timeout > 0) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = too_long;
    sigaction(SIGALRM, &action, NULL);
    alarm(run.timeout);
  }
}

static void unlimit_time(void)
{
  alarm(0);
}
#else
static void limit_time(const char *name)
{
  (void)name;
}

static void unlimit_time(void)
{
}
#endif

/* Lines: a name, spaces, a reason; empty ones and those that begin with # say nothing. */
static bool read_left_out(const char *path)
{
  char line[400];
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    perror(path);
    return false;
  }
  while (left_out_count < sizeof left_out / sizeof left_out[0] &&
         fgets(line, sizeof line, file) != NULL) {
    struct left_out *one = &left_out[left_out_count];
    if (line[0] == '#') continue;
    if (sscanf(line, "%119s %199[^\n]", one->name, one->reason) == 2) left_out_count++;
  }
  bool good = feof(file);
  fclose(file);
  if (!good) fprintf(stderr, "%s names too many cases\n", path);
  for (size_t i = 0; i < left_out_count; i++) {
    if (test_find(left_out[i].name) != NULL) continue;
    fprintf(stderr, "%s: no case matches %s\n", path, left_out[i].name);
    good = false;
  }
  return good;
}

static const char *reason_against(const struct test_case *test)
{
  for (size_t i = 0; i < left_out_count; i++) {
    if (strcmp(left_out[i].name, test->name) == 0) return left_out[i].reason;
  }
  return test_unfit(test);
}

static void run_case(struct test_case *test)
{
  const char *reason = reason_against(test);
  run.number++;
  if (reason != NULL) {
    run.skipped++;
    printf("ok %d - %s # SKIP %s\n", run.number, test->name, reason);
    return;
  }
  limit_time(test->name);
  int failures = test_run(test, run.tolerant);
  unlimit_time();
  if (failures == 0) {
    run.passed++;
    printf("ok %d - %s\n", run.number, test->name);
  } else {
    run.failed++;
    printf("not ok %d - %s\n", run.number, test->name);
  }
  fflush(stdout);
}

/* "queue" matches every case of the suite, "queue.get_waits" that one. */
static bool matches(const struct test_case *test, const char *pattern)
{
  size_t length = strlen(pattern);
  if (strncmp(test->name, pattern, length) != 0) return false;
  return test->name[length] == '\0' || test->name[length] == '.';
}

static int run_matching(char **patterns, int count)
{
  for (int i = 0; i < count; i++) {
    int before = run.number;
    for (struct test_case *test = test_cases(); test != NULL; test = test->next) {
      if (matches(test, patterns[i])) run_case(test);
    }
    if (run.number == before) {
      fprintf(stderr, "no case matches %s\n", patterns[i]);
      return 2;
    }
  }
  return 0;
}

static int list_cases(void)
{
  for (struct test_case *test = test_cases(); test != NULL; test = test->next)
    printf("%s\t%s\t%s\n", test->name, test->where, test->site);
  return 0;
}

static int finish(int status)
{
  if (status != 0) return status;
  if (run.number == 0) {
    fputs("no case matches: there are none\n", stderr);
    return 2;
  }
  printf("1..%d\n", run.number);
  if (run.skipped > 0)
    printf("# %d skipped: they make no sense on %s%s\n", run.skipped, test_backend(),
        left_out_count > 0 ? ", or were left out" : "");
  for (size_t i = 0; i < left_out_count; i++)
    printf("# left out: %s: %s\n", left_out[i].name, left_out[i].reason);
  printf("%d passed, %d failed\n", run.passed, run.failed);
  return run.failed > 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
  const char *timeout = getenv("EDDY_TEST_TIMEOUT");
  run.timeout = timeout != NULL ? (unsigned)strtoul(timeout, NULL, 10) : 60;
  int at = 1;
  if (at < argc && strcmp(argv[at], "--tolerate") == 0) {
    run.tolerant = true;
    at++;
  }
  if (at + 1 < argc && strcmp(argv[at], "--without") == 0) {
    if (!read_left_out(argv[at + 1])) return 2;
    at += 2;
  }
  if (at < argc && strcmp(argv[at], "--list") == 0) return list_cases();
  if (at < argc && strcmp(argv[at], "--all") == 0) {
    for (struct test_case *test = test_cases(); test != NULL; test = test->next)
      run_case(test);
    return finish(0);
  }
  if (at + 1 < argc && strcmp(argv[at], "--run") == 0)
    return finish(run_matching(argv + at + 1, argc - at - 1));
  fputs("usage: eddy_tests_plain [--tolerate] [--without FILE] --list | --all | --run "
        "NAME ...\n",
      stderr);
  return 2;
}
