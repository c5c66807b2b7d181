/* Contexts on top of the assembly switch; the layout of a parked context is known only
 * there. */
#include "ctx/raw.h"

/* Lays out a parked context at the high end of a stack and returns its `sp`. */
void *eddy__ctx_prepare(char *low, char *high, eddy__ctx_entry *entry, void *arg);

void EDDY__CTX_RAW(eddy__ctx_make)(
    struct eddy__ctx *ctx, struct eddy__stack *stack, eddy__ctx_entry *entry, void *arg)
{
  ctx->sp = eddy__ctx_prepare(stack->low, stack->high, entry, arg);
}

void EDDY__CTX_RAW(eddy__ctx_leave)(
    struct eddy__ctx *from, struct eddy__ctx *to, int sent)
{
  (void)from;
  struct eddy__ctx nowhere;
  for (;;) /* the switch does not come back; only the compiler has to be told */
    EDDY__CTX_RAW(eddy__ctx_switch)(&nowhere, to, sent);
}
