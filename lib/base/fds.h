/*
 * What belongs to descriptors, found by number: a hash table through the elements, which carry
 * their entry themselves. Nothing can fail: without memory to grow, looking takes longer.
 */
#ifndef EDDY_BASE_FDS_H
#define EDDY_BASE_FDS_H

#include <stddef.h>

struct eddy__fd {
  struct eddy__fd *next;
  int fd;
};

/* All zero: empty. A number may have several entries. */
struct eddy__fds {
  struct eddy__fd **heads; /* mask + 1 of them; NULL: there is `few` alone */
  size_t mask;
  size_t count;
  struct eddy__fd *few;
};

void eddy__fds_put(struct eddy__fds *fds, struct eddy__fd *entry, int fd);

/* Takes out an entry that is in. */
void eddy__fds_remove(struct eddy__fds *fds, struct eddy__fd *entry);

/* The first entry of the number, the one after that, or NULL. */
struct eddy__fd *eddy__fds_find(const struct eddy__fds *fds, int fd);
struct eddy__fd *eddy__fds_again(const struct eddy__fd *entry);

/* Frees what the table has taken; every entry was removed. */
void eddy__fds_fini(struct eddy__fds *fds);

/* For a table that is to be emptied: an entry that is in, or NULL, looking from head *at (first 0)
 * on; entries are only removed meanwhile. */
struct eddy__fd *eddy__fds_any(const struct eddy__fds *fds, size_t *at);

#endif
