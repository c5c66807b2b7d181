#include "backend/virtual_address.h"

#include <string.h>

/* The system's socket address types, on every system. */
#include <uv.h>

#define PATH_OFFSET offsetof(struct sockaddr, sa_data)

static int family_of(const eddy_address *address)
{
  struct sockaddr head;
  memcpy(&head, address->storage.bytes, sizeof(head));
  return head.sa_family;
}

static struct sockaddr_in get_in(const eddy_address *address)
{
  struct sockaddr_in in;
  memcpy(&in, address->storage.bytes, sizeof(in));
  return in;
}

static struct sockaddr_in6 get_in6(const eddy_address *address)
{
  struct sockaddr_in6 in6;
  memcpy(&in6, address->storage.bytes, sizeof(in6));
  return in6;
}

static void put(eddy_address *address, const void *bytes, size_t size)
{
  memset(address, 0, sizeof(*address));
  memcpy(address->storage.bytes, bytes, size);
  address->length = (unsigned)size;
}

int eddy__vaddress_family(const eddy_address *address, int *family)
{
  if (address == NULL || address->length < PATH_OFFSET ||
      address->length > sizeof(address->storage.bytes)) {
    return EDDY_EINVAL;
  }
  int found = family_of(address);
  if (found != AF_INET && found != AF_INET6 && found != AF_UNIX) {
    return EDDY_EAFNOSUPPORT;
  }
  *family = found;
  return 0;
}

int eddy__vaddress_check(const eddy_address *address, int *family)
{
  int found;
  int rc = eddy__vaddress_family(address, &found);
  if (rc < 0) return rc;
  size_t needed = PATH_OFFSET + 1;
  if (found == AF_INET) needed = sizeof(struct sockaddr_in);
  if (found == AF_INET6) needed = sizeof(struct sockaddr_in6);
  if (address->length < needed) return EDDY_EINVAL;
  /* A path of no characters; a NUL with more behind it is a name without a file. */
  if (found == AF_UNIX && address->length == needed &&
      address->storage.bytes[PATH_OFFSET] == 0) {
    return EDDY_EINVAL;
  }
  *family = found;
  return 0;
}

bool eddy__vaddress_is_unix(int family)
{
  return family == AF_UNIX;
}

bool eddy__vaddress_is_ipv6(int family)
{
  return family == AF_INET6;
}

int eddy__vaddress_unix_family(void)
{
  return AF_UNIX;
}

unsigned eddy__vaddress_port(const eddy_address *address)
{
  switch (family_of(address)) {
  case AF_INET:
    return ntohs(get_in(address).sin_port);
  case AF_INET6:
    return ntohs(get_in6(address).sin6_port);
  default:
    return 0;
  }
}

void eddy__vaddress_set_port(eddy_address *address, unsigned port)
{
  if (family_of(address) == AF_INET) {
    struct sockaddr_in in = get_in(address);
    in.sin_port = htons((uint16_t)port);
    memcpy(address->storage.bytes, &in, sizeof(in));
  } else if (family_of(address) == AF_INET6) {
    struct sockaddr_in6 in6 = get_in6(address);
    in6.sin6_port = htons((uint16_t)port);
    memcpy(address->storage.bytes, &in6, sizeof(in6));
  }
}

bool eddy__vaddress_is_wildcard(const eddy_address *address)
{
  static const struct in6_addr any;
  switch (family_of(address)) {
  case AF_INET:
    return get_in(address).sin_addr.s_addr == 0;
  case AF_INET6: {
    struct sockaddr_in6 in6 = get_in6(address);
    return memcmp(&in6.sin6_addr, &any, sizeof(any)) == 0;
  }
  default:
    return false;
  }
}

bool eddy__vaddress_is_broadcast(const eddy_address *address)
{
  return family_of(address) == AF_INET && get_in(address).sin_addr.s_addr == 0xffffffffu;
}

/* The bytes that name a Unix socket: up to the NUL of a path, all of a name without a
 * file. The same path may come with different lengths. */
static size_t path_length(const eddy_address *address)
{
  const unsigned char *path = address->storage.bytes + PATH_OFFSET;
  size_t size = address->length - PATH_OFFSET;
  if (path[0] == 0) return size;
  const unsigned char *end = memchr(path, 0, size);
  return end == NULL ? size : (size_t)(end - path);
}

bool eddy__vaddress_same_host(const eddy_address *a, const eddy_address *b)
{
  if (family_of(a) != family_of(b)) return false;
  switch (family_of(a)) {
  case AF_INET:
    return get_in(a).sin_addr.s_addr == get_in(b).sin_addr.s_addr;
  case AF_INET6: {
    struct sockaddr_in6 a6 = get_in6(a), b6 = get_in6(b);
    return memcmp(&a6.sin6_addr, &b6.sin6_addr, sizeof(a6.sin6_addr)) == 0 &&
           a6.sin6_scope_id == b6.sin6_scope_id;
  }
  default: {
    size_t size = path_length(a);
    return size == path_length(b) && memcmp(a->storage.bytes + PATH_OFFSET,
                                         b->storage.bytes + PATH_OFFSET, size) == 0;
  }
  }
}

int eddy__vaddress_match(
    const eddy_address *listener, bool dual_stack, const eddy_address *target)
{
  if (eddy__vaddress_port(listener) != eddy__vaddress_port(target)) return 0;
  if (eddy__vaddress_same_host(listener, target)) return 2;
  if (!eddy__vaddress_is_wildcard(listener)) return 0;
  if (family_of(listener) == family_of(target)) return 1;
  return dual_stack && family_of(listener) == AF_INET6 && family_of(target) == AF_INET;
}

void eddy__vaddress_unnamed(int family, eddy_address *out)
{
  struct sockaddr_in in = {0};
  struct sockaddr_in6 in6 = {0};
  struct sockaddr head = {0};
  switch (family) {
  case AF_INET:
    in.sin_family = AF_INET;
    put(out, &in, sizeof(in));
    break;
  case AF_INET6:
    in6.sin6_family = AF_INET6;
    put(out, &in6, sizeof(in6));
    break;
  default:
    head.sa_family = AF_UNIX;
    put(out, &head, PATH_OFFSET);
  }
}

void eddy__vaddress_loopback(int family, unsigned port, eddy_address *out)
{
  eddy__vaddress_unnamed(family, out);
  if (family == AF_INET) {
    struct sockaddr_in in = get_in(out);
    in.sin_addr.s_addr = htonl(0x7f000001);
    put(out, &in, sizeof(in));
  } else if (family == AF_INET6) {
    struct sockaddr_in6 in6 = get_in6(out);
    in6.sin6_addr.s6_addr[15] = 1;
    put(out, &in6, sizeof(in6));
  }
  eddy__vaddress_set_port(out, port);
}

void eddy__vaddress_map(eddy_address *address)
{
  if (family_of(address) != AF_INET) return;
  struct sockaddr_in in = get_in(address);
  struct sockaddr_in6 in6 = {0};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = in.sin_port;
  in6.sin6_addr.s6_addr[10] = 0xff;
  in6.sin6_addr.s6_addr[11] = 0xff;
  memcpy(&in6.sin6_addr.s6_addr[12], &in.sin_addr, 4);
  put(address, &in6, sizeof(in6));
}
