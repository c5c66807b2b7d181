/* A queue that any thread may push to without a lock and one thread empties. */
#ifndef EDDY_BASE_POST_H
#define EDDY_BASE_POST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct eddy__post {
  struct eddy__post *next;
};

struct eddy__posts {
  _Atomic(struct eddy__post *) head; /* newest first */
};

/* Returns whether the queue was empty before: then the reader has to be woken. */
static inline bool eddy__posts_push(struct eddy__posts *posts, struct eddy__post *post)
{
  struct eddy__post *head = atomic_load_explicit(&posts->head, memory_order_relaxed);
  do {
    post->next = head;
  } while (!atomic_compare_exchange_weak_explicit(
      &posts->head, &head, post, memory_order_release, memory_order_relaxed));
  return head == NULL;
}

static inline bool eddy__posts_empty(const struct eddy__posts *posts)
{
  return atomic_load_explicit(&posts->head, memory_order_relaxed) == NULL;
}

/* Takes everything, oldest first. */
static inline struct eddy__post *eddy__posts_take(struct eddy__posts *posts)
{
  struct eddy__post *post = atomic_exchange_explicit(&posts->head, NULL, memory_order_acquire);
  struct eddy__post *oldest = NULL;
  while (post != NULL) {
    struct eddy__post *next = post->next;
    post->next = oldest;
    oldest = post;
    post = next;
  }
  return oldest;
}

#endif
