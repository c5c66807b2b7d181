/* Locks as objects: arguments, references, loops, and what a report says of them. */
#include "capture.h"
#include "stage.h"

EDDY_UNIT_TEST(lock_life, new_one_is_not_locked_and_needs_no_loop)
{
  eddy_lock *lock;
  CHECK_OK(eddy_lock_new(&lock));
  CHECK(!eddy_lock_locked(lock));
  CHECK_PTR(eddy_lock_ref(lock), lock);
  eddy_lock_unref(lock);
  eddy_lock_unref(lock);
  eddy_lock_unref(NULL);
  return 0;
}

EDDY_TASK_TEST(lock_life, calls_without_a_lock_are_refused)
{
  CHECK_CODE(eddy_lock_new(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_lock_acquire(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_lock_release(NULL), EDDY_EINVAL);
  return 0;
}

static void unref_lock(void *lock)
{
  eddy_lock_unref(lock);
}

static int test_lock(eddy_lock **out)
{
  int rc = eddy_lock_new(out);
  if (rc == 0) test_defer_late(unref_lock, *out);
  return rc;
}

EDDY_TEST(lock_life, acquire_needs_a_task)
{
  eddy_lock *lock;
  CHECK_OK(test_lock(&lock));
  CHECK_CODE(eddy_lock_acquire(lock), EDDY_ENOTASK);
  CHECK(!eddy_lock_locked(lock));
  return 0;
}

EDDY_TASK_TEST(lock_life, release_of_a_free_one_says_so)
{
  eddy_lock *lock;
  CHECK_OK(test_lock(&lock));
  CHECK_CODE(eddy_lock_release(lock), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "lock release: lock ");
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "is not locked");
  return 0;
}

EDDY_TASK_TEST(lock_life, free_one_costs_no_step)
{
  eddy_lock *lock;
  CHECK_OK(test_lock(&lock));
  uint64_t steps = eddy_task_steps(eddy_current_task());
  for (int i = 0; i < 100; i++) {
    CHECK_OK(eddy_lock_acquire(lock));
    CHECK_OK(eddy_lock_release(lock));
  }
  CHECK_EQ(eddy_task_steps(eddy_current_task()), steps);
  return 0;
}

/* ---- one lock, two loops ---- */

static int hold(void *lock)
{
  CHECK_OK(eddy_lock_acquire(lock));
  CHECK_OK(eddy_sleep(0));
  return eddy_lock_release(lock);
}

static int contend(void *lock)
{
  eddy_task *task;
  CHECK_OK(test_task(hold, lock, &task));
  CHECK_OK(hold(lock));
  return eddy_task_await(task, NULL);
}

static int contend_elsewhere(void *lock)
{
  eddy_task *task;
  CHECK_OK(hold(lock)); /* nobody waits: any loop will do */
  CHECK_OK(test_task(hold, lock, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_CODE(eddy_lock_acquire(lock), EDDY_EOTHERLOOP);
  CHECK_CONTAINS(
      eddy_message(EDDY_EOTHERLOOP), "lock acquire: it is used by the tasks of an");
  return eddy_task_await(task, NULL);
}

EDDY_TEST(lock_life, belongs_to_the_loop_on_which_someone_waited_first)
{
  eddy_lock *lock;
  CHECK_OK(test_lock(&lock));
  CHECK_OK(eddy_run(hold, lock));
  CHECK_OK(eddy_run(contend, lock));
  CHECK_OK(eddy_run(contend_elsewhere, lock));
  CHECK(!eddy_lock_locked(lock));
  return 0;
}

/* ---- references ---- */

static int only_reference_is_a_waiters(enum kind kind)
{
  struct stage *stage = NULL;
  CHECK_OK(stage_new(1, 2, &stage));
  CHECK_OK(eddy_lock_acquire(stage->lock));
  CHECK_OK(stage_start(stage, kind, "a: acquire"));
  CHECK_OK(settle());
  CHECK_OK(eddy_lock_release(stage->lock));
  eddy_lock_unref(stage->lock);
  int rc = stage_finish(stage);
  stage->lock = NULL;
  CHECK_OK(rc);
  test_trace_clear();
  return 0;
}

EDDY_TASK_TEST(lock_life, task_that_waits_keeps_it)
{
  return each_kind(only_reference_is_a_waiters);
}

static int left_behind(enum kind kind)
{
  struct stage *stage = NULL;
  CHECK_OK(stage_new(0, 2, &stage));
  return stage_start(stage, kind,
      "a: acquire take;"
      "b: acquire;"
      "c: event;"
      "d: ?acquire release;"
      "e: take");
}

EDDY_TASK_TEST(lock_life, may_be_left_behind_with_tasks_that_wait)
{
  return each_kind(left_behind); /* the end of eddy_run cancels them */
}

static int run_left_behind(void *kind)
{
  CHECK_OK(left_behind(*(enum kind *)kind));
  return settle();
}

/* The loop is closed while they wait: each ends, and nothing is left. */
EDDY_TEST(lock_life, may_be_left_behind_with_a_loop_that_is_closed)
{
  for (enum kind kind = STACKFUL; kind <= MIXED; kind++) {
    eddy_loop *loop;
    eddy_task *task;
    enum kind *arg = test_new(sizeof *arg);
    *arg = kind;
    CHECK_OK(test_loop(&loop));
    CHECK_OK(test_loop_task(loop, run_left_behind, arg, &task));
    trace_reports(loop);
    CHECK_OK(eddy_loop_run_until_complete(loop, eddy_task_future(task), NULL));
    CHECK_OK(eddy_loop_close(loop));
    CHECK_CONTAINS(test_trace(), "a:take=EGENERATOREXIT");
    CHECK_CONTAINS(test_trace(), "b:acquire=EGENERATOREXIT");
    CHECK_CONTAINS(test_trace(), "e:take=EGENERATOREXIT");
    test_trace_clear();
  }
  return 0;
}

/* ---- what a report says ---- */

static int keep_and_sleep(void *lock)
{
  CHECK_OK(eddy_lock_acquire(lock));
  return eddy_sleep(EDDY_NEVER);
}

static int keep_and_end(void *lock)
{
  return eddy_lock_acquire(lock);
}

static int wait_for_it(void *lock)
{
  return eddy_lock_acquire(lock);
}

/* What a task says that waits for a lock which `keeper` has. */
static int waits_for(eddy_fn *keeper, const char *name, char *text, size_t size)
{
  eddy_lock *lock;
  eddy_task *task, *waiter;
  CHECK_OK(test_lock(&lock));
  CHECK_OK(test_task(keeper, lock, &task));
  if (name != NULL) CHECK_OK(eddy_task_set_name(task, name));
  CHECK_OK(test_task(wait_for_it, lock, &waiter));
  CHECK_OK(eddy_sleep(0));
  eddy_task_waits_for(waiter, text, size);
  eddy_task_cancel(task, NULL);
  eddy_task_cancel(waiter, NULL);
  return settle();
}

EDDY_TASK_TEST(lock_life, waiter_names_it_and_the_task_that_has_it)
{
  char text[200];
  CHECK_OK(waits_for(keep_and_sleep, "keeper", text, sizeof text));
  CHECK_CONTAINS(text, "lock ");
  CHECK_CONTAINS(text, ", acquired by task 'keeper'");
  CHECK(strstr(text, "ended") == NULL);
  CHECK_OK(waits_for(keep_and_sleep, NULL, text, sizeof text));
  CHECK_CONTAINS(text, ", acquired by task 'Task-");
  return 0;
}

EDDY_TASK_TEST(lock_life, waiter_names_a_task_that_ended_with_it)
{
  char text[200];
  CHECK_OK(waits_for(keep_and_end, "keeper", text, sizeof text));
  CHECK_CONTAINS(
      text, ", acquired by task 'keeper', which has ended; it was created at ");
  CHECK_CONTAINS(text, "test_lock_life.c:");
  CHECK_OK(waits_for(keep_and_end, NULL, text, sizeof text));
  CHECK_CONTAINS(text, ", acquired by task 'Task-");
  CHECK_CONTAINS(text, ", which has ended");
  CHECK_OK(waits_for(
      keep_and_end, "a name that is far too long to be remembered", text, sizeof text));
  CHECK_CONTAINS(text, "'a name that is far too long to '");
  return 0;
}

static int find_it_taken(void *lock)
{
  char text[200];
  eddy_task *task;
  CHECK_OK(test_task(wait_for_it, lock, &task));
  CHECK_OK(eddy_sleep(0));
  eddy_task_waits_for(task, text, sizeof text);
  CHECK_CONTAINS(text, ", acquired by task 'Task-1', which was another loop's");
  CHECK_OK(eddy_lock_release(lock));
  eddy_task_waits_for(task, text, sizeof text);
  CHECK_STR(text, "ready");
  return eddy_task_await(task, NULL);
}

EDDY_TEST(lock_life, waiter_names_a_task_of_another_loop)
{
  eddy_lock *lock;
  CHECK_OK(test_lock(&lock));
  CHECK_OK(eddy_run(keep_and_end, lock));
  return eddy_run(find_it_taken, lock);
}

static int forgetful_main(void *arg)
{
  eddy_lock *lock;
  eddy_task *task;
  (void)arg;
  CHECK_OK(test_lock(&lock));
  CHECK_OK(test_task(keep_and_end, lock, &task));
  CHECK_OK(eddy_task_set_name(task, "forgetful"));
  CHECK_OK(eddy_sleep(0));
  return eddy_lock_acquire(lock);
}

static int run_forgetful(void *arg)
{
  CHECK_CODE(eddy_run(forgetful_main, arg), EDDY_EDEADLOCK);
  return 0;
}

EDDY_TEST(lock_life, deadlock_report_names_who_did_not_release_it)
{
  NEEDS_ONE_THREAD();
  struct child *child = test_new(sizeof *child);
  CHECK_OK(child_run(child, run_forgetful, NULL));
  CHECK_EQ(child->status, 0);
  CHECK_CONTAINS(child->text, "acquired by task 'forgetful', which has ended");
  return 0;
}
