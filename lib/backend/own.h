/* eddy's own io halves, which sleep without libuv: over epoll, io_uring, kqueue and poll. */
#ifndef EDDY_BACKEND_OWN_H
#define EDDY_BACKEND_OWN_H

#include <eddy/backend.h>

#if defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) ||                 \
    defined(__OpenBSD__) || defined(__DragonFly__) || defined(EDDY_TEST_KQUEUE)
#define EDDY__HAVE_KQUEUE /* EDDY_TEST_KQUEUE: an imitation, tests/kqueue */
#endif

extern const eddy_io eddy__io_epoll; /* Linux */
/* Linux; where there is no io_uring epoll stands in, and the loop is told why. */
extern const eddy_io eddy__io_uring;
extern const eddy_io eddy__io_kqueue; /* EDDY__HAVE_KQUEUE */
extern const eddy_io eddy__io_poll;

#endif
