#include "tools/workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <eddy.h>

#include "tools/tool.h"

/* What the running body says; one runs in a process. */
static unsigned long wanted, done;
static eddy_loop_stats stats;

static void note_statistics(void)
{
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
}

/* ---- call_soon: each callback schedules the next ---- */

static int next_callback(void *future)
{
  if (++done == wanted) return eddy_future_set_result(future, eddy_int(0));
  return eddy_loop_call_soon(eddy_get_running_loop(), next_callback, future, NULL);
}

static int await_chain(eddy_fn *fn)
{
  eddy_future *future;
  int rc = eddy_future_new(NULL, &future);
  if (rc < 0) return rc;
  rc = fn(future);
  if (rc == 0) rc = eddy_await(future, NULL);
  eddy_future_unref(future);
  return rc;
}

static int call_soon(void *unused)
{
  (void)unused;
  return await_chain(next_callback);
}

/* ---- timers: all booked at once, spread over 50 ms ---- */

static int fire(void *future)
{
  return ++done == wanted ? eddy_future_set_result(future, eddy_int(0)) : 0;
}

static int book_timers(void *future)
{
  eddy_loop *loop = eddy_get_running_loop();
  eddy_time start = eddy_loop_time(loop);
  for (unsigned long i = 0; i < wanted; i++) {
    /* In an order that is neither that of booking nor its reverse. */
    unsigned long place = i * 7919 % wanted;
    eddy_time when = start + EDDY_MS(1) +
                     EDDY_MS(50) * (eddy_time)place / (eddy_time)wanted;
    int rc = eddy_loop_call_at(loop, when, fire, future, NULL);
    if (rc < 0) return rc;
  }
  return 0;
}

static int timers(void *unused)
{
  (void)unused;
  return await_chain(book_timers);
}

/* ---- many tasks ---- */

static int create_and_await(eddy_fn *fn, unsigned long tasks)
{
  eddy_task **made = tool_memory(tasks, sizeof(*made));
  int rc = 0;
  unsigned long count = 0;
  for (; rc == 0 && count < tasks; count++) {
    rc = eddy_create_task(fn, (void *)(uintptr_t)count, &made[count]);
    if (rc < 0) break;
  }
  for (unsigned long i = 0; rc == 0 && i < count; i++)
    rc = eddy_task_await(made[i], NULL);
  for (unsigned long i = 0; i < count; i++)
    eddy_task_unref(made[i]);
  free(made);
  return rc;
}

/* sleep: every task sleeps for 1 to 20 ms, most of them as long as some others. */
static int sleeper(void *place)
{
  done++;
  return eddy_sleep(EDDY_MS(1 + (uintptr_t)place % 20));
}

static int sleep_many(void *unused)
{
  (void)unused;
  return create_and_await(sleeper, wanted);
}

/* spawn: one task after another is made and awaited. */
static int nothing(void *unused)
{
  (void)unused;
  done++;
  return 0;
}

static int spawn(void *unused)
{
  int rc = 0;
  (void)unused;
  for (unsigned long i = 0; rc == 0 && i < wanted; i++) {
    eddy_task *task;
    rc = eddy_create_task(nothing, NULL, &task);
    if (rc < 0) break;
    rc = eddy_task_await(task, NULL);
    eddy_task_unref(task);
  }
  return rc;
}

/* ---- yield: two tasks that do nothing but let the other one run ---- */

static int yield_turns(void *unused)
{
  int rc = 0;
  (void)unused;
  for (; rc == 0 && done < wanted; done++)
    rc = eddy_sleep(0);
  return rc;
}

static int yield_two(void *unused)
{
  (void)unused;
  int rc = create_and_await(yield_turns, 2);
  if (rc == 0) done = wanted; /* the two may have counted one too many */
  return rc;
}

/* ---- queue: two tasks throw an item back and forth ---- */

static eddy_queue *there, *back;

static int throw_back(void *unused)
{
  eddy_value item;
  int rc = 0;
  (void)unused;
  for (unsigned long i = 0; rc == 0 && i < wanted; i++) {
    rc = eddy_queue_get(there, &item);
    if (rc == 0) rc = eddy_queue_put(back, item);
  }
  return rc;
}

static int throw_items(void)
{
  eddy_value item;
  int rc = 0;
  for (; rc == 0 && done < wanted; done++) {
    rc = eddy_queue_put(there, eddy_int((int64_t)done));
    if (rc == 0) rc = eddy_queue_get(back, &item);
    if (rc == 0 && item.i != (int64_t)done) rc = EDDY_ERUNTIME;
  }
  return rc;
}

static int queue(void *unused)
{
  eddy_task *task = NULL;
  (void)unused;
  int rc = eddy_queue_new(NULL, &there);
  if (rc == 0) rc = eddy_queue_new(NULL, &back);
  if (rc == 0) rc = eddy_create_task(throw_back, NULL, &task);
  if (rc == 0) rc = throw_items();
  if (rc == 0) rc = eddy_task_await(task, NULL);
  eddy_task_unref(task);
  eddy_queue_unref(there);
  eddy_queue_unref(back);
  return rc;
}

/* ---- echo: messages of 64 bytes over a pair of sockets, and back ---- */

#define MESSAGE 64

static int echo_back(void *fds)
{
  int fd = ((int *)fds)[1];
  char data[MESSAGE];
  size_t got = 1;
  int rc = 0;
  while (rc == 0 && got > 0) {
    rc = eddy_sock_recv(fd, data, sizeof(data), &got);
    if (rc == 0 && got > 0) rc = eddy_sock_sendall(fd, data, got);
  }
  return rc;
}

static int ask(int fd)
{
  char data[MESSAGE];
  int rc = 0;
  for (; rc == 0 && done < wanted; done++) {
    memset(data, (int)(done & 127), sizeof(data));
    rc = eddy_sock_sendall(fd, data, sizeof(data));
    for (size_t all = 0, got; rc == 0 && all < sizeof(data); all += got) {
      rc = eddy_sock_recv(fd, data, sizeof(data) - all, &got);
      if (rc == 0 && (got == 0 || data[0] != (char)(done & 127))) rc = EDDY_ERUNTIME;
    }
  }
  return rc;
}

static int echo(void *unused)
{
  static int fds[2];
  eddy_task *task;
  (void)unused;
  int rc = eddy_sock_pair(fds);
  if (rc < 0) return rc;
  rc = eddy_create_task(echo_back, fds, &task);
  if (rc == 0) rc = ask(fds[0]);
  (void)eddy_sock_close(fds[0]);
  if (rc == 0) rc = eddy_task_await(task, NULL);
  (void)eddy_sock_close(fds[1]);
  eddy_task_unref(task);
  return rc;
}

const struct workload workloads[] = {
    {"call_soon", "callback", "each callback schedules the next", 400000, 60, call_soon,
        false},
    {"yield", "yield", "two tasks in turns", 400000, 60, yield_two, false},
    {"timers", "timer", "booked at once, due over 50 ms", 20000, 100, timers, false},
    {"sleep", "task", "each sleeps for 1 to 20 ms", 10000, 60, sleep_many, false},
    {"queue", "round trip", "an item between two tasks", 200000, 60, queue, false},
    {"spawn", "task", "made and awaited, one after another", 200000, 60, spawn, false},
    {"echo", "round trip", "64 bytes over a pair of sockets", 20000, 60, echo, false},
};
const size_t workloads_count = sizeof(workloads) / sizeof(workloads[0]);

const struct workload *workload_find(const char *name)
{
  for (size_t i = 0; i < workloads_count; i++) {
    if (strcmp(workloads[i].name, name) == 0) return &workloads[i];
  }
  for (size_t i = 0; i < lessons_count; i++) {
    if (strcmp(lessons[i].name, name) == 0) return &lessons[i];
  }
  return NULL;
}

static double processor_time(void)
{
  struct timespec now;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int measured(void *body)
{
  int (*const *run)(void *) = body;
  eddy_loop_stats before;
  note_statistics();
  before = stats;
  struct rusage usage;
  (void)getrusage(RUSAGE_SELF, &usage);
  long memory = usage.ru_maxrss;
  double begun = processor_time();
  int rc = (*run)(NULL);
  double took = processor_time() - begun;
  note_statistics();
  if (rc < 0) return rc;
  if (done != wanted) return eddy_raise(EDDY_ERUNTIME, "%lu of %lu done", done, wanted);
  (void)getrusage(RUSAGE_SELF, &usage);
  double count = (double)wanted;
  printf("cost %.3f\npolls %.6f\nmemory %.3f\ngrown %.3f\n", took / count,
      (double)(stats.polls - before.polls) / count, (double)usage.ru_maxrss / 1024,
      (double)(usage.ru_maxrss - memory) * 1024 / count);
  return 0;
}

int workload_run(const struct workload *workload, unsigned long count)
{
  int (*body)(void *) = workload->body;
  wanted = workload->lesson ? 0 : count;
  int rc = eddy_run(measured, &body);
  if (rc < 0) return tool_trouble("%s: %s", workload->name, eddy_message(rc));
  return 0;
}
