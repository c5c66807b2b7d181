/*
 * Contexts on top of ucontext, for processors without a switch of our own.
 *
 * A parked context lies on its own stack; `sp` points to it. swapcontext saves the signal
 * mask too, two system calls that make it some fifty times slower than the assembly.
 */
#include "ctx/raw.h"

#include <string.h>
#include <ucontext.h>

struct parked {
  ucontext_t registers;
  int sent; /* by whoever switches to this context */
  eddy__ctx_entry *entry;
  void *arg;
};

/* makecontext hands over ints only, so the pointer comes in two halves. */
static void start(unsigned high, unsigned low)
{
  struct parked *self = (struct parked *)(uintptr_t)((uint64_t)high << 32 | low);
  self->entry(self->arg, self->sent);
}

void EDDY__CTX_RAW(eddy__ctx_make)(
    struct eddy__ctx *ctx, struct eddy__stack *stack, eddy__ctx_entry *entry, void *arg)
{
  uintptr_t top = ((uintptr_t)stack->high - sizeof(struct parked)) & ~(uintptr_t)63;
  struct parked *self = (struct parked *)top;
  memset(self, 0, sizeof(*self));
  (void)getcontext(&self->registers); /* fails only for a bad pointer */
  self->registers.uc_stack.ss_sp = stack->low;
  self->registers.uc_stack.ss_size = (size_t)((char *)self - stack->low);
  self->registers.uc_link = NULL;
  self->entry = entry;
  self->arg = arg;
  uint64_t address = (uintptr_t)self;
  makecontext(&self->registers, (void (*)(void))start, 2, (unsigned)(address >> 32),
      (unsigned)address);
  ctx->sp = self;
}

int EDDY__CTX_RAW(eddy__ctx_switch)(
    struct eddy__ctx *from, struct eddy__ctx *to, int sent)
{
  if (from == to) return sent;
  struct parked self;
  struct parked *other = to->sp;
  /* Debugging tools read the bounds, and swapcontext leaves them as they were. */
  memset(&self.registers.uc_stack, 0, sizeof(self.registers.uc_stack));
  from->sp = &self;
  other->sent = sent;
  (void)swapcontext(&self.registers, &other->registers);
  return self.sent;
}

void EDDY__CTX_RAW(eddy__ctx_leave)(
    struct eddy__ctx *from, struct eddy__ctx *to, int sent)
{
  (void)from;
  struct parked *other = to->sp;
  other->sent = sent;
  for (;;)
    (void)setcontext(&other->registers);
}
