/* Addresses of sockets. */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "eddy_test.h"

static int check_format(const char *host, int port, const char *expected)
{
  eddy_address address;
  char text[EDDY_ADDRESS_TEXT];
  CHECK_OK(eddy_address_parse(host, port, &address));
  CHECK_STR(eddy_address_format(&address, text, sizeof text), expected);
  return 0;
}

EDDY_UNIT_TEST(address, numeric_hosts_are_parsed_and_formatted)
{
  CHECK_OK(check_format("127.0.0.1", 80, "127.0.0.1:80"));
  CHECK_OK(check_format("255.255.255.255", 65535, "255.255.255.255:65535"));
  CHECK_OK(check_format("0.0.0.0", 0, "0.0.0.0:0"));
  CHECK_OK(check_format("::1", 80, "[::1]:80"));
  CHECK_OK(check_format("::", 0, "[::]:0"));
  CHECK_OK(check_format("2001:DB8:0:0:0:0:0:1", 443, "[2001:db8::1]:443"));
  CHECK_OK(check_format("::ffff:1.2.3.4", 1, "[::ffff:1.2.3.4]:1"));
  CHECK_OK(check_format("localhost", 7, "127.0.0.1:7"));
  return 0;
}

EDDY_UNIT_TEST(address, longest_of_all_fits_its_room)
{
  return check_format("1111:2222:3333:4444:5555:6666:7777:8888", 65535,
      "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
}

EDDY_UNIT_TEST(address, no_host_means_every_address)
{
  static const char *const hosts[] = {NULL, ""};
  for (int i = 0; i < 2; i++) {
    eddy_address address;
    char text[EDDY_ADDRESS_TEXT];
    CHECK_OK(eddy_address_parse(hosts[i], 80, &address));
    eddy_address_format(&address, text, sizeof text);
    CHECK(strcmp(text, "[::]:80") == 0 || strcmp(text, "0.0.0.0:80") == 0);
    CHECK_EQ(eddy_address_port(&address), 80);
  }
  return 0;
}

EDDY_UNIT_TEST(address, path_is_a_unix_socket_and_its_port_counts_for_nothing)
{
  eddy_address address;
  CHECK_OK(check_format("/run/eddy.sock", 0, "/run/eddy.sock"));
  CHECK_OK(check_format("./eddy.sock", 123456, "./eddy.sock"));
  CHECK_OK(eddy_address_parse("/run/eddy.sock", 80, &address));
  CHECK_EQ(eddy_address_port(&address), 0);
  return 0;
}

EDDY_UNIT_TEST(address, path_may_be_as_long_as_the_system_allows)
{
  enum { ROOM = sizeof((struct sockaddr_un *)NULL)->sun_path };
  eddy_address address = {.length = 77};
  char path[ROOM + 1], text[EDDY_ADDRESS_TEXT];
  memset(path, 'x', ROOM);
  path[0] = '/';
  path[ROOM - 1] = '\0';
  CHECK_OK(eddy_address_parse(path, 0, &address));
  CHECK_STR(eddy_address_format(&address, text, sizeof text), path);
  path[ROOM - 1] = 'x';
  path[ROOM] = '\0';
  address.length = 77;
  CHECK_CODE(eddy_address_parse(path, 0, &address), EDDY_ENAMETOOLONG);
  CHECK_EQ(address.length, 77);
  return 0;
}

EDDY_UNIT_TEST(address, scope_is_an_interface_by_name_or_number)
{
  eddy_address address;
  struct sockaddr_in6 ipv6;
  CHECK_OK(eddy_address_parse("fe80::1%7", 80, &address));
  memcpy(&ipv6, address.storage.bytes, sizeof ipv6);
  CHECK_EQ(ipv6.sin6_scope_id, 7);
  char name[IF_NAMESIZE], host[IF_NAMESIZE + 10];
  if (if_indextoname(1, name) != NULL) {
    snprintf(host, sizeof host, "fe80::1%%%s", name);
    CHECK_OK(eddy_address_parse(host, 80, &address));
    memcpy(&ipv6, address.storage.bytes, sizeof ipv6);
    CHECK_EQ(ipv6.sin6_scope_id, 1);
  }
  return 0;
}

EDDY_UNIT_TEST(address, what_is_no_address_is_refused)
{
  static const char *const hosts[] = {"example.org", "127.0.0", "127.0.0.1.1",
      "127.0.0.256", " 127.0.0.1", "127.0.0.1 ", "127.1", "0x7f.0.0.1", "[::1]",
      "::1::", ":::", "12345::", "1:2:3:4:5:6:7:8:9", "fe80::1%",
      "fe80::1%no-such-interface", "fe80::1%7x", "fe80::1%4294967297", "fe80::1%-1", "%1",
      "LOCALHOST.", "*"};
  eddy_address address = {.length = 77};
  for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
    int rc = eddy_address_parse(hosts[i], 80, &address);
    if (rc != EDDY_EINVAL) {
      return test_failed(__FILE__, __LINE__, "'%s' gave %s", hosts[i], eddy_err_name(rc));
    }
    CHECK_CONTAINS(eddy_message(EDDY_EINVAL), hosts[i]);
  }
  CHECK_EQ(address.length, 77);
  CHECK_CODE(eddy_address_parse("127.0.0.1", 80, NULL), EDDY_EINVAL);
  return 0;
}

/* Nothing that is read is written past, however long. */
EDDY_UNIT_TEST(address, absurdly_long_host_is_refused)
{
  enum { LENGTH = 100000 };
  char *host = test_new(LENGTH + 1);
  eddy_address address;
  memset(host, ':', LENGTH);
  CHECK_CODE(eddy_address_parse(host, 80, &address), EDDY_EINVAL);
  memset(host, 'x', LENGTH);
  CHECK_CODE(eddy_address_parse(host, 80, &address), EDDY_EINVAL);
  host[500] = '/';
  CHECK_CODE(eddy_address_parse(host, 80, &address), EDDY_ENAMETOOLONG);
  return 0;
}

EDDY_UNIT_TEST(address, port_out_of_range_is_refused)
{
  eddy_address address = {.length = 77};
  CHECK_CODE(eddy_address_parse("127.0.0.1", -1, &address), EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "-1");
  CHECK_CODE(eddy_address_parse("::1", 65536, &address), EDDY_EINVAL);
  CHECK_CODE(eddy_address_parse(NULL, INT32_MAX, &address), EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "2147483647");
  CHECK_EQ(address.length, 77);
  return 0;
}

EDDY_UNIT_TEST(address, text_is_cut_to_its_room)
{
  eddy_address address;
  char text[10] = "#########";
  CHECK_OK(eddy_address_parse("127.0.0.1", 8080, &address));
  CHECK_PTR(eddy_address_format(&address, text, 6), text);
  CHECK_STR(text, "127.0");
  CHECK_EQ(text[6], '#');
  CHECK_STR(eddy_address_format(&address, text, 1), "");
  CHECK_PTR(eddy_address_format(&address, text, 0), text);
  CHECK_OK(eddy_address_parse("/a/path", 0, &address));
  CHECK_STR(eddy_address_format(&address, text, 4), "/a/");
  return 0;
}

EDDY_UNIT_TEST(address, one_that_is_none_says_so)
{
  eddy_address address = {.length = 0};
  char text[EDDY_ADDRESS_TEXT];
  CHECK_STR(eddy_address_format(&address, text, sizeof text), "no address");
  CHECK_EQ(eddy_address_port(&address), 0);
  return 0;
}

/* ---- from the system's form ---- */

EDDY_UNIT_TEST(address, system_address_is_copied)
{
  eddy_address address;
  char text[EDDY_ADDRESS_TEXT];
  struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(80)};
  ipv4.sin_addr.s_addr = htonl(0x0a000001);
  CHECK_OK(
      eddy_address_from_sockaddr((const struct sockaddr *)&ipv4, sizeof ipv4, &address));
  CHECK_STR(eddy_address_format(&address, text, sizeof text), "10.0.0.1:80");
  CHECK_EQ(address.length, sizeof ipv4);
  struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(443)};
  ipv6.sin6_addr.s6_addr[15] = 1;
  CHECK_OK(
      eddy_address_from_sockaddr((const struct sockaddr *)&ipv6, sizeof ipv6, &address));
  CHECK_STR(eddy_address_format(&address, text, sizeof text), "[::1]:443");
  CHECK_EQ(eddy_address_port(&address), 443);
  return 0;
}

EDDY_UNIT_TEST(address, system_address_of_a_unix_socket_may_have_any_length)
{
  eddy_address address;
  char text[EDDY_ADDRESS_TEXT];
  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
  const struct sockaddr *system = (const struct sockaddr *)&name;
  size_t head = offsetof(struct sockaddr_un, sun_path);
  CHECK_OK(eddy_address_from_sockaddr(system, sizeof name, &address));
  CHECK_STR(eddy_address_format(&address, text, sizeof text), "/run/x");
  CHECK_OK(eddy_address_from_sockaddr(system, head + 4, &address)); /* no NUL behind it */
  CHECK_STR(eddy_address_format(&address, text, sizeof text), "/run");
  CHECK_OK(eddy_address_from_sockaddr(system, head, &address)); /* no name */
  CHECK_STR(eddy_address_format(&address, text, sizeof text), "unix:");
  memcpy(name.sun_path, "\0abstract", 9);
  CHECK_OK(eddy_address_from_sockaddr(system, head + 9, &address));
  CHECK_STR(eddy_address_format(&address, text, sizeof text), "@abstract");
  memset(name.sun_path, 'x', sizeof name.sun_path); /* no NUL at all */
  CHECK_OK(eddy_address_from_sockaddr(system, sizeof name, &address));
  CHECK_EQ(
      strlen(eddy_address_format(&address, text, sizeof text)), sizeof name.sun_path);
  return 0;
}

EDDY_UNIT_TEST(address, system_address_that_cannot_be_one_is_refused)
{
  eddy_address address = {.length = 77};
  struct sockaddr_storage storage;
  memset(&storage, 0, sizeof storage);
  const struct sockaddr *system = (const struct sockaddr *)&storage;
  storage.ss_family = AF_INET;
  CHECK_CODE(eddy_address_from_sockaddr(NULL, 16, &address), EDDY_EINVAL);
  CHECK_CODE(eddy_address_from_sockaddr(system, 16, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_address_from_sockaddr(system, 0, &address), EDDY_EINVAL);
  CHECK_CODE(eddy_address_from_sockaddr(system, 1, &address), EDDY_EINVAL);
  CHECK_CODE(eddy_address_from_sockaddr(system, 15, &address), EDDY_EINVAL);
  CHECK_CODE(eddy_address_from_sockaddr(system, 129, &address), EDDY_EINVAL);
  storage.ss_family = AF_INET6;
  CHECK_CODE(
      eddy_address_from_sockaddr(system, sizeof(struct sockaddr_in6) - 1, &address),
      EDDY_EINVAL);
  storage.ss_family = AF_UNSPEC;
  CHECK_CODE(eddy_address_from_sockaddr(system, sizeof storage, &address), EDDY_EINVAL);
  storage.ss_family = 200;
  CHECK_CODE(eddy_address_from_sockaddr(system, sizeof storage, &address), EDDY_EINVAL);
  CHECK_EQ(address.length, 77);
  return 0;
}
