/*
 * Tasks started and cancelled from many threads at once, on a loop that runs and on one that is
 * closed meanwhile; futures that threads end while a loop follows and cancels them. A program of
 * its own, for ThreadSanitizer. The backend is the environment's.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "stress.h"

#define THREADS 4
#define CALLS 500

/* ---- tasks ---- */

static eddy_context_var *variable;

/* After so many tasks the loop stops; 0: never. The loop's thread alone looks at it. */
static int tasks_left;

/* Takes a few turns; its value is its argument, and that of the variable in its context. */
static int work(void *arg)
{
  int64_t number = (intptr_t)arg;
  if (tasks_left > 0 && --tasks_left == 0) eddy_loop_stop(eddy_get_running_loop());
  for (int64_t i = 0; i < number % 4; i++) {
    int rc = eddy_sleep(0);
    if (rc < 0) return rc;
  }
  if (number % 5 == 0) return eddy_raise(EDDY_EIO, "call %d", (int)number);
  eddy_value seen;
  need(eddy_context_var_get(variable, &seen), "context");
  expect(seen.i == number, "the context came along");
  return eddy_return(eddy_int(number));
}

static atomic_int callbacks;

static void count_callback(eddy_thread_future *future, void *arg)
{
  (void)arg;
  expect(eddy_thread_future_done(future), "a callback comes when the future is done");
  atomic_fetch_add(&callbacks, 1);
}

/* Returns whether the loop took the call. */
static bool call(eddy_loop *loop, int number)
{
  eddy_thread_future *future;
  eddy_value value;
  need(eddy_context_var_set(variable, eddy_int(number), NULL), "set");
  int rc = eddy_run_coroutine_threadsafe(loop, work, (void *)(intptr_t)number, &future);
  if (rc == EDDY_ECLOSED) return false;
  need(rc, "run_coroutine");
  need(eddy_thread_future_add_done_callback(future, count_callback, NULL), "callback");
  if (number % 3 == 0) (void)eddy_thread_future_cancel(future);
  if (number % 7 == 0) (void)eddy_thread_future_result(future, 0, NULL);
  rc = eddy_thread_future_result(future, EDDY_NEVER, &value);
  if (rc == 0) expect(value.i == number, "the value is the call's own");
  if (rc != 0) expect(rc == EDDY_ECANCELLED || rc == EDDY_EIO, "an error has a reason");
  eddy_thread_future_unref(future);
  return true;
}

static void *call_often(void *loop)
{
  for (int i = 0; i < CALLS; i++)
    expect(call(loop, i), "a loop that runs takes calls");
  eddy_loop_release(loop);
  return NULL;
}

static void tasks_are_started_from_threads(void)
{
  pthread_t threads[THREADS];
  eddy_loop *loop = new_loop();
  atomic_store(&callbacks, 0);
  for (int i = 0; i < THREADS; i++)
    eddy_loop_hold(loop);
  for (int i = 0; i < THREADS; i++)
    need(pthread_create(&threads[i], NULL, call_often, loop), "thread");
  need(eddy_loop_run(loop), "run");
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  expect(atomic_load(&callbacks) == THREADS * CALLS, "every callback was called once");
  eddy_loop_free(loop);
}

/* ---- a loop that is closed under them ---- */

static void *call_until_closed(void *loop)
{
  for (int i = 0; call(loop, i); i++) {
  }
  return NULL;
}

static void loop_is_closed_meanwhile(void)
{
  for (int round = 0; round < 20; round++) {
    pthread_t threads[THREADS];
    eddy_loop *loop = new_loop();
    tasks_left = 10 * (round + 1);
    for (int i = 0; i < THREADS; i++)
      need(pthread_create(&threads[i], NULL, call_until_closed, loop), "thread");
    need(eddy_loop_run_forever(loop), "run");
    need(eddy_loop_close(loop), "close");
    for (int i = 0; i < THREADS; i++)
      pthread_join(threads[i], NULL);
    eddy_loop_free(loop);
  }
}

/* ---- futures that threads end ---- */

static eddy_thread_future *promises[CALLS];

static void *end_all(void *unused)
{
  for (int i = 0; i < CALLS; i++) {
    int rc = eddy_thread_future_set_result(promises[i], eddy_int(i));
    expect(rc == 0 || rc == EDDY_EINVALIDSTATE, "it was ended, or cancelled before");
  }
  return unused;
}

static int follow_all(void *unused)
{
  static eddy_future *futures[CALLS];
  pthread_t thread;
  for (int i = 0; i < CALLS; i++) {
    need(eddy_thread_future_new(&promises[i]), "new");
    need(eddy_wrap_future(promises[i], NULL, &futures[i]), "wrap");
  }
  need(pthread_create(&thread, NULL, end_all, unused), "thread");
  for (int i = 0; i < CALLS; i++) {
    eddy_value value;
    if (i % 2 == 0) (void)eddy_future_cancel(futures[i], NULL);
    int rc = eddy_await(futures[i], &value);
    if (rc == 0) expect(value.i == i, "the value is the promise's own");
    if (rc != 0) expect(rc == EDDY_ECANCELLED && i % 2 == 0, "only what was cancelled");
    eddy_future_unref(futures[i]);
  }
  pthread_join(thread, NULL);
  for (int i = 0; i < CALLS; i++)
    eddy_thread_future_unref(promises[i]);
  return 0;
}

int main(void)
{
  need(eddy_context_var_new("number", NULL, &variable), "variable");
  tasks_are_started_from_threads();
  loop_is_closed_meanwhile();
  need(eddy_run(follow_all, NULL), "run");
  eddy_context_var_unref(variable);
  puts("ok");
  return 0;
}
