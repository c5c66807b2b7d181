/* The pairs that are built in. */
#include <string.h>

#include "backend/native.h"
#include "backend/own.h"
#include "backend/uv.h"
#include "backend/virtual.h"
#include "loop/loop.h" /* for the prototype alone: the look-up is declared there */

#ifdef __linux__
#define LINUX_NAMES ", native/epoll, native/uring"
#else
#define LINUX_NAMES ""
#endif

#ifdef EDDY__HAVE_KQUEUE
#define KQUEUE_NAME ", native/kqueue"
#else
#define KQUEUE_NAME ""
#endif

#define NAMES "native/uv, uv/uv, native/virtual" LINUX_NAMES KQUEUE_NAME ", native/poll"

#ifdef __linux__
const char *const eddy__backend_usual = "native/epoll";
#else
const char *const eddy__backend_usual = "native/uv";
#endif

static const eddy_backend backends[] = {
    {"native/uv", &eddy__scheduler_native, &eddy__io_uv},
    {"uv/uv", &eddy__scheduler_uv, &eddy__io_uv},
    {"native/virtual", &eddy__scheduler_native, &eddy__io_virtual},
#ifdef __linux__
    {"native/epoll", &eddy__scheduler_native, &eddy__io_epoll},
    {"native/uring", &eddy__scheduler_native, &eddy__io_uring},
#endif
#ifdef EDDY__HAVE_KQUEUE
    {"native/kqueue", &eddy__scheduler_native, &eddy__io_kqueue},
#endif
    {"native/poll", &eddy__scheduler_native, &eddy__io_poll},
};

/* Why a pair of two halves that exist does not. */
static const struct {
  const char *name;
  const char *reason;
} refused[] = {
    {"uv/virtual", "libuv's timers follow the real clock, which virtual time does not"},
    {"uv/epoll", "libuv's timers need libuv to wait, not a poller of eddy's own"},
    {"uv/uring", "libuv's timers need libuv to wait, not a poller of eddy's own"},
    {"uv/kqueue", "libuv's timers need libuv to wait, not a poller of eddy's own"},
    {"uv/poll", "libuv's timers need libuv to wait, not a poller of eddy's own"},
#ifndef __linux__
    {"native/epoll", "this system has no epoll"},
    {"native/uring", "this system has no io_uring"},
#endif
#ifndef EDDY__HAVE_KQUEUE
    {"native/kqueue", "this system has no kqueue"},
#endif
};

const eddy_backend *eddy__backend_find(const char *name)
{
  if (name == NULL) name = "";
  for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
    if (strcmp(backends[i].name, name) == 0) return &backends[i];
  }
  for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
    if (strcmp(refused[i].name, name) != 0) continue;
    (void)eddy_raise(EDDY_EINVAL, "backend \"%s\" cannot work: %s (there are: " NAMES ")",
        name, refused[i].reason);
    return NULL;
  }
  (void)eddy_raise(EDDY_EINVAL,
      "there is no backend \"%s\" (SCHEDULER/IO; there are: " NAMES ")", name);
  return NULL;
}
