#include <eddy/watch.h>

#include "loop/loop.h"

#include "base/outcome.h"

/* A callback on one direction of a descriptor. */
struct watch {
  struct eddy__link link; /* on the loop's list of watches */
  eddy_loop *loop;
  eddy_op *op;
  eddy_fn *fn;
  void *arg;
  bool replaced; /* while its entry was queued: that one was the old callback's */
};

static struct watch *find_watch(eddy_loop *loop, int fd, eddy_op_kind kind)
{
  for (struct eddy__link *link = loop->watches.next; link != &loop->watches; link = link->next) {
    struct watch *watch = EDDY__ENTRY(link, struct watch, link);
    if (watch->op->fd == fd && watch->op->kind == kind) return watch;
  }
  return NULL;
}

static void free_watch(struct watch *watch)
{
  eddy__list_remove(&watch->link);
  eddy__op_free(watch->loop, watch->op);
  eddy__free(watch);
}

/* The descriptor is ready: watches on for the next poll, then calls. There is room in the
 * ring: this entry has just left it. */
static int watch_ready(void *arg)
{
  struct watch *watch = arg;
  eddy_loop *loop = watch->loop;
  eddy_fn *fn = watch->fn;
  void *fn_arg = watch->arg;
  bool replaced = watch->replaced;
  watch->replaced = false;
  eddy__op_ran(loop, watch->op);
  int rc = eddy__op_finish(loop, watch->op);
  if (rc == EDDY_PENDING) return 0; /* it was not ready after all */
  if (rc == 0) rc = eddy__op_start(loop, watch->op, watch_ready, watch);
  if (rc != EDDY_PENDING) {
    /* Closed behind our back: there is nothing left to watch. */
    eddy__loop_report(loop, "a watched descriptor can be watched no longer", rc, NULL, NULL, NULL,
        NULL);
    free_watch(watch);
  }
  if (replaced) return 0;
  return fn(fn_arg);
}

static int add_watch(eddy_loop *loop, int fd, eddy_op_kind kind, eddy_fn *fn, void *arg)
{
  int rc = eddy__loop_usable(loop);
  if (rc < 0) return rc;
  if (fn == NULL) return EDDY_EINVAL;
  if (fd < 0) return eddy__fail(EDDY_EBADF, "watch", "descriptor", -1);
  struct watch *watch = find_watch(loop, fd, kind);
  if (watch != NULL) {
    watch->fn = fn;
    watch->arg = arg;
    watch->replaced = watch->op->state == EDDY__OP_QUEUED;
    return 0;
  }
  watch = eddy__alloc(sizeof(*watch));
  if (watch == NULL) return EDDY_ENOMEM;
  watch->op = eddy__op_new(loop);
  rc = EDDY_ENOMEM;
  if (watch->op == NULL) goto fail_op;
  watch->loop = loop;
  watch->fn = fn;
  watch->arg = arg;
  watch->op->kind = kind;
  watch->op->fd = fd;
  rc = eddy__op_start(loop, watch->op, watch_ready, watch);
  if (rc != EDDY_PENDING) goto fail_start;
  eddy__list_append(&loop->watches, &watch->link);
  return 0;
fail_start:
  eddy__op_free(loop, watch->op);
fail_op:
  eddy__free(watch);
  return rc < 0 ? eddy__fail(rc, "watch", "descriptor", fd) : EDDY_EINVAL;
}

static bool remove_watch(eddy_loop *loop, int fd, eddy_op_kind kind)
{
  struct watch *watch = loop->closed || loop->inherited ? NULL : find_watch(loop, fd, kind);
  if (watch == NULL) return false;
  free_watch(watch);
  return true;
}

int eddy_loop_add_reader(eddy_loop *loop, int fd, eddy_fn *fn, void *arg)
{
  return add_watch(loop, fd, EDDY_OP_READABLE, fn, arg);
}

bool eddy_loop_remove_reader(eddy_loop *loop, int fd)
{
  return remove_watch(loop, fd, EDDY_OP_READABLE);
}

int eddy_loop_add_writer(eddy_loop *loop, int fd, eddy_fn *fn, void *arg)
{
  return add_watch(loop, fd, EDDY_OP_WRITABLE, fn, arg);
}

bool eddy_loop_remove_writer(eddy_loop *loop, int fd)
{
  return remove_watch(loop, fd, EDDY_OP_WRITABLE);
}

void eddy__watches_forget(eddy_loop *loop, int fd)
{
  (void)remove_watch(loop, fd, EDDY_OP_READABLE);
  (void)remove_watch(loop, fd, EDDY_OP_WRITABLE);
}

void eddy__watches_close(eddy_loop *loop)
{
  struct eddy__link *link;
  while ((link = eddy__list_first(&loop->watches)) != NULL) {
    free_watch(EDDY__ENTRY(link, struct watch, link));
  }
}
