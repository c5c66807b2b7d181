/* libuv's uv_poll_t as the poller under the readiness table: one handle per slot. */
#ifndef EDDY_BACKEND_UV_POLLER_H
#define EDDY_BACKEND_UV_POLLER_H

#include "backend/readiness.h"
#include "backend/uv_core.h"

struct eddy__uv_watcher;

struct eddy__uv_poller {
  struct eddy__uv_core *core;
  struct eddy__uv_watcher *started; /* since the last poll */
  unsigned room; /* descriptor numbers that libuv's table has room for */
};

extern const struct eddy__poller eddy__uv_poller;

/* Bytes of a block of core->watchers. */
extern const size_t eddy__uv_watcher_size;

/* Enlarges libuv's table of descriptors while nothing depends on it; best effort. */
void eddy__uv_poller_reserve(struct eddy__uv_poller *poller);

/*
 * Before each poll: what was closed or replaced since it was started is taken out, and
 * its waiters are signalled. libuv would end the process on finding such a descriptor.
 */
void eddy__uv_poller_verify(struct eddy__uv_poller *poller);

#endif
