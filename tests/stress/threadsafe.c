/*
 * The calls that any thread may make, made by many at once: eddy_loop_call_soon_threadsafe,
 * eddy_loop_hold and eddy_loop_release, against a loop that runs, sleeps, ends and is freed.
 * A program of its own, for ThreadSanitizer. The backend is the environment's.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <eddy.h>

#define THREADS 4

static void need(int rc, const char *what)
{
  if (rc == 0) return;
  fprintf(stderr, "%s: %d (%s)\n", what, rc, rc < 0 ? eddy_strerror(rc) : "");
  exit(1);
}

static void expect(bool condition, const char *what)
{
  if (condition) return;
  fprintf(stderr, "not so: %s\n", what);
  exit(1);
}

static eddy_loop *new_loop(void)
{
  eddy_loop *loop;
  need(eddy_loop_new(NULL, &loop), "eddy_loop_new");
  return loop;
}

/* ---- every post arrives, those of one thread in order ---- */

#define POSTS 20000

struct producer {
  pthread_t thread;
  eddy_loop *loop;
  int next; /* the number that has to arrive; the loop's thread alone looks at it */
  struct message {
    struct producer *producer;
    int number;
  } messages[POSTS];
};

static struct producer producers[THREADS];

static int receive(void *arg)
{
  struct message *message = arg;
  expect(message->number == message->producer->next, "posts arrive in order");
  message->producer->next++;
  return 0;
}

static void *produce(void *arg)
{
  struct producer *producer = arg;
  for (int i = 0; i < POSTS; i++) {
    struct message *message = &producer->messages[i];
    *message = (struct message){producer, i};
    need(eddy_loop_call_soon_threadsafe(producer->loop, receive, message), "post");
  }
  eddy_loop_release(producer->loop);
  return NULL;
}

/* The loop is freed as soon as it has ended, which may be while the last release returns. */
static void posts_arrive_in_order(void)
{
  eddy_loop *loop = new_loop();
  for (int i = 0; i < THREADS; i++) {
    producers[i].loop = loop;
    producers[i].next = 0;
    eddy_loop_hold(loop);
  }
  for (int i = 0; i < THREADS; i++)
    need(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), "thread");
  need(eddy_loop_run(loop), "run");
  eddy_loop_free(loop);
  for (int i = 0; i < THREADS; i++) {
    expect(producers[i].next == POSTS, "every post arrives");
    pthread_join(producers[i].thread, NULL);
  }
}

/* ---- a loop that sleeps is woken each time ---- */

#define ROUNDS 2000

static struct {
  eddy_loop *loop;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int answered;
} ping = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static int answer(void *unused)
{
  (void)unused;
  pthread_mutex_lock(&ping.mutex);
  ping.answered++;
  pthread_cond_signal(&ping.changed);
  pthread_mutex_unlock(&ping.mutex);
  return 0;
}

static void *ask(void *unused)
{
  for (int round = 0; round < ROUNDS; round++) {
    need(eddy_loop_call_soon_threadsafe(ping.loop, answer, NULL), "post");
    pthread_mutex_lock(&ping.mutex);
    while (ping.answered <= round)
      pthread_cond_wait(&ping.changed, &ping.mutex);
    pthread_mutex_unlock(&ping.mutex);
  }
  eddy_loop_release(ping.loop);
  return unused;
}

static void every_post_wakes(void)
{
  pthread_t thread;
  ping.loop = new_loop();
  ping.answered = 0;
  eddy_loop_hold(ping.loop);
  need(pthread_create(&thread, NULL, ask, NULL), "thread");
  need(eddy_loop_run(ping.loop), "run");
  pthread_join(thread, NULL);
  expect(ping.answered == ROUNDS, "every question is answered");
  eddy_loop_free(ping.loop);
}

/* ---- posts to a loop that is being closed are refused or dropped ---- */

static struct {
  eddy_loop *loop;
  atomic_int accepted;
  int run;
} closing;

static int count_run(void *unused)
{
  (void)unused;
  if (++closing.run == 100) eddy_loop_stop(closing.loop);
  return 0;
}

static void *post_until_closed(void *unused)
{
  int rc;
  while ((rc = eddy_loop_call_soon_threadsafe(closing.loop, count_run, NULL)) == 0)
    atomic_fetch_add(&closing.accepted, 1);
  expect(rc == EDDY_ECLOSED, "a closed loop refuses");
  return unused;
}

static void close_ends_posting(void)
{
  pthread_t threads[THREADS];
  closing.loop = new_loop();
  closing.run = 0;
  atomic_store(&closing.accepted, 0);
  for (int i = 0; i < THREADS; i++)
    need(pthread_create(&threads[i], NULL, post_until_closed, NULL), "thread");
  need(eddy_loop_run_forever(closing.loop), "run");
  need(eddy_loop_close(closing.loop), "close");
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  expect(closing.run >= 100, "posts ran until the stop");
  expect(closing.run <= atomic_load(&closing.accepted), "nothing ran that was refused");
  eddy_loop_free(closing.loop);
}

/* ---- holds come and go in every thread ---- */

static void *hold_and_release(void *loop)
{
  for (int i = 0; i < 1000; i++) {
    eddy_loop_hold(loop);
    eddy_loop_release(loop);
  }
  eddy_loop_release(loop);
  return NULL;
}

static void holds_are_counted(void)
{
  pthread_t threads[THREADS];
  eddy_loop *loop = new_loop();
  eddy_loop_stats stats;
  for (int i = 0; i < THREADS; i++)
    eddy_loop_hold(loop);
  for (int i = 0; i < THREADS; i++)
    need(pthread_create(&threads[i], NULL, hold_and_release, loop), "thread");
  need(eddy_loop_run(loop), "run");
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  eddy_loop_get_stats(loop, &stats);
  expect(stats.holds == 0, "every hold was released");
  eddy_loop_free(loop);
}

/* ---- loops in threads of their own, that post to each other ---- */

struct station {
  pthread_t thread;
  eddy_loop *loop;
  struct station *next;
  int passed; /* messages handed on */
};

#define LAPS 200

static struct station ring[THREADS];

static int hand_on(void *arg)
{
  struct station *station = arg;
  expect(eddy_get_running_loop() == station->loop, "a post runs on the loop it was for");
  station->passed++;
  int rc = eddy_loop_call_soon_threadsafe(station->next->loop, hand_on, station->next);
  if (station->passed == LAPS) eddy_loop_stop(station->loop);
  return rc;
}

static void *run_station(void *arg)
{
  struct station *station = arg;
  need(eddy_loop_run_forever(station->loop), "run");
  return NULL;
}

static void loops_post_to_each_other(void)
{
  for (int i = 0; i < THREADS; i++)
    ring[i] = (struct station){.loop = new_loop(), .next = &ring[(i + 1) % THREADS]};
  for (int i = 0; i < THREADS; i++)
    need(pthread_create(&ring[i].thread, NULL, run_station, &ring[i]), "thread");
  need(eddy_loop_call_soon_threadsafe(ring[0].loop, hand_on, &ring[0]), "post");
  for (int i = 0; i < THREADS; i++)
    pthread_join(ring[i].thread, NULL);
  for (int i = 0; i < THREADS; i++) {
    expect(ring[i].passed >= LAPS, "the message went round");
    eddy_loop_free(ring[i].loop);
  }
}

int main(void)
{
  for (int round = 0; round < 3; round++) {
    posts_arrive_in_order();
    every_post_wakes();
    close_ends_posting();
    holds_are_counted();
    loops_post_to_each_other();
  }
  puts("ok");
  return 0;
}
