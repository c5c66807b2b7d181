/* A doubly linked list through the elements. A link that is on no list points to itself. */
#ifndef EDDY_BASE_LIST_H
#define EDDY_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct eddy__link {
  struct eddy__link *next;
  struct eddy__link *prev;
};

/* The element of `type` whose field `member` is this link. */
#define EDDY__ENTRY(link, type, member)                                                  \
  ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void eddy__list_init(struct eddy__link *link)
{
  link->next = link;
  link->prev = link;
}

static inline bool eddy__list_empty(const struct eddy__link *list)
{
  return list->next == list;
}

static inline void eddy__list_append(struct eddy__link *list, struct eddy__link *link)
{
  link->next = list;
  link->prev = list->prev;
  list->prev->next = link;
  list->prev = link;
}

static inline void eddy__list_prepend(struct eddy__link *list, struct eddy__link *link)
{
  eddy__list_append(list->next, link);
}

/* Does nothing for a link that is on no list. */
static inline void eddy__list_remove(struct eddy__link *link)
{
  link->prev->next = link->next;
  link->next->prev = link->prev;
  eddy__list_init(link);
}

static inline struct eddy__link *eddy__list_first(const struct eddy__link *list)
{
  return list->next == list ? NULL : list->next;
}

#endif
