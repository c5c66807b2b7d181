/* The addresses of the in-memory network: what is the same, and what stands for what. */
#ifndef EDDY_BACKEND_VIRTUAL_ADDRESS_H
#define EDDY_BACKEND_VIRTUAL_ADDRESS_H

#include <eddy/sock.h>

/* The family: 0; EDDY_EINVAL (NULL, cut short); EDDY_EAFNOSUPPORT. */
int eddy__vaddress_family(const eddy_address *address, int *family);

/* As eddy__vaddress_family, and EDDY_EINVAL unless it is a whole address. */
int eddy__vaddress_check(const eddy_address *address, int *family);

bool eddy__vaddress_is_unix(int family);
bool eddy__vaddress_is_ipv6(int family);

/* The family of a pair, too. */
int eddy__vaddress_unix_family(void);

/* The functions below take checked addresses. A Unix address has port 0. */
unsigned eddy__vaddress_port(const eddy_address *address);
void eddy__vaddress_set_port(eddy_address *address, unsigned port);

/* Whether it stands for every host of its family. */
bool eddy__vaddress_is_wildcard(const eddy_address *address);

/* Whether it stands for every host of the network: 255.255.255.255. */
bool eddy__vaddress_is_broadcast(const eddy_address *address);

/* Same family and host (or path); the ports are not looked at. */
bool eddy__vaddress_same_host(const eddy_address *a, const eddy_address *b);

/* Whether a listener at `listener` takes calls for `target`: 0 no, 1 as a wildcard, 2 by
 * name. dual_stack: an IPv6 wildcard takes IPv4 calls, too. */
int eddy__vaddress_match(
    const eddy_address *listener, bool dual_stack, const eddy_address *target);

/* The name of a socket that has none yet: the family's wildcard with port 0. */
void eddy__vaddress_unnamed(int family, eddy_address *out);

/* This host and a port. */
void eddy__vaddress_loopback(int family, unsigned port, eddy_address *out);

/* An IPv4 address as an IPv6 socket names it (::ffff:a.b.c.d). */
void eddy__vaddress_map(eddy_address *address);

#endif
