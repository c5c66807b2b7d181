/* Names as the system looks them up: calls that block. */
#ifndef EDDY_IO_RESOLVE_H
#define EDDY_IO_RESOLVE_H

#include <eddy/dns.h>

/* An array that grows; the canonical name is kept beside it until the end. */
struct eddy_addrinfo_answer {
  eddy_addrinfo *list;
  size_t count;
  size_t capacity;
  char *canonical_name;
};

/* The answer as one block for the user, and leaves it empty: 0; EDDY_ENOMEM; EDDY_EAI_NODATA
 * (there is nothing in it). */
int eddy__answer_finish(
    eddy_addrinfo_answer *answer, eddy_addrinfo **list, size_t *count);
void eddy__answer_clear(eddy_addrinfo_answer *answer);

/* The system's resolver, as in eddy_resolver. */
int eddy__resolve_address(void *unused, const char *host, const char *service,
    const eddy_addrinfo_hints *hints, eddy_addrinfo_answer *answer);
int eddy__resolve_name(
    void *unused, const eddy_address *address, int flags, eddy_nameinfo *out);

/* Whether the address is of a family that has names: IPv4 or IPv6. */
bool eddy__resolve_has_names(const eddy_address *address);

/* Whether it is a numeric address and port, for which nobody need be asked; *found is it. */
bool eddy__resolve_numeric(const char *host, const char *service,
    const eddy_addrinfo_hints *hints, eddy_addrinfo *found);

#endif
