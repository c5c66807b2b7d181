/* Out of descriptors. */
#include <stdlib.h>
#include <unistd.h>

#include "descriptors.h"
#include "sock_calls.h"

static int reports;
static eddy_task *reported[4];

static int note_report(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)loop;
  (void)arg;
  if (context->error != EDDY_EMFILE) return EDDY_ERUNTIME;
  if (strstr(context->message, "accept") == NULL) return EDDY_ERUNTIME;
  if (reports < 4) reported[reports] = context->task;
  reports++;
  return 0;
}

/* Some time must do: an acceptor that fails for another reason reports nothing. */
static int wait_for_reports(int count)
{
  for (int i = 0; reports < count && i < 5000; i++) {
    CHECK_OK(eddy_sleep(EDDY_MS(1)));
  }
  CHECK_EQ(reports, count);
  return 0;
}

struct caller {
  int listener, client;
  eddy_address address;
  struct call *accept;
};

static int start_caller(enum kind kind, struct caller *caller)
{
  CHECK_OK(listen_at("127.0.0.1", &caller->listener, &caller->address));
  CHECK_OK(open_socket(&caller->address, &caller->client));
  return call_start(kind, ACCEPT, caller->listener, NULL, 0, &caller->accept);
}

/* One acceptor of each kind, and a third one that is cancelled while it rests. */
EDDY_TASK_TEST_KERNEL(sock_limit, accept_reports_rests_and_goes_on)
{
  struct caller callers[3];
  eddy_loop *loop = eddy_get_running_loop();
  eddy_loop_stats before, after;
  char text[100];
  reports = 0;
  eddy_loop_set_exception_handler(loop, note_report, NULL);
  for (int i = 0; i < 3; i++) {
    CHECK_OK(start_caller(i == 1 ? STACKLESS : STACKFUL, &callers[i]));
  }
  CHECK_OK(look_around()); /* they wait */
  for (int i = 0; i < 3; i++) {
    CHECK(call_waits(callers[i].accept));
  }
  CHECK_OK(exhaust_descriptors());
  for (int i = 0; i < 3; i++) {
    CHECK_OK(eddy_sock_connect(callers[i].client, &callers[i].address));
  }
  CHECK_OK(wait_for_reports(3));
  eddy_loop_get_stats(loop, &before);
  eddy_time start = eddy_loop_time(loop);
  for (int i = 0; i < 3; i++) {
    CHECK(reported[i] != NULL);
    CHECK(call_waits(callers[i].accept));
    eddy_task_waits_for(callers[i].accept->task, text, sizeof text);
    CHECK_CONTAINS(text, "accept");
    CHECK_CONTAINS(text, "no descriptors");
  }
  CHECK(eddy_task_cancel(callers[2].accept->task, NULL));
  CHECK_CODE(call_join(callers[2].accept), EDDY_ECANCELLED);
  free_descriptors(NULL);
  for (int i = 0; i < 2; i++) {
    CHECK_OK(call_join(callers[i].accept));
    test_fd(callers[i].accept->connection);
  }
  CHECK(eddy_loop_time(loop) - start >= EDDY_MS(900)); /* it rested */
  eddy_loop_get_stats(loop, &after);
  CHECK_BETWEEN(1, after.polls - before.polls, 20); /* and did not spin */
  CHECK_EQ(reports, 3);
  /* The connections are sound; the one whose accept was cancelled is still to be had. */
  CHECK_OK(eddy_sock_accept(callers[2].listener, &callers[2].accept->connection, NULL));
  test_fd(callers[2].accept->connection);
  for (int i = 0; i < 3; i++) {
    char byte;
    CHECK_OK(eddy_sock_sendall(callers[i].client, "x", 1));
    CHECK_OK(recv_all(callers[i].accept->connection, &byte, 1));
  }
  return 0;
}

/* Closed while its acceptor rests. */
EDDY_TASK_TEST_KERNEL(sock_limit, listener_may_be_closed_while_accept_rests)
{
  struct caller caller;
  reports = 0;
  eddy_loop_set_exception_handler(eddy_get_running_loop(), note_report, NULL);
  CHECK_OK(start_caller(STACKFUL, &caller));
  CHECK_OK(exhaust_descriptors());
  CHECK_OK(eddy_sock_connect(caller.client, &caller.address));
  CHECK_OK(wait_for_reports(1));
  CHECK_OK(close_now(caller.listener));
  CHECK_CODE(call_join(caller.accept), EDDY_EBADF);
  return 0;
}

EDDY_TASK_TEST_KERNEL(sock_limit, opening_fails_with_a_code_and_changes_nothing)
{
  int fd = -1, fds[2] = {-1, -1};
  eddy_address address;
  CHECK_OK(eddy_address_parse("127.0.0.1", 0, &address));
  CHECK_OK(exhaust_descriptors());
  CHECK_CODE(eddy_sock_open(&address, &fd), EDDY_EMFILE);
  CHECK_CODE(eddy_sock_listen("127.0.0.1", 0, NULL, &fd), EDDY_EMFILE);
  CHECK_CODE(eddy_sock_pair(fds), EDDY_EMFILE);
  CHECK_EQ(fd, -1);
  CHECK_EQ(fds[0], -1);
  CHECK_EQ(fds[1], -1);
  return 0;
}

/* One descriptor is left: a pair needs two, and must not keep the one. */
EDDY_TASK_TEST_KERNEL(sock_limit, half_a_pair_is_given_back)
{
  int fds[2];
  CHECK_OK(exhaust_descriptors());
  CHECK(filler_count > 0);
  close(fillers[--filler_count]);
  CHECK_CODE(eddy_sock_pair(fds), EDDY_EMFILE);
  int fd = dup(STDERR_FILENO);
  CHECK(fd >= 0);
  fillers[filler_count++] = fd;
  return 0;
}
