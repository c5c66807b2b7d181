#include "io/child.h"

#include <signal.h>

#include "base/thread.h"

#define PATIENCE 1000 /* milliseconds for a killed child to go */

/* Where the system has no descriptor for a process, or the io half cannot watch it: a thread
 * waits, and posts to the loop. It leaves the child's status to the loop's thread, so that until
 * then the pid is nobody else's. */
struct eddy__child_waiter {
  atomic_uint refs; /* the child's, and the thread's */
  uv_mutex_t mutex;
  eddy_loop *loop; /* NULL: nobody is to be told any more */
  struct eddy__posted posted;
  bool is_posted; /* the loop has the post, or its entry */
  long pid;
  struct eddy__child *child; /* NULL: it is gone, and its reference is the post's */
  struct eddy__owned owned;  /* by the loop, then */
};

struct waiting_thread {
  struct eddy__thread thread; /* first */
  struct eddy__child_waiter *waiter;
};

static void unref_waiter(struct eddy__child_waiter *waiter)
{
  if (atomic_fetch_sub_explicit(&waiter->refs, 1, memory_order_acq_rel) > 1) return;
  uv_mutex_destroy(&waiter->mutex);
  eddy__free(waiter);
}

static void wait_in_thread(void *arg)
{
  struct waiting_thread *self = arg;
  struct eddy__child_waiter *waiter = self->waiter;
  eddy__child_await(waiter->pid);
  uv_mutex_lock(&waiter->mutex);
  if (waiter->loop != NULL) {
    waiter->is_posted = true;
    if (eddy__loop_post(waiter->loop, &waiter->posted) < 0) waiter->is_posted = false;
  }
  uv_mutex_unlock(&waiter->mutex);
  eddy__thread_ends(&self->thread);
  unref_waiter(waiter);
}

/* The post is the waiter's own. */
static void leave_posted(struct eddy__posted *posted)
{
  EDDY__ENTRY(posted, struct eddy__child_waiter, posted)->is_posted = false;
}

static void discard_waiter(struct eddy__owned *owned)
{
  unref_waiter(EDDY__ENTRY(owned, struct eddy__child_waiter, owned));
}

static int on_post(void *waiter);

static int start_thread(struct eddy__child *child)
{
  eddy__threads_reap();
  struct eddy__child_waiter *waiter = eddy__alloc(sizeof(*waiter));
  if (waiter == NULL) return EDDY_ENOMEM;
  struct waiting_thread *thread = eddy__alloc(sizeof(*thread));
  int rc = thread == NULL ? EDDY_ENOMEM : uv_mutex_init(&waiter->mutex);
  if (rc < 0) goto fail_mutex;
  atomic_store_explicit(&waiter->refs, 2, memory_order_relaxed);
  waiter->loop = child->loop;
  waiter->pid = child->pid;
  waiter->posted = (struct eddy__posted){
      .fn = on_post, .arg = waiter, .discard = leave_posted};
  waiter->child = child;
  thread->waiter = waiter;
  eddy_loop_hold(child->loop);
  rc = eddy__thread_start(&thread->thread, wait_in_thread);
  if (rc < 0) goto fail_start;
  child->waiter = waiter;
  return 0;
fail_start:
  eddy_loop_release(child->loop);
  uv_mutex_destroy(&waiter->mutex);
fail_mutex:
  eddy__free(thread);
  eddy__free(waiter);
  return rc;
}

/* No thread will post for it any more. */
static void leave_thread(struct eddy__child *child)
{
  struct eddy__child_waiter *waiter = child->waiter;
  if (waiter == NULL) return;
  uv_mutex_lock(&waiter->mutex);
  waiter->loop = NULL;
  uv_mutex_unlock(&waiter->mutex);
  eddy_loop_release(child->loop);
}

/* The child has ended, so that the thread is about to: joins it. */
static void join_thread(struct eddy__child *child)
{
  struct eddy__child_waiter *waiter = child->waiter;
  if (waiter == NULL) return;
  child->waiter = NULL;
  for (int i = 0; i < PATIENCE; i++) {
    if (atomic_load_explicit(&waiter->refs, memory_order_acquire) == 1) break;
    uv_sleep(i < 10 ? 0 : 1);
  }
  if (waiter->is_posted) {
    waiter->child = NULL;
    eddy__loop_own(child->loop, &waiter->owned, discard_waiter);
  } else {
    unref_waiter(waiter);
  }
  eddy__threads_reap();
}

static void close_descriptor(struct eddy__child *child)
{
  if (child->op != NULL) eddy__op_cancel(child->loop, child->op);
  if (child->fd < 0) return;
  (void)child->loop->io->sock_close(child->loop->io_state, child->fd);
  child->fd = -1;
}

/* Kills and reaps it here and now; false: it does not go. */
static bool end_now(struct eddy__child *child)
{
  (void)eddy__child_signal(child->pid, SIGKILL);
  for (int i = 0; i < PATIENCE; i++) {
    child->ended = eddy__child_reap(child->pid, &child->returncode, &child->stolen);
    if (child->ended) return true;
    uv_sleep(1);
  }
  return false;
}

/* It has ended; or, if that was a mistake, cannot be watched any more and is ended. */
static void take_status(struct eddy__child *child)
{
  child->ended = eddy__child_reap(child->pid, &child->returncode, &child->stolen);
  if (!child->ended && start_thread(child) == 0) return;
  if (!child->ended) child->ended = end_now(child);
  child->exited(child->arg);
}

static int on_post(void *arg)
{
  struct eddy__child_waiter *waiter = arg;
  struct eddy__child *child = waiter->child;
  waiter->is_posted = false;
  if (child == NULL) {
    eddy__list_remove(&waiter->owned.link);
    unref_waiter(waiter);
    return 0;
  }
  leave_thread(child);
  join_thread(child);
  take_status(child);
  return 0;
}

static int on_readable(void *arg)
{
  struct eddy__child *child = arg;
  eddy__op_ran(child->loop, child->op);
  if (eddy__op_finish(child->loop, child->op) == EDDY_PENDING) return 0;
  close_descriptor(child);
  take_status(child);
  return 0;
}

/* Watches the descriptor: 0 or a code. */
static int watch_descriptor(struct eddy__child *child)
{
  int rc = eddy__child_descriptor(child->pid, &child->fd);
  if (rc < 0) return rc;
  child->op->kind = EDDY_OP_READABLE;
  child->op->flags = 0;
  child->op->fd = child->fd;
  rc = eddy__op_start(child->loop, child->op, on_readable, child);
  if (rc == EDDY_PENDING) return 0;
  eddy__child_close(child->fd);
  child->fd = -1;
  return rc < 0 ? rc : EDDY_EINVAL;
}

int eddy__child_init(
    struct eddy__child *child, eddy_loop *loop, void (*exited)(void *arg), void *arg)
{
  *child = (struct eddy__child){.loop = loop, .fd = -1, .exited = exited, .arg = arg};
  child->op = eddy__op_new(loop);
  return child->op == NULL ? EDDY_ENOMEM : 0;
}

int eddy__child_begin(
    struct eddy__child *child, const struct eddy__child_options *options)
{
  long pid;
  int rc = eddy__child_start(options, &pid);
  if (rc < 0) return rc;
  child->pid = pid;
  if (watch_descriptor(child) == 0) return 0;
  rc = start_thread(child);
  if (rc == 0) return 0;
  (void)end_now(child);
  child->pid = 0;
  return rc;
}

void eddy__child_fini(struct eddy__child *child)
{
  leave_thread(child);
  close_descriptor(child);
  if (child->op != NULL) eddy__op_free(child->loop, child->op);
  child->op = NULL;
  if (child->pid != 0 && !child->ended) (void)end_now(child);
  join_thread(child);
}
