#include <eddy/watch.h>

#include "loop/loop.h"

#include "base/outcome.h"

/* A callback on one direction of a descriptor. */
struct watch {
  struct eddy__fd entry; /* in the loop's table of watches */
  eddy_loop *loop;
  eddy_op *op;
  eddy_fn *fn;
  void *arg;
  bool replaced; /* while its entry was queued: that one was the old callback's */
};

static struct watch *watch_of(struct eddy__fd *entry)
{
  return EDDY__ENTRY(entry, struct watch, entry);
}

static struct watch *find_watch(eddy_loop *loop, int fd, eddy_op_kind kind)
{
  struct eddy__fd *entry = eddy__fds_find(&loop->watches, fd);
  while (entry != NULL && watch_of(entry)->op->kind != kind) {
    entry = eddy__fds_again(entry);
  }
  return entry == NULL ? NULL : watch_of(entry);
}

static void free_watch(struct watch *watch)
{
  eddy__fds_remove(&watch->loop->watches, &watch->entry);
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
    eddy__loop_report(loop, "a watched descriptor can be watched no longer", rc, NULL,
        NULL, NULL, NULL);
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
  rc = eddy__fd_refusal(loop, "watch", fd);
  if (rc < 0) return rc;
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
  eddy__fds_put(&loop->watches, &watch->entry, fd);
  return 0;
fail_start:
  eddy__op_free(loop, watch->op);
fail_op:
  eddy__free(watch);
  return rc < 0 ? eddy__fail(rc, "watch", "descriptor", fd) : EDDY_EINVAL;
}

static bool forget_watch(eddy_loop *loop, int fd, eddy_op_kind kind)
{
  if (loop->closed || loop->inherited) return false;
  struct watch *watch = find_watch(loop, fd, kind);
  if (watch == NULL) return false;
  free_watch(watch);
  return true;
}

static bool remove_watch(eddy_loop *loop, int fd, eddy_op_kind kind)
{
  return !eddy__fd_is_claimed(loop, fd) && forget_watch(loop, fd, kind);
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
  (void)forget_watch(loop, fd, EDDY_OP_READABLE);
  (void)forget_watch(loop, fd, EDDY_OP_WRITABLE);
}

void eddy__watches_close(eddy_loop *loop)
{
  struct eddy__fd *entry;
  size_t at = 0;
  while ((entry = eddy__fds_any(&loop->watches, &at)) != NULL) {
    free_watch(watch_of(entry));
  }
  eddy__fds_fini(&loop->watches);
}
