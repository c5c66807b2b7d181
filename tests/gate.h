/* Work in threads that a test holds up and lets go, so that nothing depends on how fast it is. */
#ifndef EDDY_TEST_GATE_H
#define EDDY_TEST_GATE_H

#include <stdatomic.h>
#include <uv.h>

#include "eddy_test.h"

/* Every job that passes says that it has come, and waits to be let through. */
struct gate {
  uv_sem_t arrived;
  uv_sem_t open;
  atomic_int inside; /* at the gate now */
  atomic_int passed;
};

static inline void gate_end(void *arg)
{
  struct gate *gate = arg;
  uv_sem_destroy(&gate->arrived);
  uv_sem_destroy(&gate->open);
}

/* Lets so many through, now or when they come. */
static inline void gate_open(struct gate *gate, int count)
{
  while (count-- > 0)
    uv_sem_post(&gate->open);
}

static inline void gate_open_for_all(void *gate)
{
  gate_open(gate, 1000);
}

/* A closed gate. It opens for good when the body has ended. */
static inline int gate_new(struct gate **out)
{
  struct gate *gate = test_new(sizeof *gate);
  int rc = uv_sem_init(&gate->arrived, 0);
  if (rc == 0) rc = uv_sem_init(&gate->open, 0);
  if (rc < 0) return rc;
  test_defer_late(gate_end, gate);
  test_defer(gate_open_for_all, gate);
  *out = gate;
  return 0;
}

/* A job. */
static inline int gate_pass(void *arg)
{
  struct gate *gate = arg;
  atomic_fetch_add(&gate->inside, 1);
  uv_sem_post(&gate->arrived);
  uv_sem_wait(&gate->open);
  atomic_fetch_sub(&gate->inside, 1);
  atomic_fetch_add(&gate->passed, 1);
  return eddy_return(eddy_int(7));
}

/* Blocks until a job has come that nobody has awaited yet. One that has failed never does. */
static inline int gate_await(struct gate *gate)
{
  for (int left = test_patience(); uv_sem_trywait(&gate->arrived) != 0; left--) {
    if (left == 0) return EDDY_ETIMEDOUT;
    uv_sleep(1);
  }
  return 0;
}

static inline void gate_end_executor(void *executor)
{
  (void)eddy_executor_shutdown(executor, 0);
  eddy_executor_unref(executor);
}

/* An executor; all its work is done when the body has ended. Made before the gates of its jobs,
 * which then open before that. */
static inline int test_executor(size_t max_workers, eddy_executor **out)
{
  eddy_executor_options options = {
      .max_workers = max_workers, .thread_name_prefix = "test"};
  eddy_executor *executor;
  int rc = eddy_executor_new(&options, &executor);
  if (rc < 0) return rc;
  test_defer(gate_end_executor, executor);
  *out = executor;
  return 0;
}

static inline void gate_unref_future(void *future)
{
  eddy_future_unref(future);
}

/* A job's future, which lives as long as the test. loop NULL: the running one. */
static inline int test_job(
    eddy_loop *loop, eddy_executor *executor, eddy_fn *fn, void *arg, eddy_future **out)
{
  eddy_future *future;
  int rc = eddy_loop_run_in_executor_with(loop, executor, fn, arg, NULL, &future);
  if (rc < 0) return rc;
  test_defer_late(gate_unref_future, future);
  *out = future;
  return 0;
}

/* A job that does nothing. */
static inline int do_nothing(void *unused)
{
  (void)unused;
  return 0;
}

#endif
