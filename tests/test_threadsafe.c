/* Callbacks from other threads. Each thread is joined before anything depends on it. */
#include "all_ready.h"

#include <stdatomic.h>
#include <uv.h>

#include "loop/loop.h" /* the built-in backends, to count their wake-ups */

static eddy_loop *loop; /* the case's */

static int post(eddy_fn *fn, void *arg)
{
  return eddy_loop_call_soon_threadsafe(loop, fn, arg);
}

static int soon(eddy_fn *fn, void *arg)
{
  return eddy_loop_call_soon(loop, fn, arg, NULL);
}

/* Runs fn in a thread of its own and waits for its end. */
static int in_thread(void (*fn)(void *arg), void *arg)
{
  uv_thread_t thread;
  int rc = uv_thread_create(&thread, fn, arg);
  if (rc == 0) rc = uv_thread_join(&thread);
  return rc;
}

static void post_text(void *text)
{
  if (post(trace_fn, text) != 0) test_failed(__FILE__, __LINE__, "post %s", (char *)text);
}

/* ---- order ---- */

static const char *const letters[] = {"a", "b", "c", "d", "e"};

static void post_letters(void *unused)
{
  (void)unused;
  for (size_t i = 0; i < 5; i++)
    post_text((void *)(uintptr_t)letters[i]);
}

static int post_from_another_thread(void *unused)
{
  (void)unused;
  return in_thread(post_letters, NULL);
}

EDDY_TEST(threadsafe, posts_of_a_thread_run_in_order)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(soon(post_from_another_thread, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("a b c d e");
  return 0;
}

EDDY_TEST(threadsafe, posts_made_before_the_run_are_not_lost)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(in_thread(post_letters, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("a b c d e");
  return 0;
}

EDDY_TEST(threadsafe, calls_before_the_run_keep_their_order_with_call_soon)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(post(trace_fn, "a"));
  CHECK_OK(soon(trace_fn, "b"));
  CHECK_OK(post(trace_fn, "c"));
  CHECK_OK(soon(trace_fn, "d"));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("a b c d");
  return 0;
}

static int mix_calls(void *unused)
{
  (void)unused;
  CHECK_OK(soon(trace_fn, "a"));
  CHECK_OK(post(trace_fn, "b"));
  CHECK_OK(soon(trace_fn, "c"));
  CHECK_OK(post(trace_fn, "d"));
  return 0;
}

EDDY_TEST(threadsafe, call_from_the_loops_own_thread_is_call_soon)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(soon(mix_calls, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("a b c d");
  return 0;
}

static int post_and_make_all_ready(void *unused)
{
  CHECK_OK(in_thread(post_text, "post"));
  return make_all_ready(unused);
}

EDDY_TASK_TEST(threadsafe, posts_come_ahead_of_io_and_timers)
{
  loop = eddy_get_running_loop();
  CHECK_OK(await_all_ready(post_and_make_all_ready, NULL));
  CHECK_TRACE("ready post io timer");
  return 0;
}

/* While callbacks are ready the backend is not asked each time; posts come in all the same. */
static int burst(void *arg)
{
  int left = (int)(intptr_t)arg;
  trace("%d", left);
  if (left == 4) CHECK_OK(in_thread(post_text, "post"));
  return left > 0 ? soon(burst, (void *)(intptr_t)(left - 1)) : 0;
}

EDDY_TEST(threadsafe, post_comes_in_at_the_next_boundary_of_a_burst)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(soon(burst, (void *)(intptr_t)6));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("6 5 4 3 post 2 1 0");
  return 0;
}

/* ---- waking ---- */

/* A thread that waits to be told to begin; it is joined before the loop is freed. */
struct helper {
  uv_thread_t thread;
  uv_sem_t begin;
};

static void end_helper(void *arg)
{
  struct helper *helper = arg;
  uv_sem_post(&helper->begin);
  uv_thread_join(&helper->thread);
  uv_sem_destroy(&helper->begin);
}

static int begin_helper(void *arg)
{
  struct helper *helper = arg;
  uv_sem_post(&helper->begin);
  return 0;
}

/* Starts a thread with fn(helper), which will release the loop, and has a callback tell it
 * to begin. */
static int start_helper(void (*fn)(void *arg))
{
  struct helper *helper = test_new(sizeof *helper);
  int rc = uv_sem_init(&helper->begin, 0);
  if (rc == 0) rc = uv_thread_create(&helper->thread, fn, helper);
  if (rc < 0) return rc;
  eddy_loop_hold(loop);
  test_defer(end_helper, helper);
  return soon(begin_helper, helper);
}

static int release(void *text)
{
  trace("%s", (const char *)text);
  eddy_loop_release(loop);
  return 0;
}

static void post_release(void *arg)
{
  struct helper *helper = arg;
  uv_sem_wait(&helper->begin);
  if (post(release, "released") == 0) return;
  test_failed(__FILE__, __LINE__, "post");
  eddy_loop_release(loop);
}

EDDY_TEST(threadsafe, post_wakes_a_loop_that_would_wait_for_ever)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(start_helper(post_release));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("released");
  return 0;
}

static void post_and_release(void *arg)
{
  struct helper *helper = arg;
  uv_sem_wait(&helper->begin);
  post_text("post");
  eddy_loop_release(loop);
}

static int trace_time(void *text)
{
  trace("%s", (const char *)text);
  trace("at%d", (int)(eddy_loop_time(loop) / EDDY_S(3600)));
  return 0;
}

EDDY_TEST(threadsafe, held_loop_waits_for_the_thread)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(start_helper(post_and_release));
  CHECK_OK(eddy_loop_run(loop)); /* until the release */
  CHECK_TRACE("post");
  return 0;
}

EDDY_TEST_VIRTUAL(threadsafe, virtual_time_stands_while_the_loop_is_held)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_S(3600), trace_time, "timer", NULL));
  CHECK_OK(start_helper(post_and_release));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("post timer at1");
  return 0;
}

static struct {
  eddy_io io;
  eddy_backend backend;
  const eddy_io *inner;
  atomic_int wakes;
} counting;

static void counting_wake(void *self)
{
  atomic_fetch_add(&counting.wakes, 1);
  counting.inner->wake(self);
}

/* The backend under test, with its wake-ups counted. */
static int counting_loop(void)
{
  const eddy_backend *backend = eddy__backend_find(test_backend());
  CHECK(backend != NULL);
  counting.inner = backend->io;
  counting.io = *backend->io;
  counting.io.wake = counting_wake;
  counting.backend = (eddy_backend){backend->name, backend->scheduler, &counting.io};
  atomic_store(&counting.wakes, 0);
  eddy_loop_options options = {.custom = &counting.backend};
  return eddy_loop_new(&options, &loop);
}

static void free_loop(void *arg)
{
  eddy_loop_free(arg);
}

static int count_wakes(void *text)
{
  trace("%s%d", (const char *)text, atomic_load(&counting.wakes));
  return 0;
}

EDDY_TEST(threadsafe, wake_ups_are_coalesced)
{
  CHECK_OK(counting_loop());
  test_defer(free_loop, loop);
  CHECK_OK(in_thread(post_letters, NULL));
  CHECK_EQ(atomic_load(&counting.wakes), 1);
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(soon(post_from_another_thread, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(atomic_load(&counting.wakes), 2);
  CHECK_TRACE("a b c d e a b c d e");
  return 0;
}

EDDY_TEST(threadsafe, call_from_the_loops_own_thread_wakes_nobody)
{
  CHECK_OK(counting_loop());
  test_defer(free_loop, loop);
  CHECK_OK(soon(mix_calls, NULL));
  CHECK_OK(soon(count_wakes, "wakes"));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("wakes0 a b c d");
  return 0;
}

/* ---- many threads ---- */

#define THREADS 4
#define POSTS 2000

struct producer {
  uv_thread_t thread;
  int next; /* that should arrive; the loop's thread alone looks at it */
  struct message {
    struct producer *producer;
    int number;
  } messages[POSTS];
};

static int receive(void *arg)
{
  struct message *message = arg;
  CHECK_EQ(message->number, message->producer->next);
  message->producer->next++;
  return 0;
}

static void produce(void *arg)
{
  struct producer *producer = arg;
  for (int i = 0; i < POSTS; i++) {
    producer->messages[i] = (struct message){producer, i};
    if (post(receive, &producer->messages[i]) != 0)
      test_failed(__FILE__, __LINE__, "post %d", i);
  }
  eddy_loop_release(loop);
}

static void join(void *thread)
{
  uv_thread_join(thread);
}

EDDY_TEST(threadsafe, posts_of_many_threads_arrive_each_in_its_order)
{
  struct producer *producers = test_new(THREADS * sizeof *producers);
  CHECK_OK(test_loop(&loop));
  for (int i = 0; i < THREADS; i++)
    eddy_loop_hold(loop);
  for (int i = 0; i < THREADS; i++) {
    CHECK_OK(uv_thread_create(&producers[i].thread, produce, &producers[i]));
    test_defer(join, &producers[i].thread);
  }
  CHECK_OK(eddy_loop_run(loop));
  for (int i = 0; i < THREADS; i++)
    CHECK_EQ(producers[i].next, POSTS);
  return 0;
}

EDDY_TEST(threadsafe, posts_left_when_the_loop_closes_are_dropped_unrun)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(in_thread(post_letters, NULL));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_CODE(post(trace_fn, "after"), EDDY_ECLOSED);
  CHECK_TRACE("");
  return 0;
}

static int fail(void *unused)
{
  (void)unused;
  return EDDY_EIO;
}

static int note_error(eddy_loop *of, const eddy_exception_context *context, void *arg)
{
  (void)of;
  (void)arg;
  trace("%s", eddy_err_name(context->error));
  return 0;
}

static void post_failure(void *unused)
{
  (void)unused;
  if (post(fail, NULL) != 0) test_failed(__FILE__, __LINE__, "post");
}

EDDY_TEST(threadsafe, error_of_a_post_goes_to_the_exception_handler)
{
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_exception_handler(loop, note_error, NULL);
  CHECK_OK(in_thread(post_failure, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("EIO");
  return 0;
}
