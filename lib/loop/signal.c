#include <eddy/watch.h>

#include "loop/loop.h"

#include "base/outcome.h"

/* A callback on a signal. */
struct handler {
  struct eddy__link link; /* on the loop's list of signals */
  eddy_loop *loop;
  int signum;
  bool counted; /* among what the program waits for */
  bool queued;  /* one of its two callbacks is in the ring */
  bool removed; /* to be freed by the callback that is queued */
  unsigned pending;
  eddy_fn *fn;
  void *arg;
};

static struct handler *find_handler(eddy_loop *loop, int signum)
{
  for (struct eddy__link *link = loop->signals.next; link != &loop->signals; link = link->next) {
    struct handler *handler = EDDY__ENTRY(link, struct handler, link);
    if (handler->signum == signum) return handler;
  }
  return NULL;
}

static int run_handler(void *arg);

/* A handler keeps its booking for as long as it lives: the ring gives it up with each entry
 * that runs, so there is room to take it again at once. */
static void book_again(struct handler *handler)
{
  handler->loop->ring.bookings++;
}

/* An entry of a handler that was removed meanwhile: nothing runs, the booking is gone. */
static bool free_if_removed(struct handler *handler)
{
  if (!handler->removed) return false;
  eddy__free(handler);
  return true;
}

/* asyncio reads the wake-up byte in one callback and runs the handler as another: the
 * handler runs two iterations after a signal that is raised inside a callback. */
static int read_wakeup(void *arg)
{
  struct handler *handler = arg;
  if (free_if_removed(handler)) return 0;
  book_again(handler);
  eddy__loop_push(handler->loop, run_handler, handler);
  return 0;
}

static void queue_handler(struct handler *handler)
{
  if (handler->queued) return;
  handler->queued = true;
  eddy__loop_push(handler->loop, read_wakeup, handler);
}

static int run_handler(void *arg)
{
  struct handler *handler = arg;
  if (free_if_removed(handler)) return 0;
  book_again(handler);
  handler->queued = false;
  if (--handler->pending > 0) queue_handler(handler);
  return handler->fn(handler->arg);
}

void eddy_backend_caught(eddy_loop *loop, int signum)
{
  struct handler *handler = find_handler(loop, signum);
  if (handler == NULL) return;
  handler->pending++;
  queue_handler(handler);
}

static void drop_handler(struct handler *handler)
{
  eddy_loop *loop = handler->loop;
  eddy__list_remove(&handler->link);
  if (handler->counted) loop->user_signals--;
  loop->io->signal_stop(loop->io_state, handler->signum);
  handler->removed = true;
  if (handler->queued && !loop->closed) return; /* its entry frees it */
  if (!handler->queued) eddy__loop_unbook(loop);
  eddy__free(handler);
}

int eddy__signal_add(eddy_loop *loop, int signum, eddy_fn *fn, void *arg, bool counted)
{
  int rc = eddy__loop_usable(loop);
  if (rc < 0) return rc;
  if (fn == NULL) return EDDY_EINVAL;
  struct handler *old = find_handler(loop, signum);
  if (old != NULL) {
    loop->user_signals += (size_t)(counted && !old->counted);
    loop->user_signals -= (size_t)(!counted && old->counted);
    old->counted = counted;
    old->fn = fn;
    old->arg = arg;
    return 0;
  }
  struct handler *handler = eddy__alloc(sizeof(*handler));
  if (handler == NULL) return EDDY_ENOMEM;
  handler->loop = loop;
  handler->signum = signum;
  handler->counted = counted;
  handler->fn = fn;
  handler->arg = arg;
  rc = eddy__loop_book(loop);
  if (rc < 0) goto fail_book;
  rc = loop->io->signal_start(loop->io_state, signum);
  if (rc < 0) goto fail_start;
  eddy__list_append(&loop->signals, &handler->link);
  loop->user_signals += counted;
  return 0;
fail_start:
  eddy__loop_unbook(loop);
fail_book:
  eddy__free(handler);
  return eddy__fail(rc, "add_signal_handler", "signal", signum);
}

int eddy_loop_add_signal_handler(eddy_loop *loop, int signum, eddy_fn *fn, void *arg)
{
  return eddy__signal_add(loop, signum, fn, arg, true);
}

bool eddy_loop_remove_signal_handler(eddy_loop *loop, int signum)
{
  struct handler *handler = loop->closed || loop->inherited ? NULL : find_handler(loop, signum);
  if (handler == NULL) return false;
  drop_handler(handler);
  return true;
}

void eddy__signals_close(eddy_loop *loop)
{
  struct eddy__link *link;
  while ((link = eddy__list_first(&loop->signals)) != NULL) {
    drop_handler(EDDY__ENTRY(link, struct handler, link));
  }
}
