/* Names looked up: answers, refusals, cancellation, and who holds up whom. */
#include "lookups.h"

/* ---- what needs no resolver ---- */

static int numeric_is_at_once(enum kind kind)
{
  static const char *const hosts[] = {"192.0.2.7", "2001:db8::7"};
  struct resolver *resolver;
  char text[EDDY_ADDRESS_TEXT];
  CHECK_OK(test_resolver(&resolver));
  for (int i = 0; i < 2; i++) {
    struct lookup *lookup = lookup_new(hosts[i], "443");
    CHECK_OK(lookup_start(kind, lookup));
    CHECK_OK(eddy_sleep(0));
    CHECK_CODE(lookup->rc, 0); /* in its first step */
    CHECK_EQ(lookup->count, 1);
    CHECK_STR(eddy_address_format(&lookup->list[0].address, text, sizeof text),
        i == 0 ? "192.0.2.7:443" : "[2001:db8::7]:443");
    CHECK_EQ(lookup->list[0].family, i == 0 ? AF_INET : AF_INET6);
    CHECK_EQ(lookup->list[0].type, SOCK_STREAM);
    CHECK_EQ(lookup->list[0].protocol, IPPROTO_TCP);
    CHECK(lookup->list[0].canonical_name == NULL);
  }
  CHECK_EQ(atomic_load(&resolver->asked), 0);
  return 0;
}

EDDY_TASK_TEST(dns, numeric_address_and_port_never_wait)
{
  return each_kind(numeric_is_at_once);
}

static int shortcut_asks(const char *host, const char *service, int type, int family)
{
  struct resolver *resolver;
  CHECK_OK(test_resolver(&resolver));
  struct lookup *lookup = lookup_new(host, service);
  lookup->hints.type = type;
  lookup->hints.family = family;
  CHECK_CODE(lookup_run(STACKFUL, lookup), 0);
  CHECK_EQ(atomic_load(&resolver->asked), 1);
  return 0;
}

EDDY_TASK_TEST(dns, scope_service_name_and_open_type_ask_the_resolver)
{
  CHECK_OK(shortcut_asks("fe80::1%lo", "80", SOCK_STREAM, 0));
  CHECK_OK(shortcut_asks("192.0.2.7", "http", SOCK_STREAM, 0));
  CHECK_OK(shortcut_asks("192.0.2.7", "80x", SOCK_STREAM, 0));
  CHECK_OK(shortcut_asks("192.0.2.7", "65536", SOCK_STREAM, 0));
  CHECK_OK(shortcut_asks("192.0.2.7", "80", 0, 0));
  CHECK_OK(shortcut_asks("192.0.2.7", "80", SOCK_STREAM, AF_INET6));
  CHECK_OK(shortcut_asks("192.0.2", "80", SOCK_STREAM, 0));
  return 0;
}

EDDY_TASK_TEST(dns, missing_service_of_a_numeric_address_is_port_0)
{
  struct lookup *lookup = lookup_new("192.0.2.7", NULL);
  lookup->hints.type = SOCK_DGRAM;
  CHECK_CODE(lookup_run(STACKFUL, lookup), 0);
  CHECK_EQ(eddy_address_port(&lookup->list[0].address), 0);
  CHECK_EQ(lookup->list[0].protocol, IPPROTO_UDP);
  return 0;
}

/* ---- answers ---- */

static int two_in_order(enum kind kind)
{
  struct resolver *resolver;
  char text[EDDY_ADDRESS_TEXT];
  CHECK_OK(test_resolver(&resolver));
  struct lookup *lookup = lookup_new("two", "80");
  CHECK_CODE(lookup_run(kind, lookup), 0);
  CHECK_EQ(lookup->count, 2);
  CHECK_STR(
      eddy_address_format(&lookup->list[0].address, text, sizeof text), "192.0.2.1:80");
  CHECK_STR(eddy_address_format(&lookup->list[1].address, text, sizeof text),
      "[2001:db8::2]:80");
  CHECK_STR(lookup->list[0].canonical_name, "first.example");
  CHECK(lookup->list[1].canonical_name == NULL);
  return 0;
}

EDDY_TASK_TEST(dns, addresses_come_in_the_resolvers_order)
{
  return each_kind(two_in_order);
}

static int errors_come_back(enum kind kind)
{
  struct resolver *resolver;
  CHECK_OK(test_resolver(&resolver));
  struct lookup *bad = lookup_new("bad", "80");
  CHECK_CODE(lookup_run(kind, bad), EDDY_EAI_FAIL);
  CHECK_STR(bad->message, "bad is bad");
  CHECK(bad->list == NULL);
  struct lookup *none = lookup_new("none", "80");
  CHECK_CODE(lookup_run(kind, none), EDDY_EAI_NODATA);
  CHECK_CONTAINS(none->message, "getaddrinfo none: ");
  return 0;
}

EDDY_TASK_TEST(dns, error_of_the_resolver_comes_back_with_its_message)
{
  return each_kind(errors_come_back);
}

static int system_knows_localhost(enum kind kind)
{
  struct lookup *lookup = lookup_new("localhost", "80");
  lookup->hints.family = AF_INET;
  CHECK_CODE(lookup_run(kind, lookup), 0);
  CHECK(lookup->count >= 1);
  CHECK_EQ(lookup->list[0].family, AF_INET);
  CHECK_EQ(eddy_address_port(&lookup->list[0].address), 80);
  return 0;
}

EDDY_TASK_TEST(dns, system_is_asked_unless_told_otherwise)
{
  return each_kind(system_knows_localhost);
}

EDDY_TASK_TEST(dns, name_that_does_not_resolve_names_the_host)
{
  struct lookup *lookup = lookup_new("no such host", "80");
  lookup->hints.flags = AI_NUMERICHOST; /* asks nobody */
  CHECK_CODE(lookup_run(STACKFUL, lookup), EDDY_EAI_NONAME);
  CHECK_STR(
      lookup->message, "getaddrinfo no such host, service 80: no such name or service");
  struct lookup *service = lookup_new("127.0.0.1", "no such service");
  CHECK(lookup_run(STACKFUL, service) < 0);
  CHECK_CONTAINS(service->message, "no such service");
  return 0;
}

EDDY_TASK_TEST(dns, system_has_the_name_back_after_a_resolver_of_ones_own)
{
  struct resolver *resolver;
  CHECK_OK(test_resolver(&resolver));
  CHECK_OK(eddy_loop_set_resolver(eddy_get_running_loop(), NULL, NULL));
  return system_knows_localhost(STACKFUL);
}

/* ---- bad input ---- */

EDDY_TASK_TEST(dns, host_name_over_253_bytes_is_refused)
{
  struct resolver *resolver;
  CHECK_OK(test_resolver(&resolver));
  char *name = test_new(300);
  memset(name, 'a', 254);
  struct lookup *lookup = lookup_new(name, "80");
  CHECK_CODE(lookup_run(STACKFUL, lookup), EDDY_ENAMETOOLONG);
  CHECK_CONTAINS(lookup->message, "at most 253 bytes");
  name[253] = '.'; /* the root's dot does not count */
  CHECK_CODE(lookup_run(STACKFUL, lookup_new(name, "80")), 0);
  char *service = test_new(300);
  memset(service, 's', 256);
  CHECK_CODE(lookup_run(STACKFUL, lookup_new("two", service)), EDDY_ENAMETOOLONG);
  CHECK_EQ(atomic_load(&resolver->asked), 1);
  return 0;
}

EDDY_TASK_TEST(dns, nul_in_a_host_name_is_refused)
{
  struct resolver *resolver;
  CHECK_OK(test_resolver(&resolver));
  struct lookup *lookup = lookup_new("good.example\0.evil.example", "80");
  lookup->hints.host_length = 26;
  CHECK_CODE(lookup_run(STACKFUL, lookup), EDDY_EINVAL);
  CHECK_CONTAINS(lookup->message, "NUL");
  struct lookup *part = lookup_new("two and more", "80");
  part->hints.host_length = 3;
  CHECK_CODE(lookup_run(STACKFUL, part), 0);
  CHECK_EQ(atomic_load(&resolver->asked), 1);
  return 0;
}

EDDY_TASK_TEST(dns, calls_without_a_place_for_the_answer_are_refused)
{
  eddy_addrinfo *list;
  size_t count;
  eddy_nameinfo names;
  CHECK_CODE(eddy_loop_getaddrinfo(NULL, "a", "1", NULL, NULL, &count), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_getaddrinfo(NULL, "a", "1", NULL, &list, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_getnameinfo(NULL, NULL, 0, &names), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_set_resolver(NULL, NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_addrinfo_add(NULL, NULL), EDDY_EINVAL);
  eddy_loop *other;
  CHECK_OK(test_loop(&other));
  CHECK_CODE(
      eddy_loop_getaddrinfo(other, "a", "1", NULL, &list, &count), EDDY_EOTHERLOOP);
  eddy_addrinfo_free(NULL);
  return 0;
}

EDDY_TEST(dns, look_up_outside_a_task_is_an_error)
{
  eddy_addrinfo *list;
  size_t count;
  CHECK_CODE(eddy_loop_getaddrinfo(NULL, "a", "1", NULL, &list, &count), EDDY_ENOTASK);
  return 0;
}

/* ---- cancellation ---- */

static int cancel_running(enum kind kind)
{
  struct resolver *resolver;
  char text[200];
  CHECK_OK(test_resolver(&resolver));
  struct lookup *lookup = lookup_new("slow", "80");
  CHECK_OK(lookup_start(kind, lookup));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(gate_await(resolver->gate));
  CHECK_STR(eddy_task_waits_for(lookup->task, text, sizeof text),
      "the addresses of slow, service 80");
  CHECK(eddy_task_cancel(lookup->task, NULL));
  CHECK_CODE(eddy_task_await(lookup->task, NULL), EDDY_ECANCELLED);
  CHECK_CODE(lookup->rc, EDDY_ECANCELLED);
  CHECK_EQ(atomic_load(&resolver->gate->inside), 1); /* it is still being looked up */
  CHECK(lookup->list == NULL);
  return 0;
}

EDDY_TASK_TEST(dns, cancellation_takes_effect_while_the_resolver_is_at_work)
{
  return each_kind(cancel_running);
}

static int cancel_queued(enum kind kind)
{
  enum { WIDTH = 8 };
  struct resolver *resolver;
  CHECK_OK(test_resolver(&resolver));
  struct lookup *slow[WIDTH];
  for (int i = 0; i < WIDTH; i++) {
    slow[i] = lookup_new("slow", "80");
    CHECK_OK(lookup_start(kind, slow[i]));
  }
  CHECK_OK(eddy_sleep(0));
  for (int i = 0; i < WIDTH; i++)
    CHECK_OK(gate_await(resolver->gate));
  struct lookup *last = lookup_new("two", "80");
  CHECK_OK(lookup_start(kind, last));
  CHECK_OK(settle());
  CHECK_EQ(atomic_load(&resolver->asked), WIDTH); /* it waits its turn */
  CHECK(eddy_task_cancel(last->task, NULL));
  CHECK_CODE(eddy_task_await(last->task, NULL), EDDY_ECANCELLED);
  gate_open(resolver->gate, WIDTH);
  for (int i = 0; i < WIDTH; i++)
    CHECK_OK(eddy_task_await(slow[i]->task, NULL));
  CHECK_EQ(atomic_load(&resolver->asked), WIDTH); /* and it never came to it */
  return 0;
}

EDDY_TASK_TEST(dns, look_up_cancelled_in_the_queue_never_reaches_the_resolver)
{
  return each_kind(cancel_queued);
}

/* ---- who holds up whom ---- */

EDDY_TASK_TEST(dns, slow_names_do_not_hold_up_work_in_threads)
{
  enum { MANY = 64 };
  struct resolver *resolver;
  eddy_future *future;
  CHECK_OK(test_resolver(&resolver));
  for (int i = 0; i < MANY; i++)
    CHECK_OK(lookup_start(STACKLESS, lookup_new("slow", "80")));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(gate_await(resolver->gate));
  CHECK_OK(test_job(NULL, NULL, do_nothing, NULL, &future));
  CHECK_OK(eddy_await(future, NULL));
  gate_open_for_all(resolver->gate);
  return 0;
}

EDDY_TASK_TEST(dns, work_in_threads_does_not_hold_up_names)
{
  enum { MANY = 64 };
  struct resolver *resolver;
  struct gate *gate;
  eddy_future *future;
  CHECK_OK(gate_new(&gate));
  CHECK_OK(test_resolver(&resolver));
  for (int i = 0; i < MANY; i++)
    CHECK_OK(test_job(NULL, NULL, gate_pass, gate, &future));
  CHECK_OK(gate_await(gate));
  CHECK_CODE(lookup_run(STACKFUL, lookup_new("two", "80")), 0);
  gate_open_for_all(gate);
  return 0;
}

static int open_gate_soon(void *resolver)
{
  gate_open(((struct resolver *)resolver)->gate, 1);
  return 0;
}

/* The loop may not end, complain of a deadlock or let time jump past a look-up. */
EDDY_TASK_TEST(dns, look_up_counts_as_outstanding)
{
  struct resolver *resolver;
  CHECK_OK(test_resolver(&resolver));
  eddy_future *helper;
  struct lookup *lookup = lookup_new("slow", "80");
  eddy_timeout scope;
  CHECK_OK(lookup_start(STACKFUL, lookup));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(gate_await(resolver->gate));
  eddy_executor *executor;
  CHECK_OK(eddy_executor_new(NULL, &executor));
  int rc = eddy_loop_run_in_executor(
      eddy_get_running_loop(), executor, open_gate_soon, resolver, &helper);
  eddy_executor_unref(executor);
  if (rc < 0) return rc;
  eddy_future_unref(helper);
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_S(100)));
  rc = eddy_task_await(lookup->task, NULL);
  CHECK_CODE(eddy_timeout_exit(&scope, rc), 0);
  CHECK_CODE(lookup->rc, 0);
  return 0;
}

static int leave_slow(void *arg)
{
  struct resolver *resolver;
  (void)arg;
  CHECK_OK(test_resolver(&resolver));
  CHECK_OK(lookup_start(STACKLESS, lookup_new("slow", "80")));
  CHECK_OK(lookup_start(STACKFUL, lookup_new("slow", "80")));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(gate_await(resolver->gate));
  CHECK_OK(gate_await(resolver->gate));
  return 0;
}

EDDY_TEST(dns, run_does_not_wait_for_look_ups_at_its_end)
{
  return eddy_run(leave_slow, NULL);
}

/* ---- the other direction ---- */

static int name_of_an_address(enum kind kind)
{
  struct resolver *resolver;
  eddy_address *address = test_new(sizeof *address);
  char text[200];
  CHECK_OK(eddy_loop_set_resolver(eddy_get_running_loop(), NULL, NULL));
  CHECK_OK(eddy_address_parse("127.0.0.1", 80, address));
  struct lookup *numeric = lookup_new(NULL, NULL);
  numeric->address = address;
  numeric->flags = NI_NUMERICHOST | NI_NUMERICSERV;
  CHECK_OK(lookup_start(kind, numeric));
  CHECK_OK(eddy_sleep(0));
  CHECK_STR(
      eddy_task_waits_for(numeric->task, text, sizeof text), "the name of 127.0.0.1:80");
  CHECK_OK(eddy_task_await(numeric->task, NULL));
  CHECK_CODE(numeric->rc, 0);
  CHECK_STR(numeric->names.host, "127.0.0.1");
  CHECK_STR(numeric->names.service, "80");
  CHECK_OK(test_resolver(&resolver));
  struct lookup *own = lookup_new(NULL, NULL);
  own->address = address;
  CHECK_CODE(lookup_run(kind, own), 0);
  CHECK_STR(own->names.host, "port-80");
  CHECK_STR(own->names.service, "");
  return 0;
}

EDDY_TASK_TEST(dns, name_of_an_address_is_looked_up)
{
  return each_kind(name_of_an_address);
}

EDDY_TASK_TEST(dns, path_has_no_name)
{
  eddy_address address;
  CHECK_OK(eddy_address_parse("/tmp/socket", 0, &address));
  struct lookup *lookup = lookup_new(NULL, NULL);
  lookup->address = &address;
  CHECK_CODE(lookup_run(STACKFUL, lookup), EDDY_EAI_FAMILY);
  return 0;
}
