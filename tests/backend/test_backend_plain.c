/*
 * The halves of the uv backend, eddy's own io halves and the native scheduler, driven through
 * their vtables: this program stands in for the loop. It is made of uv_fixture.c and
 * test_backend_*.c, and needs lib/backend (without the registry and the virtual half),
 * lib/base/alloc.c and clock.c, and libuv.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "backend/own.h"
#include "base/clock.h"
#include "uv_fixture.h"

#define TIMERS 2000

/* ---- wake, signals, other users ---- */

static void *wake_later(void *arg)
{
  eddy_loop *loop = arg;
  struct timespec pause = {.tv_nsec = 20000000};
  nanosleep(&pause, NULL);
  loop->io->wake(loop->io_state);
  return NULL;
}

static void test_wake_and_signals(void)
{
  eddy_loop loop;
  open_loop(&loop, &eddy__scheduler_native, NULL);
  CHECK(!loop.io->alive(loop.io_state));
  loop.io->wake(loop.io_state);
  loop.io->wake(loop.io_state);
  loop.io->poll(loop.io_state, EDDY_NEVER); /* the wake before it ends it */
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, wake_later, &loop) == 0);
  loop.io->poll(loop.io_state, EDDY_NEVER);
  CHECK(pthread_join(thread, NULL) == 0);
  signal(SIGUSR1, SIG_IGN); /* in case libuv does not take it */
  CHECK(loop.io->signal_start(loop.io_state, SIGUSR1) == 0);
  CHECK(loop.io->signal_start(loop.io_state, SIGKILL) == EDDY_EINVAL);
  loop.io->poll(loop.io_state, 0);
  CHECK(!loop.io->alive(loop.io_state));
  raise(SIGUSR1);
  for (int i = 0; loop.signals == 0 && i < 100; i++) {
    loop.io->poll(loop.io_state, EDDY_MS(50));
  }
  CHECK(loop.signals == 1 && loop.caught[0] == SIGUSR1);
  loop.io->signal_stop(loop.io_state, SIGUSR1);
  loop.io->signal_stop(loop.io_state, SIGUSR2);
  CHECK(loop.io->signal_start(loop.io_state, SIGUSR1) == 0); /* left for close */
  close_loop(&loop);
}

static void on_foreign_timer(uv_timer_t *timer)
{
  (void)timer;
}

static void test_other_users_are_alive(void)
{
  eddy_loop loop;
  open_loop(&loop, &eddy__scheduler_native, NULL);
  uv_timer_t timer;
  uv_timer_init(eddy_loop_uv(&loop), &timer);
  CHECK(!loop.io->alive(loop.io_state));
  uv_timer_start(&timer, on_foreign_timer, 10, 0);
  CHECK(loop.io->alive(loop.io_state));
  loop.io->poll(loop.io_state, EDDY_S(1));
  CHECK(!loop.io->alive(loop.io_state));
  uv_close((uv_handle_t *)&timer, NULL);
  loop.io->poll(loop.io_state, 0);
  close_loop(&loop);
}

/* The poll's deadline moves to and fro: it must never sleep past it. */
static void test_poll_deadlines(void)
{
  eddy_loop loop;
  open_loop(&loop, &eddy__scheduler_native, NULL);
  static const int delays[] = {40, 5, 60, 1, 30, 30, 2};
  for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
    eddy_time end = eddy__clock_now() + EDDY_MS(delays[i]);
    int polls = 0;
    for (eddy_time now; (now = eddy__clock_now()) < end; polls++) {
      loop.io->poll(loop.io_state, end - now);
    }
    CHECK(polls <= 4);
    loop.io->poll(loop.io_state, 0);
  }
  /* A deadline left standing that is past when the next poll begins. */
  loop.io->wake(loop.io_state);
  loop.io->poll(loop.io_state, EDDY_MS(10));
  struct timespec pause = {.tv_nsec = 15000000};
  nanosleep(&pause, NULL);
  eddy_time end = eddy__clock_now() + EDDY_MS(20);
  for (eddy_time now; (now = eddy__clock_now()) < end;) {
    loop.io->poll(loop.io_state, end - now);
  }
  CHECK(true); /* it came to an end */
  close_loop(&loop);
}

/* ---- timers on both schedulers ---- */

/* Runs polls until every booked timer was handed over; whether they came in order, and
 * not before their time. */
static bool drain(eddy_loop *loop, size_t *taken)
{
  const eddy_timer *last = NULL;
  bool ok = true;
  while (loop->scheduler->count(loop->scheduler_state) > 0) {
    eddy_time next = loop->scheduler->next(loop->scheduler_state);
    eddy_time now = eddy__clock_now();
    loop->io->poll(loop->io_state, next > now ? next - now : 0);
    now = eddy__clock_now();
    eddy_timer *timer;
    while ((timer = loop->scheduler->take_due(loop->scheduler_state, now)) != NULL) {
      ok = ok && timer->deadline <= now;
      if (last != NULL) {
        ok = ok &&
             (last->deadline < timer->deadline ||
                 (last->deadline == timer->deadline && last->sequence < timer->sequence));
      }
      last = timer;
      (*taken)++;
    }
  }
  return ok;
}

static void test_timers(const eddy_scheduler *scheduler)
{
  static eddy_timer timers[TIMERS];
  eddy_loop loop;
  open_loop(&loop, scheduler, NULL);
  CHECK(loop.scheduler->next(loop.scheduler_state) == EDDY_NEVER);
  eddy_time base = eddy__clock_now();
  int failures = 0;
  for (size_t i = 0; i < TIMERS; i++) {
    /* Overdue, due within the same millisecond, in the future, and ties. */
    timers[i].deadline = base + (eddy_time)(next_random() % 300) * 100000 - EDDY_MS(5);
    timers[i].sequence = i;
    failures += loop.scheduler->add(loop.scheduler_state, &timers[i]) != 0;
  }
  CHECK(loop.scheduler->count(loop.scheduler_state) == TIMERS);
  for (size_t i = 0; failures == 0 && i < TIMERS; i += 3) {
    loop.scheduler->remove(loop.scheduler_state, &timers[i]);
  }
  size_t taken = 0;
  CHECK(drain(&loop, &taken));
  CHECK(taken == TIMERS - (TIMERS + 2) / 3);
  CHECK(loop.scheduler->next(loop.scheduler_state) == EDDY_NEVER);
  /* At the end of time every timer is due. */
  for (size_t i = 0; i < TIMERS; i++) {
    timers[i].deadline = base + (i % 2 == 0 ? 0 : EDDY_S(3600));
    failures += loop.scheduler->add(loop.scheduler_state, &timers[i]) != 0;
  }
  taken = 0;
  while (loop.scheduler->take_due(loop.scheduler_state, EDDY_NEVER) != NULL) {
    taken++;
  }
  CHECK(failures == 0 && taken == TIMERS);
  CHECK(loop.scheduler->count(loop.scheduler_state) == 0);
  close_loop(&loop);
}

/* A timer for now comes with the next look, unless an earlier one is still with libuv. */
static void test_no_delay(const eddy_scheduler *scheduler)
{
  eddy_loop loop;
  open_loop(&loop, scheduler, NULL);
  eddy_timer far = {.deadline = eddy__clock_now() + EDDY_S(100), .sequence = 1};
  eddy_timer now = {.deadline = eddy__clock_now(), .sequence = 2};
  eddy_timer never = {.deadline = EDDY_NEVER - 1, .sequence = 3};
  CHECK(loop.scheduler->add(loop.scheduler_state, &far) == 0);
  CHECK(loop.scheduler->add(loop.scheduler_state, &never) == 0);
  CHECK(loop.scheduler->add(loop.scheduler_state, &now) == 0);
  CHECK(loop.scheduler->take_due(loop.scheduler_state, eddy__clock_now()) == &now);
  CHECK(loop.scheduler->take_due(loop.scheduler_state, eddy__clock_now()) == NULL);
  CHECK(loop.scheduler->add(loop.scheduler_state, &now) == 0);
  loop.scheduler->remove(loop.scheduler_state, &now);
  CHECK(loop.scheduler->take_due(loop.scheduler_state, eddy__clock_now()) == NULL);
  eddy_time next = loop.scheduler->next(loop.scheduler_state);
  CHECK(next <= far.deadline + EDDY_MS(1) && next > eddy__clock_now());
  loop.scheduler->remove(loop.scheduler_state, &far);
  loop.scheduler->remove(loop.scheduler_state, &never);
  CHECK(loop.scheduler->count(loop.scheduler_state) == 0);
  close_loop(&loop);
}

/* One timer at a time, with many cancelled in between: it is met without spinning. */
static void test_sleeping(const eddy_scheduler *scheduler)
{
  eddy_loop loop;
  open_loop(&loop, scheduler, NULL);
  eddy_timer guard = {.deadline = eddy__clock_now() + EDDY_S(50), .sequence = 1};
  CHECK(loop.scheduler->add(loop.scheduler_state, &guard) == 0);
  eddy_time cpu = cpu_used();
  int polls = 0;
  for (uint64_t i = 0; i < 20; i++) {
    eddy_timer other = {
        .deadline = eddy__clock_now() + EDDY_MS(2), .sequence = 2 * i + 2};
    eddy_timer timer = {
        .deadline = eddy__clock_now() + EDDY_MS(5), .sequence = 2 * i + 3};
    CHECK(loop.scheduler->add(loop.scheduler_state, &other) == 0);
    CHECK(loop.scheduler->add(loop.scheduler_state, &timer) == 0);
    loop.scheduler->remove(loop.scheduler_state, &other);
    eddy_timer *due = NULL;
    while (due == NULL) {
      eddy_time next = loop.scheduler->next(loop.scheduler_state);
      eddy_time now = eddy__clock_now();
      loop.io->poll(loop.io_state, next > now ? next - now : 0);
      due = loop.scheduler->take_due(loop.scheduler_state, eddy__clock_now());
      polls++;
    }
    CHECK(due == &timer);
  }
  if (!CHECK(polls <= 20 * 4)) printf("%d polls\n", polls);
  CHECK(cpu_used() - cpu < EDDY_MS(60));
  loop.scheduler->remove(loop.scheduler_state, &guard);
  close_loop(&loop);
}

/* ---- opening fails ---- */

static void test_open_without_descriptors(void)
{
  /* valgrind enforces the limit for some calls and not for others. */
  const char *preload = getenv("LD_PRELOAD");
  if (preload != NULL && strstr(preload, "vgpreload") != NULL) {
    printf("skipped under valgrind: opening without descriptors\n");
    return;
  }
  struct rlimit limit, none;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  int opened = 0;
  for (rlim_t count = 3; count < 24; count++) {
    none = limit;
    none.rlim_cur = count;
    if (setrlimit(RLIMIT_NOFILE, &none) != 0) break;
    eddy_loop loop;
    int rc = try_open(&loop, &eddy__scheduler_uv, NULL);
    setrlimit(RLIMIT_NOFILE, &limit);
    if (rc == 0) {
      opened++;
      close_loop(&loop);
    } else {
      CHECK(rc == EDDY_EMFILE);
    }
  }
  CHECK(opened > 0);
}

static size_t open_descriptors(void)
{
  size_t count = 0;
  for (int fd = 0; fd < 1024; fd++) {
    count += fcntl(fd, F_GETFD) >= 0;
  }
  return count;
}

static void test_own_io(const eddy_io *io)
{
  tested_io = io;
  test_sockets();
  test_wake_and_signals();
  test_other_users_are_alive();
  test_timers(&eddy__scheduler_native);
  test_no_delay(&eddy__scheduler_native);
  test_sleeping(&eddy__scheduler_native);
}

int main(void)
{
  test_open_without_descriptors(); /* which libuv must survive from its first loop on */
  eddy_loop warm;                  /* libuv opens some for the process and keeps them */
  open_loop(&warm, &eddy__scheduler_uv, NULL);
  close_loop(&warm);
  size_t before = open_descriptors();
  test_sockets();
  test_wake_and_signals();
  test_other_users_are_alive();
  test_poll_deadlines();
  test_timers(&eddy__scheduler_native);
  test_timers(&eddy__scheduler_uv);
  test_no_delay(&eddy__scheduler_native);
  test_no_delay(&eddy__scheduler_uv);
  test_sleeping(&eddy__scheduler_native);
  test_sleeping(&eddy__scheduler_uv);
  test_guests();
#ifdef __linux__
  test_own_io(&eddy__io_epoll);
  test_own_io(&eddy__io_uring);
#endif
  test_own_io(&eddy__io_poll);
  CHECK(open_descriptors() == before);
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0;
}
