/* What the parts of the uv io half share: the libuv loop, and who waits for close
 * callbacks. */
#ifndef EDDY_BACKEND_UV_CORE_H
#define EDDY_BACKEND_UV_CORE_H

#include <eddy/backend.h>
#include <uv.h>

#include "base/pool.h"

/*
 * It lives on the heap, because libuv may hold on to the handles in it for longer than
 * the eddy loop lives: it is freed when the io half has let go of it and the last close
 * callback has come.
 */
struct eddy__readiness;

struct eddy__uv_core {
  uv_loop_t *uv; /* `own`, or the host's */
  eddy_loop *loop;
  struct eddy__uv_io *io;
  size_t closing;  /* handles whose close callback has not come */
  bool released;   /* the io half is gone */
  bool guest;      /* the loop is a host's */
  bool driving;    /* inside the io half's poll: a guest's loop run by eddy itself */
  bool owed;       /* the guest's step waits for libuv's timers to be recorded first */
  uint64_t wanted; /* the loop time at which the poll under way should end; 0: never */
  struct eddy__readiness *table;
  struct eddy__pool watchers; /* of the poller */
  uv_async_t wake;
  uv_timer_t deadline;
  uv_idle_t idle; /* active: the pass under way does not sleep */
  uv_prepare_t prepare;
  uv_check_t check;
  uv_loop_t own;
};

/* Frees it with what it keeps. */
void eddy__uv_core_free(struct eddy__uv_core *core);

/* A close callback has come. Frees the core after the last one. */
void eddy__uv_core_closed(struct eddy__uv_core *core);

#endif
