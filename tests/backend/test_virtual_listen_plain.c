/* Listening, calling and accepting in memory, through the virtual io half's table. */
#include "virtual_fixture.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static void a_connect_is_answered_by_the_next_poll(void)
{
  eddy_address at = ip4("127.0.0.1", 8080), name, peer, seen;
  int listener = listen_at(at), client = open_for(at);
  eddy_op *accept = op_new(EDDY_OP_ACCEPT, listener),
          *op = op_new(EDDY_OP_CONNECT, client);
  char c;
  accept->address = &seen;
  op->address = &at;
  OK(start(accept) == EDDY_PENDING);
  OK(io->sock_name(self, client, false, &name) == 0 && port_of(&name) == 0);
  OK(start(op) == EDDY_PENDING);
  OK(do_send(client, "x") == EDDY_EBUSY);
  OK(poll_now() == 2 && signalled[0] == accept && signalled[1] == op);
  OK(io->finish(self, op) == 0 && io->finish(self, accept) == 0);
  int server = (int)accept->result;
  OK(io->sock_name(self, client, false, &name) == 0 && port_of(&name) >= 49152);
  OK(io->sock_name(self, server, true, &peer) == 0 && same(&peer, &name));
  OK(same(&seen, &name));
  OK(io->sock_name(self, client, true, &peer) == 0 && same(&peer, &at));
  OK(io->sock_name(self, server, false, &peer) == 0 && same(&peer, &at));
  OK(io->sock_name(self, listener, false, &peer) == 0 && same(&peer, &at));
  OK(do_send(client, "x") == 1 && do_recv(server, &c, 1) == 1);
  OK(connect_to(client, at) == EDDY_EISCONN);
  OK(io->sock_close(self, client) == 0 && do_recv(server, &c, 1) == 0);
  free(op);
  free(accept);
}

static void nobody_there_refuses_and_the_socket_can_try_again(void)
{
  eddy_address at = ip6("::1", 9);
  int fd = open_for(at);
  eddy_op *op = op_new(EDDY_OP_CONNECT, fd);
  op->address = &at;
  OK(start(op) == EDDY_PENDING && poll_now() == 1);
  OK(io->finish(self, op) == EDDY_ECONNREFUSED);
  free(op);
  int listener = listen_at(at);
  OK(connect_to(fd, at) == 0);
  OK(accept_from(listener, NULL) > 0 && accept_from(listener, NULL) == -1);
  OK(connect_to(open_for(at), ip4("127.0.0.1", 9)) == EDDY_EAFNOSUPPORT);
  OK(io->sock_close(self, listener) == 0);
  OK(connect_to(open_for(at), at) == EDDY_ECONNREFUSED);
}

static void port_0_is_given_a_free_port(void)
{
  eddy_address a, b, at = ip4("127.0.0.1", 49153);
  OK(listen_at(at) > 0);
  int first = listen_at(ip4("127.0.0.1", 0)), second = listen_at(ip4("0.0.0.0", 0));
  OK(io->sock_name(self, first, false, &a) == 0 && port_of(&a) == 49152);
  OK(io->sock_name(self, second, false, &b) == 0 && port_of(&b) == 49154);
  OK(connect_to(open_for(a), a) == 0 && accept_from(first, NULL) > 0);
  /* A wildcard as the target is this host. */
  OK(connect_to(open_for(b), b) == 0 && accept_from(second, NULL) > 0);
}

static void an_address_is_listened_at_once(void)
{
  eddy_listen_options share = {.reuse_port = true};
  int fd = listen_at(ip4("127.0.0.1", 80)), other;
  OK(fd > 0 && listen_at(ip4("127.0.0.1", 80)) == EDDY_EADDRINUSE);
  OK(listen_at(ip4("0.0.0.0", 80)) == EDDY_EADDRINUSE);
  OK(listen_at(ip4("127.0.0.2", 80)) > 0 && listen_at(ip4("127.0.0.1", 81)) > 0);
  OK(listen_at(ip6("::", 80)) > 0 && listen_at(ip6("::1", 80)) == EDDY_EADDRINUSE);
  OK(io->sock_close(self, fd) == 0 && listen_at(ip4("127.0.0.1", 80)) > 0);
  eddy_address at = ip4("127.0.0.1", 90);
  OK(io->sock_listen(self, &at, &share, &fd) == 0);
  OK(io->sock_listen(self, &at, &share, &other) == 0);
  OK(io->sock_listen(self, &at, NULL, &other) == EDDY_EADDRINUSE);
  OK(connect_to(open_for(at), at) == 0 && accept_from(fd, NULL) > 0);
}

static void a_wildcard_takes_every_host_of_its_family(void)
{
  int any = listen_at(ip4("0.0.0.0", 80)), dual;
  OK(connect_to(open_for(ip4("1.2.3.4", 80)), ip4("1.2.3.4", 80)) == 0);
  OK(accept_from(any, NULL) > 0);
  OK(connect_to(open_for(ip6("::1", 80)), ip6("::1", 80)) == EDDY_ECONNREFUSED);
  eddy_address at = ip6("::", 90), name;
  eddy_listen_options both = {.dual_stack = true};
  OK(io->sock_listen(self, &at, &both, &dual) == 0);
  OK(listen_at(ip4("127.0.0.1", 90)) == EDDY_EADDRINUSE);
  eddy_address target = ip4("127.0.0.1", 90);
  int client = open_for(target);
  OK(connect_to(client, target) == 0);
  int server = accept_from(dual, &name);
  OK(server > 0 && name.length == sizeof(struct sockaddr_in6));
  target = ip6("::ffff:127.0.0.1", 90);
  OK(io->sock_name(self, server, false, &name) == 0 && same(&name, &target));
  OK(io->sock_name(self, client, false, &name) == 0);
  OK(name.length == sizeof(struct sockaddr_in));
}

static void a_full_backlog_makes_callers_wait_in_line(void)
{
  eddy_address at = ip4("127.0.0.1", 80);
  eddy_listen_options two = {.backlog = 2};
  eddy_op *ops[4];
  int listener;
  OK(io->sock_listen(self, &at, &two, &listener) == 0);
  for (int i = 0; i < 4; i++) {
    ops[i] = op_new(EDDY_OP_CONNECT, open_for(at));
    ops[i]->address = &at;
    OK(start(ops[i]) == EDDY_PENDING);
  }
  OK(poll_now() == 2 && signalled[0] == ops[0] && signalled[1] == ops[1]);
  OK(io->finish(self, ops[0]) == 0 && io->finish(self, ops[1]) == 0);
  OK(poll_now() == 0 && io->finish(self, ops[2]) == EDDY_PENDING);
  OK(accept_from(listener, NULL) > 0 && poll_now() == 1 && signalled[0] == ops[2]);
  OK(io->finish(self, ops[2]) == 0);
  io->cancel(self, ops[3]);
  OK(accept_from(listener, NULL) > 0 && accept_from(listener, NULL) > 0);
  OK(accept_from(listener, NULL) == -1 && poll_now() == 0);
  OK(start(ops[3]) == EDDY_PENDING && poll_now() == 1 && io->finish(self, ops[3]) == 0);
  OK(accept_from(listener, NULL) > 0);
  for (int i = 0; i < 4; i++)
    free(ops[i]);
}

static void closing_a_listener_resets_and_refuses(void)
{
  eddy_address at = ip4("127.0.0.1", 80);
  eddy_listen_options one = {.backlog = 1};
  int listener, in, out;
  char c;
  OK(io->sock_listen(self, &at, &one, &listener) == 0);
  in = open_for(at);
  out = open_for(at);
  OK(connect_to(in, at) == 0 && do_send(in, "x") == 1);
  eddy_op *op = op_new(EDDY_OP_CONNECT, out), *reader = op_new(EDDY_OP_RECV, out);
  op->address = &at;
  reader->buffer = &c;
  reader->size = 1;
  OK(start(op) == EDDY_PENDING && start(reader) == EDDY_PENDING && poll_now() == 0);
  OK(io->sock_close(self, listener) == 0);
  OK(poll_now() == 2 && signalled[0] == reader && signalled[1] == op);
  OK(io->finish(self, reader) == EDDY_ECONNREFUSED);
  OK(io->finish(self, op) == EDDY_ECONNREFUSED);
  OK(do_recv(in, &c, 1) == EDDY_ECONNRESET && do_recv(in, &c, 1) == 0);
  listener = listen_at(at);
  OK(listener > 0 && connect_to(out, at) == 0 && io->sock_close(self, listener) == 0);
  OK(do_recv(out, &c, 1) == EDDY_ECONNRESET); /* though it had sent nothing */
  free(op);
  free(reader);
}

static void an_acceptor_hears_that_its_listener_was_closed(void)
{
  eddy_address at = ip4("127.0.0.1", 80);
  int listener = listen_at(at), caller = open_for(at);
  eddy_op *op = op_new(EDDY_OP_ACCEPT, listener);
  OK(start(op) == EDDY_PENDING && connect_to(caller, at) == 0);
  OK(io->sock_close(self, listener) == 0 && poll_now() == 0); /* told already */
  OK(io->finish(self, op) == EDDY_EBADF);
  op->fd = listen_at(at);
  OK(start(op) == EDDY_PENDING && io->sock_close(self, op->fd) == 0 && poll_now() == 1);
  OK(io->finish(self, op) == EDDY_EBADF);
  free(op);
}

static void a_caller_may_be_gone_before_it_is_accepted(void)
{
  eddy_address at = ip4("127.0.0.1", 80);
  int listener = listen_at(at), caller = open_for(at), watched;
  char text[8];
  eddy_op *op = op_new(EDDY_OP_READABLE, listener);
  OK(start(op) == EDDY_PENDING && poll_now() == 0);
  OK(connect_to(caller, at) == 0 && io->finish(self, op) == 0);
  OK(do_send(caller, "text") == 4 && io->sock_close(self, caller) == 0);
  watched = accept_from(listener, NULL);
  OK(do_recv(watched, text, 8) == 4 && do_recv(watched, text, 8) == 0);
  free(op);
  /* One that is closed while it waits for its answer. */
  caller = open_for(at);
  op = op_new(EDDY_OP_CONNECT, caller);
  op->address = &at;
  OK(start(op) == EDDY_PENDING && io->sock_close(self, caller) == 0 && poll_now() == 1);
  OK(io->finish(self, op) == EDDY_EBADF);
  free(op);
}

static void unix_addresses_are_compared_as_paths(void)
{
  eddy_address at = local("/run/echo"), shorter = at, name;
  int listener = listen_at(at), client;
  shorter.length = (unsigned)(offsetof(struct sockaddr_un, sun_path) +
                              strlen("/run/echo"));
  OK(listen_at(shorter) == EDDY_EADDRINUSE && listen_at(local("/run/ech")) > 0);
  client = open_for(at);
  OK(connect_to(client, shorter) == 0);
  OK(accept_from(listener, &name) > 0 && name.length == sizeof(sa_family_t));
  OK(io->sock_name(self, client, true, &name) == 0 && same(&name, &shorter));
  client = open_for(at);
  OK(connect_to(client, local("/nobody")) == EDDY_ENOENT);
  OK(connect_to(client, at) == 0);
}

static void what_is_no_address_is_refused(void)
{
  eddy_address none = {.length = 0}, cut = ip4("127.0.0.1", 80), odd = cut,
               empty = local("");
  int fd = -7;
  cut.length = 7;
  odd.storage.bytes[0] = odd.storage.bytes[1] = 0x5a;
  empty.length = offsetof(struct sockaddr_un, sun_path) + 1;
  OK(io->sock_listen(self, NULL, NULL, &fd) == EDDY_EINVAL);
  OK(io->sock_listen(self, &none, NULL, &fd) == EDDY_EINVAL);
  OK(io->sock_listen(self, &cut, NULL, &fd) == EDDY_EINVAL);
  OK(io->sock_listen(self, &odd, NULL, &fd) == EDDY_EAFNOSUPPORT);
  OK(io->sock_listen(self, &empty, NULL, &fd) == EDDY_EINVAL);
  OK(io->sock_open(self, &none, &fd) == EDDY_EINVAL);
  OK(io->sock_open(self, &odd, &fd) == EDDY_EAFNOSUPPORT);
  OK(fd == -7);
  fd = open_for(ip4("127.0.0.1", 80));
  OK(connect_to(fd, cut) == EDDY_EINVAL);
}

/* ---- all ---- */

static const struct test_case cases[] = {
    CASE(a_connect_is_answered_by_the_next_poll),
    CASE(nobody_there_refuses_and_the_socket_can_try_again),
    CASE(port_0_is_given_a_free_port),
    CASE(an_address_is_listened_at_once),
    CASE(a_wildcard_takes_every_host_of_its_family),
    CASE(a_full_backlog_makes_callers_wait_in_line),
    CASE(closing_a_listener_resets_and_refuses),
    CASE(an_acceptor_hears_that_its_listener_was_closed),
    CASE(a_caller_may_be_gone_before_it_is_accepted),
    CASE(unix_addresses_are_compared_as_paths),
    CASE(what_is_no_address_is_refused),
};

int main(void)
{
  return run_cases(cases, sizeof(cases) / sizeof(cases[0]));
}
