#include "base/thread.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/clock.h"

static struct {
  uv_once_t once;
  uv_mutex_t mutex;
  struct eddy__link running;
  struct eddy__link ended;
  int rc; /* of making the mutex */
} threads = {.once = UV_ONCE_INIT};

static void lock(void)
{
  uv_mutex_lock(&threads.mutex);
}

static void unlock(void)
{
  uv_mutex_unlock(&threads.mutex);
}

static void free_all(struct eddy__link *list)
{
  struct eddy__link *link;
  while ((link = eddy__list_first(list)) != NULL) {
    eddy__list_remove(link);
    eddy__free(EDDY__ENTRY(link, struct eddy__thread, link));
  }
}

/* The child has none of its parent's threads. */
static void forget_threads(void)
{
  free_all(&threads.running);
  free_all(&threads.ended);
  eddy__threads_forget();
  unlock();
}

static void make_mutex(void)
{
  eddy__list_init(&threads.running);
  eddy__list_init(&threads.ended);
  threads.rc = uv_mutex_init(&threads.mutex);
}

/* What fails here may succeed the next time. */
static int prepare(void)
{
  static atomic_flag watched = ATOMIC_FLAG_INIT;
  uv_once(&threads.once, make_mutex);
  if (threads.rc < 0 || atomic_flag_test_and_set(&watched)) return threads.rc;
  int rc = eddy__on_fork(lock, unlock, forget_threads);
  if (rc < 0) atomic_flag_clear(&watched);
  return rc;
}

int eddy__thread_start(struct eddy__thread *thread, void (*fn)(void *thread))
{
  int rc = prepare();
  if (rc < 0) return rc;
  lock();
  rc = uv_thread_create(&thread->id, fn, thread);
  if (rc == 0) {
    eddy__list_append(&threads.running, &thread->link);
    eddy__thread_rests(1);
  }
  unlock();
  return rc;
}

void eddy__thread_ends(struct eddy__thread *thread)
{
  thread->kernel_id = eddy__thread_kernel_id();
  lock();
  eddy__list_remove(&thread->link);
  eddy__list_append(&threads.ended, &thread->link);
  unlock();
}

void eddy__threads_reap(void)
{
  if (prepare() < 0) return; /* then there is none */
  lock();
  struct eddy__link *link;
  while ((link = eddy__list_first(&threads.ended)) != NULL) {
    struct eddy__thread *thread = EDDY__ENTRY(link, struct eddy__thread, link);
    eddy__list_remove(link);
    (void)uv_thread_join(&thread->id);
    eddy__thread_await_gone(thread->kernel_id);
    eddy__thread_rests(-1);
    eddy__free(thread);
  }
  unlock();
}
