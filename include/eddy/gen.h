/*
 * Generators on a stack of their own: a function that hands out values one by one.
 *
 * The body is an ordinary function and may yield from any depth. StopIteration is a status:
 * the step functions return 0 (a value was yielded), EDDY_STOP (the body returned) or a
 * negative error, so that Python's `for` is
 *
 *     for (eddy_value v; eddy_gen_next(gen, &v) == 0;) use(v);
 *
 * Inside a task the body may also call what waits (eddy_sleep, eddy_queue_get, ...): the
 * task waits, and goes on inside the generator.
 */
#ifndef EDDY_GEN_H
#define EDDY_GEN_H

#include <eddy/coro.h>

typedef struct eddy_gen eddy_gen;

/** The body; ends with `return eddy_return(value)`, `return 0` or an error. */
typedef int eddy_gen_fn(eddy_gen *gen, void *arg);

EDDY_BEGIN_DECLS

/**
 * Creates a generator; its body does not run before the first step.
 *
 * Context   any thread; the generator then belongs to the thread of its first step.
 * arg       borrowed by the body, kept until it has ended.
 * out       owned: eddy_gen_free.
 * Returns   0; EDDY_EINVAL (fn or out NULL); EDDY_ENOMEM.
 * Cost      one allocation; a stack is taken at the first step and given back at the end.
 */
EDDY_API EDDY_NODISCARD int eddy_gen_new(eddy_gen_fn *fn, void *arg, eddy_gen **out);

/**
 * Runs the body to its next yield.
 *
 * asyncio   none; generator.__next__()
 * Context   the generator's thread; waits only if the body does.
 * out       the value yielded; on EDDY_STOP the value returned, zero from then on; NULL to
 *           ignore it.
 * Returns   0; EDDY_STOP; EDDY_EINVAL (gen NULL); EDDY_EBUSY (it is running already, or is
 *           waiting inside another task's step); EDDY_ENOMEM (no stack: it stays unstarted);
 *           the error its body ended with.
 */
EDDY_API int eddy_gen_next(eddy_gen *gen, eddy_value *out);

/** As eddy_gen_next; `in` becomes what the suspended eddy_gen_yield gives.
 * Returns   also EDDY_EINVAL: a value other than zero before the first yield. */
EDDY_API int eddy_gen_send(eddy_gen *gen, eddy_value in, eddy_value *out);

/** As eddy_gen_next, but the suspended eddy_gen_yield returns `error` (negative). One that
 * was not started ends at once with that error; one that has ended hands it back. */
EDDY_API int eddy_gen_throw(eddy_gen *gen, int error, eddy_value *out);

/**
 * Ends a suspended generator: its yield returns EDDY_EGENERATOREXIT so that it cleans up.
 *
 * Returns   0 (also when it has ended already, or ended by passing EDDY_EGENERATOREXIT on);
 *           EDDY_EBUSY (it is running); EDDY_ERUNTIME (the body yielded once more instead of
 *           ending: its stack is given up, the generator counts as ended); its own error.
 */
EDDY_API int eddy_gen_close(eddy_gen *gen);

/** Closes the generator and frees it. NULL is allowed; a running one is a checked error. */
EDDY_API void eddy_gen_free(eddy_gen *gen);

/**
 * In the body: hands a value to the caller of next and waits for the next step.
 *
 * gen       the generator whose body this is, the innermost running one.
 * in        what send brought, zero after next; NULL to ignore it.
 * Returns   0; the error thrown in (EDDY_EGENERATOREXIT: clean up and return);
 *           EDDY_ERUNTIME (gen is not the innermost running coroutine).
 */
EDDY_API EDDY_NODISCARD int eddy_gen_yield(eddy_gen *gen, eddy_value out, eddy_value *in);

/** The message of the error the body ended with, as eddy_message. */
EDDY_API const char *eddy_gen_message(const eddy_gen *gen);

EDDY_END_DECLS

#endif
