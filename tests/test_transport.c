/* The order of a connection's life: what a protocol is told, and when. */
#include "transports.h"

static int count_turns(void *arg)
{
  for (int i = 0; i < *(int *)arg; i++) {
    trace("%d", i);
    int rc = eddy_sleep(0);
    if (rc < 0) return rc;
  }
  return 0;
}

/* Writes the number of each iteration into the trace. */
static int start_counting(int turns)
{
  int *copy = test_new(sizeof *copy);
  eddy_task *task;
  *copy = turns;
  CHECK_OK(test_task(count_turns, copy, &task));
  return eddy_sleep(0);
}

EDDY_TASK_TEST(transport, connection_made_comes_before_the_return_and_data_after)
{
  struct peer *a = new_peer("");
  int fds[2];
  CHECK_OK(test_pair(fds));
  CHECK_OK(eddy_sock_sendall(fds[1], "x", 1));
  CHECK_OK(start_counting(6));
  CHECK_OK(attach_peer(a, fds[0]));
  CHECK_TRACE("0 1 made 2");
  CHECK_OK(wait_for_bytes(a, 1));
  CHECK_EQ(a->made, 1);
  return peer_end(a);
}

EDDY_TASK_TEST(transport, connection_lost_comes_one_iteration_after_close)
{
  struct peer *a = new_peer("");
  int other;
  CHECK_OK(peer_and_socket(a, &other));
  test_trace_clear();
  eddy_transport_close(a->transport);
  CHECK(eddy_transport_is_closing(a->transport));
  trace("closed");
  CHECK_EQ(a->lost, 0);
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("closed lost");
  CHECK_EQ(a->error, 0);
  eddy_transport_close(a->transport);
  eddy_transport_abort(a->transport);
  CHECK_OK(settle());
  CHECK_EQ(a->lost, 1);
  CHECK_EQ(a->released, 1);
  CHECK_EQ(eddy_transport_get_fd(a->transport), -1);
  return 0;
}

EDDY_TASK_TEST(transport, abort_tells_of_the_loss_once_and_without_an_error)
{
  struct peer *a = new_peer("");
  int other;
  CHECK_OK(peer_and_socket(a, &other));
  test_trace_clear();
  eddy_transport_abort(a->transport);
  eddy_transport_abort(a->transport);
  eddy_transport_close(a->transport);
  CHECK_EQ(a->lost, 0);
  CHECK_OK(settle());
  CHECK_TRACE("lost");
  CHECK_EQ(a->error, 0);
  return 0;
}

static int abort_it(struct peer *peer)
{
  eddy_transport_abort(peer->transport);
  return 0;
}

EDDY_TASK_TEST(transport, a_connection_can_end_in_connection_made)
{
  struct peer *a = new_peer("");
  eddy_transport *transport = NULL;
  void *self = a;
  int fds[2];
  a->on_made = abort_it;
  CHECK_OK(test_pair(fds));
  test_fd_closed(fds[0]);
  CHECK_OK(eddy_loop_connect_accepted_socket(
      NULL, peer_factory, a, fds[0], NULL, &transport, &self));
  test_defer_late(unref_transport, transport);
  CHECK_TRACE("made lost");
  CHECK_PTR(self, NULL);
  CHECK_PTR(eddy_transport_get_protocol(transport, NULL), NULL);
  CHECK(eddy_transport_is_closing(transport));
  CHECK_OK(eddy_transport_write(transport, "x", 1));
  return 0;
}

static int report(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  struct peer *peer = arg;
  (void)loop;
  trace("report(%s)", context->message);
  CHECK_PTR(context->transport, peer->transport);
  CHECK_PTR(context->protocol, peer);
  return 0;
}

static void watch_reports(struct peer *peer)
{
  eddy_loop_set_exception_handler(eddy_get_running_loop(), report, peer);
}

EDDY_TASK_TEST(transport, an_error_in_connection_made_is_only_reported)
{
  struct peer *a = new_peer("");
  int other;
  a->fail_made = EDDY_EINVAL;
  watch_reports(a);
  CHECK_OK(peer_and_socket(a, &other));
  CHECK_TRACE("made report(connection_made failed)");
  CHECK(!eddy_transport_is_closing(a->transport));
  CHECK_OK(eddy_sock_sendall(other, "abc", 3));
  CHECK_OK(wait_for_bytes(a, 3));
  test_trace_clear();
  a->fail_lost = EDDY_EINVAL;
  CHECK_OK(peer_end(a));
  CHECK_TRACE("lost report(connection_lost failed)");
  return 0;
}

EDDY_TASK_TEST(transport, an_error_in_data_received_is_reported_and_aborts_with_it)
{
  struct peer *a = new_peer("");
  int other;
  char byte;
  size_t got;
  a->fail_data = EDDY_EPERM;
  CHECK_OK(peer_and_socket(a, &other));
  watch_reports(a);
  test_trace_clear();
  CHECK_OK(eddy_sock_sendall(other, "abc", 3));
  CHECK_OK(wait_until(&a->released));
  CHECK_TRACE(
      "data(3) report(data_received failed; the connection is aborted) lost(EPERM)");
  CHECK_OK(eddy_sock_recv(other, &byte, 1, &got));
  CHECK_EQ(got, 0);
  return 0;
}

EDDY_TASK_TEST(transport, an_error_in_eof_received_is_reported_and_aborts_with_it)
{
  struct peer *a = new_peer("");
  int other;
  a->fail_eof = EDDY_EPERM;
  CHECK_OK(peer_and_socket(a, &other));
  watch_reports(a);
  test_trace_clear();
  CHECK_OK(eddy_sock_shutdown(other, EDDY_SHUTDOWN_WRITE));
  CHECK_OK(wait_until(&a->released));
  CHECK_TRACE("eof report(eof_received failed; the connection is aborted) lost(EPERM)");
  return 0;
}

EDDY_TASK_TEST(transport, end_of_input_closes_unless_the_protocol_keeps_the_write_half)
{
  struct peer *a = new_peer("");
  int other;
  char bytes[8];
  size_t got;
  CHECK_OK(peer_and_socket(a, &other));
  test_trace_clear();
  CHECK_OK(eddy_sock_sendall(other, "abc", 3));
  CHECK_OK(eddy_sock_shutdown(other, EDDY_SHUTDOWN_WRITE));
  CHECK_OK(wait_until(&a->released));
  CHECK_TRACE("data(3) eof lost");
  CHECK_EQ(a->error, 0);

  struct peer *b = new_peer("");
  b->keep_open = true;
  CHECK_OK(peer_and_socket(b, &other));
  test_trace_clear();
  CHECK_OK(eddy_sock_shutdown(other, EDDY_SHUTDOWN_WRITE));
  CHECK_OK(wait_until(&b->ended));
  CHECK_OK(look_around());
  CHECK_TRACE("eof");
  CHECK_OK(eddy_transport_write(b->transport, "still", 5));
  CHECK_OK(recv_all(other, bytes, 5));
  CHECK_MEM(bytes, "still", 5);
  /* It is told once, however often reading begins anew. */
  eddy_transport_pause_reading(b->transport);
  CHECK_OK(eddy_transport_resume_reading(b->transport));
  CHECK_OK(look_around());
  CHECK_EQ(b->ended, 1);
  CHECK_OK(peer_end(b));
  CHECK_OK(eddy_sock_recv(other, bytes, 1, &got));
  CHECK_EQ(got, 0);
  return 0;
}

EDDY_TASK_TEST(transport, an_error_of_the_system_goes_to_connection_lost_quietly)
{
  struct peer *a = new_peer("");
  int other;
  CHECK_OK(peer_and_socket(a, &other));
  watch_reports(a);
  test_trace_clear();
  test_fd_closed(other);
  eddy_transport_pause_reading(a->transport);
  CHECK_OK(eddy_sock_close(other));
  CHECK_OK(eddy_transport_write(a->transport, "x", 1));
  CHECK_EQ(a->lost, 0);
  CHECK(eddy_transport_is_closing(a->transport));
  CHECK_OK(wait_until(&a->released));
  CHECK_TRACE("lost(EPIPE)");
  CHECK_CONTAINS(a->message, "connection on descriptor ");
  CHECK_CONTAINS(a->message, ": broken pipe");
  return 0;
}

EDDY_TASK_TEST(transport, a_protocol_without_functions_is_one)
{
  static const eddy_protocol empty;
  struct peer *a = new_peer("");
  eddy_transport *transport;
  int other;
  char byte;
  size_t got;
  CHECK_OK(peer_and_socket(a, &other));
  transport = a->transport;
  CHECK_OK(eddy_transport_set_protocol(transport, &empty, NULL));
  CHECK_EQ(a->released, 0);
  CHECK_OK(eddy_sock_sendall(other, "abc", 3));
  CHECK_OK(look_around());
  CHECK_OK(eddy_transport_set_write_buffer_limits(transport, 0, 0));
  CHECK_OK(eddy_sock_shutdown(other, EDDY_SHUTDOWN_WRITE));
  CHECK_OK(eddy_sock_recv(other, &byte, 1, &got));
  CHECK_EQ(got, 0);
  CHECK_OK(settle());
  CHECK_EQ(eddy_transport_get_fd(transport), -1);
  CHECK_EQ(a->size, 0);
  CHECK_EQ(a->released, 0);
  return 0;
}

EDDY_TASK_TEST(transport, what_is_known_of_it_can_be_asked_for)
{
  struct peer *a = new_peer("");
  int other;
  eddy_address name;
  CHECK_OK(peer_and_socket(a, &other));
  eddy_transport *t = a->transport;
  CHECK_PTR(eddy_transport_get_loop(t), eddy_get_running_loop());
  int fd = eddy_transport_get_fd(t);
  CHECK(fd >= 0);
  eddy_address own;
  CHECK_OK(eddy_sock_getsockname(fd, &own));
  CHECK_OK(eddy_transport_get_sockname(t, &name));
  CHECK_EQ(name.length, own.length);
  CHECK_OK(eddy_transport_get_peername(t, &name));
  CHECK_PTR(eddy_transport_get_extra_info(t, "cipher"), NULL);
  CHECK_PTR(eddy_transport_get_extra_info(t, NULL), NULL);
  CHECK_CODE(eddy_transport_get_sockname(t, NULL), EDDY_EINVAL);
  CHECK_OK(peer_end(a));
  CHECK_EQ(eddy_transport_get_fd(t), -1);
  CHECK_CODE(eddy_transport_get_sockname(t, &name), EDDY_EBADF);
  return 0;
}

static eddy_context_var *var;

static void unref_var(void *arg)
{
  (void)arg;
  eddy_context_var_unref(var);
}

static int show_value(struct peer *peer)
{
  eddy_value value = eddy_int(-1);
  CHECK_OK(eddy_context_var_get(var, &value));
  trace("%s%d", peer->name, (int)value.i);
  return eddy_context_var_set(var, eddy_int(value.i + 1), NULL);
}

static int show_on_data(struct peer *peer, const void *data, size_t size)
{
  (void)data;
  (void)size;
  return show_value(peer);
}

EDDY_TASK_TEST(transport, protocols_run_in_the_context_in_which_the_connection_was_made)
{
  struct peer *a = new_peer("v");
  eddy_value zero = eddy_int(0);
  int other;
  CHECK_OK(eddy_context_var_new("transport", &zero, &var));
  test_defer_late(unref_var, NULL);
  CHECK_OK(eddy_context_var_set(var, eddy_int(5), NULL));
  a->quiet = true;
  a->on_made = show_value;
  a->on_data = show_on_data;
  a->on_lost = show_value;
  CHECK_OK(peer_and_socket(a, &other));
  CHECK_OK(eddy_context_var_set(var, eddy_int(100), NULL));
  CHECK_OK(eddy_sock_sendall(other, "x", 1));
  CHECK_OK(wait_for_bytes(a, 1));
  CHECK_OK(peer_end(a));
  CHECK_TRACE("v5 v6 v7");
  return 0;
}

/* ---- the end of the loop ---- */

struct leaving {
  struct peer *peers[2];
};

static int leave_them(void *arg)
{
  struct leaving *left = arg;
  int fds[2];
  CHECK_OK(eddy_sock_pair(fds));
  for (int i = 0; i < 2; i++) {
    CHECK_OK(eddy_loop_connect_accepted_socket(
        NULL, peer_factory, left->peers[i], fds[i], NULL, NULL, NULL));
    CHECK_OK(eddy_transport_write(left->peers[i]->transport, "unread", 6));
  }
  return 0;
}

EDDY_TEST(transport, a_loop_that_is_closed_lets_go_of_its_connections)
{
  struct leaving *left = test_new(sizeof *left);
  eddy_loop *loop;
  eddy_task *task;
  left->peers[0] = new_peer("a");
  left->peers[1] = new_peer("b");
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_loop_task(loop, leave_them, left, &task));
  CHECK_OK(eddy_loop_run_until_complete(loop, eddy_task_future(task), NULL));
  CHECK_OK(eddy_loop_close(loop));
  for (int i = 0; i < 2; i++) {
    struct peer *peer = left->peers[i];
    CHECK_EQ(peer->made, 1);
    CHECK_EQ(peer->lost, 0);
    CHECK_EQ(peer->released, 1);
    CHECK(eddy_transport_is_closing(peer->transport));
    CHECK_EQ(eddy_transport_get_fd(peer->transport), -1);
    CHECK_OK(eddy_transport_write(peer->transport, "x", 1));
  }
  return 0;
}

/* ---- cancellation, and both kinds of coroutine ---- */

struct connecting {
  eddy_frame frame; /* first */
  struct peer *peer;
  int fd;
  void *self;
};

static int connect_body(void *arg)
{
  struct connecting *call = arg;
  return eddy_loop_connect_accepted_socket(
      NULL, peer_factory, call->peer, call->fd, NULL, NULL, &call->self);
}

static int connect_frame(eddy_frame *frame)
{
  int rc;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, rc, connect_body(frame));
  if (rc < 0) EDDY_RAISE(frame, rc);
  EDDY_END(frame);
}

static int make_and_cancel(enum kind kind)
{
  for (int cancelled = 0; cancelled < 2; cancelled++) {
    struct connecting *call = test_new(sizeof *call);
    eddy_task *task;
    int fds[2];
    call->peer = new_peer("");
    CHECK_OK(test_pair(fds));
    call->fd = fds[0];
    test_fd_closed(fds[0]);
    CHECK_OK(start_kind(kind, connect_body, connect_frame, &call->frame, &task));
    CHECK_OK(eddy_sleep(0));
    if (cancelled) (void)eddy_task_cancel(task, NULL);
    CHECK_CODE(eddy_task_await(task, NULL), cancelled ? EDDY_ECANCELLED : 0);
    CHECK_EQ(call->peer->made, 1);
    CHECK_PTR(call->self, cancelled ? NULL : call->peer);
    if (!cancelled) eddy_transport_close(call->peer->transport);
    CHECK_OK(wait_until(&call->peer->released));
    test_trace_clear();
  }
  return 0;
}

EDDY_TASK_TEST(transport, a_cancelled_beginning_closes_the_connection)
{
  return each_kind(make_and_cancel);
}

static int refuse(void *arg, const eddy_protocol **protocol, void **self)
{
  (void)arg;
  (void)protocol;
  (void)self;
  return eddy_raise(EDDY_EPERM, "no instance for you");
}

static int forget(void *arg, const eddy_protocol **protocol, void **self)
{
  (void)arg;
  (void)protocol;
  *self = NULL;
  return 0;
}

EDDY_TASK_TEST(transport, a_factory_that_fails_closes_the_socket)
{
  int fds[2];
  char byte;
  size_t got;
  CHECK_OK(test_pair(fds));
  test_fd_closed(fds[0]);
  CHECK_CODE(
      eddy_loop_connect_accepted_socket(NULL, refuse, NULL, fds[0], NULL, NULL, NULL),
      EDDY_EPERM);
  CHECK_STR(eddy_message(EDDY_EPERM), "no instance for you");
  CHECK_OK(eddy_sock_recv(fds[1], &byte, 1, &got));
  CHECK_EQ(got, 0);
  CHECK_OK(test_pair(fds));
  test_fd_closed(fds[0]);
  CHECK_CODE(
      eddy_loop_connect_accepted_socket(NULL, forget, NULL, fds[0], NULL, NULL, NULL),
      EDDY_EINVAL);
  CHECK_CODE(
      eddy_loop_connect_accepted_socket(NULL, NULL, NULL, fds[1], NULL, NULL, NULL),
      EDDY_EINVAL);
  CHECK_CODE(eddy_loop_connect_accepted_socket(NULL, refuse, NULL, -1, NULL, NULL, NULL),
      EDDY_EINVAL);
  CHECK_CODE(
      eddy_loop_connect_accepted_socket(NULL, refuse, NULL, fds[0], NULL, NULL, NULL),
      EDDY_EBADF);
  return 0;
}
