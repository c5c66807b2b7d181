/* Look-ups by tasks of either kind, and a resolver that a test holds up. */
#ifndef EDDY_TEST_LOOKUPS_H
#define EDDY_TEST_LOOKUPS_H

#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "gate.h"
#include "kinds.h"

/* A look-up in a task of its own; rc is EDDY_PENDING until it has an answer. */
struct lookup {
  eddy_frame frame; /* first */
  const char *host;
  const char *service;
  eddy_addrinfo_hints hints;
  eddy_addrinfo *list;
  size_t count;
  const eddy_address *address; /* not NULL: its name */
  int flags;
  eddy_nameinfo names;
  int rc;
  char message[400];
  eddy_task *task;
};

static inline void lookup_end(void *arg)
{
  struct lookup *lookup = arg;
  eddy_addrinfo_free(lookup->list);
}

static inline struct lookup *lookup_new(const char *host, const char *service)
{
  struct lookup *lookup = test_new(sizeof *lookup);
  lookup->host = host;
  lookup->service = service;
  lookup->hints.type = SOCK_STREAM;
  lookup->rc = EDDY_PENDING;
  test_defer_late(lookup_end, lookup);
  return lookup;
}

static inline int lookup_make(struct lookup *lookup)
{
  if (lookup->address != NULL) {
    return eddy_loop_getnameinfo(NULL, lookup->address, lookup->flags, &lookup->names);
  }
  return eddy_loop_getaddrinfo(
      NULL, lookup->host, lookup->service, &lookup->hints, &lookup->list, &lookup->count);
}

static inline int lookup_ended(struct lookup *lookup, int rc)
{
  lookup->rc = rc;
  snprintf(lookup->message, sizeof lookup->message, "%s", rc < 0 ? eddy_message(rc) : "");
  return rc == EDDY_ECANCELLED ? rc : 0;
}

static inline int lookup_body(void *arg)
{
  struct lookup *lookup = arg;
  return lookup_ended(lookup, lookup_make(lookup));
}

static inline int lookup_frame(eddy_frame *frame)
{
  struct lookup *lookup = (struct lookup *)frame;
  int rc;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, rc, lookup_make(lookup));
  rc = lookup_ended(lookup, rc);
  if (rc < 0) EDDY_RAISE(frame, rc);
  EDDY_END(frame);
}

static inline int lookup_start(enum kind kind, struct lookup *lookup)
{
  return start_kind(kind, lookup_body, lookup_frame, &lookup->frame, &lookup->task);
}

/* Starts it and waits for it; gives its code. */
static inline int lookup_run(enum kind kind, struct lookup *lookup)
{
  CHECK_OK(lookup_start(kind, lookup));
  int rc = eddy_task_await(lookup->task, NULL);
  return rc < 0 && rc != lookup->rc ? rc : lookup->rc;
}

/* ---- a resolver ---- */

/* Knows "slow" (held up at the gate), "two" (two addresses) and "none" (no error, and none). */
struct resolver {
  struct gate *gate;
  atomic_int asked;
  atomic_int answered; /* the last thing that a thread touches here */
};

/* Nobody else waits for a look-up that was given up. Its gate is open by now. */
static inline void resolver_end(void *arg)
{
  struct resolver *resolver = arg;
  while (atomic_load(&resolver->answered) < atomic_load(&resolver->asked))
    uv_sleep(1);
  uv_sleep(3); /* and it lets go of what it has found */
}

static inline int resolver_add(
    eddy_addrinfo_answer *answer, const char *address, const char *service)
{
  eddy_addrinfo found = {.type = SOCK_STREAM};
  int port = service != NULL ? atoi(service) & 65535 : 0;
  int rc = eddy_address_parse(address, port, &found.address);
  if (rc < 0) return rc;
  found.family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
  found.canonical_name = "first.example";
  return eddy_addrinfo_add(answer, &found);
}

static inline int resolver_find(struct resolver *resolver, const char *host,
    const char *service, eddy_addrinfo_answer *answer)
{
  if (strcmp(host, "none") == 0) return 0;
  if (strcmp(host, "slow") == 0) (void)gate_pass(resolver->gate);
  if (strcmp(host, "bad") == 0) return eddy_raise(EDDY_EAI_FAIL, "%s is bad", host);
  int rc = resolver_add(answer, "192.0.2.1", service);
  return rc < 0 ? rc : resolver_add(answer, "2001:db8::2", service);
}

static inline int resolver_address(void *arg, const char *host, const char *service,
    const eddy_addrinfo_hints *hints, eddy_addrinfo_answer *answer)
{
  struct resolver *resolver = arg;
  (void)hints;
  atomic_fetch_add(&resolver->asked, 1);
  int rc = resolver_find(resolver, host, service, answer);
  atomic_fetch_add(&resolver->answered, 1);
  return rc;
}

static inline int resolver_name(
    void *arg, const eddy_address *address, int flags, eddy_nameinfo *out)
{
  (void)arg, (void)flags;
  snprintf(out->host, sizeof out->host, "port-%d", eddy_address_port(address));
  return 0;
}

/* Sets it on the running loop; its gate is closed. */
static inline int test_resolver(struct resolver **out)
{
  static const eddy_resolver functions = {resolver_address, resolver_name};
  struct resolver *resolver = test_new(sizeof *resolver);
  int rc = gate_new(&resolver->gate);
  if (rc < 0) return rc;
  test_defer_late(resolver_end, resolver);
  *out = resolver;
  return eddy_loop_set_resolver(eddy_get_running_loop(), &functions, resolver);
}

#endif
