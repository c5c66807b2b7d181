/* eddy's own io halves, which sleep without libuv: over epoll and over poll. */
#ifndef EDDY_BACKEND_OWN_H
#define EDDY_BACKEND_OWN_H

#include <eddy/backend.h>

extern const eddy_io eddy__io_epoll; /* Linux */
extern const eddy_io eddy__io_poll;

#endif
