/*
 * Executors under load: many jobs from many loops on one executor, futures cancelled at any
 * moment, loops closed and executors shut down while threads are at work. A program of its own,
 * for ThreadSanitizer. The backend is the environment's.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "stress.h"

#define THREADS 4

static eddy_executor *new_executor(size_t workers)
{
  eddy_executor_options options = {.max_workers = workers};
  eddy_executor *executor;
  need(eddy_executor_new(&options, &executor), "eddy_executor_new");
  return executor;
}

/* Different for every thread and call, the same in every run of one thread. */
static unsigned next_random(unsigned *state)
{
  *state = *state * 1664525u + 1013904223u;
  return *state >> 16;
}

/* ---- every job's outcome arrives, at loops in several threads ---- */

#define JOBS 3000

struct client {
  pthread_t thread;
  eddy_executor *executor;
  int done;
  int64_t sum;
};

static int square(void *arg)
{
  int64_t number = *(int *)arg;
  if (number % 7 == 0) return eddy_raise(EDDY_EIO, "job %lld", (long long)number);
  return eddy_return(eddy_int(number * number));
}

static int add_up(eddy_future *future, void *arg)
{
  struct client *client = arg;
  eddy_value value;
  int rc = eddy_future_result(future, &value);
  client->done++;
  if (rc == 0) client->sum += value.i;
  return 0;
}

static void *run_client(void *arg)
{
  struct client *client = arg;
  eddy_loop *loop = new_loop();
  int *numbers = calloc(JOBS, sizeof *numbers);
  expect(numbers != NULL, "there is memory");
  for (int i = 0; i < JOBS; i++) {
    eddy_future *future;
    numbers[i] = i;
    need(eddy_loop_run_in_executor(loop, client->executor, square, &numbers[i], &future),
        "job");
    need(eddy_future_add_done_callback(future, add_up, client), "callback");
    eddy_future_unref(future);
  }
  need(eddy_loop_run(loop), "run");
  eddy_loop_free(loop);
  free(numbers);
  return NULL;
}

static void loops_share_an_executor(void)
{
  static struct client clients[THREADS];
  eddy_executor *executor = new_executor(3);
  int64_t sum = 0;
  for (int64_t i = 0; i < JOBS; i++)
    sum += i % 7 == 0 ? 0 : i * i;
  for (int i = 0; i < THREADS; i++) {
    clients[i] = (struct client){.executor = executor};
    need(pthread_create(&clients[i].thread, NULL, run_client, &clients[i]), "thread");
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(clients[i].thread, NULL);
    expect(clients[i].done == JOBS, "every job is done");
    expect(clients[i].sum == sum, "every value arrives");
  }
  eddy_executor_unref(executor);
}

/* ---- futures are cancelled at any moment ---- */

static struct {
  atomic_int called;
  atomic_int unstarted;
} cancelled;

static int spin(void *arg)
{
  unsigned state = *(unsigned *)arg;
  atomic_fetch_add(&cancelled.called, 1);
  for (unsigned i = next_random(&state) % 2000; i > 0; i--)
    (void)next_random(&state);
  return eddy_raise(EDDY_EIO, "a message to be freed");
}

static void count_unstarted(void *arg)
{
  (void)arg;
  atomic_fetch_add(&cancelled.unstarted, 1);
}

static int cancel_some(void *arg)
{
  static const eddy_job_options options = {.unstarted = count_unstarted};
  unsigned *states = arg;
  for (int i = 0; i < JOBS; i++) {
    eddy_future *future;
    states[i] = (unsigned)i;
    need(eddy_loop_run_in_executor_with(NULL, NULL, spin, &states[i], &options, &future),
        "job");
    if (i % 3 == 0) need(eddy_sleep(0), "sleep");
    if (i % 5 != 0) eddy_future_cancel(future, "not needed");
    if (i % 5 == 0) (void)eddy_await(future, NULL);
    eddy_future_unref(future);
  }
  return 0;
}

static void futures_are_cancelled(void)
{
  unsigned *states = calloc(JOBS, sizeof *states);
  expect(states != NULL, "there is memory");
  atomic_store(&cancelled.called, 0);
  atomic_store(&cancelled.unstarted, 0);
  need(eddy_run(cancel_some, states), "run");
  expect(atomic_load(&cancelled.called) + atomic_load(&cancelled.unstarted) == JOBS,
      "every job was called or let go of");
  free(states);
}

/* ---- loops are closed while threads are at work for them ---- */

static void loops_are_closed(void)
{
  static const eddy_job_options options = {.unstarted = count_unstarted};
  static unsigned states[64];
  eddy_executor *executor = new_executor(THREADS);
  int jobs = 0;
  atomic_store(&cancelled.called, 0);
  atomic_store(&cancelled.unstarted, 0);
  for (int round = 0; round < 200; round++) {
    eddy_loop *loop = new_loop();
    for (int i = 0; i < round % 64; i++) {
      /* The numbers are read by jobs of earlier rounds, too. */
      need(eddy_loop_run_in_executor_with(
               loop, executor, spin, &states[i], &options, NULL),
          "job");
      jobs++;
    }
    eddy_loop_stop(loop);
    if (round % 2 == 0) need(eddy_loop_run_forever(loop), "run");
    eddy_loop_free(loop);
  }
  need(eddy_executor_shutdown(executor, 0), "shutdown");
  eddy_executor_unref(executor);
  expect(atomic_load(&cancelled.called) + atomic_load(&cancelled.unstarted) == jobs,
      "every job was called or let go of");
}

/* ---- an executor is shut down by another thread ---- */

static void *shut_down(void *executor)
{
  (void)eddy_executor_shutdown(executor, EDDY_EXECUTOR_CANCEL);
  eddy_executor_unref(executor);
  return NULL;
}

static void executors_are_shut_down(void)
{
  static unsigned state;
  for (int round = 0; round < 100; round++) {
    eddy_loop *loop = new_loop();
    eddy_executor *executor = new_executor(2);
    pthread_t thread;
    for (int i = 0; i < 20; i++)
      need(eddy_loop_run_in_executor(loop, executor, spin, &state, NULL), "job");
    need(pthread_create(&thread, NULL, shut_down, eddy_executor_ref(executor)), "thread");
    for (int i = 0; i < 20; i++) {
      int rc = eddy_loop_run_in_executor(loop, executor, spin, &state, NULL);
      expect(rc == 0 || rc == EDDY_ERUNTIME, "an executor takes work or says why not");
    }
    need(eddy_loop_run(loop), "run");
    eddy_executor_unref(executor);
    eddy_loop_free(loop);
    pthread_join(thread, NULL);
  }
}

/* ---- executors come and go ---- */

static int nothing(void *unused)
{
  (void)unused;
  return 0;
}

static int one_call(void *unused)
{
  (void)unused;
  return eddy_to_thread(nothing, NULL, NULL);
}

static void *run_often(void *unused)
{
  for (int i = 0; i < 100; i++)
    need(eddy_run(one_call, NULL), "run");
  return unused;
}

static void executors_come_and_go(void)
{
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    need(pthread_create(&threads[i], NULL, run_often, NULL), "thread");
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
}

int main(void)
{
  loops_share_an_executor();
  futures_are_cancelled();
  loops_are_closed();
  executors_are_shut_down();
  executors_come_and_go();
  puts("ok");
  return 0;
}
