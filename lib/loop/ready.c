#include "loop/loop.h"

#include "base/clock.h"
#include "base/self.h"

/* Entries since a ring was new (a megabyte of them) for which it is worth another one. */
#define RENEWED_AFTER 65536

static void free_entries(struct eddy__ring *ring)
{
  size_t size = ring->capacity * sizeof(*ring->entries);
  (void)eddy__array_resize(ring->entries, size, 0);
}

/* Moves the entries to a ring of another capacity; positions stay what they are. */
static int resize(struct eddy__ring *ring, size_t capacity)
{
  struct eddy__entry *entries = eddy__array_resize(NULL, 0, capacity * sizeof(*entries));
  if (entries == NULL) return EDDY_ENOMEM;
  for (uint64_t position = ring->head; position != ring->tail; position++) {
    entries[position & (capacity - 1)] = ring->entries[position & ring->mask];
  }
  free_entries(ring);
  ring->entries = entries;
  ring->capacity = capacity;
  ring->mask = capacity - 1;
  ring->renewed = ring->head;
  return 0;
}

int eddy__ready_grow(eddy_loop *loop)
{
  size_t capacity = loop->ring.capacity;
  return resize(&loop->ring, capacity == 0 ? 64 : capacity * 2);
}

void eddy__loop_drop(eddy_loop *loop, uint64_t position)
{
  loop->ring.entries[position & loop->ring.mask].fn = NULL;
}

size_t eddy__ready_parked(const eddy_loop *loop)
{
  size_t others = loop->creators;
  if (eddy__self.loop == loop && eddy__self.task != NULL) others++;
  for (uint64_t i = loop->ring.head; i != loop->ring.tail; i++) {
    const struct eddy__entry *entry = &loop->ring.entries[i & loop->ring.mask];
    if (loop->hooks != NULL && entry->fn == loop->hooks->step) others++;
  }
  return loop->tasks - others;
}

/* A large ring that stays as large is replaced all the same when it is empty: of the new one no
 * page is there before it is used, and the bookings of a million parked tasks use none. */
void eddy__ready_shrink(eddy_loop *loop)
{
  struct eddy__ring *ring = &loop->ring;
  size_t capacity = ring->capacity;
  if (capacity <= 4096) return;
  if (ring->bookings < capacity / 8) {
    capacity /= 4;
  } else if (ring->head != ring->tail || ring->tail - ring->renewed < RENEWED_AFTER) {
    return;
  }
  /* Without memory the ring simply stays. */
  (void)resize(ring, capacity);
}

void eddy__ready_clear(eddy_loop *loop)
{
  struct eddy__ring *ring = &loop->ring;
  free_entries(ring);
  *ring = (struct eddy__ring){.head = ring->head, .tail = ring->head};
  loop->turn_end = ring->head;
}
