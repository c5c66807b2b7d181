#include "io/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/outcome.h"

static void set_ipv4(eddy_address *out, struct in_addr host, int port)
{
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = host};
  memcpy(out->storage.bytes, &address, sizeof(address));
  out->length = sizeof(address);
}

static void set_ipv6(eddy_address *out, struct in6_addr host, uint32_t scope, int port)
{
  struct sockaddr_in6 address = {.sin6_family = AF_INET6,
      .sin6_port = htons((uint16_t)port),
      .sin6_addr = host,
      .sin6_scope_id = scope};
  memcpy(out->storage.bytes, &address, sizeof(address));
  out->length = sizeof(address);
}

int eddy__address_from_path(const char *path, eddy_address *out)
{
  if (path[0] == '\0') return eddy_raise(EDDY_EINVAL, "address: the path is empty");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length >= sizeof(address.sun_path)) {
    return eddy_raise(EDDY_ENAMETOOLONG,
        "address: a Unix socket's path has at most %zu bytes",
        sizeof(address.sun_path) - 1);
  }
  memcpy(address.sun_path, path, length + 1);
  memcpy(out->storage.bytes, &address, sizeof(address));
  out->length = (unsigned)(offsetof(struct sockaddr_un, sun_path) + length + 1);
  return 0;
}

/* A number of digits alone that fits; else 0. */
static uint32_t parse_number(const char *text)
{
  uint64_t number = 0;
  for (; *text >= '0' && *text <= '9' && number <= UINT32_MAX; text++) {
    number = number * 10 + (uint64_t)(*text - '0');
  }
  return *text == '\0' && number <= UINT32_MAX ? (uint32_t)number : 0;
}

/* "fe80::1%eth0": the part behind % names an interface, or is its number. */
static int parse_ipv6(const char *host, int port, eddy_address *out)
{
  char text[INET6_ADDRSTRLEN];
  const char *percent = strchr(host, '%');
  size_t length = percent != NULL ? (size_t)(percent - host) : strlen(host);
  struct in6_addr address;
  uint32_t scope = 0;
  if (length >= sizeof(text)) return EDDY_EINVAL;
  memcpy(text, host, length);
  text[length] = '\0';
  if (inet_pton(AF_INET6, text, &address) != 1) return EDDY_EINVAL;
  if (percent != NULL) {
    scope = if_nametoindex(percent + 1);
    if (scope == 0) scope = parse_number(percent + 1);
    if (scope == 0) return EDDY_EINVAL;
  }
  set_ipv6(out, address, scope, port);
  return 0;
}

int eddy_address_parse(const char *host, int port, eddy_address *out)
{
  if (out == NULL) return EDDY_EINVAL;
  if (host != NULL && strchr(host, '/') != NULL)
    return eddy__address_from_path(host, out);
  if (port < 0 || port > 65535) {
    return eddy_raise(EDDY_EINVAL, "address: port %d is not in 0..65535", port);
  }
  struct in_addr address;
  if (host == NULL || host[0] == '\0') {
    address.s_addr = htonl(INADDR_ANY);
    set_ipv4(out, address, port);
    return 0;
  }
  if (strcmp(host, "localhost") == 0) host = "127.0.0.1";
  if (inet_pton(AF_INET, host, &address) == 1) {
    set_ipv4(out, address, port);
    return 0;
  }
  if (parse_ipv6(host, port, out) == 0) return 0;
  return eddy_raise(EDDY_EINVAL,
      "address: '%.80s' is not a numeric IPv4 or IPv6 address, \"localhost\" or a path "
      "with a "
      "slash; names are not looked up here",
      host);
}

int eddy_address_from_sockaddr(
    const struct sockaddr *address, size_t length, eddy_address *out)
{
  if (address == NULL || out == NULL) return EDDY_EINVAL;
  if (length < sizeof(address->sa_family) || length > sizeof(out->storage.bytes)) {
    return EDDY_EINVAL;
  }
  switch (address->sa_family) {
  case AF_INET:
    if (length < sizeof(struct sockaddr_in)) return EDDY_EINVAL;
    break;
  case AF_INET6:
    if (length < sizeof(struct sockaddr_in6)) return EDDY_EINVAL;
    break;
  case AF_UNIX:
    break;
  default:
    return EDDY_EINVAL;
  }
  memcpy(out->storage.bytes, address, length);
  out->length = (unsigned)length;
  return 0;
}

static sa_family_t family_of(const eddy_address *address)
{
  struct sockaddr head;
  if (address->length == 0) return AF_UNSPEC;
  memcpy(&head, address->storage.bytes, sizeof(head));
  return head.sa_family;
}

static void format_unix(const eddy_address *address, char *text, size_t size)
{
  size_t head = offsetof(struct sockaddr_un, sun_path);
  if (address->length <= head) {
    snprintf(text, size, "unix:");
    return;
  }
  const char *path = (const char *)address->storage.bytes + head;
  /* An abstract name begins with a NUL; it is written with an @, as is usual. */
  bool abstract = path[0] == '\0';
  snprintf(text, size, "%s%.*s", abstract ? "@" : "",
      (int)(address->length - head) - (abstract ? 1 : 0), path + abstract);
}

const char *eddy_address_format(const eddy_address *address, char *text, size_t size)
{
  char host[INET6_ADDRSTRLEN] = "";
  switch (family_of(address)) {
  case AF_INET: {
    struct sockaddr_in ipv4;
    memcpy(&ipv4, address->storage.bytes, sizeof(ipv4));
    inet_ntop(AF_INET, &ipv4.sin_addr, host, sizeof(host));
    snprintf(text, size, "%s:%u", host, ntohs(ipv4.sin_port));
    break;
  }
  case AF_INET6: {
    struct sockaddr_in6 ipv6;
    memcpy(&ipv6, address->storage.bytes, sizeof(ipv6));
    inet_ntop(AF_INET6, &ipv6.sin6_addr, host, sizeof(host));
    snprintf(text, size, "[%s]:%u", host, ntohs(ipv6.sin6_port));
    break;
  }
  case AF_UNIX:
    format_unix(address, text, size);
    break;
  default:
    snprintf(text, size, "no address");
    break;
  }
  return text;
}

int eddy_address_port(const eddy_address *address)
{
  struct sockaddr_in ipv4;
  struct sockaddr_in6 ipv6;
  switch (family_of(address)) {
  case AF_INET:
    memcpy(&ipv4, address->storage.bytes, sizeof(ipv4));
    return ntohs(ipv4.sin_port);
  case AF_INET6:
    memcpy(&ipv6, address->storage.bytes, sizeof(ipv6));
    return ntohs(ipv6.sin6_port);
  default:
    return 0;
  }
}

const char *eddy__address_path(const eddy_address *address)
{
  size_t head = offsetof(struct sockaddr_un, sun_path);
  if (family_of(address) != AF_UNIX || address->length <= head) return NULL;
  const char *path = (const char *)address->storage.bytes + head;
  return path[0] != '\0' ? path : NULL;
}

int eddy__address_family(const eddy_address *address)
{
  return family_of(address);
}
