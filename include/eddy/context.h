/*
 * Context values: what a request carries along without handing it from call to call, such as
 * its number or its deadline.
 *
 * A variable has a value per context, and each task runs in a context of its own: a copy of its
 * creator's at the time it was created. So does a callback: eddy_loop_call_soon, _call_later,
 * _call_at, _call_soon_threadsafe and eddy_future_add_done_callback remember the values of their
 * caller. What a task or callback sets is seen by it and by what it starts from then on, and by
 * nobody else. Outside of a running loop a thread has a context.
 *
 * A copy is made in constant time: contexts share their values until one is set. As long as no
 * value was ever set in the process, all this costs one look at a flag where it is remembered.
 */
#ifndef EDDY_CONTEXT_H
#define EDDY_CONTEXT_H

#include <eddy/error.h>

/** The values of variables. */
typedef struct eddy_context eddy_context;

/** A variable: most programs make theirs once and keep them. */
typedef struct eddy_context_var eddy_context_var;

/** What eddy_context_var_set remembers for eddy_context_var_reset. */
typedef struct eddy_context_token {
  uint64_t private_[4];
} eddy_context_token;

EDDY_BEGIN_DECLS

/**
 * Creates a variable, which has no value anywhere.
 *
 * asyncio   none; contextvars.ContextVar(name, default=...)
 * Context   any thread.
 * name      copied; for messages.
 * fallback  borrowed; its value where none is set; NULL: none.
 * out       owned: eddy_context_var_unref. Contexts in which it is set refer to it.
 * Returns   0; EDDY_EINVAL (name or out NULL); EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_context_var_new(
    const char *name, const eddy_value *fallback, eddy_context_var **out);

/** One more reference. Any thread. */
EDDY_API eddy_context_var *eddy_context_var_ref(eddy_context_var *var);

/** One reference less. NULL is allowed. Any thread. */
EDDY_API void eddy_context_var_unref(eddy_context_var *var);

/** Its name, borrowed. asyncio: none; ContextVar.name. */
EDDY_API const char *eddy_context_var_name(const eddy_context_var *var);

/**
 * The variable's value in the current context.
 *
 * asyncio   none; ContextVar.get()
 * Context   any thread.
 * value     untouched on failure.
 * Returns   0; EDDY_ENOENT (neither set here nor has it a fallback); EDDY_EINVAL.
 * Cost      O(values in the context).
 */
EDDY_API EDDY_NODISCARD int eddy_context_var_get(
    const eddy_context_var *var, eddy_value *value);

/**
 * Sets the variable's value in the current context. eddy does not look at values and frees
 * none: what one points to lasts as long as any context in which it is set.
 *
 * asyncio   none; ContextVar.set()
 * Context   any thread.
 * token     filled in for eddy_context_var_reset; NULL: nobody will.
 * Returns   0; EDDY_EINVAL (var NULL); EDDY_ENOMEM (nothing has changed).
 * Cost      O(values in the context); allocates a copy of them, unless it alone has them.
 */
EDDY_API EDDY_NODISCARD int eddy_context_var_set(
    eddy_context_var *var, eddy_value value, eddy_context_token *token);

/**
 * Takes the eddy_context_var_set back that filled the token in.
 *
 * asyncio   none; ContextVar.reset()
 * Context   where it was set.
 * Returns   0; EDDY_EINVAL (another variable's token, or another context's); EDDY_ERUNTIME (the
 *           token has been used); EDDY_ENOMEM (nothing has changed).
 */
EDDY_API EDDY_NODISCARD int eddy_context_var_reset(
    eddy_context_var *var, eddy_context_token *token);

/** An empty context. asyncio: none; contextvars.Context(). out: owned, eddy_context_unref.
 * Returns 0; EDDY_EINVAL; EDDY_ENOMEM. Any thread. */
EDDY_API EDDY_NODISCARD int eddy_context_new(eddy_context **out);

/** A copy of the current context. asyncio: none; contextvars.copy_context(). Returns as
 * eddy_context_new. */
EDDY_API EDDY_NODISCARD int eddy_copy_context(eddy_context **out);

/** A copy of a context. asyncio: none; Context.copy(). Returns as eddy_context_new. */
EDDY_API EDDY_NODISCARD int eddy_context_copy(
    const eddy_context *context, eddy_context **out);

/** One more reference. Any thread. */
EDDY_API eddy_context *eddy_context_ref(eddy_context *context);

/** One reference less. NULL is allowed. Any thread. */
EDDY_API void eddy_context_unref(eddy_context *context);

/**
 * Calls fn(arg) with this as the current context, here and now: what fn sets stays in it.
 *
 * asyncio   none; Context.run()
 * Context   any thread; in a task fn may wait.
 * Returns   what fn returned; EDDY_ERUNTIME (something is being run in it already, or it is
 *           the current one: fn was not called); EDDY_EINVAL.
 * Cost      allocates nothing.
 */
EDDY_API int eddy_context_run(eddy_context *context, eddy_fn *fn, void *arg);

/** The variable's value in a context. asyncio: none; Context[var]. Returns 0; EDDY_ENOENT (it
 * is not set there; the fallback does not count); EDDY_EINVAL. */
EDDY_API EDDY_NODISCARD int eddy_context_get(
    const eddy_context *context, const eddy_context_var *var, eddy_value *value);

/** How many variables are set in it. asyncio: none; len(context). */
EDDY_API size_t eddy_context_count(const eddy_context *context);

EDDY_END_DECLS

#endif
