/* Generators on stacks of their own. */
#include <eddy/gen.h>

#include <errno.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/outcome.h"
#include "base/self.h"
#include "ctx/ctx.h"

enum state { NEW, SUSPENDED, RUNNING, ENDED };

struct eddy_gen {
  eddy_coro coro;
  eddy_gen_fn *fn;
  void *arg;
  enum state state;
  int error;          /* thrown in, or how the body ended */
  eddy_value passing; /* what goes in or comes out with a switch */
  struct eddy__stack *stack;
  struct eddy__ctx here;  /* where the body is suspended */
  struct eddy__ctx *back; /* where the step was made */
};

/*
 * The stacks of all generators of the process. A generator is stepped by one thread at a
 * time, but different threads may begin and end theirs together: the flag is a spin lock
 * around a few instructions.
 */
static struct {
  atomic_flag lock;
  struct eddy__stacks *stacks;
} shared = {ATOMIC_FLAG_INIT, NULL};

static void lock_stacks(void)
{
  while (atomic_flag_test_and_set_explicit(&shared.lock, memory_order_acquire)) {
  }
}

static void unlock_stacks(void)
{
  atomic_flag_clear_explicit(&shared.lock, memory_order_release);
}

static struct eddy__stack *get_stack(void)
{
  lock_stacks();
  struct eddy__stack *stack = NULL;
  if (shared.stacks != NULL || eddy__stacks_new(0, &shared.stacks) == 0) {
    stack = eddy__stack_get(shared.stacks);
  }
  unlock_stacks();
  return stack;
}

static void put_stack(struct eddy_gen *gen)
{
  lock_stacks();
  eddy__stack_put(gen->stack);
  unlock_stacks();
  gen->stack = NULL;
}

/* The first frame on the generator's stack. */
static void run_body(void *arg, int sent)
{
  (void)sent;
  eddy_gen *gen = arg;
  int rc = gen->fn(gen, gen->arg);
  gen->error = rc < 0 ? rc : 0;
  gen->passing = gen->coro.outcome.value;
  gen->state = ENDED;
  struct eddy__ctx gone;
  eddy__ctx_leave(&gone, gen->back, 0);
}

/* Runs the body until it yields or ends; it has a stack. */
static int step(eddy_gen *gen, eddy_value in, int error, eddy_value *out)
{
  struct eddy__ctx back = {0};
  const void *outer = eddy__self.coro;
  eddy_outcome *outer_outcome = eddy__self.outcome;
  gen->back = &back;
  gen->passing = in;
  gen->error = error;
  gen->state = RUNNING;
  eddy__self.coro = gen;
  eddy__self.outcome = &gen->coro.outcome;
  eddy__ctx_switch(&back, &gen->here, 0);
  eddy__self.coro = outer;
  eddy__self.outcome = outer_outcome;
  if (gen->state == SUSPENDED) {
    *out = gen->passing;
    return 0;
  }
  put_stack(gen);
  if (gen->error < 0) {
    if (outer_outcome != NULL) {
      eddy__outcome_copy_message(&gen->coro.outcome, gen->error, outer_outcome);
    }
    return gen->error;
  }
  *out = gen->passing;
  return EDDY_STOP;
}

static int gen_send(eddy_coro *self, eddy_value in, int error, eddy_value *out)
{
  eddy_gen *gen = (eddy_gen *)self;
  switch (gen->state) {
  case RUNNING:
    return eddy_raise(EDDY_EBUSY, "generator: it is running already, or its step waits");
  case ENDED:
    if (error != 0) return error;
    *out = eddy_int(0);
    return EDDY_STOP;
  case NEW:
    if (error != 0) {
      gen->state = ENDED;
      return error;
    }
    gen->stack = get_stack();
    if (gen->stack == NULL) return EDDY_ENOMEM;
    eddy__ctx_make(&gen->here, gen->stack, run_body, gen);
    break;
  default:
    break;
  }
  return step(gen, in, error, out);
}

static void gen_close(eddy_coro *self)
{
  (void)eddy_gen_close((eddy_gen *)self);
}

static const eddy_coro_type gen_type = {"generator", gen_send, gen_close};

int eddy_gen_new(eddy_gen_fn *fn, void *arg, eddy_gen **out)
{
  if (fn == NULL || out == NULL) return EDDY_EINVAL;
  eddy_gen *gen = eddy__alloc(sizeof(*gen));
  if (gen == NULL) return EDDY_ENOMEM;
  gen->coro.type = &gen_type;
  gen->fn = fn;
  gen->arg = arg;
  *out = gen;
  return 0;
}

int eddy_gen_send(eddy_gen *gen, eddy_value in, eddy_value *out)
{
  if (gen == NULL) return EDDY_EINVAL;
  if (gen->state == NEW && in.u != 0) {
    return eddy_raise(EDDY_EINVAL, "send: the generator has not reached its first yield");
  }
  eddy_value value;
  int rc = gen_send(&gen->coro, in, 0, &value);
  if ((rc == 0 || rc == EDDY_STOP) && out != NULL) *out = value;
  return rc;
}

int eddy_gen_next(eddy_gen *gen, eddy_value *out)
{
  return eddy_gen_send(gen, eddy_int(0), out);
}

int eddy_gen_throw(eddy_gen *gen, int error, eddy_value *out)
{
  if (gen == NULL || error >= 0) return EDDY_EINVAL;
  eddy_value value;
  int rc = gen_send(&gen->coro, eddy_int(0), error, &value);
  if ((rc == 0 || rc == EDDY_STOP) && out != NULL) *out = value;
  return rc;
}

int eddy_gen_close(eddy_gen *gen)
{
  if (gen == NULL) return EDDY_EINVAL;
  if (gen->state == RUNNING) {
    return eddy_raise(EDDY_EBUSY, "close: the generator is running");
  }
  if (gen->state != SUSPENDED) {
    gen->state = ENDED;
    return 0;
  }
  eddy_value ignored;
  int rc = step(gen, eddy_int(0), EDDY_EGENERATOREXIT, &ignored);
  if (rc == EDDY_STOP || rc == EDDY_EGENERATOREXIT) return 0;
  if (rc < 0) return rc;
  /* Its frames are given up with the stack. */
  gen->state = ENDED;
  put_stack(gen);
  return eddy_raise(EDDY_ERUNTIME, "close: the generator yielded instead of ending");
}

void eddy_gen_free(eddy_gen *gen)
{
  if (gen == NULL) return;
  EDDY_CHECK(gen->state != RUNNING, "eddy_gen_free: the generator is running; let its step "
                                    "return first, and free it then");
  (void)eddy_gen_close(gen);
  eddy__outcome_clear(&gen->coro.outcome);
  eddy__free(gen);
}

int eddy_gen_yield(eddy_gen *gen, eddy_value out, eddy_value *in)
{
  if (gen == NULL || eddy__self.coro != gen) {
    return eddy_raise(EDDY_ERUNTIME, "yield: this generator is not the one that is running");
  }
  int saved = errno;
  gen->passing = out;
  gen->state = SUSPENDED;
  eddy__ctx_switch(&gen->here, gen->back, 0);
  errno = saved;
  if (gen->error == 0 && in != NULL) *in = gen->passing;
  return gen->error;
}

const char *eddy_gen_message(const eddy_gen *gen)
{
  return gen->error == 0 ? "" : eddy__outcome_message(&gen->coro.outcome, gen->error);
}
