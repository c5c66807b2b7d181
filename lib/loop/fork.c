/*
 * A fork without exec: the child sees no running loop, and the loops it inherits take no work
 * there. Their descriptors are the parent's, so every call that would schedule something is
 * refused. A list of all loops lets the child mark them; nothing looks for a fork otherwise.
 */
#include "loop/loop.h"

#include "base/clock.h"
#include "base/self.h"
#include "loop/context.h"

static struct eddy__link loops = {&loops, &loops};
static atomic_flag busy = ATOMIC_FLAG_INIT;

/* The list is held for a few instructions, and by a fork. */
static void lock(void)
{
  while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire)) {
  }
}

static void unlock(void)
{
  atomic_flag_clear_explicit(&busy, memory_order_release);
}

static void mark_inherited(void)
{
  eddy_context *context = eddy__context_now();
  if (context != NULL) context = eddy_context_ref(context);
  eddy__self = (struct eddy__self){.context = context};
  for (struct eddy__link *link = loops.next; link != &loops; link = link->next) {
    eddy_loop *loop = EDDY__ENTRY(link, eddy_loop, everywhere);
    loop->inherited = true;
    loop->trace = NULL;             /* the rest of it is the parent's to write */
    loop->special = true;           /* every call that asks eddy__loop_usable */
    loop->nudge = EDDY__NUDGE_AWAY; /* whatever queues an entry without asking */
  }
  unlock();
}

int eddy__fork_watch(eddy_loop *loop)
{
  static bool registered;
  int rc = 0;
  lock();
  bool first = !registered;
  registered = true;
  unlock();
  if (first) rc = eddy__on_fork(lock, unlock, mark_inherited);
  lock();
  if (rc < 0) {
    registered = false;
  } else {
    eddy__list_append(&loops, &loop->everywhere);
  }
  unlock();
  return rc;
}

void eddy__fork_unwatch(eddy_loop *loop)
{
  lock();
  eddy__list_remove(&loop->everywhere);
  unlock();
}
