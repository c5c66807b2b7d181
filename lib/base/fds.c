#include "base/fds.h"

#include "base/alloc.h"

#define FEW 8       /* as many are looked through one by one */
#define SMALLEST 64 /* heads of the first table */

static struct eddy__fd **head_of(struct eddy__fds *fds, int fd)
{
  return fds->heads == NULL ? &fds->few : &fds->heads[(unsigned)fd & fds->mask];
}

/* Numbers are given out from below, so that few share a head. */
static void grow(struct eddy__fds *fds)
{
  size_t old = fds->heads == NULL ? 0 : fds->mask + 1;
  size_t size = old == 0 ? SMALLEST : 2 * old;
  struct eddy__fd **heads = eddy__alloc(size * sizeof(heads[0]));
  if (heads == NULL) return;
  struct eddy__fds larger = {.heads = heads, .mask = size - 1, .count = fds->count};
  for (size_t i = 0; i < (old == 0 ? 1 : old); i++) {
    struct eddy__fd *entry = old == 0 ? fds->few : fds->heads[i];
    while (entry != NULL) {
      struct eddy__fd *next = entry->next;
      struct eddy__fd **head = head_of(&larger, entry->fd);
      entry->next = *head;
      *head = entry;
      entry = next;
    }
  }
  eddy__free(fds->heads);
  *fds = larger;
}

void eddy__fds_put(struct eddy__fds *fds, struct eddy__fd *entry, int fd)
{
  size_t room = fds->heads == NULL ? FEW : fds->mask + 1;
  if (fds->count >= room) grow(fds);
  struct eddy__fd **head = head_of(fds, fd);
  entry->fd = fd;
  entry->next = *head;
  *head = entry;
  fds->count++;
}

void eddy__fds_remove(struct eddy__fds *fds, struct eddy__fd *entry)
{
  struct eddy__fd **place = head_of(fds, entry->fd);
  while (*place != entry) {
    place = &(*place)->next;
  }
  *place = entry->next;
  entry->next = NULL;
  fds->count--;
}

/* The first one of the number from here on. */
static struct eddy__fd *look(struct eddy__fd *entry, int fd)
{
  while (entry != NULL && entry->fd != fd) {
    entry = entry->next;
  }
  return entry;
}

struct eddy__fd *eddy__fds_find(const struct eddy__fds *fds, int fd)
{
  if (fds->count == 0) return NULL;
  return look(fds->heads == NULL ? fds->few : fds->heads[(unsigned)fd & fds->mask], fd);
}

struct eddy__fd *eddy__fds_again(const struct eddy__fd *entry)
{
  return look(entry->next, entry->fd);
}

struct eddy__fd *eddy__fds_any(const struct eddy__fds *fds, size_t *at)
{
  if (fds->heads == NULL) return fds->few;
  while (*at <= fds->mask) {
    if (fds->heads[*at] != NULL) return fds->heads[*at];
    ++*at;
  }
  return NULL;
}

void eddy__fds_fini(struct eddy__fds *fds)
{
  eddy__free(fds->heads);
  *fds = (struct eddy__fds){0};
}
