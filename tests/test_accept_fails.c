/*
 * The system has no descriptors left, for nobody (ENFILE): that cannot be brought about without
 * harm, so accept4 is this file's own for the test. It stands alone because <sys/socket.h> has
 * another opinion of accept4's arguments.
 */
#include <errno.h>
#include <sys/syscall.h>

#include "services.h"

static int accept_error; /* what accept4 fails with; 0: it does its work */
static int failures;

#ifdef SYS_accept4
int accept4(int listener, void *address, void *length, int flags);

int accept4(int listener, void *address, void *length, int flags)
{
  if (accept_error == 0)
    return (int)syscall(SYS_accept4, listener, address, length, flags);
  failures++;
  errno = accept_error;
  return -1;
}
#else
#define SYS_accept4 0
#endif

static int reports;

static int note_report(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)loop;
  (void)arg;
  if (context->error != EDDY_ENFILE || context->fd == NULL) return EDDY_ERUNTIME;
  if (strstr(context->message, "no descriptors left") == NULL) return EDDY_ERUNTIME;
  reports++;
  return 0;
}

static void accept_again(void *unused)
{
  (void)unused;
  accept_error = 0;
}

EDDY_TASK_TEST_KERNEL(server_accept, rests_when_the_system_has_no_descriptors_left)
{
  struct service *service;
  int client;
  if (SYS_accept4 == 0) return 0;
  if (strcmp(test_backend(), "native/uring") == 0) {
    fputs("not tested: connections come from the ring, not from accept4\n", stderr);
    return 0;
  }
  reports = failures = 0;
  eddy_loop_set_exception_handler(eddy_get_running_loop(), note_report, NULL);
  CHECK_OK(serve(&service, "127.0.0.1", NULL));
  CHECK_OK(call_service(service, &client));
  CHECK_OK(wait_for_peers(service, 1));
  test_defer(accept_again, NULL);
  accept_error = ENFILE;
  eddy_time begun = eddy_loop_time(eddy_get_running_loop());
  CHECK_OK(call_service(service, &client));
  CHECK_OK(wait_until(&reports));
  CHECK(eddy_server_is_serving(service->server));
  CHECK_OK(eddy_sleep(EDDY_MS(100)));
  int64_t seconds = (eddy_loop_time(eddy_get_running_loop()) - begun) / EDDY_S(1);
  CHECK_BETWEEN(1, reports, 1 + seconds);
  CHECK_BETWEEN(1, failures, 1 + seconds); /* it does not spin */
  CHECK_EQ(service->count, 1);
  /* The connection it has goes on meanwhile, and the one that waited is served then. */
  CHECK(!eddy_transport_is_closing(service->peers[0]->transport));
  accept_again(NULL);
  return wait_for_peers(service, 2);
}
