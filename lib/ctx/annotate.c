/*
 * The switch in builds for AddressSanitizer and ThreadSanitizer; compiled only into those
 * (with EDDY_CTX_ANNOTATED for the whole library).
 *
 * A context is saved on whatever stack happens to run, which need not be the one it was
 * made with, so each thread knows the bounds of its current stack and a switch writes
 * them into the context it leaves. For the thread's own stack they are unknown until
 * AddressSanitizer tells, on arrival at the other side of the first switch.
 */
#include "ctx/annotate.h"
#include "ctx/raw.h"

struct start {
  eddy__ctx_entry *entry;
  void *arg;
};

static _Thread_local struct {
  const void *bottom; /* of the stack that runs; NULL: the thread's own, not known yet */
  size_t size;
  struct eddy__ctx *left; /* where the switch under way comes from; NULL: from nowhere */
  void *dead; /* ThreadSanitizer's fiber of a context that was left for good */
} self;

/*
 * Both halves are part of their callers: ThreadSanitizer keeps a list of the functions
 * each fiber is in, and one that is entered in one fiber and left in another would upset
 * it. `from` is NULL for a context that is left for good.
 */
static inline __attribute__((always_inline)) void depart(
    struct eddy__ctx *from, struct eddy__ctx *to)
{
  if (from != NULL) {
    from->bottom = self.bottom;
    from->size = self.size;
  }
  self.left = from;
  self.bottom = to->bottom;
  self.size = to->size;
#ifdef EDDY__TSAN
  void *fiber = __tsan_get_current_fiber();
  if (from != NULL)
    from->fiber = fiber;
  else
    self.dead = fiber;
  __tsan_switch_to_fiber(to->fiber, 0);
#endif
#ifdef EDDY__ASAN
  __sanitizer_start_switch_fiber(
      from != NULL ? &from->fake_stack : NULL, to->bottom, to->size);
#endif
}

static inline __attribute__((always_inline)) void arrive(void *fake_stack)
{
#ifdef EDDY__ASAN
  const void *bottom = NULL;
  size_t size = 0;
  __sanitizer_finish_switch_fiber(fake_stack, &bottom, &size);
  if (self.left != NULL && self.left->bottom == NULL) {
    self.left->bottom = bottom;
    self.left->size = size;
  }
#else
  (void)fake_stack;
#endif
#ifdef EDDY__TSAN
  if (self.dead != NULL) {
    __tsan_destroy_fiber(self.dead);
    self.dead = NULL;
  }
#endif
}

static void start(void *arg, int sent)
{
  const struct start *first = arg;
  arrive(NULL);
  first->entry(first->arg, sent);
}

void eddy__ctx_make(
    struct eddy__ctx *ctx, struct eddy__stack *stack, eddy__ctx_entry *entry, void *arg)
{
  struct start *first = (struct start *)(void *)(stack->high - 64);
  first->entry = entry;
  first->arg = arg;
  struct eddy__stack rest = *stack;
  rest.high -= 64;
  eddy__ctx_make_raw(ctx, &rest, start, first);
  ctx->bottom = stack->low;
  ctx->size = (size_t)(stack->high - stack->low);
  ctx->fake_stack = NULL;
  ctx->fiber = NULL;
#ifdef EDDY__TSAN
  ctx->fiber = __tsan_create_fiber(0);
#endif
}

int eddy__ctx_switch(struct eddy__ctx *from, struct eddy__ctx *to, int sent)
{
  if (from == to) return sent;
  depart(from, to);
  sent = eddy__ctx_switch_raw(from, to, sent);
  arrive(from->fake_stack);
  return sent;
}

void eddy__ctx_leave(struct eddy__ctx *from, struct eddy__ctx *to, int sent)
{
  (void)from;
  depart(NULL, to);
  eddy__ctx_leave_raw(from, to, sent);
}
