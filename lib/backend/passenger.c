#include "backend/passenger.h"

#include "backend/uv_loop.h"
#include "base/alloc.h"

#define NANOSECONDS 1000000 /* in a millisecond, libuv's unit */
#define PASSES 8            /* of libuv's loop, for its last close callbacks */

/* A signal that was asked for at least once; its handle is kept until the end. */
struct watched {
  struct eddy__link link;
  uv_signal_t handle;
};

/* A poll handle made for a moment. */
struct probe {
  uv_poll_t handle;
  struct eddy__passenger *passenger;
};

static void on_async(uv_async_t *handle)
{
  (void)handle; /* it ended uv_run: that is all */
}

static void on_closed(uv_handle_t *handle)
{
  struct eddy__passenger *passenger = handle->data;
  passenger->closing--;
}

static void close_handle(struct eddy__passenger *passenger, uv_handle_t *handle)
{
  passenger->closing++;
  uv_close(handle, on_closed);
}

int eddy__passenger_new(eddy_loop *loop, struct eddy__passenger **out)
{
  struct eddy__passenger *passenger = eddy__alloc(sizeof(*passenger));
  if (passenger == NULL) return EDDY_ENOMEM;
  int rc = eddy__uv_loop_init(&passenger->uv);
  if (rc < 0) goto fail_loop;
  rc = uv_async_init(&passenger->uv, &passenger->async, on_async);
  if (rc < 0) goto fail_async;
  passenger->async.data = passenger;
  uv_unref((uv_handle_t *)&passenger->async);
  passenger->loop = loop;
  eddy__list_init(&passenger->signals);
  *out = passenger;
  return 0;
fail_async:
  (void)uv_loop_close(&passenger->uv);
fail_loop:
  eddy__free(passenger);
  return rc;
}

void eddy__passenger_free(struct eddy__passenger *passenger)
{
  if (passenger == NULL) return;
  struct eddy__link *link = passenger->signals.next;
  for (; link != &passenger->signals; link = link->next) {
    close_handle(
        passenger, (uv_handle_t *)&EDDY__ENTRY(link, struct watched, link)->handle);
  }
  close_handle(passenger, (uv_handle_t *)&passenger->async);
  /* A signal that was caught meanwhile delays the end of its handle until it is read. */
  for (int pass = 0; passenger->closing > 0 && pass < PASSES; pass++) {
    (void)uv_run(&passenger->uv, UV_RUN_NOWAIT);
  }
  if (uv_loop_close(&passenger->uv) < 0) return;
  while ((link = eddy__list_first(&passenger->signals)) != NULL) {
    eddy__list_remove(link);
    eddy__free(EDDY__ENTRY(link, struct watched, link));
  }
  eddy__free(passenger);
}

bool eddy__passenger_run(struct eddy__passenger *passenger, bool sleep)
{
  uint64_t before = passenger->caught;
  uv_ref(
      (uv_handle_t *)&passenger->async); /* a loop with nothing active would not be run */
  (void)uv_run(&passenger->uv, sleep ? UV_RUN_ONCE : UV_RUN_NOWAIT);
  uv_unref((uv_handle_t *)&passenger->async);
  return passenger->caught != before;
}

void eddy__passenger_wake(struct eddy__passenger *passenger)
{
  (void)uv_async_send(&passenger->async);
}

eddy_time eddy__passenger_timeout(struct eddy__passenger *passenger)
{
  /* Likewise: it would answer 0. */
  uv_ref((uv_handle_t *)&passenger->async);
  int timeout = uv_backend_timeout(&passenger->uv);
  if (timeout > 0) {
    uv_update_time(&passenger->uv);
    timeout = uv_backend_timeout(&passenger->uv);
  }
  uv_unref((uv_handle_t *)&passenger->async);
  return timeout < 0 ? EDDY_NEVER : (eddy_time)timeout * NANOSECONDS;
}

bool eddy__passenger_alive(const struct eddy__passenger *passenger)
{
  return uv_loop_alive(&passenger->uv) != 0;
}

static void on_probe_closed(uv_handle_t *handle)
{
  struct probe *probe = handle->data;
  probe->passenger->closing--;
  eddy__free(probe);
}

int eddy__passenger_look(struct eddy__passenger *passenger, int fd)
{
  struct probe *probe = eddy__alloc(sizeof(*probe));
  if (probe == NULL) return EDDY_ENOMEM;
  int rc = uv_poll_init(&passenger->uv, &probe->handle, fd);
  if (rc < 0) {
    eddy__free(probe);
    return rc == UV_EEXIST ? EDDY_EBUSY
                           : 0; /* what else is wrong with it is found elsewhere */
  }
  probe->passenger = passenger;
  probe->handle.data = probe;
  passenger->closing++;
  uv_close((uv_handle_t *)&probe->handle, on_probe_closed);
  return 0;
}

/* ---- signals ---- */

static void on_signal(uv_signal_t *handle, int signum)
{
  struct eddy__passenger *passenger = handle->data;
  passenger->caught++;
  eddy_backend_caught(passenger->loop, signum);
}

static struct watched *find_watched(const struct eddy__passenger *passenger, int signum)
{
  const struct eddy__link *link = passenger->signals.next;
  for (; link != &passenger->signals; link = link->next) {
    struct watched *watched = EDDY__ENTRY(link, struct watched, link);
    if (watched->handle.signum == signum) return watched;
  }
  return NULL;
}

/* A handle that reports nothing now, an old one or a new one; a code if there is no memory. */
static int idle_watched(struct eddy__passenger *passenger, struct watched **out)
{
  struct watched *watched = find_watched(passenger, 0);
  if (watched == NULL) {
    watched = eddy__alloc(sizeof(*watched));
    if (watched == NULL) return EDDY_ENOMEM;
    int rc = uv_signal_init(&passenger->uv, &watched->handle);
    if (rc < 0) {
      eddy__free(watched);
      return rc;
    }
    watched->handle.data = passenger;
    uv_unref((uv_handle_t *)&watched->handle);
    eddy__list_append(&passenger->signals, &watched->link);
  }
  *out = watched;
  return 0;
}

int eddy__passenger_signal_start(struct eddy__passenger *passenger, int signum)
{
  if (signum <= 0) return EDDY_EINVAL;
  if (find_watched(passenger, signum) != NULL) return 0;
  struct watched *watched;
  int rc = idle_watched(passenger, &watched);
  if (rc < 0) return rc;
  rc = uv_signal_start(&watched->handle, on_signal, signum);
  if (rc < 0) return rc;
  passenger->reporting++;
  return 0;
}

void eddy__passenger_signal_stop(struct eddy__passenger *passenger, int signum)
{
  struct watched *watched = passenger != NULL && signum > 0
                                ? find_watched(passenger, signum)
                                : NULL;
  if (watched == NULL) return;
  (void)uv_signal_stop(&watched->handle);
  passenger->reporting--;
}
