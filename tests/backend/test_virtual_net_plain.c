/* The in-memory streams of the virtual io half and the operations on them, through its table. */
#include "virtual_fixture.h"

#include <stdlib.h>
#include <string.h>

/* ---- streams ---- */

static void bytes_arrive_in_order_and_in_pieces(void)
{
  int fds[2];
  char text[16];
  pair(fds);
  OK(do_recv(fds[1], text, sizeof(text)) == -1);
  OK(do_send(fds[0], "hello") == 5 && do_send(fds[0], " you") == 4);
  OK(do_recv(fds[1], text, 0) == 0);
  OK(do_recv(fds[1], text, 3) == 3 && memcmp(text, "hel", 3) == 0);
  OK(do_recv(fds[1], text, sizeof(text)) == 6 && memcmp(text, "lo you", 6) == 0);
  OK(do_recv(fds[1], text, sizeof(text)) == -1);
  OK(do_send(fds[1], "back") == 4 && do_recv(fds[0], text, sizeof(text)) == 4);
  OK(do_send(fds[0], "") == 0);
}

/* Sizes that wrap and grow the ring every which way. */
static void a_long_stream_keeps_every_byte(void)
{
  static unsigned char out[4096], in[4096];
  int fds[2];
  pair(fds);
  unsigned seed = 1, sent = 0, got = 0;
  for (int i = 0; i < 3000; i++) {
    seed = seed * 1103515245u + 12345u;
    size_t size = (seed >> 8) % sizeof(out);
    for (size_t k = 0; k < size; k++)
      out[k] = (unsigned char)((sent + k) * 7 % 251);
    long n = transfer(EDDY_OP_SEND, fds[0], out, size);
    if (n > 0) sent += (unsigned)n;
    OK(sent - got <= LIMIT);
    n = do_recv(fds[1], in, (seed >> 20) % sizeof(in));
    for (long k = 0; k < n; k++) {
      if (in[k] != (unsigned char)((got + (unsigned)k) * 7 % 251)) case_failed = true;
    }
    if (n > 0) got += (unsigned)n;
  }
  OK(got > 100000 && sent > got - 1);
}

static void a_full_stream_takes_a_part_then_nothing_then_wakes_the_sender(void)
{
  static char data[LIMIT * 2], in[1000];
  int fds[2];
  pair(fds);
  OK(transfer(EDDY_OP_SEND, fds[0], data, sizeof(data)) == LIMIT);
  eddy_op *op = op_new(EDDY_OP_SEND, fds[0]);
  op->buffer = data;
  op->size = 5000;
  OK(start(op) == EDDY_PENDING && poll_now() == 0);
  OK(do_recv(fds[1], in, sizeof(in)) == 1000);
  OK(poll_now() == 1 && signalled[0] == op && poll_now() == 0);
  OK(io->finish(self, op) == 0 && op->result == 1000);
  OK(start(op) == EDDY_PENDING && poll_now() == 0);
  io->cancel(self, op);
  free(op);
}

static void an_idle_connection_holds_no_buffer(void)
{
  int fds[2];
  char text[8];
  pair(fds);
  size_t idle = blocks;
  OK(do_send(fds[0], "x") == 1 && blocks == idle + 1);
  OK(do_recv(fds[1], text, sizeof(text)) == 1 && blocks == idle);
}

static void the_end_of_input_comes_after_the_data(void)
{
  int fds[2];
  char text[8];
  pair(fds);
  OK(do_send(fds[0], "last") == 4);
  OK(io->sock_shutdown(self, fds[0], EDDY_SHUTDOWN_WRITE) == 0);
  OK(do_send(fds[0], "x") == EDDY_EPIPE);
  OK(do_recv(fds[1], text, 2) == 2 && do_recv(fds[1], text, 8) == 2);
  OK(do_recv(fds[1], text, 8) == 0 && do_recv(fds[1], text, 8) == 0);
  /* Half-closed: the other direction lives. */
  OK(do_send(fds[1], "still") == 5 && do_recv(fds[0], text, 8) == 5);
  OK(do_send(fds[1], "bye") == 3 && io->sock_close(self, fds[1]) == 0);
  OK(do_recv(fds[0], text, 8) == 3 && do_recv(fds[0], text, 8) == 0);
  OK(io->sock_shutdown(self, fds[0], EDDY_SHUTDOWN_WRITE) == 0);
}

static void sending_to_a_closed_peer_is_a_broken_pipe(void)
{
  int fds[2];
  char c;
  pair(fds);
  OK(io->sock_close(self, fds[1]) == 0);
  OK(do_send(fds[0], "x") == EDDY_EPIPE && do_send(fds[0], "x") == EDDY_EPIPE);
  OK(do_recv(fds[0], &c, 1) == 0);
}

static void a_peer_that_threw_data_away_resets(void)
{
  int fds[2];
  char c;
  pair(fds);
  OK(do_send(fds[0], "unread") == 6 && do_send(fds[1], "y") == 1);
  OK(io->sock_close(self, fds[1]) == 0);
  OK(do_recv(fds[0], &c, 1) == 1 && c == 'y');
  OK(do_send(fds[0], "x") == EDDY_ECONNRESET && do_send(fds[0], "x") == EDDY_EPIPE);
  OK(do_recv(fds[0], &c, 1) == 0);
  pair(fds);
  OK(do_send(fds[0], "unread") == 6 && io->sock_close(self, fds[1]) == 0);
  OK(do_recv(fds[0], &c, 1) == EDDY_ECONNRESET && do_recv(fds[0], &c, 1) == 0);
  OK(do_send(fds[0], "x") == EDDY_EPIPE);
}

static void shutting_down_reading_ends_both_views_of_it(void)
{
  int fds[2];
  char text[4];
  pair(fds);
  OK(do_send(fds[0], "x") == 1);
  OK(io->sock_shutdown(self, fds[1], EDDY_SHUTDOWN_READ) == 0);
  OK(do_recv(fds[1], text, 4) == 1 && do_recv(fds[1], text, 4) == 0);
  OK(do_send(fds[0], "x") == EDDY_EPIPE && do_send(fds[1], "y") == 1);
  OK(io->sock_shutdown(self, fds[1], EDDY_SHUTDOWN_BOTH) == 0);
  OK(do_send(fds[1], "y") == EDDY_EPIPE);
  OK(do_recv(fds[0], text, 4) == 1 && do_recv(fds[0], text, 4) == 0);
  OK(io->sock_shutdown(self, fds[1], (eddy_shutdown)7) == EDDY_EINVAL);
}

static void waiters_hear_of_a_shutdown(void)
{
  int fds[2];
  char c;
  pair(fds);
  fill(fds[0]);
  eddy_op *reader = op_new(EDDY_OP_RECV, fds[0]), *writer = op_new(EDDY_OP_SEND, fds[0]);
  reader->buffer = writer->buffer = &c;
  reader->size = writer->size = 1;
  OK(start(writer) == EDDY_PENDING && start(reader) == EDDY_PENDING);
  OK(io->sock_shutdown(self, fds[1], EDDY_SHUTDOWN_BOTH) == 0);
  OK(poll_now() == 2 && signalled[0] == reader && signalled[1] == writer);
  OK(io->finish(self, reader) == 0 && reader->result == 0);
  OK(io->finish(self, writer) == EDDY_EPIPE);
  pair(fds);
  fill(fds[0]);
  reader->fd = writer->fd = fds[0];
  OK(start(writer) == EDDY_PENDING && start(reader) == EDDY_PENDING);
  OK(io->sock_shutdown(self, fds[0], EDDY_SHUTDOWN_BOTH) == 0);
  OK(poll_now() == 2);
  OK(io->finish(self, writer) == EDDY_EPIPE && io->finish(self, reader) == 0);
  free(reader);
  free(writer);
}

static void what_is_not_connected_says_so(void)
{
  eddy_address address = ip4("127.0.0.1", 80), name;
  char c;
  int fd = open_for(address), listener = listen_at(address);
  for (int i = 0; i < 2; i++, fd = listener) {
    OK(io->sock_shutdown(self, fd, EDDY_SHUTDOWN_WRITE) == EDDY_ENOTCONN);
    OK(io->sock_name(self, fd, true, &name) == EDDY_ENOTCONN);
    OK(do_recv(fd, &c, 1) == EDDY_ENOTCONN && do_send(fd, "x") == EDDY_ENOTCONN);
  }
  int fds[2];
  pair(fds);
  OK(accept_from(fds[0], NULL) == EDDY_EINVAL);
  OK(connect_to(fds[0], local("/x")) == EDDY_EISCONN);
  OK(connect_to(listener, address) == EDDY_EINVAL);
}

/* ---- operations ---- */

static void one_waiter_a_side(void)
{
  int fds[2];
  char c;
  pair(fds);
  eddy_op *first = op_new(EDDY_OP_READABLE, fds[0]),
          *writer = op_new(EDDY_OP_WRITABLE, fds[0]);
  OK(start(first) == EDDY_PENDING && start(writer) == EDDY_PENDING);
  OK(do_recv(fds[0], &c, 1) == EDDY_EBUSY && do_send(fds[0], "x") == EDDY_EBUSY);
  OK(do_send(fds[1], "x") == 1);
  OK(do_recv(fds[0], &c, 1) == EDDY_EBUSY); /* even though there is something */
  OK(poll_now() == 2 && do_recv(fds[0], &c, 1) == EDDY_EBUSY);
  OK(io->finish(self, first) == 0 && io->finish(self, writer) == 0);
  OK(do_recv(fds[0], &c, 1) == 1 && do_send(fds[0], "x") == 1);
  free(first);
  free(writer);
}

static void readiness_is_told_by_the_next_poll_even_if_it_is_there(void)
{
  int fds[2];
  char text[8];
  pair(fds);
  eddy_op *reader = op_new(EDDY_OP_READABLE, fds[0]),
          *writer = op_new(EDDY_OP_WRITABLE, fds[0]);
  OK(do_send(fds[1], "x") == 1);
  for (int i = 0; i < 3; i++) { /* level: again and again until it is read */
    OK(start(writer) == EDDY_PENDING && start(reader) == EDDY_PENDING);
    OK(poll_now() == 2 && signalled[0] == reader && signalled[1] == writer);
    OK(poll_now() == 0);
    OK(io->finish(self, writer) == 0 && io->finish(self, reader) == 0);
  }
  OK(do_recv(fds[0], text, 8) == 1);
  fill(fds[0]);
  OK(start(reader) == EDDY_PENDING && start(writer) == EDDY_PENDING && poll_now() == 0);
  OK(do_recv(fds[1], text, 8) == 8 && poll_now() == 1 && signalled[0] == writer);
  OK(io->sock_shutdown(self, fds[1], EDDY_SHUTDOWN_WRITE) == 0);
  OK(poll_now() == 1 && signalled[0] == reader);
  OK(io->finish(self, writer) == 0 && io->finish(self, reader) == 0);
  free(reader);
  free(writer);
}

static void reports_come_in_the_order_of_the_events(void)
{
  int fds[3][2];
  eddy_op *ops[3];
  char c;
  for (int i = 0; i < 3; i++) {
    pair(fds[i]);
    ops[i] = op_new(EDDY_OP_RECV, fds[i][0]);
    ops[i]->buffer = &c;
    ops[i]->size = 1;
    OK(start(ops[i]) == EDDY_PENDING);
  }
  OK(do_send(fds[2][1], "c") == 1 && do_send(fds[0][1], "a") == 1);
  OK(do_send(fds[1][1], "b") == 1 && do_send(fds[2][1], "c") == 1);
  OK(poll_now() == 3);
  OK(signalled[0] == ops[2] && signalled[1] == ops[0] && signalled[2] == ops[1]);
  /* What happens from now on is the next poll's, and each is told once. */
  OK(io->finish(self, ops[2]) == 0 && io->finish(self, ops[0]) == 0);
  OK(io->finish(self, ops[1]) == 0 && poll_now() == 0);
  for (int i = 0; i < 3; i++)
    free(ops[i]);
}

static void a_cancelled_wait_leaves_no_place_in_the_order(void)
{
  int fds[2][2];
  char c;
  pair(fds[0]);
  pair(fds[1]);
  eddy_op *a = op_new(EDDY_OP_RECV, fds[0][0]), *b = op_new(EDDY_OP_RECV, fds[1][0]);
  a->buffer = b->buffer = &c;
  a->size = b->size = 1;
  OK(start(a) == EDDY_PENDING && start(b) == EDDY_PENDING);
  OK(do_send(fds[0][1], "1") == 1);
  io->cancel(self, a);
  OK(do_recv(fds[0][0], &c, 1) == 1 && start(a) == EDDY_PENDING);
  OK(do_send(fds[1][1], "2") == 1 && do_send(fds[0][1], "3") == 1);
  OK(poll_now() == 2 && signalled[0] == b && signalled[1] == a);
  OK(io->finish(self, a) == 0 && io->finish(self, b) == 0);
  free(a);
  free(b);
}

static void a_signalled_operation_may_have_to_wait_again(void)
{
  int fds[2];
  eddy_address at = ip4("127.0.0.1", 80), peer;
  eddy_op *op;
  char c;
  pair(fds);
  op = op_new(EDDY_OP_RECV, fds[0]);
  op->buffer = &c;
  op->size = 1;
  OK(start(op) == EDDY_PENDING && io->finish(self, op) == EDDY_PENDING);
  OK(poll_now() == 0 && do_send(fds[1], "x") == 1 && poll_now() == 1);
  OK(io->finish(self, op) == 0 && c == 'x');
  free(op);
  op = op_new(EDDY_OP_ACCEPT, listen_at(at));
  op->address = &peer;
  OK(start(op) == EDDY_PENDING && io->finish(self, op) == EDDY_PENDING);
  io->cancel(self, op);
  free(op);
}

static void a_cancelled_receive_took_nothing(void)
{
  int fds[2];
  char c = '-', d;
  pair(fds);
  eddy_op *op = op_new(EDDY_OP_RECV, fds[0]);
  op->buffer = &c;
  op->size = 1;
  OK(start(op) == EDDY_PENDING);
  io->cancel(self, op); /* before anything came */
  OK(do_send(fds[1], "1") == 1 && poll_now() == 0 && do_recv(fds[0], &d, 1) == 1);
  OK(start(op) == EDDY_PENDING && do_send(fds[1], "2") == 1);
  io->cancel(self, op); /* it came, untold */
  OK(poll_now() == 0 && do_recv(fds[0], &d, 1) == 1 && d == '2');
  OK(start(op) == EDDY_PENDING && do_send(fds[1], "3") == 1 && poll_now() == 1);
  io->cancel(self, op); /* told, not finished */
  free(op);
  OK(c == '-' && do_recv(fds[0], &d, 1) == 1 && d == '3');
}

static void closing_tells_the_waiters_and_the_peer(void)
{
  int fds[2];
  char c, d;
  pair(fds);
  fill(fds[0]);
  fill(fds[1]);
  eddy_op *reader = op_new(EDDY_OP_READABLE, fds[0]);
  eddy_op *writer = op_new(EDDY_OP_SEND, fds[0]), *peer = op_new(EDDY_OP_SEND, fds[1]);
  writer->buffer = &c;
  peer->buffer = &d;
  writer->size = peer->size = 1;
  OK(start(peer) == EDDY_PENDING && start(writer) == EDDY_PENDING);
  OK(start(reader) == EDDY_PENDING);
  OK(io->sock_close(self, fds[0]) == 0 && io->sock_close(self, fds[0]) == EDDY_EBADF);
  OK(poll_now() == 3);
  OK(signalled[0] == reader && signalled[1] == writer && signalled[2] == peer);
  OK(io->finish(self, reader) == EDDY_EBADF && io->finish(self, writer) == EDDY_EBADF);
  OK(io->finish(self, peer) == EDDY_ECONNRESET);
  free(reader);
  free(writer);
  free(peer);
}

static void waiters_on_a_closed_socket_can_be_cancelled(void)
{
  int fds[2];
  char c;
  eddy_op *reader, *writer;
  for (int told = 0; told < 2; told++) {
    pair(fds);
    fill(fds[0]);
    reader = op_new(EDDY_OP_RECV, fds[0]);
    writer = op_new(EDDY_OP_SEND, fds[0]);
    reader->buffer = writer->buffer = &c;
    reader->size = writer->size = 1;
    OK(start(reader) == EDDY_PENDING && start(writer) == EDDY_PENDING);
    OK(io->sock_close(self, fds[0]) == 0);
    if (told) OK(poll_now() == 2);
    io->cancel(self, reader);
    io->cancel(self, writer);
    OK(poll_now() == 0);
    free(reader);
    free(writer);
  }
}

/* ---- all ---- */

static const struct test_case cases[] = {
    CASE(bytes_arrive_in_order_and_in_pieces),
    CASE(a_long_stream_keeps_every_byte),
    CASE(a_full_stream_takes_a_part_then_nothing_then_wakes_the_sender),
    CASE(an_idle_connection_holds_no_buffer),
    CASE(the_end_of_input_comes_after_the_data),
    CASE(sending_to_a_closed_peer_is_a_broken_pipe),
    CASE(a_peer_that_threw_data_away_resets),
    CASE(shutting_down_reading_ends_both_views_of_it),
    CASE(waiters_hear_of_a_shutdown),
    CASE(what_is_not_connected_says_so),
    CASE(one_waiter_a_side),
    CASE(readiness_is_told_by_the_next_poll_even_if_it_is_there),
    CASE(reports_come_in_the_order_of_the_events),
    CASE(a_cancelled_wait_leaves_no_place_in_the_order),
    CASE(a_signalled_operation_may_have_to_wait_again),
    CASE(a_cancelled_receive_took_nothing),
    CASE(closing_tells_the_waiters_and_the_peer),
    CASE(waiters_on_a_closed_socket_can_be_cancelled),
};

int main(void)
{
  return run_cases(cases, sizeof(cases) / sizeof(cases[0]));
}
