/* Context values: where the current context stands, and how callbacks remember one. */
#ifndef EDDY_LOOP_CONTEXT_H
#define EDDY_LOOP_CONTEXT_H

#include <stdatomic.h>

#include <eddy/context.h>

#include "base/self.h"

/* The current context; NULL is an empty one. */
eddy_context *eddy__context_now(void);

/* Whether a value was ever set in this process: until then every context is empty. */
extern atomic_bool eddy__contexts_used;

static inline bool eddy__context_used(void)
{
  return atomic_load_explicit(&eddy__contexts_used, memory_order_relaxed);
}

/* As eddy_copy_context, but an empty one may be NULL. */
int eddy__context_copy_current(eddy_context **out);

/* What a callback remembers of its caller: a context of its own, or NULL for an empty one.
 * Returns 0 or EDDY_ENOMEM. */
static inline int eddy__context_capture(eddy_context **out)
{
  *out = NULL;
  if (!eddy__context_used()) return 0;
  return eddy__context_copy_current(out);
}

/* Calls fn(arg) in this context. Called where no task runs. */
int eddy__context_call(eddy_context *context, eddy_fn *fn, void *arg);

/* What ran without a context has set values, which nobody can see any more. */
void eddy__context_drop(void);

static inline void eddy__context_end(void)
{
  if (eddy__self.context != NULL) eddy__context_drop();
}

/* The place's context, an empty one if it has none yet; NULL without memory, or a place. */
eddy_context *eddy__context_at(eddy_context **place);

#endif
