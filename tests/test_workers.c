/* Several loops, each in a thread of its own. */
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "workers.h"

#define WORKERS 3

/* What the workers of a test share. */
static struct {
  atomic_int called;
  atomic_int cancelled; /* requests that a main task has heard */
  atomic_int begun;
  _Atomic(eddy_loop *) loops[WORKERS];
} shared;

/* Workers that are gone when the test is. */
static int test_workers(size_t count, eddy_fn *fn, void *arg, eddy_workers **out)
{
  atomic_init(&shared.called, 0);
  atomic_init(&shared.cancelled, 0);
  atomic_init(&shared.begun, 0);
  return start_workers(count, fn, arg, out);
}

static int note_loop(void *unused)
{
  (void)unused;
  atomic_fetch_add(&shared.called, 1);
  atomic_store(&shared.loops[eddy_worker_index()], eddy_get_running_loop());
  return 0;
}

EDDY_TEST(workers, each_has_a_loop_and_a_main_task)
{
  eddy_workers *workers;
  CHECK_OK(test_workers(WORKERS, note_loop, NULL, &workers));
  CHECK_EQ(eddy_workers_count(workers), WORKERS);
  CHECK_OK(eddy_workers_join(workers, EDDY_NEVER));
  CHECK_EQ(shared.called, WORKERS);
  CHECK(shared.loops[0] != shared.loops[1] && shared.loops[1] != shared.loops[2]);
  CHECK_EQ(eddy_worker_index(), -1);
  CHECK_OK(eddy_workers_join(workers, 0));
  CHECK_OK(eddy_workers_drain(workers, 0));
  return 0;
}

static int note_nothing(void *unused)
{
  (void)unused;
  return 0;
}

EDDY_TEST(workers, there_is_one_for_each_processor)
{
  eddy_workers *workers;
  CHECK_OK(test_workers(0, note_nothing, NULL, &workers));
  CHECK(eddy_workers_count(workers) > 0);
  CHECK_OK(eddy_workers_join(workers, EDDY_NEVER));
  return 0;
}

static int fail_in_words(void *unused)
{
  (void)unused;
  int index = eddy_worker_index();
  return index == 0 ? 0 : eddy_raise(EDDY_EIO, "torn in %d", index);
}

EDDY_TEST(workers, first_error_of_a_main_task_is_theirs)
{
  eddy_workers *workers;
  CHECK_OK(test_workers(WORKERS, fail_in_words, NULL, &workers));
  CHECK_CODE(eddy_workers_join(workers, EDDY_NEVER), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "torn in 1");
  CHECK_CODE(eddy_workers_drain(workers, 0), EDDY_EIO);
  return 0;
}

EDDY_TEST(workers, that_cannot_have_a_loop_do_not_begin)
{
  const eddy_loop_options loop = {.backend = "no/such"};
  const eddy_workers_options options = {.count = 2, .loop = &loop};
  eddy_workers *workers = NULL;
  atomic_store(&shared.called, 0);
  CHECK_CODE(eddy_workers_start(&options, note_loop, NULL, &workers), EDDY_EINVAL);
  CHECK(strstr(eddy_message(EDDY_EINVAL), "no/such") != NULL);
  CHECK_EQ(shared.called, 0);
  CHECK(workers == NULL);
  return 0;
}

EDDY_TEST(workers, bad_arguments_are_refused)
{
  int host;
  const eddy_loop_options guest = {.uv_loop = &host};
  const eddy_workers_options options = {.loop = &guest};
  eddy_workers *workers;
  CHECK_CODE(eddy_workers_start(NULL, NULL, NULL, &workers), EDDY_EINVAL);
  CHECK_CODE(eddy_workers_start(NULL, note_loop, NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_workers_start(&options, note_loop, NULL, &workers), EDDY_EINVAL);
  CHECK_CODE(eddy_workers_join(NULL, 0), EDDY_EINVAL);
  CHECK_CODE(eddy_workers_drain(NULL, 0), EDDY_EINVAL);
  CHECK_CODE(eddy_workers_create_task(NULL, 0, note_loop, NULL, NULL), EDDY_EINVAL);
  CHECK_EQ(eddy_workers_count(NULL), 0);
  eddy_workers_cancel(NULL);
  eddy_workers_free(NULL);
  return 0;
}

/* ---- the end ---- */

/* A main task that waits for its cancellation, and as often as it is told goes on after it. */
static int wait_stubbornly(void *arg)
{
  int left = arg == NULL ? 0 : *(int *)arg;
  atomic_fetch_add(&shared.called, 1);
  for (;;) {
    int rc = eddy_sleep(EDDY_NEVER);
    atomic_fetch_add(&shared.cancelled, 1);
    if (rc != EDDY_ECANCELLED || left-- == 0) return rc;
  }
}

EDDY_TEST(workers, drained_ones_are_cancelled)
{
  eddy_workers *workers;
  CHECK_OK(test_workers(WORKERS, wait_stubbornly, NULL, &workers));
  CHECK_CODE(eddy_workers_join(workers, 0), EDDY_ETIMEDOUT);
  CHECK_CODE(eddy_workers_join(workers, EDDY_MS(1)), EDDY_ETIMEDOUT);
  CHECK_OK(eddy_workers_drain(workers, EDDY_NEVER));
  /* A worker that had not begun never does. */
  CHECK_EQ(shared.called, shared.cancelled);
  return 0;
}

static int tell_index(void *unused)
{
  (void)unused;
  return eddy_return(eddy_int(eddy_worker_index()));
}

static int ask_index(eddy_workers *workers, size_t index, int64_t *out)
{
  eddy_thread_future *future;
  eddy_value value;
  int rc = eddy_workers_create_task(workers, index, tell_index, NULL, &future);
  if (rc < 0) return rc;
  rc = eddy_thread_future_result(future, EDDY_NEVER, &value);
  if (rc == 0) *out = value.i;
  eddy_thread_future_unref(future);
  return rc;
}

/* Starts workers and waits until all main tasks run. */
static int start_stubborn(int *times, eddy_workers **out)
{
  int rc = test_workers(2, wait_stubbornly, times, out);
  /* A task may come ahead of the main one, but the second one does not. */
  for (size_t i = 0; rc == 0 && i < 4; i++) {
    int64_t index;
    rc = ask_index(*out, i % 2, &index);
  }
  return rc;
}

EDDY_TEST(workers, second_request_comes_after_the_timeout)
{
  static int once = 1;
  eddy_workers *workers;
  CHECK_OK(start_stubborn(&once, &workers));
  CHECK_CODE(eddy_workers_drain(workers, 0), EDDY_ETIMEDOUT);
  CHECK_EQ(shared.cancelled, 4);
  return 0;
}

EDDY_TEST(workers, requests_may_be_made_without_waiting)
{
  static int once = 1;
  eddy_workers *workers;
  CHECK_OK(start_stubborn(&once, &workers));
  eddy_workers_cancel(workers);
  eddy_workers_cancel(workers);
  eddy_workers_cancel(workers); /* one too many: nothing happens */
  CHECK_OK(eddy_workers_join(workers, EDDY_NEVER));
  CHECK_EQ(shared.cancelled, 4);
  return 0;
}

/* Hears one request and ends a little later; another one disturbs it. */
static int end_in_order(void *unused)
{
  (void)unused;
  int rc = eddy_sleep(EDDY_NEVER);
  atomic_fetch_add(&shared.cancelled, 1);
  if (rc != EDDY_ECANCELLED) return rc;
  for (int turns = 10000; turns > 0; turns--) {
    if (eddy_sleep(0) < 0) return EDDY_ERUNTIME;
  }
  return 0;
}

EDDY_TEST(workers, drain_makes_no_second_request_in_time)
{
  eddy_workers *workers;
  CHECK_OK(test_workers(2, end_in_order, NULL, &workers));
  eddy_workers_cancel(workers);
  CHECK_OK(eddy_workers_drain(workers, EDDY_NEVER));
  CHECK_OK(test_workers(2, end_in_order, NULL, &workers));
  CHECK_OK(eddy_workers_drain(workers, EDDY_NEVER));
  return eddy_workers_drain(workers, 0);
}

static int stop_this_loop(void *unused)
{
  (void)unused;
  eddy_loop_stop(eddy_get_running_loop());
  return 0;
}

EDDY_TEST(workers, request_reaches_one_whose_loop_was_stopped)
{
  static int once = 1;
  eddy_workers *workers;
  int64_t index;
  CHECK_OK(test_workers(1, wait_stubbornly, &once, &workers));
  for (int i = 0; i < 2; i++) /* the second one comes after the main task */
    CHECK_OK(ask_index(workers, 0, &index));
  CHECK_OK(eddy_workers_create_task(workers, 0, stop_this_loop, NULL, NULL));
  /* The main task takes the first one, as its loop is closed, for nothing. */
  for (int left = test_patience(); shared.cancelled < 1; left--) {
    CHECK(left > 0);
    CHECK_CODE(eddy_workers_join(workers, EDDY_MS(1)), EDDY_ETIMEDOUT);
  }
  eddy_workers_cancel(workers);
  CHECK_CODE(eddy_workers_join(workers, EDDY_NEVER), EDDY_ESTOPPED);
  CHECK_EQ(shared.cancelled, 2);
  return 0;
}

EDDY_TEST(workers, freed_ones_are_drained)
{
  const eddy_workers_options options = {.count = 2};
  eddy_workers *workers;
  CHECK_OK(eddy_workers_start(&options, wait_stubbornly, NULL, &workers));
  eddy_workers_free(workers);
  return 0;
}

EDDY_TASK_TEST(workers, are_not_waited_for_on_a_loop)
{
  eddy_workers *workers;
  CHECK_OK(test_workers(1, note_loop, NULL, &workers));
  CHECK_CODE(eddy_workers_join(workers, EDDY_NEVER), EDDY_ERUNNING);
  CHECK(strstr(eddy_message(EDDY_ERUNNING), "eddy_to_thread") != NULL);
  CHECK_CODE(eddy_workers_drain(workers, 0), EDDY_ERUNNING);
  CHECK_CODE(eddy_workers_run(NULL, note_loop, NULL, 0), EDDY_ERUNNING);
  return 0;
}

/* ---- work for them ---- */

EDDY_TEST(workers, tasks_go_to_a_worker_or_to_each_in_turn)
{
  eddy_workers *workers;
  int64_t index = -1;
  CHECK_OK(test_workers(WORKERS, wait_stubbornly, NULL, &workers));
  for (size_t i = WORKERS; i-- > 0;) {
    CHECK_OK(ask_index(workers, i, &index));
    CHECK_EQ(index, i);
  }
  for (int i = 0; i < 2 * WORKERS; i++) {
    CHECK_OK(ask_index(workers, EDDY_WORKERS_NEXT, &index));
    CHECK_EQ(index, i % WORKERS);
  }
  CHECK_CODE(ask_index(workers, WORKERS, &index), EDDY_EINVAL);
  CHECK_STR(eddy_message(EDDY_EINVAL), "workers create_task: there is no worker 3");
  CHECK_OK(eddy_workers_drain(workers, EDDY_NEVER));
  CHECK_CODE(ask_index(workers, 0, &index), EDDY_ECLOSED);
  CHECK_CODE(ask_index(workers, EDDY_WORKERS_NEXT, &index), EDDY_ECLOSED);
  return 0;
}

/* The first worker ends at once. */
static int wait_unless_first(void *unused)
{
  return eddy_worker_index() == 0 ? 0 : wait_stubbornly(unused);
}

EDDY_TEST(workers, one_that_has_ended_is_passed_over)
{
  eddy_workers *workers;
  int64_t index = -1;
  int rc = 0;
  CHECK_OK(test_workers(2, wait_unless_first, NULL, &workers));
  for (int left = test_patience(); rc != EDDY_ECLOSED && left > 0; left--) {
    rc = ask_index(workers, 0, &index);
    (void)eddy_workers_join(workers, EDDY_MS(1));
  }
  CHECK_EQ(rc, EDDY_ECLOSED);
  CHECK_OK(ask_index(workers, EDDY_WORKERS_NEXT, &index));
  CHECK_EQ(index, 1);
  CHECK_OK(ask_index(workers, EDDY_WORKERS_NEXT, &index));
  CHECK_EQ(index, 1);
  return 0;
}

/* ---- eddy_workers_run ---- */

EDDY_TEST(workers, run_ends_with_the_main_tasks)
{
  const eddy_workers_options options = {.count = 2};
  atomic_store(&shared.called, 0);
  CHECK_OK(eddy_workers_run(&options, note_loop, NULL, EDDY_S(1)));
  CHECK_EQ(shared.called, 2);
  CHECK_CODE(eddy_workers_run(&options, fail_in_words, NULL, EDDY_S(1)), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "torn in 1");
  return 0;
}

/* The first one fails when the other one waits. */
static int fail_among_others(void *unused)
{
  if (eddy_worker_index() > 0) return wait_stubbornly(unused);
  while (atomic_load(&shared.called) == 0) {
    int rc = eddy_sleep(0);
    if (rc < 0) return rc;
  }
  return eddy_raise(EDDY_EIO, "torn alone");
}

EDDY_TEST(workers, run_ends_when_one_fails)
{
  const eddy_workers_options options = {.count = 2};
  atomic_store(&shared.called, 0);
  atomic_store(&shared.cancelled, 0);
  CHECK_CODE(eddy_workers_run(&options, fail_among_others, NULL, EDDY_NEVER), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "torn alone");
  CHECK_EQ(shared.cancelled, 1);
  return 0;
}

/* A main task that asks for the end of all when it is the last to have begun. */
static int end_the_process(void *times)
{
  struct sigaction action;
  bool last = atomic_fetch_add(&shared.begun, 1) == 1;
  sigaction(SIGTERM, NULL, &action);
  if (action.sa_handler == SIG_DFL) return EDDY_ERUNTIME; /* nobody waits for it */
  if (last) kill(getpid(), SIGTERM);
  return wait_stubbornly(times);
}

EDDY_TEST_KERNEL(workers, run_ends_with_a_signal)
{
  static int once = 1;
  const eddy_workers_options options = {.count = 2};
  struct sigaction before, after;
  sigaction(SIGTERM, NULL, &before);
  atomic_store(&shared.begun, 0);
  CHECK_OK(eddy_workers_run(&options, end_the_process, NULL, EDDY_NEVER));
  atomic_store(&shared.begun, 0);
  CHECK_CODE(
      eddy_workers_run(&options, end_the_process, &once, EDDY_MS(1)), EDDY_ETIMEDOUT);
  sigaction(SIGTERM, NULL, &after);
  CHECK(before.sa_handler == after.sa_handler);
  return 0;
}
