/* Addresses, beyond what is public. */
#ifndef EDDY_IO_ADDRESS_H
#define EDDY_IO_ADDRESS_H

#include <eddy/sock.h>

/* The address of a Unix socket: 0; EDDY_ENAMETOOLONG; EDDY_EINVAL (empty). */
int eddy__address_from_path(const char *path, eddy_address *out);

/* The path of a Unix socket that has one in the file system, else NULL. */
const char *eddy__address_path(const eddy_address *address);

/* The system's number of the family. */
int eddy__address_family(const eddy_address *address);

#endif
