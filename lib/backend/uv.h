/*
 * libuv as either half of a backend.
 *
 * The io half has a uv_loop_t of its own, or works as a guest in a host's; the scheduler
 * half keeps one uv_timer_t per booked timer in that same loop.
 */
#ifndef EDDY_BACKEND_UV_H
#define EDDY_BACKEND_UV_H

#include <eddy/backend.h>

extern const eddy_io eddy__io_uv;
extern const eddy_scheduler eddy__scheduler_uv;

#endif
