/*
 * A pool of child processes: runs commands, several at a time, and prints their output whole
 * and in order.
 *
 *     pool [--jobs N] [--timeout SECONDS] [--output BYTES] <COMMANDS
 *
 * Each line of stdin is a command for the shell. N worker tasks take one after the other. A
 * worker waits for its child with a time limit, while another task collects what it prints.
 *
 * Children do not always behave. One that is too slow gets SIGTERM, and SIGKILL if it ignores
 * that. One that floods its output is read on, so that it does not stand still, but only so
 * much is kept. One may leave processes of its own behind, which have its pipe: it is started
 * in a session of its own, so that a signal can be sent to all of them. And when the pool
 * itself is told to stop, its tasks are cancelled, and each ends its child on the way out.
 */
#define _DEFAULT_SOURCE

#include <eddy.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "raise_limit.h"
#include "service.h"

enum { AHEAD = 100, DESCRIPTORS = 4096 };

struct job {
  char *command;
  eddy_stream_reader *reader; /* the process's */
  char *output;
  size_t size, room, dropped;
  int status; /* its return code, if it has ended */
  int error;  /* why it could not be run, or was not run to its end */
  bool done;
};

static struct {
  long jobs, timeout, output;
  struct job *list;
  size_t count, next, printed;
  size_t well, failed, killed, late, not_run;
  eddy_semaphore *ahead; /* bounds how many outputs wait for their turn to be printed */
} pool = {.jobs = 4, .timeout = 60, .output = 1024 * 1024};

/* ---- the output of a child ---- */

/* Keeps the bytes, up to the bound; of the others only the number. */
static void keep(struct job *job, const char *data, size_t size)
{
  size_t bound = (size_t)pool.output, take = bound - job->size;
  if (take > size) take = size;
  if (job->size + take > job->room) {
    size_t room = job->room * 2 + take < bound ? job->room * 2 + take : bound;
    char *more = realloc(job->output, room);
    if (more == NULL)
      take = 0;
    else
      job->output = more, job->room = room;
  }
  if (take > 0) memcpy(job->output + job->size, data, take);
  job->size += take;
  job->dropped += size - take;
}

static int collect(void *arg)
{
  struct job *job = arg;
  char data[4096];
  size_t size;
  int rc;
  while ((rc = eddy_stream_reader_read(job->reader, data, sizeof(data), &size)) == 0 &&
         size > 0)
    keep(job, data, size);
  return rc == EDDY_ECANCELLED ? rc : 0; /* a broken pipe is an end, too */
}

/* ---- a child ---- */

/* To the child and all it has started; there may be none any more, which is fine. */
static void signal_all(eddy_process *process, int signum)
{
  kill(-(pid_t)eddy_process_pid(process), signum);
}

static int wait_for(eddy_process *process, eddy_time limit, int *status)
{
  eddy_timeout scope;
  int rc = eddy_timeout_enter(&scope, limit);
  return rc < 0 ? rc : eddy_timeout_exit(&scope, eddy_process_wait(process, status));
}

/* Waits for the child, and sees to it that it ends. However this returns, it has ended. */
static int see_to_end(eddy_process *process, int *status)
{
  int rc = wait_for(process, EDDY_S(pool.timeout), status);
  if (rc == EDDY_ETIMEDOUT) {
    signal_all(process, SIGTERM);
    int again = wait_for(process, EDDY_S(1), status);
    if (again == 0) return rc;
    if (again == EDDY_ECANCELLED) rc = again;
  }
  if (rc == 0) return 0;
  signal_all(process, SIGKILL);
  while (eddy_process_wait(process, status) == EDDY_ECANCELLED)
    rc = EDDY_ECANCELLED; /* the child comes first, then the cancellation */
  return rc;
}

/* A child from its start to its end, and that of all it has started. */
static int run_child(struct job *job, eddy_process *process, eddy_task_group *group)
{
  eddy_task *collector = NULL;
  job->reader = eddy_process_stdout(process);
  int rc = eddy_task_group_create_task(group, collect, job, &collector);
  if (rc < 0) signal_all(process, SIGKILL);
  int end = see_to_end(process, &job->status);
  if (rc == 0) rc = end;
  signal_all(process, SIGKILL); /* what it has left behind */
  if (collector == NULL) return rc;
  /* That closes the pipe, unless something has left the session: so there is a limit. */
  end = eddy_wait_for(eddy_task_future(collector), EDDY_S(1), NULL);
  eddy_task_unref(collector);
  return end == EDDY_ECANCELLED ? end : rc;
}

static int run(struct job *job)
{
  const eddy_subprocess_options options = {.in = EDDY_SUBPROCESS_DEVNULL,
      .out = EDDY_SUBPROCESS_PIPE,
      .err = EDDY_SUBPROCESS_STDOUT,
      .start_new_session = true};
  eddy_task_group group = {0};
  eddy_process *process = NULL;
  int rc = eddy_task_group_enter(&group);
  if (rc < 0) return rc;
  rc = eddy_create_subprocess_shell(job->command, &options, &process);
  if (rc == 0) rc = run_child(job, process, &group);
  eddy_task_group_cancel(&group);
  int end = eddy_task_group_exit(&group, rc == EDDY_ECANCELLED ? rc : 0);
  eddy_process_unref(process);
  return rc < 0 ? rc : end;
}

/* ---- all of them ---- */

static void print_job(struct job *job)
{
  size_t number = (size_t)(job - pool.list) + 1;
  const char *command = job->command;
  if (job->size > 0) fwrite(job->output, 1, job->size, stdout);
  fflush(stdout);
  if (job->dropped > 0)
    fprintf(stderr, "pool: %zu: %zu bytes of output dropped: %s\n", number, job->dropped,
        command);
  if (job->error == EDDY_ETIMEDOUT) {
    pool.late++;
    fprintf(
        stderr, "pool: %zu: took longer than %ld s: %s\n", number, pool.timeout, command);
  } else if (job->error < 0) {
    pool.not_run++;
    fprintf(stderr, "pool: %zu: %s: %s\n", number, eddy_strerror(job->error), command);
  } else if (job->status < 0) {
    pool.killed++;
    fprintf(stderr, "pool: %zu: signal %d: %s\n", number, -job->status, command);
  } else if (job->status > 0) {
    pool.failed++;
    fprintf(stderr, "pool: %zu: exit code %d: %s\n", number, job->status, command);
  } else {
    pool.well++;
  }
}

/* Those whose turn it is: up to the first that is not done. */
static int print_done(void)
{
  int rc = 0;
  while (rc == 0 && pool.printed < pool.count && pool.list[pool.printed].done) {
    struct job *job = &pool.list[pool.printed++];
    print_job(job);
    free(job->output);
    job->output = NULL;
    rc = eddy_semaphore_release(pool.ahead);
  }
  return rc;
}

static int work(void *unused)
{
  int rc = 0;
  (void)unused;
  while (rc == 0 && pool.next < pool.count) {
    struct job *job = &pool.list[pool.next++];
    rc = eddy_semaphore_acquire(pool.ahead);
    if (rc < 0) return rc;
    job->error = run(job);
    if (job->error == EDDY_ECANCELLED) return job->error;
    job->done = true;
    rc = print_done();
  }
  return rc;
}

static int run_all(void *unused)
{
  eddy_task_group group = {0};
  (void)unused;
  int rc = service_cancel_on_signals();
  if (rc == 0) rc = eddy_semaphore_new((int)pool.jobs + AHEAD, &pool.ahead);
  if (rc < 0) return rc;
  rc = eddy_task_group_enter(&group);
  if (rc == 0) {
    for (long i = 0; rc == 0 && i < pool.jobs; i++)
      rc = eddy_task_group_create_task(&group, work, NULL, NULL);
    rc = eddy_task_group_exit(&group, rc);
  }
  eddy_semaphore_unref(pool.ahead);
  fprintf(stderr,
      "pool: %zu commands: %zu well, %zu failed, %zu killed, %zu too slow, %zu not run\n",
      pool.count, pool.well, pool.failed, pool.killed, pool.late,
      pool.not_run + pool.count - pool.printed);
  return rc;
}

/* ---- the program ---- */

static int usage(const char *problem, const char *what)
{
  fprintf(stderr,
      "pool: %s%s\n"
      "usage: pool [--jobs N] [--timeout SECONDS] [--output BYTES] <COMMANDS\n",
      problem, what);
  return 2;
}

/* All of stdin, before anything runs. */
static bool read_commands(void)
{
  char *line = NULL;
  size_t room = 0, capacity = 0;
  ssize_t length;
  while ((length = getline(&line, &room, stdin)) > 0) {
    if (line[length - 1] == '\n') line[--length] = '\0';
    if (length == 0) continue;
    if (pool.count == capacity) {
      capacity = capacity * 2 + 16;
      struct job *list = realloc(pool.list, capacity * sizeof(*list));
      if (list == NULL) break;
      pool.list = list;
    }
    char *command = strdup(line);
    if (command == NULL) break;
    pool.list[pool.count++] = (struct job){.command = command};
  }
  free(line);
  return feof(stdin) != 0;
}

static void free_commands(void)
{
  for (size_t i = 0; i < pool.count; i++) {
    free(pool.list[i].command);
    free(pool.list[i].output);
  }
  free(pool.list);
}

int main(int argc, char **argv)
{
  for (int i = 1; i < argc; i += 2) {
    const char *option = argv[i], *value = argv[i + 1];
    bool good;
    if (value == NULL) return usage("not an option, or its value is missing: ", option);
    if (strcmp(option, "--jobs") == 0)
      good = service_number(value, 1, 1000, &pool.jobs);
    else if (strcmp(option, "--timeout") == 0)
      good = service_number(value, 1, 1000000, &pool.timeout);
    else if (strcmp(option, "--output") == 0)
      good = service_number(value, 0, 1L << 30, &pool.output);
    else
      return usage("unknown option: ", option);
    if (!good) return usage("not a value of its option: ", value);
  }
  raise_limit(DESCRIPTORS);
  int rc = EDDY_ENOMEM;
  if (read_commands()) rc = eddy_run(run_all, NULL);
  if (rc < 0 && rc != EDDY_ECANCELLED) fprintf(stderr, "pool: %s\n", eddy_message(rc));
  free_commands();
  return rc < 0 || pool.well < pool.count;
}
