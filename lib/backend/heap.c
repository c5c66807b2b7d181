#include "backend/heap.h"

#include "base/alloc.h"

#define SMALLEST 64 /* entries; the memory never shrinks below */

/* Written without branches: which of two random keys is the smaller cannot be predicted.
 */
#ifdef __SIZEOF_INT128__
__extension__ typedef __int128 wide;

static inline wide key_of(const struct eddy__heap_entry *entry)
{
  /* A product, because a negative deadline may not be shifted. */
  return (wide)entry->deadline * ((wide)1 << 64) | entry->sequence;
}

static inline bool less(
    const struct eddy__heap_entry *a, const struct eddy__heap_entry *b)
{
  return key_of(a) < key_of(b);
}
#else
static inline bool less(
    const struct eddy__heap_entry *a, const struct eddy__heap_entry *b)
{
  return (a->deadline < b->deadline) |
         ((a->deadline == b->deadline) & (a->sequence < b->sequence));
}
#endif

/* Keys travel as scalars: gcc takes a struct of three words through memory. */
static inline bool is_before(
    eddy_time deadline, uint64_t sequence, const struct eddy__heap_entry *entry)
{
  struct eddy__heap_entry key = {deadline, sequence, NULL};
  return less(&key, entry);
}

static inline void put(struct eddy__heap *heap, size_t index, eddy_time deadline,
    uint64_t sequence, eddy_timer *timer)
{
  struct eddy__heap_entry *entry = &heap->entries[index];
  entry->deadline = deadline;
  entry->sequence = sequence;
  entry->timer = timer;
  timer->place.index = index;
}

static inline void move(struct eddy__heap *heap, size_t to, size_t from)
{
  const struct eddy__heap_entry *entry = &heap->entries[from];
  put(heap, to, entry->deadline, entry->sequence, entry->timer);
}

/* Fills the hole at `index` with the timer or, while they are later, with the ancestors,
 * but none above `top`. */
static inline void sift_up(struct eddy__heap *heap, size_t top, size_t index,
    eddy_time deadline, uint64_t sequence, eddy_timer *timer)
{
  while (index > top) {
    size_t parent = (index - 1) / 4;
    if (!is_before(deadline, sequence, &heap->entries[parent])) break;
    move(heap, index, parent);
    index = parent;
  }
  put(heap, index, deadline, sequence, timer);
}

/* The earliest of the children that begin at `first`. */
static inline size_t earliest_child(const struct eddy__heap *heap, size_t first)
{
  const struct eddy__heap_entry *entries = heap->entries;
  if (first + 4 <= heap->count) {
    size_t left = first + less(&entries[first + 1], &entries[first]);
    size_t right = first + 2 + less(&entries[first + 3], &entries[first + 2]);
    return less(&entries[right], &entries[left]) ? right : left;
  }
  size_t best = first;
  for (size_t child = first + 1; child < heap->count; child++) {
    if (less(&entries[child], &entries[best])) best = child;
  }
  return best;
}

/*
 * Fills the hole at `index` with what was the last of the heap. Being a leaf, it nearly
 * always belongs near the bottom again: the hole goes down to a leaf without looking at
 * it, and then it goes up from there.
 */
static void refill(struct eddy__heap *heap, size_t index)
{
  struct eddy__heap_entry *last = &heap->entries[heap->count];
  eddy_time deadline = last->deadline;
  uint64_t sequence = last->sequence;
  eddy_timer *timer = last->timer;
  size_t top = index;
  for (size_t first = 4 * index + 1; first < heap->count; first = 4 * index + 1) {
#if defined(__GNUC__)
    /* The sixteen grandchildren: six lines, one of which the next level needs. */
    const char *grandchildren = (const char *)&heap->entries[4 * first + 1];
    for (size_t line = 0; line < 6; line++) {
      __builtin_prefetch(grandchildren + 64 * line);
    }
#endif
    size_t child = earliest_child(heap, first);
    move(heap, index, child);
    index = child;
  }
  sift_up(heap, top, index, deadline, sequence, timer);
}

static int resize(struct eddy__heap *heap, size_t capacity)
{
  if (capacity > SIZE_MAX / sizeof(heap->entries[0])) return EDDY_ENOMEM;
  void *entries = eddy__realloc(heap->entries, capacity * sizeof(heap->entries[0]));
  if (entries == NULL) return EDDY_ENOMEM;
  heap->entries = entries;
  heap->capacity = capacity;
  return 0;
}

/*
 * After a burst the memory goes back by halves, each after as many removals as it has
 * room for during which three quarters of it stayed unused: programs that fill the heap
 * again and again do not pay for fresh pages each time.
 */
static inline void shrink(struct eddy__heap *heap)
{
  if (heap->count > heap->capacity / 4) {
    heap->roomy = 0;
  } else if (++heap->roomy > heap->capacity && heap->capacity > SMALLEST) {
    heap->roomy = 0;
    (void)resize(heap, heap->capacity / 2);
  }
}

void eddy__heap_fini(struct eddy__heap *heap)
{
  eddy__free(heap->entries);
  *heap = (struct eddy__heap){0};
}

int eddy__heap_add(struct eddy__heap *heap, eddy_timer *timer)
{
  if (heap->count == heap->capacity) {
    int rc = resize(heap, heap->capacity == 0 ? SMALLEST : 2 * heap->capacity);
    if (rc < 0) return rc;
  }
  sift_up(heap, 0, heap->count++, timer->deadline, timer->sequence, timer);
  return 0;
}

void eddy__heap_remove(struct eddy__heap *heap, eddy_timer *timer)
{
  size_t index = timer->place.index;
  const struct eddy__heap_entry *last = &heap->entries[--heap->count];
  if (index < heap->count) {
    if (index > 0 && less(last, &heap->entries[(index - 1) / 4])) {
      sift_up(heap, 0, index, last->deadline, last->sequence, last->timer);
    } else {
      refill(heap, index);
    }
  }
  shrink(heap);
}

eddy_timer *eddy__heap_take(struct eddy__heap *heap)
{
  eddy_timer *timer = heap->entries[0].timer;
  heap->count--;
  if (heap->count > 0) refill(heap, 0);
  shrink(heap);
  return timer;
}
