/*
 * What a campaign sees and does inside the library and the harness. The linker leads these
 * calls here (--wrap), so that neither has code for it.
 */
#include "faults.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "io/transport.h"
#include "task/task.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid /* as the kernel has it */
#endif

/* ---- checks that fail ---- */

int __real_test_failed(const char *file, int line, const char *format, ...);
int __wrap_test_failed(const char *file, int line, const char *format, ...)
    EDDY_PRINTF(3, 4);
int __real_test_failed_code(
    const char *file, int line, const char *call, int rc, int expected);
int __wrap_test_failed_code(
    const char *file, int line, const char *call, int rc, int expected);

static void note_check(const char *file, int line, const char *text)
{
  if (faults_result->failed_checks++ > 0) return;
  const char *name = strrchr(file, '/');
  snprintf(faults_result->check, sizeof faults_result->check, "%s:%d: %.100s",
      name != NULL ? name + 1 : file, line, text);
}

int __wrap_test_failed(const char *file, int line, const char *format, ...)
{
  char text[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  note_check(file, line, text);
  return __real_test_failed(file, line, "%s", text);
}

/* A code that is not eddy's names no cause. */
static void check_code(int rc, const char *where)
{
  if (rc < 0 && strcmp(eddy_err_name(rc), "EUNKNOWN") == 0) {
    faults_problem("%s: %d is no code of eddy's", where, rc);
  } else if (rc < 0 && eddy_message(rc)[0] == '\0') {
    faults_problem("%s: %s comes without any message", where, eddy_err_name(rc));
  }
}

int __wrap_test_failed_code(
    const char *file, int line, const char *call, int rc, int expected)
{
  char text[160];
  snprintf(text, sizeof text, "%.90s: %s", call, rc == 0 ? "0" : eddy_err_name(rc));
  note_check(file, line, text);
  if (faults_result->code == 0) faults_result->code = rc;
  check_code(rc, call);
  return __real_test_failed_code(file, line, call, rc, expected);
}

/* ---- errors that are reported ---- */

void __real_eddy_loop_call_exception_handler(
    eddy_loop *loop, const eddy_exception_context *context);
void __wrap_eddy_loop_call_exception_handler(
    eddy_loop *loop, const eddy_exception_context *context);
void __real_eddy__loop_report(eddy_loop *loop, const char *message, int error,
    const char *detail, eddy_task *task, eddy_future *future, const char *site);
void __wrap_eddy__loop_report(eddy_loop *loop, const char *message, int error,
    const char *detail, eddy_task *task, eddy_future *future, const char *site);

static void check_report(const char *message, int error)
{
  if (message == NULL || message[0] == '\0') faults_problem("a report says nothing");
  check_code(error, "a report");
}

void __wrap_eddy_loop_call_exception_handler(
    eddy_loop *loop, const eddy_exception_context *context)
{
  check_report(context->message, context->error);
  __real_eddy_loop_call_exception_handler(loop, context);
}

void __wrap_eddy__loop_report(eddy_loop *loop, const char *message, int error,
    const char *detail, eddy_task *task, eddy_future *future, const char *site)
{
  check_report(message, error);
  __real_eddy__loop_report(loop, message, error, detail, task, future, site);
}

/* ---- a ring that grows often ---- */

int __real_eddy__ready_grow(eddy_loop *loop);
int __wrap_eddy__ready_grow(eddy_loop *loop);

/* It begins with room for one entry, not for many: then every kind of booking comes to the
 * point where the ring has to grow, and may find no memory, in one case or another. */
int __wrap_eddy__ready_grow(eddy_loop *loop)
{
  struct eddy__ring *ring = &loop->ring;
  if (ring->capacity > 0) return __real_eddy__ready_grow(loop);
  ring->entries = faults_calloc(1, sizeof *ring->entries);
  if (ring->entries == NULL) return EDDY_ENOMEM;
  ring->capacity = 1;
  return 0;
}

/* ---- a loop that would wait for ever ---- */

#define LONG_WAIT EDDY_S(1)
#define PATIENCE EDDY_MS(200) /* for other threads, in real time */
#define STOPS 60

const eddy_backend *__real_eddy__backend_find(const char *name);
const eddy_backend *__wrap_eddy__backend_find(const char *name);

/* The backends whose poll is replaced by poll_patiently, each with the original. */
static struct replaced {
  eddy_backend backend;
  eddy_io io;
  const eddy_backend *real;
} replaced[8];

static bool starts_with(const char *text, const char *start)
{
  return strncmp(text, start, strlen(start)) == 0;
}

/* Whether what a parked task says it waits for is still to come. */
static bool waits_rightly(eddy_task *task, const char *text)
{
  if (starts_with(text, "timer,")) return task->wait.timer.state == EDDY__TIMER_BOOKED;
  if (starts_with(text, "get on queue")) return eddy_queue_empty(task->wait.object);
  if (starts_with(text, "put on queue")) return eddy_queue_full(task->wait.object);
  if (starts_with(text, "task '") || starts_with(text, "future ") ||
      starts_with(text, "gather ")) {
    return !eddy_future_done(task->wait.object);
  }
  if (strstr(text, "resting") != NULL)
    return task->wait.timer.state == EDDY__TIMER_BOOKED;
  if (strstr(text, "connection on descriptor") != NULL) { /* for its beginning */
    const eddy_transport *made = task->wait.object;
    return made->waiter == task && !made->lost;
  }
  if (strstr(text, "on descriptor") != NULL) {
    return task->op != NULL && task->op->state == EDDY__OP_PENDING;
  }
  return true;
}

/* Nothing is ready: every task must wait for something, and that must be still to come. */
static void audit(eddy_loop *loop)
{
  struct eddy__link *link = loop->all_tasks.next;
  for (; link != &loop->all_tasks; link = link->next) {
    eddy_task *task = EDDY__ENTRY(link, eddy_task, link);
    char text[160];
    (void)eddy_task_waits_for(task, text, sizeof text);
    if (task->wait.state != EDDY__WAIT_PARKED) {
      faults_problem(
          "the loop sleeps, but task '%s' is %s", eddy_task_get_name(task), text);
    } else if (!waits_rightly(task, text)) {
      faults_problem("task '%s' was not woken: %s", eddy_task_get_name(task), text);
    }
  }
}

static bool nothing_came(const eddy_loop *loop)
{
  return loop->ring.head == loop->ring.tail && loop->arrived == NULL &&
         !eddy__posts_waiting(loop) && !loop->stopping;
}

/* A timer of the thread's wakes the poll under way there, as any thread may; so that the poll itself
 * is the real one, with the timeout it was given. Several loops may run in as many threads. */
static _Thread_local struct {
  timer_t timer;
  bool made;
  const eddy_io *io;
  void *self;
  volatile sig_atomic_t rang;
  volatile sig_atomic_t set; /* a signal may come later */
} alarm_clock;

static void on_ring(int signum)
{
  (void)signum;
  if (!alarm_clock.set) return;
  alarm_clock.rang = 1;
  alarm_clock.io->wake(alarm_clock.self);
}

static void set_alarm(eddy_time after)
{
  if (!alarm_clock.made) {
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMAX};
    struct sigaction action = {.sa_handler = on_ring, .sa_flags = SA_RESTART};
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    sigaction(SIGRTMAX, &action, NULL);
    if (timer_create(CLOCK_MONOTONIC, &event, &alarm_clock.timer) != 0) abort();
    alarm_clock.made = true;
  }
  struct itimerspec time = {
      .it_value.tv_nsec = (long)after, .it_interval.tv_nsec = (long)after};
  alarm_clock.set = after > 0;
  timer_settime(alarm_clock.timer, 0, &time, NULL);
}

/* What was replaced in this table, or in the one that it is a copy of. */
static const eddy_io *real_io(const eddy_io *io)
{
  const struct replaced *entry = replaced;
  while (strcmp(entry->io.name, io->name) != 0) {
    entry++;
  }
  return entry->real->io;
}

/*
 * Once the fault is injected, a loop that would sleep long waits only for other threads. If
 * nothing comes of them, what it waits for is not coming: the case's own program has given
 * up. The loop is then stopped, as its user would.
 */
static void poll_patiently(void *self, eddy_time timeout)
{
  eddy_loop *loop = eddy__self.loop;
  const eddy_io *io = real_io(loop->io);
  bool is_virtual = (io->features & EDDY_IO_VIRTUAL_TIME) != 0;
  bool jumps = is_virtual && timeout != EDDY_NEVER && eddy_backend_holds(loop) == 0;
  if ((timeout != EDDY_NEVER && timeout <= LONG_WAIT) || jumps) {
    io->poll(self, timeout);
    return;
  }
  do {
    alarm_clock.io = io;
    alarm_clock.self = self;
    alarm_clock.rang = 0;
    set_alarm(PATIENCE);
    io->poll(self, timeout);
    set_alarm(0);
    if (!alarm_clock.rang || !nothing_came(loop)) return;
  } while (!faults_injected());
  audit(loop);
  if (atomic_fetch_add(&faults_result->idle, 1) >= STOPS) {
    faults_problem("the case goes on for ever: its loop was stopped %d times", STOPS);
    _Exit(71);
  }
  eddy_loop_stop(loop);
}

const eddy_backend *__wrap_eddy__backend_find(const char *name)
{
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  const eddy_backend *real = __real_eddy__backend_find(name);
  if (real == NULL) return NULL;
  struct replaced *entry = replaced;
  pthread_mutex_lock(&mutex);
  while (entry->real != NULL && entry->real != real) {
    entry++;
  }
  if (entry->real == NULL) {
    entry->backend = *real;
    entry->io = *real->io;
    entry->io.poll = poll_patiently;
    entry->backend.io = &entry->io;
    entry->real = real; /* loops of other threads may look from here on */
  }
  pthread_mutex_unlock(&mutex);
  return &entry->backend;
}

/* ---- tasks that are cancelled ---- */

int __real_eddy__task_leave(
    eddy_task *task, eddy_loop *loop, const struct eddy__entry *entry, eddy_task *next);
int __wrap_eddy__task_leave(
    eddy_task *task, eddy_loop *loop, const struct eddy__entry *entry, eddy_task *next);
int __real_eddy__wait_slowly(eddy_task *task);
int __wrap_eddy__wait_slowly(eddy_task *task);
int __real_eddy__wait_again(
    eddy_task *task, const struct eddy__wait_type *type, void *object);
int __wrap_eddy__wait_again(
    eddy_task *task, const struct eddy__wait_type *type, void *object);
int __real_eddy__wait_turn(eddy_task *task, int status);
int __wrap_eddy__wait_turn(eddy_task *task, int status);
void __real_eddy__wait_wake(eddy_task *task, int status);
void __wrap_eddy__wait_wake(eddy_task *task, int status);
void __real_eddy__wait_woken(eddy_task *task, int status);
void __wrap_eddy__wait_woken(eddy_task *task, int status);
int __real_eddy__wait_grant(eddy_task *task);
int __wrap_eddy__wait_grant(eddy_task *task);

/* The task that is to be cancelled: it may have ended meanwhile. */
static struct {
  eddy_loop *loop;
  uint64_t id;
} parked;

static int cancel_parked(void *unused)
{
  (void)unused;
  struct eddy__link *link = parked.loop->all_tasks.next;
  for (; link != &parked.loop->all_tasks; link = link->next) {
    eddy_task *task = EDDY__ENTRY(link, eddy_task, link);
    if (task->id != parked.id) continue;
    (void)eddy_task_cancel(task, "campaign");
    break;
  }
  return 0;
}

static void before_suspension(eddy_task *task)
{
  if (faults_due(FAULTS_CANCEL_BEFORE)) (void)eddy_task_cancel(task, "campaign");
  if (faults_due(FAULTS_CANCEL_PARKED)) {
    parked.loop = task->future.loop;
    parked.id = task->id;
    if (eddy_loop_call_soon(parked.loop, cancel_parked, NULL, NULL) < 0) {
      faults_problem("the campaign could not call cancel_parked");
    }
  }
}

/* eddy__wait is inline: a task that has parked comes to one of these two. */
int __wrap_eddy__task_leave(
    eddy_task *task, eddy_loop *loop, const struct eddy__entry *entry, eddy_task *next)
{
  (void)entry;
  (void)next;
  if (task->wait.state == EDDY__WAIT_PARKED) before_suspension(task);
  struct eddy__ahead ahead = eddy__look_ahead(); /* something was queued, perhaps */
  return __real_eddy__task_leave(task, loop, ahead.entry, ahead.next);
}

int __wrap_eddy__wait_slowly(eddy_task *task)
{
  if (!task->must_cancel) before_suspension(task); /* else it is cancelled in any case */
  return __real_eddy__wait_slowly(task);
}

int __wrap_eddy__wait_again(
    eddy_task *task, const struct eddy__wait_type *type, void *object)
{
  before_suspension(task);
  return __real_eddy__wait_again(task, type, object);
}

int __wrap_eddy__wait_turn(eddy_task *task, int status)
{
  before_suspension(task);
  return __real_eddy__wait_turn(task, status);
}

void __wrap_eddy__wait_wake(eddy_task *task, int status)
{
  bool was_parked = task->wait.state == EDDY__WAIT_PARKED;
  __real_eddy__wait_wake(task, status);
  if (was_parked && faults_due(FAULTS_CANCEL_WOKEN))
    (void)eddy_task_cancel(task, "campaign");
}

int __wrap_eddy__wait_grant(eddy_task *task)
{
  int rc = __real_eddy__wait_grant(task);
  if (faults_due(FAULTS_CANCEL_WOKEN)) (void)eddy_task_cancel(task, "campaign");
  return rc;
}

void __wrap_eddy__wait_woken(eddy_task *task, int status)
{
  bool was_parked = task->wait.state == EDDY__WAIT_PARKED;
  __real_eddy__wait_woken(task, status);
  if (was_parked && faults_due(FAULTS_CANCEL_WOKEN))
    (void)eddy_task_cancel(task, "campaign");
}

void faults_reset_hooks(void)
{
  parked.loop = NULL;
}
