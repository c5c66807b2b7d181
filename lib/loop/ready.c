#include "loop/loop.h"

#include "base/self.h"

/* Moves the entries to a ring of another capacity; positions stay what they are. */
static int resize(struct eddy__ring *ring, size_t capacity)
{
  struct eddy__entry *entries = eddy__alloc(capacity * sizeof(*entries));
  if (entries == NULL) return EDDY_ENOMEM;
  for (uint64_t position = ring->head; position != ring->tail; position++) {
    entries[position & (capacity - 1)] = ring->entries[position & ring->mask];
  }
  eddy__free(ring->entries);
  ring->entries = entries;
  ring->capacity = capacity;
  ring->mask = capacity - 1;
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

void eddy__ready_shrink(eddy_loop *loop)
{
  struct eddy__ring *ring = &loop->ring;
  if (ring->capacity <= 4096 || ring->bookings >= ring->capacity / 8) return;
  /* Without memory the large ring simply stays. */
  (void)resize(ring, ring->capacity / 4);
}

void eddy__ready_clear(eddy_loop *loop)
{
  struct eddy__ring *ring = &loop->ring;
  eddy__free(ring->entries);
  *ring = (struct eddy__ring){.head = ring->head, .tail = ring->head};
  loop->turn_end = ring->head;
}
