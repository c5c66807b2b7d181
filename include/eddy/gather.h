/* Many futures as one. */
#ifndef EDDY_GATHER_H
#define EDDY_GATHER_H

#include <eddy/future.h>

/** What gather does with a child that fails: asyncio's return_exceptions. */
typedef enum eddy_gather_mode {
  EDDY_GATHER_RAISE = 0,         /* the first error is the gather's, siblings run on */
  EDDY_GATHER_RETURN_EXCEPTIONS, /* wait for all, errors stand among the results */
} eddy_gather_mode;

EDDY_BEGIN_DECLS

/**
 * A future that is done when all children are; await it, then read eddy_gather_results.
 *
 * Cancelling it (or a task that awaits it) asks every unfinished child. It is not a scope:
 * after the first error the other children run on.
 *
 * asyncio   asyncio.gather()
 * Context   the loop's thread; does not wait itself.
 * children  borrowed for the call, each is referenced; one that appears twice counts once;
 *           with count 0 the gather is done at once.
 * out       owned: eddy_future_unref.
 * Returns   0; EDDY_EINVAL (NULL among them); EDDY_EOTHERLOOP; EDDY_ENOLOOP (no children and
 *           no running loop); EDDY_ENOMEM.
 * Cost      one allocation.
 */
EDDY_API EDDY_NODISCARD int eddy_gather(eddy_future *const *children, size_t count,
    eddy_gather_mode mode, eddy_future **out);

/**
 * The children's outcomes in argument order, once the gather is done.
 *
 * count     how many; NULL to ignore it.
 * Returns   borrowed from the gather; NULL while it is pending or when it is no gather.
 */
EDDY_API const eddy_result *eddy_gather_results(const eddy_future *gather, size_t *count);

/** The child that was argument number i, borrowed from the gather: for its message and the
 * parts of its error. NULL when there is none, or it is no gather. */
EDDY_API eddy_future *eddy_gather_child(const eddy_future *gather, size_t i);

EDDY_END_DECLS

#endif
