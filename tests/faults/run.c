/* One run of a case, in a child process. */
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/self.h"
#include "loop/context.h"

enum { EXIT_PROBLEM = 71 };

struct faults_result *faults_result;
unsigned faults_time_limit = 60;

static int output = -1;
static volatile sig_atomic_t too_long;

void faults_problem(const char *format, ...)
{
  if (faults_result->problem[0] != '\0') return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(faults_result->problem, sizeof faults_result->problem, format, arguments);
  va_end(arguments);
}

static void on_alarm(int signum)
{
  (void)signum;
  too_long = 1;
}

bool faults_prepare(void)
{
  faults_result = mmap(NULL, sizeof *faults_result, PROT_READ | PROT_WRITE,
      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (faults_result == MAP_FAILED) return false;
  output = memfd_create("output", MFD_CLOEXEC);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_alarm; /* no SA_RESTART: it ends the wait for the child */
  return output >= 0 && sigaction(SIGALRM, &action, NULL) == 0;
}

void faults_read_output(char *text, size_t size)
{
  ssize_t length = pread(output, text, size - 1, 0);
  text[length < 0 ? 0 : length] = '\0';
}

/* The steps are many, and most runs have none. */
static void clear_result(void)
{
  memset(faults_result, 0, offsetof(struct faults_result, steps));
}

/* ---- inside the child ---- */

static int rest_task(void *queue)
{
  int rc = eddy_sleep(1);
  return rc < 0 ? rc : eddy_queue_put(queue, eddy_int(7));
}

static int sanity(void *arg)
{
  (void)arg;
  eddy_queue *queue;
  eddy_value item;
  int rc = eddy_queue_new(NULL, &queue);
  if (rc < 0) return rc;
  rc = eddy_create_task(rest_task, queue, NULL);
  if (rc == 0) rc = eddy_queue_get(queue, &item);
  if (rc == 0 && item.i != 7) rc = EDDY_ERUNTIME;
  eddy_queue_unref(queue);
  return rc;
}

/* What a fault has broken for good shows in a program that runs afterwards. */
static void look_for_damage(void)
{
  if (eddy__self.loop != NULL || eddy__self.task != NULL || eddy__self.coro != NULL) {
    faults_problem("the thread still believes that a loop, task or generator is running");
    return;
  }
  int rc = eddy_run(sanity, NULL);
  if (rc != 0) faults_problem("a program run afterwards ends with %s", eddy_err_name(rc));
}

static void run_case(struct test_case *test, const struct faults_plan *plan)
{
  bool tolerant = plan->kind != FAULTS_NONE;
  faults_reset_hooks();
  faults_mark_open();
  faults_mark_live();
  faults_record_steps(plan->kind == FAULTS_NONE);
  faults_arm(plan);
  /* Whether descriptors were left open is looked at here, with a sharper eye. */
  bool failed = test_run(test, tolerant) != 0 && !tolerant;
  faults_disarm();
  faults_record_steps(false);
  if (failed) faults_problem("the case fails without any fault");
  faults_release_held();
  (void)eddy_raise(
      EDDY_EIO, "the thread's last error and all that it is made of are gone");
  eddy__context_drop(); /* and its context values */
  faults_look_for_leaks(); /* waits for threads that are about to end */
  faults_look_for_open();
  look_for_damage();
  faults_result->ended = true;
}

int faults_run_here(struct test_case *test, const struct faults_plan *plan)
{
  clear_result();
  faults_trace();
  run_case(test, plan);
  printf("%lu faults were possible, %lu injected; checks that failed: %lu%s%s\n",
      faults_result->count, faults_result->injected, faults_result->failed_checks,
      faults_result->check[0] != '\0' ? ", first " : "", faults_result->check);
  if (faults_result->problem[0] == '\0') return 0;
  printf("problem: %s\n", faults_result->problem);
  return 1;
}

/* ---- its parent ---- */

void faults_end_with_parent(void)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Whether the process computes or sleeps, for the report of a hang. */
static char state_of(pid_t child)
{
  char path[64];
  char text[256] = "";
  snprintf(path, sizeof path, "/proc/%ld/stat", (long)child);
  FILE *file = fopen(path, "r");
  if (file == NULL) return '?';
  bool got = fgets(text, sizeof text, file) != NULL;
  fclose(file);
  const char *bracket = got ? strrchr(text, ')') : NULL;
  return bracket != NULL && bracket[1] == ' ' ? bracket[2] : '?';
}

/* Waits for the child's end; after too long a time it is ended. */
static int wait_for(pid_t child, struct faults_outcome *out)
{
  /* Again and again, in case the first comes when nobody is waiting yet. */
  struct itimerval limit = {
      .it_value.tv_sec = (time_t)faults_time_limit, .it_interval.tv_sec = 1};
  struct itimerval none = {0};
  int status = 0;
  too_long = 0;
  setitimer(ITIMER_REAL, &limit, NULL);
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR || !too_long) continue;
    snprintf(out->detail, sizeof out->detail, "it has not ended after %u s and %s",
        faults_time_limit, state_of(child) == 'R' ? "computes" : "sleeps");
    out->verdict = FAULTS_HUNG;
    kill(child, SIGKILL);
    too_long = 0;
  }
  setitimer(ITIMER_REAL, &none, NULL);
  return status;
}

void faults_run(struct test_case *test, const struct faults_plan *plan, bool traced,
    struct faults_outcome *out)
{
  out->verdict = FAULTS_WELL;
  out->detail[0] = '\0';
  clear_result();
  if (ftruncate(output, 0) != 0 || lseek(output, 0, SEEK_SET) != 0) abort();
  fflush(stdout);
  pid_t child = fork();
  if (child < 0) {
    perror("faults: fork");
    exit(70);
  }
  if (child == 0) {
    faults_end_with_parent();
    dup2(output, STDERR_FILENO);
    dup2(output, STDOUT_FILENO);
    signal(SIGALRM, SIG_DFL);
    if (traced) faults_trace();
    run_case(test, plan);
    fflush(stdout);
    _exit(faults_result->problem[0] == '\0' ? 0 : EXIT_PROBLEM);
  }
  int status = wait_for(child, out);
  memcpy(&out->result, faults_result, offsetof(struct faults_result, steps));
  memcpy(out->result.steps, faults_result->steps,
      faults_result->step_count * sizeof faults_result->steps[0]);
  if (out->verdict == FAULTS_HUNG) return;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    out->verdict = FAULTS_WELL;
  } else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_PROBLEM) {
    out->verdict = FAULTS_PROBLEM;
    snprintf(out->detail, sizeof out->detail, "%.150s", out->result.problem);
  } else {
    out->verdict = FAULTS_DIED;
    if (WIFSIGNALED(status)) {
      snprintf(out->detail, sizeof out->detail, "it died of signal %d (%s)",
          WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
      snprintf(out->detail, sizeof out->detail, "it ended with status %d",
          WEXITSTATUS(status));
    }
  }
}
