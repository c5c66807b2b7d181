#include <eddy/dns.h>

#include <stdio.h>
#include <string.h>

#include "io/lane.h"
#include "io/resolve.h"

#define SERVICE_MAX 255

/* A look-up, of either direction; it owns all that it points to. */
struct lookup {
  struct eddy__call call; /* first */
  eddy_resolver resolver; /* the functions to call, and their argument */
  void *resolver_arg;
  char *host;    /* NULL: this host */
  char *service; /* NULL: port 0 */
  eddy_addrinfo_hints hints;
  eddy_addrinfo *list;
  size_t count;
  eddy_address address;
  int flags;
  eddy_nameinfo *names;
};

static struct lookup *lookup_of(struct eddy__call *call)
{
  return (struct lookup *)(void *)call;
}

static void free_lookup(struct eddy__call *call)
{
  struct lookup *self = lookup_of(call);
  eddy_addrinfo_free(self->list);
  eddy__free(self->host);
  eddy__free(self->service);
  eddy__free(self->names);
  eddy__free(self);
}

static int run_address(struct eddy__call *call)
{
  struct lookup *self = lookup_of(call);
  eddy_addrinfo_answer answer = {0};
  int rc = self->resolver.getaddrinfo(
      self->resolver_arg, self->host, self->service, &self->hints, &answer);
  if (rc == 0) rc = eddy__answer_finish(&answer, &self->list, &self->count);
  eddy__answer_clear(&answer);
  if (rc == EDDY_EAI_NODATA) {
    return eddy_raise(rc, "getaddrinfo %s: %s", self->host != NULL ? self->host : "*",
        eddy_strerror(rc));
  }
  return rc;
}

static void describe_address(const struct eddy__call *call, char *text, size_t size)
{
  const struct lookup *self = (const struct lookup *)(const void *)call;
  snprintf(text, size, "the addresses of %s, service %s",
      self->host != NULL ? self->host : "this host",
      self->service != NULL ? self->service : "none");
}

static int run_name(struct eddy__call *call)
{
  struct lookup *self = lookup_of(call);
  return self->resolver.getnameinfo(
      self->resolver_arg, &self->address, self->flags, self->names);
}

static void describe_name(const struct eddy__call *call, char *text, size_t size)
{
  const struct lookup *self = (const struct lookup *)(const void *)call;
  char address[EDDY_ADDRESS_TEXT];
  snprintf(text, size, "the name of %s",
      eddy_address_format(&self->address, address, sizeof(address)));
}

static const struct eddy__call_type address_type = {
    run_address, free_lookup, describe_address};
static const struct eddy__call_type name_type = {run_name, free_lookup, describe_name};

/* Begins a call: 0, and *lookup is a new record, or NULL if the call goes on. */
static int begin(eddy_loop *loop, const struct eddy__call_type *type, eddy_task *task,
    bool resumed, struct lookup **out)
{
  *out = NULL;
  if (resumed) return 0;
  if (loop != NULL && loop != task->future.loop) return EDDY_EOTHERLOOP;
  struct lookup *self = eddy__alloc(sizeof(*self));
  if (self == NULL) return EDDY_ENOMEM;
  self->call.type = type;
  self->resolver = (eddy_resolver){eddy__resolve_address, eddy__resolve_name};
  const struct eddy__lanes *lanes = task->future.loop->lanes;
  const eddy_resolver *own = lanes != NULL ? lanes->resolver : NULL;
  if (own != NULL) {
    self->resolver_arg = lanes->resolver_arg;
    if (own->getaddrinfo != NULL) self->resolver.getaddrinfo = own->getaddrinfo;
    if (own->getnameinfo != NULL) self->resolver.getnameinfo = own->getnameinfo;
  }
  *out = self;
  return 0;
}

/* ---- addresses ---- */

/* What is asked for, copied; the host may have any bytes in it. */
static int copy_query(struct lookup *self, const char *host, const char *service,
    const eddy_addrinfo_hints *hints)
{
  if (hints != NULL) self->hints = *hints;
  size_t length = self->hints.host_length;
  if (host != NULL) {
    if (length == 0) length = strlen(host);
    if (memchr(host, '\0', length) != NULL) {
      return eddy_raise(EDDY_EINVAL, "getaddrinfo: there is a NUL in the host's name");
    }
    size_t dots = length > 0 && host[length - 1] == '.' ? 1 : 0;
    if (length - dots > EDDY_HOST_NAME_MAX) {
      return eddy_raise(EDDY_ENAMETOOLONG,
          "getaddrinfo: a host's name has at most %d bytes, '%.40s...' has %zu",
          EDDY_HOST_NAME_MAX, host, length);
    }
    self->host = eddy__alloc(length + 1);
    if (self->host == NULL) return EDDY_ENOMEM;
    memcpy(self->host, host, length);
  }
  self->hints.host_length = length;
  if (service == NULL) return 0;
  if (strlen(service) > SERVICE_MAX) {
    return eddy_raise(EDDY_ENAMETOOLONG,
        "getaddrinfo: a service's name has at most %d bytes", SERVICE_MAX);
  }
  self->service = eddy__strdup(service);
  return self->service == NULL ? EDDY_ENOMEM : 0;
}

/* Makes the query, and answers it if it needs no resolver. The record is freed on failure. */
static int prepare(struct lookup *self, const char *host, const char *service,
    const eddy_addrinfo_hints *hints)
{
  eddy_addrinfo found;
  int rc = copy_query(self, host, service, hints);
  if (rc == 0 && eddy__resolve_numeric(self->host, self->service, &self->hints, &found)) {
    eddy_addrinfo_answer answer = {0};
    rc = eddy_addrinfo_add(&answer, &found);
    if (rc == 0) rc = eddy__answer_finish(&answer, &self->list, &self->count);
  }
  if (rc < 0) free_lookup(&self->call);
  return rc;
}

static void take_list(struct lookup *self, eddy_addrinfo **list, size_t *count)
{
  *list = self->list;
  *count = self->count;
  self->list = NULL;
}

int eddy_loop_getaddrinfo(eddy_loop *loop, const char *host, const char *service,
    const eddy_addrinfo_hints *hints, eddy_addrinfo **list, size_t *count)
{
  int rc;
  bool resumed;
  struct lookup *self;
  struct eddy__call *done;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (list == NULL || count == NULL) return EDDY_EINVAL;
  rc = begin(loop, &address_type, task, resumed, &self);
  if (rc < 0) return rc;
  if (!resumed) {
    rc = prepare(self, host, service, hints);
    if (rc < 0) return rc;
    if (self->list != NULL) {
      take_list(self, list, count);
      free_lookup(&self->call);
      return 0;
    }
  }
  rc = eddy__lane_run(
      task, resumed, EDDY__LANE_NAMES, self != NULL ? &self->call : NULL, &done);
  if (rc != 0) return rc;
  take_list(lookup_of(done), list, count);
  eddy__call_unref(done);
  return 0;
}

/* ---- names ---- */

int eddy_loop_getnameinfo(
    eddy_loop *loop, const eddy_address *address, int flags, eddy_nameinfo *out)
{
  int rc;
  bool resumed;
  struct lookup *self;
  struct eddy__call *done;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (address == NULL || out == NULL) return EDDY_EINVAL;
  if (!eddy__resolve_has_names(address)) {
    return eddy_raise(
        EDDY_EAI_FAMILY, "getnameinfo: only IPv4 and IPv6 addresses have names");
  }
  rc = begin(loop, &name_type, task, resumed, &self);
  if (rc < 0) return rc;
  if (self != NULL) {
    self->address = *address;
    self->flags = flags;
    self->names = eddy__alloc(sizeof(*self->names));
    if (self->names == NULL) {
      free_lookup(&self->call);
      return EDDY_ENOMEM;
    }
  }
  rc = eddy__lane_run(
      task, resumed, EDDY__LANE_NAMES, self != NULL ? &self->call : NULL, &done);
  if (rc != 0) return rc;
  *out = *lookup_of(done)->names;
  eddy__call_unref(done);
  return 0;
}

int eddy_loop_set_resolver(eddy_loop *loop, const eddy_resolver *resolver, void *arg)
{
  int rc = eddy__loop_usable(loop);
  if (rc < 0) return rc;
  struct eddy__lanes *lanes;
  rc = eddy__lanes_open(loop, &lanes);
  if (rc < 0) return rc;
  lanes->resolver = resolver;
  lanes->resolver_arg = arg;
  return 0;
}
