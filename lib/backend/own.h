/* eddy's own io halves, which sleep without libuv: over epoll, io_uring and poll. */
#ifndef EDDY_BACKEND_OWN_H
#define EDDY_BACKEND_OWN_H

#include <eddy/backend.h>

extern const eddy_io eddy__io_epoll; /* Linux */
/* Linux; where there is no io_uring epoll stands in, and the loop is told why. */
extern const eddy_io eddy__io_uring;
extern const eddy_io eddy__io_poll;

#endif
