/* The executor from the inside: jobs, and who waits for its end. */
#ifndef EDDY_IO_EXECUTOR_H
#define EDDY_IO_EXECUTOR_H

#include <eddy/executor.h>

#include "loop/loop.h"

enum eddy__job_state {
  EDDY__JOB_QUEUED = 0,
  EDDY__JOB_RUNNING,
  EDDY__JOB_ABANDONED, /* it runs, but its loop has turned away: the thread frees it */
  EDDY__JOB_DONE,      /* posted to its loop, which frees it */
};

/* A function to be called in a thread. The executor's mutex guards `link`, `state`, `loop` and
 * the post; the thread alone touches what the outcome is made of while the job runs. */
struct eddy__job {
  struct eddy__link link;  /* on the executor's queue */
  eddy_executor *executor; /* referenced */
  eddy_loop *loop;         /* NULL when abandoned */
  enum eddy__job_state state;
  bool dropped; /* done without having run */

  eddy_fn *fn;
  void *arg;
  eddy_context *context; /* referenced; in which fn runs, or NULL: an empty one */
  void (*unstarted)(void *arg);
  int rc;
  eddy_outcome outcome;
  struct eddy__posted posted;

  /* The loop thread's. */
  struct eddy__owned owned; /* until it is delivered, withdrawn or abandoned */
  eddy_future *future;      /* referenced; NULL when abandoned */
};

/* Someone to be told, by a post to its loop, when the last thread has ended. */
struct eddy__ending {
  struct eddy__link link; /* on the executor's list; on none once it is posted */
  struct eddy__posted posted;
  eddy_loop *loop;
};

/* Queues a job that is complete but for `executor` and `state`. Returns as
 * eddy_loop_run_in_executor. */
int eddy__executor_submit(eddy_executor *executor, struct eddy__job *job);

/* The loop turns away from a job. Of one that runs it lets go at once: the job must not be
 * touched any more. Returns the state it was in. */
enum eddy__job_state eddy__executor_withdraw(struct eddy__job *job);

/* Has fn(arg) called when the future of a job is freed. */
void eddy__job_future_on_free(eddy_future *future, void (*fn)(void *arg), void *arg);

/* The `arg` of it. */
void *eddy__job_future_arg(const eddy_future *future);

/* Frees a job that no thread will touch. */
void eddy__job_free(struct eddy__job *job);

/* Shuts it down without waiting; the ending is posted when the last thread has ended. */
void eddy__executor_end(eddy_executor *executor, struct eddy__ending *ending);

/* Takes an ending back: false if it has been posted. */
bool eddy__executor_forget(eddy_executor *executor, struct eddy__ending *ending);

/* How many threads have not ended. */
size_t eddy__executor_workers(eddy_executor *executor);

#endif
