/*
 * Names looked up: host and service names to addresses, and back.
 *
 * The system's resolver blocks, so it is called in threads: of each loop's own, eight at most,
 * that do nothing else. Names that answer slowly therefore hold up neither the loop nor its
 * other work in threads, nor does that hold up names. While a look-up is awaited the loop has
 * work: it reports no deadlock, and virtual time stands still.
 *
 * A look-up can be cancelled at once. What the resolver is doing then cannot be stopped: its
 * thread carries it to the end, and nobody waits for it, not even eddy_run at its end.
 */
#ifndef EDDY_DNS_H
#define EDDY_DNS_H

#include <eddy/sock.h>

/** The longest name of a host, without a dot at its end. */
#define EDDY_HOST_NAME_MAX 253

/** What to look for; all zero means: everything. The numbers are the system's. */
typedef struct eddy_addrinfo_hints {
  int family; /* AF_INET, AF_INET6; 0: both */
  int type; /* SOCK_STREAM, SOCK_DGRAM; 0: each, so that an address comes several times */
  int protocol; /* IPPROTO_TCP, ...; 0: any */
  int flags;    /* AI_PASSIVE, AI_CANONNAME, ... */
  /** The host's length, if it was cut out of a message and may have anything in it: a NUL among
   * its bytes is then refused, where it would otherwise end the name. 0: it ends with a NUL. */
  size_t host_length;
} eddy_addrinfo_hints;

/** One address to try. */
typedef struct eddy_addrinfo {
  eddy_address address;
  int family; /* the system's numbers, as in the hints */
  int type;
  int protocol;
  /** Of the first address with AI_CANONNAME, else NULL; it lives as long as the array. */
  const char *canonical_name;
} eddy_addrinfo;

/** The names of an address. */
typedef struct eddy_nameinfo {
  char host[1025];
  char service[32];
} eddy_nameinfo;

/* Where a program's own resolver puts what it has found. */
typedef struct eddy_addrinfo_answer eddy_addrinfo_answer;

/**
 * A program's own resolver. Its functions are called in the threads that look names up, several
 * at a time; a NULL one stands for the system's. They return 0 or a code, with a message if
 * they like (eddy_raise).
 */
typedef struct eddy_resolver {
  /** Gives its findings to eddy_addrinfo_add, in the order they are to be tried. All arguments
   * are borrowed for the call; `host` and `service` may be NULL (not both). */
  int (*getaddrinfo)(void *arg, const char *host, const char *service,
      const eddy_addrinfo_hints *hints, eddy_addrinfo_answer *answer);
  /** Fills in `out`, which is empty. flags: NI_NUMERICHOST, ... */
  int (*getnameinfo)(
      void *arg, const eddy_address *address, int flags, eddy_nameinfo *out);
} eddy_resolver;

EDDY_BEGIN_DECLS

/**
 * Looks up the addresses of a host and the port of a service.
 *
 * A numeric address with a numeric port (or none) and a type in the hints needs no resolver and
 * never waits; one with a scope ("fe80::1%eth0") does, as in asyncio.
 *
 * asyncio   loop.getaddrinfo(host, port, family, type, proto, flags)
 * Context   coroutine; suspends unless it is numeric.
 * loop      the running one, or NULL for it.
 * host      borrowed; NULL: this host (with AI_PASSIVE: any address).
 * service   borrowed; "80", "http"; NULL: port 0.
 * hints     borrowed; NULL: everything.
 * list      owned: eddy_addrinfo_free; never empty.
 * count     how many there are.
 * Returns   0; EDDY_EAI_NONAME and its like, with a message that names the host;
 *           EDDY_ENAMETOOLONG (a host of more than 253 bytes, a service of more than 255);
 *           EDDY_EINVAL (a NUL in the host, list or count NULL); EDDY_ECANCELLED; EDDY_ENOTASK;
 *           EDDY_EOTHERLOOP; EDDY_ENOMEM; EDDY_EAGAIN (no thread can be started).
 * Cost      numeric: one allocation, no system call. Else some allocations and a thread if none
 *           is idle.
 */
EDDY_API int eddy_loop_getaddrinfo(eddy_loop *loop, const char *host, const char *service,
    const eddy_addrinfo_hints *hints, eddy_addrinfo **list, size_t *count);

/** Lets go of addresses that were looked up. NULL is allowed. Any thread. */
EDDY_API void eddy_addrinfo_free(eddy_addrinfo *list);

/**
 * Looks up the names of an IPv4 or IPv6 address.
 *
 * asyncio   loop.getnameinfo(sockaddr, flags)
 * Context   coroutine; suspends.
 * loop      as with eddy_loop_getaddrinfo.
 * flags     the system's: NI_NUMERICHOST, NI_NUMERICSERV, NI_DGRAM, NI_NAMEREQD, ...
 * out       filled in before the call returns, and left alone if it is cancelled.
 * Returns   0; EDDY_EAI_NONAME and its like; EDDY_EAI_FAMILY (a Unix address); else as
 *           eddy_loop_getaddrinfo.
 */
EDDY_API int eddy_loop_getnameinfo(
    eddy_loop *loop, const eddy_address *address, int flags, eddy_nameinfo *out);

/**
 * From now on names are looked up by the program itself: in a file, a cache, a protocol of its
 * own; a test gives names to what it needs. Numeric addresses never get that far.
 *
 * asyncio   none; overriding loop.getaddrinfo() and loop.getnameinfo()
 * Context   the loop's thread. Look-ups under way keep the one they began with.
 * resolver  kept until the loop is freed and the threads have returned from it; NULL: the
 *           system's again.
 * Returns   0; EDDY_EINVAL; EDDY_ECLOSED; EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_loop_set_resolver(
    eddy_loop *loop, const eddy_resolver *resolver, void *arg);

/**
 * Adds an address to what a resolver has found; it is copied, its canonical_name counts with the
 * first one only.
 *
 * Context   inside a resolver's getaddrinfo.
 * Returns   0; EDDY_ENOMEM; EDDY_EINVAL (NULL).
 */
EDDY_API EDDY_NODISCARD int eddy_addrinfo_add(
    eddy_addrinfo_answer *answer, const eddy_addrinfo *found);

EDDY_END_DECLS

#endif
