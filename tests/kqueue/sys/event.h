/*
 * As much of kqueue as native/kqueue uses, made of Linux's epoll: with it that backend's code
 * runs here, on real descriptors. It shows mistakes in that code. It does not show how macOS or
 * a BSD behaves: what is imitated is what their manuals say.
 */
#ifndef EDDY_TEST_KQUEUE_SYS_EVENT_H
#define EDDY_TEST_KQUEUE_SYS_EVENT_H

#include <stdint.h>
#include <time.h>

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)

#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_CLEAR 0x0020
#define EV_EOF 0x8000

struct kevent {
  uintptr_t ident;
  short filter;
  unsigned short flags;
  unsigned fflags;
  intptr_t data;
  void *udata;
};

#define EV_SET(event, a, b, c, d, e, f)                                                  \
  (*(event) = (struct kevent){(a), (b), (c), (d), (e), (f)})

int kqueue(void);
int kevent(int kq, const struct kevent *changes, int change_count, struct kevent *events,
    int event_count, const struct timespec *timeout);

#endif
