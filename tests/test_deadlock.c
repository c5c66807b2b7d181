/* What happens when no task can ever go on: who is told, and how it ends. */
#include "capture.h"
#include "tasks.h"

#include <pthread.h>
#include <stdatomic.h>

static int wait_for_ever(void *arg)
{
  (void)arg;
  eddy_future *future;
  CHECK_OK(test_future(NULL, &future));
  int rc = eddy_await(future, NULL);
  trace("future:%s", eddy_err_name(rc));
  return rc;
}

static int get_for_ever(void *queue)
{
  eddy_value item;
  int rc = eddy_queue_get(queue, &item);
  trace("get:%s", eddy_err_name(rc));
  return rc;
}

/* ---- the report ---- */

static int stuck_main(void *arg)
{
  eddy_queue *queue;
  eddy_task *task;
  (void)arg;
  CHECK_OK(test_queue(1, &queue));
  CHECK_OK(test_task(get_for_ever, queue, &task));
  CHECK_OK(eddy_task_set_name(task, "getter"));
  int rc = eddy_task_await(task, NULL);
  trace("main:%s", eddy_err_name(rc));
  return rc;
}

static int run_stuck_main(void *arg)
{
  CHECK_CODE(eddy_run(stuck_main, arg), EDDY_EDEADLOCK);
  CHECK_TRACE("get:ECANCELLED main:ECANCELLED"); /* and so they could clean up */
  return 0;
}

EDDY_TEST(deadlock, report_names_each_task_its_origin_and_its_wait)
{
  NEEDS_ONE_THREAD();
  const char *text;
  CHECK_OK(alone(run_stuck_main, NULL, &text));
  CHECK_CONTAINS(text, "eddy: deadlock: every task waits and nothing can wake any");
  CHECK_CONTAINS(text, "(2 tasks)\n");
  CHECK_CONTAINS(text, "task 'Task-1', created at ");
  CHECK_CONTAINS(text, "test_deadlock.c:");
  CHECK_CONTAINS(text, " stuck_main: task 'getter'\n");
  CHECK_CONTAINS(text, "task 'getter', created at ");
  CHECK_CONTAINS(text, " get_for_ever by 'Task-1': get on queue ");
  CHECK_EQ(count_parts(text, "\n"), 3);
  return 0;
}

static int sleep_without_end(void *arg)
{
  (void)arg;
  return eddy_sleep(EDDY_NEVER);
}

static int run_sleeper(void *arg)
{
  CHECK_CODE(eddy_run(sleep_without_end, arg), EDDY_EDEADLOCK);
  return 0;
}

EDDY_TEST(deadlock, sleep_without_end_is_one)
{
  NEEDS_ONE_THREAD();
  const char *text;
  CHECK_OK(alone(run_sleeper, NULL, &text));
  CHECK_CONTAINS(text, "sleep without end");
  return 0;
}

/* Tasks that wait for one another: the request to end must not go round for ever. */
struct mutual {
  eddy_task *tasks[3];
};

struct member {
  struct mutual *mutual;
  int next;
  bool gathers;
};

static int await_next(void *arg)
{
  struct member *self = arg;
  CHECK(self->mutual->tasks[self->next] != NULL); /* the ring is closed */
  eddy_future *next = eddy_task_future(self->mutual->tasks[self->next]);
  if (self->gathers) CHECK_OK(test_gather(&next, 1, EDDY_GATHER_RAISE, &next));
  int rc = eddy_await(next, NULL);
  trace("%s", eddy_err_name(rc));
  return rc;
}

static int make_ring(struct mutual *mutual, int count, bool gathers)
{
  for (int i = 0; i < count; i++) {
    struct member *member = test_new(sizeof *member);
    member->mutual = mutual;
    member->next = (i + 1) % count;
    member->gathers = gathers && i == 0;
    CHECK_OK(test_task(await_next, member, &mutual->tasks[i]));
  }
  return 0;
}

/* The last ring is a task that waits for a gather of itself. */
struct ring {
  int count;
  bool gathers;
};

static struct ring rings[] = {{3, false}, {3, true}, {1, true}};

enum { RINGS = sizeof rings / sizeof rings[0] };

static int stuck_ring(void *arg)
{
  const struct ring *ring = arg;
  struct mutual *mutual = test_new(sizeof *mutual);
  CHECK_OK(make_ring(mutual, ring->count, ring->gathers));
  return eddy_task_await(mutual->tasks[0], NULL);
}

static int run_ring(void *arg)
{
  const struct ring *ring = arg;
  CHECK_CODE(eddy_run(stuck_ring, arg), EDDY_EDEADLOCK);
  CHECK_EQ(count_parts(test_trace(), "ECANCELLED"), ring->count);
  return 0;
}

EDDY_TEST(deadlock, tasks_that_wait_for_one_another_are_ended)
{
  NEEDS_ONE_THREAD();
  for (int i = 0; i < RINGS; i++) {
    const char *text;
    CHECK_OK(alone(run_ring, &rings[i], &text));
    int unread = count_parts(text, "the error of a gather was never retrieved");
    CHECK_EQ(count_parts(text, "\n"), rings[i].count + 2 + unread);
  }
  return 0;
}

EDDY_TASK_TEST(deadlock, one_cancel_frees_tasks_that_wait_for_one_another)
{
  trace_reports(NULL); /* nobody reads the gathers' outcome */
  for (int i = 0; i < RINGS; i++) {
    for (int first = 0; first < rings[i].count; first++) {
      struct mutual *mutual = test_new(sizeof *mutual);
      CHECK_OK(make_ring(mutual, rings[i].count, rings[i].gathers));
      CHECK_OK(eddy_sleep(0));
      CHECK(eddy_task_cancel(mutual->tasks[first], NULL));
      for (int j = 0; j < rings[i].count; j++)
        CHECK_CODE(eddy_task_await(mutual->tasks[j], NULL), EDDY_ECANCELLED);
    }
  }
  return 0;
}

/* One that swallows its cancellation and is stuck again is told of again, and given up. */
static int stubborn(void *arg)
{
  (void)wait_for_ever(arg);
  return wait_for_ever(arg);
}

static int run_stubborn(void *arg)
{
  CHECK_CODE(eddy_run(stubborn, arg), EDDY_EDEADLOCK);
  CHECK_TRACE("future:ECANCELLED future:EGENERATOREXIT");
  return 0;
}

EDDY_TEST(deadlock, task_that_is_stuck_again_ends_with_the_loop)
{
  NEEDS_ONE_THREAD();
  const char *text;
  CHECK_OK(alone(run_stubborn, NULL, &text));
  CHECK_EQ(count_parts(text, "eddy: deadlock: "), 2);
  CHECK_CONTAINS(text, "a task was destroyed but it is pending");
  return 0;
}

/* ---- what is no deadlock ---- */

static int do_nothing(void *arg)
{
  (void)arg;
  return 0;
}

static int finish_with_stuck_tasks(void *arg)
{
  CHECK_OK(eddy_create_task(wait_for_ever, arg, NULL));
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  return eddy_sleep(EDDY_MS(1));
}

static int run_with_stuck_tasks(void *arg)
{
  CHECK_OK(eddy_run(finish_with_stuck_tasks, arg));
  CHECK_TRACE("future:ECANCELLED");
  return 0;
}

EDDY_TEST(deadlock, is_none_while_a_timer_is_booked)
{
  NEEDS_ONE_THREAD();
  const char *text;
  CHECK_OK(alone(run_with_stuck_tasks, NULL, &text));
  CHECK_STR(text, "");
  return 0;
}

/* Has another process send the signal, some time after the loop has nothing to do. */
static int signal_later(void)
{
  pid_t pid = fork();
  if (pid != 0) return pid > 0 ? 0 : EDDY_EAGAIN;
  usleep(20000);
  kill(getppid(), SIGUSR1);
  _exit(0);
}

static int set_future(void *future)
{
  return eddy_future_set_result(future, eddy_int(1));
}

static int await_signal(void *arg)
{
  eddy_loop *loop = eddy_get_running_loop();
  eddy_future *future;
  (void)arg;
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, set_future, future));
  CHECK_OK(signal_later());
  CHECK_OK(eddy_await(future, NULL));
  CHECK(eddy_loop_remove_signal_handler(loop, SIGUSR1));
  return wait_for_ever(NULL); /* now it is one */
}

static int run_await_signal(void *arg)
{
  CHECK_CODE(eddy_run(await_signal, arg), EDDY_EDEADLOCK);
  return 0;
}

EDDY_TEST(deadlock, is_none_while_a_signal_may_come)
{
  NEEDS_ONE_THREAD();
  const char *text;
  CHECK_OK(alone(run_await_signal, NULL, &text));
  CHECK_EQ(count_parts(text, "deadlock"), 2); /* the word, and this file's name */
  return 0;
}

/* ---- other threads ---- */

struct help {
  pthread_t thread;
  struct capture *capture;
  eddy_loop *loop;
  eddy_future *future;
  eddy_queue *queue;
  bool hold;
  atomic_int go;   /* the task is about to wait */
  atomic_int over; /* it waits no more */
};

static int put_item(void *arg)
{
  struct help *help = arg;
  if (help->hold) eddy_loop_release(help->loop);
  return eddy_queue_put_nowait(help->queue, eddy_int(1));
}

static void pause_thread(void)
{
  usleep(200);
}

/* Helps as soon as the loop has said that it is stuck; with a hold, when the task is about to
 * wait. Gives up when the task has gone on without help. */
static void *help_later(void *arg)
{
  struct help *help = arg;
  char text[16];
  int file = help->hold ? -1 : fileno(help->capture->file);
  while (!atomic_load(&help->over)) {
    if (help->hold ? atomic_load(&help->go) : pread(file, text, sizeof text, 0) > 0) {
      if (eddy_loop_call_soon_threadsafe(help->loop, put_item, help) == 0) return NULL;
      test_failed(__FILE__, __LINE__, "the call from another thread");
      break;
    }
    pause_thread();
  }
  if (help->hold) eddy_loop_release(help->loop);
  return NULL;
}

/* Is helped twice; only the first time is it told of. */
static int be_helped(void *arg)
{
  struct help *help = arg;
  help->loop = eddy_get_running_loop();
  CHECK_OK(test_queue(0, &help->queue));
  for (int i = 0; i < 2; i++) {
    eddy_value item;
    atomic_store(&help->go, 0);
    atomic_store(&help->over, 0);
    if (pthread_create(&help->thread, NULL, help_later, help) != 0) return EDDY_EAGAIN;
    if (help->hold) eddy_loop_hold(help->loop);
    atomic_store(&help->go, 1);
    int rc = eddy_queue_get(help->queue, &item);
    atomic_store(&help->over, 1);
    pthread_join(help->thread, NULL);
    CHECK_OK(rc);
    trace("helped");
  }
  return 0;
}

EDDY_TEST(deadlock, with_other_threads_it_is_told_once_and_waits_on)
{
  struct help *help = test_new(sizeof *help);
  help->capture = capture_begin();
  CHECK_OK(eddy_run(be_helped, help));
  const char *text = capture_end(help->capture);
  CHECK_TRACE("helped helped");
  CHECK_CONTAINS(text, "eddy: deadlock, unless another thread comes to help");
  CHECK_CONTAINS(text, "eddy_loop_hold");
  CHECK_CONTAINS(text, "be_helped: get on queue ");
  CHECK_EQ(count_parts(text, "eddy: "), 1);
  return 0;
}

EDDY_TEST(deadlock, is_none_while_a_thread_holds_the_loop)
{
  struct help *help = test_new(sizeof *help);
  help->capture = capture_begin();
  help->hold = true;
  CHECK_OK(eddy_run(be_helped, help));
  CHECK_STR(capture_end(help->capture), "");
  CHECK_TRACE("helped helped");
  return 0;
}

/* ---- the other ways to run ---- */

static int end_run(void *arg)
{
  struct help *help = arg;
  if (++help->go == 20) eddy_loop_stop(help->loop);
  return 0;
}

static void *post_often(void *arg)
{
  struct help *help = arg;
  for (int i = 0; i < 20; i++) {
    pause_thread(); /* and so the loop has the time to give up, if it does */
    if (eddy_loop_call_soon_threadsafe(help->loop, end_run, help) != 0)
      test_failed(__FILE__, __LINE__, "call_soon_threadsafe");
  }
  return NULL;
}

EDDY_TEST(deadlock, run_forever_never_ends_by_it)
{
  struct help *help = test_new(sizeof *help);
  eddy_future *future;
  eddy_task *task;
  CHECK_OK(test_loop(&help->loop));
  trace_reports(help->loop);
  CHECK_OK(test_future(help->loop, &future));
  CHECK_OK(test_loop_task(help->loop, wait_for_ever, NULL, &task));
  struct capture *capture = capture_begin();
  CHECK_EQ(pthread_create(&help->thread, NULL, post_often, help), 0);
  int rc = eddy_loop_run_forever(help->loop);
  pthread_join(help->thread, NULL);
  CHECK_OK(rc);
  CHECK_EQ(help->go, 20);
  CHECK_STR(capture_end(capture), "");
  return 0;
}

static int run_idle(void *arg)
{
  eddy_loop *loop;
  eddy_task *task;
  (void)arg;
  CHECK_OK(test_loop(&loop));
  trace_reports(loop);
  CHECK_OK(test_loop_task(loop, do_nothing, NULL, &task));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(test_loop_task(loop, wait_for_ever, NULL, &task));
  CHECK_CODE(eddy_loop_run(loop), EDDY_EDEADLOCK);
  CHECK(!eddy_task_done(task)); /* it is only told of; the loop may run again */
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK(eddy_task_done(task));
  CHECK_OK(eddy_loop_close(loop));
  return 0;
}

EDDY_TEST(deadlock, of_a_run_until_idle_leaves_the_tasks_alone)
{
  NEEDS_ONE_THREAD();
  const char *text;
  CHECK_OK(alone(run_idle, NULL, &text));
  CHECK_CONTAINS(text, "eddy: the loop ends with tasks that nothing can wake (1 task)\n");
  CHECK_EQ(count_parts(text, "\n"), 2);
  return 0;
}
