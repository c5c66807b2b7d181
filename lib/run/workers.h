/* Workers from the inside. */
#ifndef EDDY_RUN_WORKERS_H
#define EDDY_RUN_WORKERS_H

#include <eddy/workers.h>

/* Has a future (referenced) ended when the last worker has; `failures`: or when one has failed. For
 * one future at a time: another one takes its place. */
void eddy__workers_tell(eddy_workers *workers, eddy_thread_future *future, bool failures);

#endif
