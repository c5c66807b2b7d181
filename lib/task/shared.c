#include "task/shared.h"

#include "base/clock.h"

#define TRIES 4
#define PAUSE 1000                     /* some microseconds with all tries */
#define LONGEST_WAIT EDDY_S(24 * 3600) /* at once; then one waits again */

enum { OF_A_THREAD = 1 };                  /* in a ticket */
enum phase { IN_LINE = 0, CALLED, ASIDE }; /* of a task's wait; guarded by the mutex */

int eddy__shared_init(struct eddy__shared *shared)
{
  int rc = eddy__forks_watch();
  if (rc < 0) return rc;
  shared->tickets = 0;
  shared->forks = eddy__forks;
  return uv_mutex_init(&shared->mutex);
}

void eddy__shared_fini(struct eddy__shared *shared)
{
  uv_mutex_destroy(&shared->mutex);
}

/* What is done under the mutex is short: it is free again sooner than the system would have put
 * this thread to sleep and woken it. To ask less often is faster: meanwhile the other thread makes
 * its next calls with the memory in its own cache. */
void eddy__shared_lock(struct eddy__shared *shared)
{
  if (eddy__shared_inherited(shared)) return;
  for (int tries = 0; tries < TRIES; tries++) {
    if (uv_mutex_trylock(&shared->mutex) == 0) return;
    for (volatile int pause = 0; pause < PAUSE; pause++) {
    }
  }
  uv_mutex_lock(&shared->mutex);
}

void eddy__shared_unlock(struct eddy__shared *shared)
{
  if (!eddy__shared_inherited(shared)) uv_mutex_unlock(&shared->mutex);
}

/* ---- the line ---- */

static uint64_t ticket_for(struct eddy__shared *shared, unsigned kind)
{
  return shared->tickets++ * 2 + kind;
}

/* Whoever goes back is among the first. */
static void stand(struct eddy__link *line, struct eddy__place *place, bool again)
{
  struct eddy__link *next = line;
  if (again) {
    next = line->next;
    while (next != line &&
           EDDY__ENTRY(next, struct eddy__place, link)->ticket < place->ticket) {
      next = next->next;
    }
  }
  eddy__list_append(next, &place->link);
}

/* ---- calling tasks ---- */

/* Queues those that other threads have called, in that order. */
static void take_in(eddy_loop *loop)
{
  struct eddy__posts *called = &eddy__tasks_of(loop)->called;
  if (eddy__posts_empty(called)) return;
  struct eddy__post *next;
  for (struct eddy__post *post = eddy__posts_take(called); post != NULL; post = next) {
    next = post->next;
    eddy_task *task = EDDY__ENTRY(post, eddy_task, wait.post);
    eddy__list_init(&task->wait.place.link);
    eddy__wait_woken(task, 0);
  }
}

/* The post. From here on the next call makes another one. */
static int hear(void *arg)
{
  eddy_loop *loop = arg;
  (void)atomic_exchange(&eddy__tasks_of(loop)->calling, false);
  take_in(loop);
  return 0;
}

static void do_not_hear(struct eddy__posted *posted)
{
  (void)posted; /* the tasks have ended with the loop */
}

void eddy__shared_open(eddy_loop *loop, struct eddy__tasks *tasks)
{
  tasks->call.fn = hear;
  tasks->call.arg = loop;
  tasks->call.discard = do_not_hear;
}

static void call_task(eddy_task *task)
{
  eddy_loop *loop = task->future.loop;
  struct eddy__tasks *tasks = eddy__tasks_of(loop);
  task->wait.phase = CALLED;
  if (eddy__self.loop == loop) {
    take_in(loop);
    eddy__wait_woken(task, 0);
    return;
  }
  (void)eddy__posts_push(&tasks->called, &task->wait.post);
  if (!atomic_exchange(&tasks->calling, true)) (void)eddy__loop_post(loop, &tasks->call);
}

static void call_thread(struct eddy__thread_place *thread)
{
  thread->called = true;
  uv_cond_signal(&thread->changed);
}

void eddy__shared_call(struct eddy__link *line)
{
  struct eddy__link *first = eddy__list_first(line);
  if (first == NULL) return;
  eddy__list_remove(first);
  struct eddy__place *place = EDDY__ENTRY(first, struct eddy__place, link);
  if ((place->ticket & OF_A_THREAD) != 0) {
    call_thread(EDDY__ENTRY(place, struct eddy__thread_place, place));
  } else {
    call_task(EDDY__ENTRY(place, eddy_task, wait.place));
  }
}

void eddy__shared_call_all(struct eddy__link *line)
{
  while (!eddy__list_empty(line)) {
    eddy__shared_call(line);
  }
}

/* ---- tasks ---- */

int eddy__shared_wait(eddy_task *task, struct eddy__shared *shared,
    struct eddy__link *line, const struct eddy__wait_type *type)
{
  atomic_fetch_add(&task->future.loop->holds, 1);
  task->wait.place.ticket = ticket_for(shared, 0);
  task->wait.phase = IN_LINE;
  stand(line, &task->wait.place, false);
  eddy__shared_unlock(shared);
  return eddy__wait(task, type, shared);
}

int eddy__shared_wait_again(eddy_task *task, struct eddy__shared *shared,
    struct eddy__link *line, const struct eddy__wait_type *type)
{
  task->wait.phase = IN_LINE;
  stand(line, &task->wait.place, true);
  eddy__shared_unlock(shared);
  return eddy__wait_again(task, type, shared);
}

bool eddy__shared_was_called(eddy_task *task)
{
  return task->wait.phase == CALLED;
}

/* The loop is not woken for it: it runs, or is being closed. */
void eddy__shared_leave(eddy_task *task)
{
  eddy__list_remove(&task->wait.place.link);
  atomic_fetch_sub(&task->future.loop->holds, 1);
}

/* With the mutex locked: neither in line nor on the way home any more. Returns whether it was
 * in line. */
static bool step_aside(eddy_task *task)
{
  if (task->wait.phase != IN_LINE) {
    take_in(task->future.loop);
    return false;
  }
  eddy__list_remove(&task->wait.place.link);
  task->wait.phase = ASIDE;
  return true;
}

bool eddy__shared_cancel(eddy_task *task, const char *message)
{
  struct eddy__shared *shared = task->wait.object;
  eddy__shared_lock(shared);
  bool waited = step_aside(task);
  eddy__shared_unlock(shared);
  return waited && eddy__wait_cancel(task, message);
}

bool eddy__shared_step_aside(eddy_task *task)
{
  if (task->wait.state < EDDY__WAIT_PARKED) return false;
  if (task->wait.type->cancel != eddy__shared_cancel) return false;
  struct eddy__shared *shared = task->wait.object;
  eddy__shared_lock(shared);
  (void)step_aside(task);
  eddy__shared_unlock(shared);
  return true;
}

/* ---- threads ---- */

int eddy__shared_block(struct eddy__shared *shared, struct eddy__link *line,
    struct eddy__thread_place *self, eddy_time deadline)
{
  bool again = self->place.ticket != 0;
  if (!again) {
    int rc = uv_cond_init(&self->changed);
    if (rc < 0) return rc;
    self->place.ticket = ticket_for(shared, OF_A_THREAD);
  }
  self->called = false;
  stand(line, &self->place, again);
  while (!self->called) {
    if (deadline == EDDY_NEVER) {
      uv_cond_wait(&self->changed, &shared->mutex);
      continue;
    }
    eddy_time left = deadline - eddy__clock_now();
    if (left <= 0) {
      eddy__list_remove(&self->place.link);
      return EDDY_ETIMEDOUT;
    }
    if (left > LONGEST_WAIT) left = LONGEST_WAIT;
    (void)uv_cond_timedwait(&self->changed, &shared->mutex, (uint64_t)left);
  }
  return 0;
}

void eddy__shared_unblock(struct eddy__thread_place *self)
{
  if (self->place.ticket != 0) uv_cond_destroy(&self->changed);
}
