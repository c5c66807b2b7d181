/* Workers from the inside. */
#ifndef EDDY_RUN_WORKERS_H
#define EDDY_RUN_WORKERS_H

#include <eddy/workers.h>

/* Has a future (referenced) ended when the last worker has; once for all workers. */
void eddy__workers_tell(eddy_workers *workers, eddy_thread_future *future);

#endif
