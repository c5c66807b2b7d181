#include "io/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/outcome.h"

/* ---- the answer ---- */

int eddy_addrinfo_add(eddy_addrinfo_answer *answer, const eddy_addrinfo *found)
{
  if (answer == NULL || found == NULL) return EDDY_EINVAL;
  if (answer->count == 0 && found->canonical_name != NULL) {
    char *name = eddy__strdup(found->canonical_name);
    if (name == NULL) return EDDY_ENOMEM;
    eddy__free(answer->canonical_name);
    answer->canonical_name = name;
  }
  if (answer->count == answer->capacity) {
    size_t capacity = answer->capacity == 0 ? 8 : answer->capacity * 2;
    eddy_addrinfo *list = eddy__realloc(answer->list, capacity * sizeof(*list));
    if (list == NULL) return EDDY_ENOMEM;
    answer->list = list;
    answer->capacity = capacity;
  }
  answer->list[answer->count] = *found;
  answer->list[answer->count++].canonical_name = NULL;
  return 0;
}

void eddy__answer_clear(eddy_addrinfo_answer *answer)
{
  eddy__free(answer->list);
  eddy__free(answer->canonical_name);
  *answer = (eddy_addrinfo_answer){0};
}

int eddy__answer_finish(eddy_addrinfo_answer *answer, eddy_addrinfo **list, size_t *count)
{
  if (answer->count == 0) return EDDY_EAI_NODATA;
  size_t bytes = answer->count * sizeof(*answer->list);
  if (answer->canonical_name != NULL) {
    /* The name goes behind the addresses, so that all is one block. */
    size_t length = strlen(answer->canonical_name) + 1;
    eddy_addrinfo *block = eddy__realloc(answer->list, bytes + length);
    if (block == NULL) return EDDY_ENOMEM;
    char *name = (char *)block + bytes;
    memcpy(name, answer->canonical_name, length);
    block[0].canonical_name = name;
    answer->list = block;
  }
  *list = answer->list;
  *count = answer->count;
  answer->list = NULL;
  eddy__answer_clear(answer);
  return 0;
}

void eddy_addrinfo_free(eddy_addrinfo *list)
{
  eddy__free(list);
}

/* ---- the system's resolver ---- */

static int code_of(int error)
{
  switch (error) {
#ifdef EAI_ADDRFAMILY
  case EAI_ADDRFAMILY:
    return EDDY_EAI_ADDRFAMILY;
#endif
  case EAI_AGAIN:
    return EDDY_EAI_AGAIN;
  case EAI_BADFLAGS:
    return EDDY_EAI_BADFLAGS;
#ifdef EAI_BADHINTS
  case EAI_BADHINTS:
    return EDDY_EAI_BADHINTS;
#endif
#ifdef EAI_CANCELED
  case EAI_CANCELED:
    return EDDY_EAI_CANCELED;
#endif
  case EAI_FAIL:
    return EDDY_EAI_FAIL;
  case EAI_FAMILY:
    return EDDY_EAI_FAMILY;
  case EAI_MEMORY:
    return EDDY_EAI_MEMORY;
#ifdef EAI_NODATA
  case EAI_NODATA:
    return EDDY_EAI_NODATA;
#endif
  case EAI_NONAME:
    return EDDY_EAI_NONAME;
#ifdef EAI_OVERFLOW
  case EAI_OVERFLOW:
    return EDDY_EAI_OVERFLOW;
#endif
#ifdef EAI_PROTOCOL
  case EAI_PROTOCOL:
    return EDDY_EAI_PROTOCOL;
#endif
  case EAI_SERVICE:
    return EDDY_EAI_SERVICE;
  case EAI_SOCKTYPE:
    return EDDY_EAI_SOCKTYPE;
#ifdef EAI_SYSTEM
  case EAI_SYSTEM:
    return errno != 0 ? -errno : EDDY_EAI_FAIL;
#endif
  default:
    return EDDY_EAI_FAIL;
  }
}

static const char *or_any(const char *text)
{
  return text != NULL ? text : "*";
}

static int add_one(eddy_addrinfo_answer *answer, const struct addrinfo *info)
{
  eddy_addrinfo found = {.family = info->ai_family,
      .type = info->ai_socktype,
      .protocol = info->ai_protocol,
      .canonical_name = info->ai_canonname};
  /* A family that is not ours: others may follow. */
  if (eddy_address_from_sockaddr(info->ai_addr, info->ai_addrlen, &found.address) < 0)
    return 0;
  return eddy_addrinfo_add(answer, &found);
}

int eddy__resolve_address(void *unused, const char *host, const char *service,
    const eddy_addrinfo_hints *hints, eddy_addrinfo_answer *answer)
{
  (void)unused;
  struct addrinfo wanted = {.ai_family = hints->family,
      .ai_socktype = hints->type,
      .ai_protocol = hints->protocol,
      .ai_flags = hints->flags};
  struct addrinfo *all;
  int error = getaddrinfo(host, service, &wanted, &all);
  if (error != 0) {
    int rc = code_of(error);
    return eddy_raise(rc, "getaddrinfo %s, service %s: %s", or_any(host), or_any(service),
        eddy_strerror(rc));
  }
  int rc = 0;
  for (const struct addrinfo *info = all; info != NULL && rc == 0; info = info->ai_next) {
    rc = add_one(answer, info);
  }
  freeaddrinfo(all);
  return rc;
}

int eddy__resolve_name(
    void *unused, const eddy_address *address, int flags, eddy_nameinfo *out)
{
  (void)unused;
  char text[EDDY_ADDRESS_TEXT];
  int error = getnameinfo((const struct sockaddr *)(const void *)address->storage.bytes,
      address->length, out->host, sizeof(out->host), out->service, sizeof(out->service),
      flags);
  if (error == 0) return 0;
  int rc = code_of(error);
  return eddy_raise(rc, "getnameinfo %s: %s",
      eddy_address_format(address, text, sizeof(text)), eddy_strerror(rc));
}

bool eddy__resolve_has_names(const eddy_address *address)
{
  struct sockaddr head;
  if (address->length < sizeof(head)) return false;
  memcpy(&head, address->storage.bytes, sizeof(head));
  return head.sa_family == AF_INET || head.sa_family == AF_INET6;
}

/* ---- what needs no resolver ---- */

static bool parse_port(const char *service, unsigned *port)
{
  unsigned number = 0;
  if (service == NULL) service = "0";
  size_t digits = strspn(service, "0123456789");
  if (digits == 0 || digits > 5 || service[digits] != '\0') return false;
  for (size_t i = 0; i < digits; i++)
    number = number * 10 + (unsigned)(service[i] - '0');
  *port = number;
  return number <= 65535;
}

/* The protocol of an address of this type, as the system would tell it; -1: it has to. */
static int protocol_of(const eddy_addrinfo_hints *hints)
{
  int usual = -1;
  if (hints->type == SOCK_STREAM) usual = IPPROTO_TCP;
  if (hints->type == SOCK_DGRAM) usual = IPPROTO_UDP;
  return hints->protocol == 0 || hints->protocol == usual ? usual : -1;
}

bool eddy__resolve_numeric(const char *host, const char *service,
    const eddy_addrinfo_hints *hints, eddy_addrinfo *found)
{
  unsigned port;
  struct sockaddr_in in = {.sin_family = AF_INET};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
  bool any = hints->family == AF_UNSPEC;
  int flags = hints->flags & ~(AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV);
  *found = (eddy_addrinfo){.type = hints->type, .protocol = protocol_of(hints)};
  if (host == NULL || flags != 0 || found->protocol < 0 || !parse_port(service, &port)) {
    return false;
  }
  if ((any || hints->family == AF_INET) && inet_pton(AF_INET, host, &in.sin_addr) == 1) {
    in.sin_port = htons((uint16_t)port);
    found->family = AF_INET;
    memcpy(found->address.storage.bytes, &in, sizeof(in));
    found->address.length = sizeof(in);
    return true;
  }
  if ((any || hints->family == AF_INET6) &&
      inet_pton(AF_INET6, host, &in6.sin6_addr) == 1) {
    in6.sin6_port = htons((uint16_t)port);
    found->family = AF_INET6;
    memcpy(found->address.storage.bytes, &in6, sizeof(in6));
    found->address.length = sizeof(in6);
    return true;
  }
  return false;
}
