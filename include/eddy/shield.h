/* Waiting for something without passing one's own cancellation on to it. */
#ifndef EDDY_SHIELD_H
#define EDDY_SHIELD_H

#include <eddy/future.h>

EDDY_BEGIN_DECLS

/**
 * A future that ends as `inner` does, one iteration later, and that keeps `inner` from being
 * cancelled with it: cancelling the shield, or the task that awaits it, ends the shield alone.
 *
 *     rc = eddy_shield(eddy_task_future(task), &shield);
 *     if (rc < 0) return rc;
 *     rc = eddy_await(shield, &value);          (a cancellation ends this, not the task)
 *     eddy_future_unref(shield);
 *
 * Cancelling `inner` cancels the shield. An error of `inner` is the shield's from then on: if
 * nobody reads it there it is reported as never retrieved. After the shield was cancelled an
 * error of `inner` is inner's own again, and so is the report.
 *
 * asyncio   asyncio.shield()
 * Context   the loop's thread; does not wait itself.
 * inner     referenced until it is done or the shield is cancelled; the shield lives as long,
 *           with or without a reference of the caller's.
 * out       owned: eddy_future_unref. If `inner` is done it is `inner` itself.
 * Returns   0; EDDY_EINVAL; EDDY_ECLOSED; EDDY_ENOMEM.
 * Cost      one allocation; none if `inner` is done.
 */
EDDY_API EDDY_NODISCARD int eddy_shield(eddy_future *inner, eddy_future **out);

EDDY_END_DECLS

#endif
