/* Datagram endpoints: creation, delivery, errors, the queue and the end. */
#include "endpoints.h"
#include "tasks.h"

/* ---- delivery ---- */

static int echoes(enum kind kind)
{
  struct end *server = end_new("S"), *client = end_new("C");
  server->echo = true;
  CHECK_CODE(end_run(kind, server), 0);
  client->options = (eddy_endpoint_options){
      .remote_host = "127.0.0.1", .remote_port = eddy_address_port(&server->at)};
  CHECK_CODE(end_run(kind, client), 0);
  CHECK_TRACE("Smade Cmade");
  CHECK_OK(end_send(client, "one", NULL));
  CHECK_OK(end_await(client, 1));
  CHECK_TRACE("Sgot(one) Cgot(one)");
  CHECK_EQ(eddy_address_port(&server->from), eddy_address_port(&client->at));
  CHECK_OK(end_send(client, "", NULL)); /* an empty one is one */
  CHECK_OK(end_await(client, 2));
  CHECK_TRACE("Sgot() Cgot()");
  CHECK_OK(end_close(client));
  CHECK_OK(end_close(server));
  CHECK_TRACE("Clost Slost");
  return 0;
}

EDDY_TASK_TEST(datagram, endpoints_send_and_receive_after_connection_made)
{
  return each_kind(echoes);
}

static int many_arrive_in_order(enum kind kind)
{
  struct end *server = end_new("S"), *client = end_new("C");
  CHECK_CODE(end_run(kind, server), 0);
  CHECK_CODE(end_run(kind, client), 0);
  test_trace_clear();
  for (int i = 0; i < 20; i++) {
    char text[16];
    snprintf(text, sizeof text, "%d", i);
    CHECK_OK(end_send(client, text, &server->at));
  }
  CHECK_OK(end_await(server, 20));
  CHECK_TRACE("Sgot(0) Sgot(1) Sgot(2) Sgot(3) Sgot(4) Sgot(5) Sgot(6) Sgot(7) Sgot(8) "
              "Sgot(9) Sgot(10) Sgot(11) Sgot(12) Sgot(13) Sgot(14) Sgot(15) Sgot(16) "
              "Sgot(17) Sgot(18) Sgot(19)");
  server->quiet = client->quiet = true;
  CHECK_OK(end_close(client));
  return end_close(server);
}

EDDY_TASK_TEST(datagram, batches_keep_the_order)
{
  return each_kind(many_arrive_in_order);
}

EDDY_TASK_TEST(datagram, ipv6_and_unix_endpoints_receive)
{
  struct end *six[2] = {end_new("A"), end_new("B")},
             *path[2] = {end_new("U"), end_new("V")};
  for (int i = 0; i < 2; i++) {
    six[i]->options.local_host = "::1";
    path[i]->options.local_host = end_path();
    CHECK_CODE(end_run(STACKFUL, six[i]), 0);
    CHECK_CODE(end_run(STACKLESS, path[i]), 0);
  }
  CHECK_OK(end_send(six[0], "six", &six[1]->at));
  CHECK_OK(end_await(six[1], 1));
  char *large = test_new(100001);
  memset(large, 'x', 60000);
  CHECK_OK(end_send(path[0], large, &path[1]->at));
  CHECK_OK(end_await(path[1], 1));
  CHECK_EQ(path[1]->from.length, path[0]->at.length);
  test_trace_clear();
  for (int i = 0; i < 2; i++) {
    CHECK_OK(end_close(six[i]));
    CHECK_OK(end_close(path[i]));
  }
  return 0;
}

EDDY_TASK_TEST(datagram, closing_in_datagram_received_drops_the_rest_of_the_batch)
{
  struct end *server = end_new("S"), *client = end_new("C");
  server->close_at = 2;
  CHECK_CODE(end_run(STACKFUL, server), 0);
  CHECK_CODE(end_run(STACKFUL, client), 0);
  test_trace_clear();
  CHECK_OK(end_send(client, "1", &server->at));
  CHECK_OK(end_send(client, "2", &server->at));
  CHECK_OK(end_send(client, "3", &server->at));
  CHECK_OK(end_until(&server->released, 1));
  CHECK_TRACE("Sgot(1) Sgot(2) Slost");
  client->quiet = true;
  return end_close(client);
}

EDDY_TASK_TEST(datagram, failing_datagram_received_is_reported_and_ends_nothing)
{
  struct end *server = end_new("S"), *client = end_new("C");
  server->fail_received = EDDY_EIO;
  trace_reports(NULL);
  CHECK_CODE(end_run(STACKFUL, server), 0);
  CHECK_CODE(end_run(STACKFUL, client), 0);
  test_trace_clear();
  CHECK_OK(end_send(client, "1", &server->at));
  CHECK_OK(end_send(client, "2", &server->at));
  CHECK_OK(end_await(server, 2));
  CHECK_TRACE("Sgot(1) [datagram_received failed: EIO: no, thank you] Sgot(2) "
              "[datagram_received failed: EIO: no, thank you]");
  client->quiet = server->quiet = true;
  CHECK_OK(end_close(client));
  return end_close(server);
}

/* ---- errors of the system ---- */

/* Sends once more from inside the error. */
static int send_again(struct end *end)
{
  end->on_error = NULL;
  return end_send(end, "again", NULL);
}

static int refused(enum kind kind)
{
  struct end *gone = end_new("G"), *client = end_new("C");
  CHECK_CODE(end_run(kind, gone), 0);
  client->options = (eddy_endpoint_options){
      .remote_host = "127.0.0.1", .remote_port = eddy_address_port(&gone->at)};
  CHECK_CODE(end_run(kind, client), 0);
  CHECK_OK(end_close(gone));
  test_trace_clear();
  client->on_error = send_again;
  CHECK_OK(end_send(client, "x", NULL));
  CHECK_OK(end_until(&client->errors, 2));
  CHECK_TRACE("Cerror(ECONNREFUSED) Cerror(ECONNREFUSED)");
  CHECK(!eddy_transport_is_closing(client->transport));
  client->quiet = true;
  return end_close(client);
}

EDDY_TASK_TEST(datagram, refusal_is_told_to_error_received_and_ends_nothing)
{
  return each_kind(refused);
}

EDDY_TASK_TEST(datagram, datagram_too_large_is_told_to_error_received)
{
  struct end *server = end_new("S");
  char *much = test_new(70000);
  CHECK_CODE(end_run(STACKFUL, server), 0);
  CHECK_OK(eddy_transport_sendto(server->transport, much, 70000, &server->at));
  CHECK_OK(eddy_transport_sendto(server->transport, "to me", 5, &server->at));
  CHECK_OK(end_await(server, 1));
  CHECK_TRACE("Smade Serror(EMSGSIZE) Sgot(to me)");
  return end_close(server);
}

EDDY_TASK_TEST(datagram, sendto_refuses_what_makes_no_sense)
{
  struct end *server = end_new("S"), *client = end_new("C");
  CHECK_CODE(end_run(STACKFUL, server), 0);
  client->options = (eddy_endpoint_options){
      .remote_host = "127.0.0.1", .remote_port = eddy_address_port(&server->at)};
  CHECK_CODE(end_run(STACKFUL, client), 0);
  CHECK_CODE(end_send(client, "x", &client->at), EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "must be NULL or 127.0.0.1:");
  CHECK_OK(end_send(client, "x", &server->at)); /* the same one may be given */
  CHECK_CODE(eddy_transport_sendto(NULL, "x", 1, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_transport_sendto(client->transport, NULL, 1, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_transport_write(client->transport, "x", 1), EDDY_ENOTSUP);
  CHECK_OK(end_await(server, 1));
  CHECK_OK(end_close(client));
  return end_close(server);
}

/* ---- the queue ---- */

/* Two Unix endpoints; the receiving one does not read until it is told to. */
static int open_slow(struct end **from, struct end **to)
{
  *from = end_new("F");
  *to = end_new("T");
  (*to)->options.local_host = end_path();
  CHECK_CODE(end_run(STACKFUL, *to), 0);
  (*from)->options = (eddy_endpoint_options){.remote_host = (*to)->options.local_host};
  CHECK_CODE(end_run(STACKFUL, *from), 0);
  eddy_transport_pause_reading((*to)->transport);
  return 0;
}

/* Sends until something is queued; how many went. */
static int fill(struct end *from, int *count)
{
  while (eddy_transport_get_write_buffer_size(from->transport) == 0) {
    CHECK(*count < 10000);
    CHECK_OK(end_send(from, "12345", NULL));
    ++*count;
  }
  CHECK_EQ(eddy_transport_get_write_buffer_size(from->transport), 5 + 8);
  return 0;
}

EDDY_TASK_TEST(datagram, what_finds_no_room_is_queued_and_follows)
{
  struct end *from, *to;
  int count = 0;
  CHECK_OK(open_slow(&from, &to));
  to->quiet = true;
  CHECK_OK(fill(from, &count));
  CHECK_OK(eddy_transport_set_write_buffer_limits(from->transport, 30, 10));
  test_trace_clear();
  CHECK_OK(end_send(from, "12345", NULL));
  CHECK_TRACE("");
  CHECK_OK(end_send(from, "12345", NULL));
  CHECK_TRACE("Fpause");
  CHECK_OK(eddy_transport_resume_reading(to->transport));
  CHECK_OK(end_await(to, count + 2));
  CHECK_OK(look_around());
  CHECK_TRACE("Fresume");
  CHECK_EQ(eddy_transport_get_write_buffer_size(from->transport), 0);
  CHECK_OK(end_close(from));
  return end_close(to);
}

EDDY_TASK_TEST(datagram, empty_one_is_queued_and_follows_in_its_turn)
{
  struct end *from, *to;
  int count = 0;
  CHECK_OK(open_slow(&from, &to));
  CHECK_OK(fill(from, &count));
  size_t queued = eddy_transport_get_write_buffer_size(from->transport);
  CHECK_OK(end_send(from, "", NULL));
  CHECK(eddy_transport_get_write_buffer_size(from->transport) > queued);
  CHECK_OK(end_send(from, "last", NULL));
  to->quiet = true;
  CHECK_OK(eddy_transport_resume_reading(to->transport));
  CHECK_OK(end_await(to, count + 2));
  CHECK_EQ(to->sizes[0], 0);
  CHECK_EQ(to->sizes[1], 4);
  CHECK_EQ(eddy_transport_get_write_buffer_size(from->transport), 0);
  CHECK_OK(end_close(from));
  return end_close(to);
}

EDDY_TASK_TEST(datagram, close_sends_what_is_queued_first)
{
  struct end *from, *to;
  int count = 0;
  CHECK_OK(open_slow(&from, &to));
  to->quiet = true;
  CHECK_OK(fill(from, &count));
  test_trace_clear();
  eddy_transport_close(from->transport);
  CHECK_OK(look_around());
  CHECK_TRACE("");
  CHECK_OK(eddy_transport_resume_reading(to->transport));
  CHECK_OK(end_await(to, count));
  CHECK_OK(end_until(&from->released, 1));
  CHECK_TRACE("Flost");
  return end_close(to);
}

EDDY_TASK_TEST(datagram, abort_drops_what_is_queued)
{
  struct end *from, *to;
  int count = 0;
  CHECK_OK(open_slow(&from, &to));
  CHECK_OK(fill(from, &count));
  test_trace_clear();
  eddy_transport_abort(from->transport);
  CHECK_TRACE("");
  CHECK_EQ(eddy_transport_get_write_buffer_size(from->transport), 0);
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("Flost");
  to->quiet = true;
  CHECK_OK(eddy_transport_resume_reading(to->transport));
  CHECK_OK(end_await(to, count - 1));
  CHECK_OK(look_around());
  CHECK_EQ(to->received, count - 1);
  return end_close(to);
}

EDDY_TASK_TEST(datagram, queue_goes_on_after_an_error_of_one)
{
  struct end *from, *to;
  int count = 0;
  CHECK_OK(open_slow(&from, &to));
  CHECK_OK(fill(from, &count));
  CHECK_OK(end_send(from, "more", NULL));
  CHECK_OK(end_close(to)); /* what is queued finds nobody */
  test_trace_clear();
  CHECK_OK(end_until(&from->errors, 2));
  CHECK_EQ(eddy_transport_get_write_buffer_size(from->transport), 0);
  CHECK(!eddy_transport_is_closing(from->transport));
  return end_close(from);
}

/* The sender has no peer: each datagram has an address of its own. */
EDDY_TASK_TEST(datagram, queue_with_addresses_goes_on_after_an_error_of_one)
{
  struct end *from = end_new("F"), *gone = end_new("G"), *there = end_new("T");
  int count = 0;
  from->options.local_host = end_path();
  gone->options.local_host = end_path();
  there->options.local_host = end_path();
  CHECK_CODE(end_run(STACKFUL, from), 0);
  CHECK_CODE(end_run(STACKFUL, gone), 0);
  CHECK_CODE(end_run(STACKFUL, there), 0);
  eddy_transport_pause_reading(gone->transport);
  while (eddy_transport_get_write_buffer_size(from->transport) == 0) {
    CHECK(count++ < 10000);
    CHECK_OK(end_send(from, "12345", &gone->at));
  }
  CHECK_OK(end_send(from, "last", &there->at));
  CHECK_EQ(there->received, 0);
  CHECK_OK(end_close(gone)); /* what is queued first finds nobody */
  CHECK_OK(end_await(there, 1));
  CHECK_EQ(there->sizes[1], 4);
  CHECK_EQ(from->errors, 1);
  CHECK(!eddy_transport_is_closing(from->transport));
  from->quiet = there->quiet = true;
  CHECK_OK(end_close(from));
  return end_close(there);
}

EDDY_TASK_TEST(
    datagram, sending_on_a_lost_endpoint_is_dropped_and_reported_from_the_fifth)
{
  struct end *client = end_new("C");
  trace_reports(NULL);
  CHECK_CODE(end_run(STACKFUL, client), 0);
  eddy_transport_abort(client->transport);
  test_trace_clear();
  for (int i = 0; i < 5; i++)
    CHECK_OK(end_send(client, "x", &client->at));
  CHECK_TRACE("[write: the connection is lost; the data is dropped]");
  CHECK_OK(eddy_sleep(0));
  CHECK_EQ(client->released, 1);
  CHECK_OK(end_send(client, "x", &client->at));
  return 0;
}

static int leave_open(void *arg)
{
  struct end *end = arg;
  return end_run(STACKFUL, end);
}

EDDY_TEST(datagram, loop_that_is_closed_releases_the_protocol)
{
  struct end *end = end_new("E");
  CHECK_OK(eddy_run(leave_open, end));
  CHECK_EQ(end->released, 1);
  CHECK_TRACE("Emade");
  return 0;
}
