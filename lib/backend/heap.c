#include "backend/heap.h"

#include <string.h>

#include "base/attributes.h"
#include "base/clock.h"

#define SMALLEST 64   /* slots; the memory never shrinks below */
#define SORTED 32     /* a segment of so many keys is sorted and becomes the front */
#define TOLERATED 100 /* dead keys that are left alone, however few timers there are */

#define SLOT_BITS 28
#define MOST_SLOTS ((size_t)1 << SLOT_BITS)
#define MOST_BOOKINGS (UINT64_C(1) << (64 - SLOT_BITS))

typedef struct eddy__heap_key key;

static const key lowest = {INT64_MIN, 0};
static const key highest = {INT64_MAX, UINT64_MAX};

/* A test counts the comparisons. */
#ifndef EDDY__HEAP_COMPARES
#define EDDY__HEAP_COMPARES() ((void)0)
#endif

/* Written without branches: which of two keys is the earlier cannot be predicted. */
#ifdef __SIZEOF_INT128__
__extension__ typedef __int128 wide;

static inline wide widen(key k)
{
  /* A product, because a negative deadline may not be shifted. */
  return (wide)k.deadline * ((wide)1 << 64) | k.tag;
}

static inline bool is_before(key a, key b)
{
  EDDY__HEAP_COMPARES();
  return widen(a) < widen(b);
}
#else
static inline bool is_before(key a, key b)
{
  EDDY__HEAP_COMPARES();
  return (a.deadline < b.deadline) | ((a.deadline == b.deadline) & (a.tag < b.tag));
}
#endif

/* Word by word, as they were written: a load of both words at once would have to wait for
 * two stores. */
static inline void put(key *to, key k)
{
  to->deadline = k.deadline;
  to->tag = k.tag;
}

static inline size_t slot_of(key k)
{
  return (size_t)k.tag & (MOST_SLOTS - 1);
}

/* ---- slots ---- */

static inline void free_slot(struct eddy__heap *heap, size_t slot)
{
  heap->slots[slot].next = (uintptr_t)heap->free << 1 | 1;
  heap->free = slot + 1;
}

/* There is a free slot. */
static inline size_t take_slot(struct eddy__heap *heap)
{
  size_t slot = heap->free;
  if (slot == 0) return heap->fresh++;
  heap->free = (size_t)(heap->slots[slot - 1].next >> 1);
  return slot - 1;
}

static inline bool is_free(const struct eddy__heap *heap, size_t slot)
{
  return (heap->slots[slot].next & 1) != 0;
}

/* Without timers: forgets the keys, and the slots are given out from the first again. */
static void reset(struct eddy__heap *heap)
{
  heap->count = 0;
  heap->in_front = 0;
  heap->depth = 0;
  heap->front_bound = highest;
  heap->free = 0;
  heap->fresh = 0;
  heap->booking = 0;
}

/* ---- dead keys ---- */

/* Drops the dead ones of `count` keys to `out`, which is the same place or before it. */
static size_t prune_keys(struct eddy__heap *heap, key *out, const key *keys, size_t count)
{
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    key k = keys[i];
    out[kept] = k;
    if (heap->slots[slot_of(k)].timer != NULL) {
      kept++;
    } else {
      free_slot(heap, slot_of(k));
    }
  }
  return kept;
}

/* Drops every dead key. */
static void prune(struct eddy__heap *heap)
{
  size_t from = 0;
  size_t kept = 0;
  for (size_t i = 0; i <= heap->depth; i++) {
    size_t end = i < heap->depth ? heap->segments[i + 1].start : heap->count;
    heap->segments[i].start = kept;
    kept += prune_keys(heap, heap->keys + kept, heap->keys + from, end - from);
    from = end;
  }
  heap->count = kept;
  heap->in_front = prune_keys(heap, heap->front, heap->front, heap->in_front);
}

static inline size_t dead_keys(const struct eddy__heap *heap)
{
  return heap->count + heap->in_front - heap->live;
}

/* ---- memory ---- */

static int resize(struct eddy__heap *heap, size_t capacity)
{
  if (capacity > MOST_SLOTS || capacity > SIZE_MAX / sizeof(key)) return EDDY_ENOMEM;
  size_t size = capacity * sizeof(heap->slots[0]);
  void *slots = eddy__array_resize(heap->slots, heap->slots_size, size);
  if (slots == NULL) return EDDY_ENOMEM;
  heap->slots = slots;
  heap->slots_size = size;
  size = capacity * sizeof(heap->keys[0]);
  void *keys = eddy__array_resize(heap->keys, heap->keys_size, size);
  if (keys == NULL) return EDDY_ENOMEM;
  heap->keys = keys;
  heap->keys_size = size;
  heap->capacity = capacity;
  return 0;
}

/* Makes room for one more: 0 or EDDY_ENOMEM. */
EDDY__COLD static int make_room(struct eddy__heap *heap)
{
  if (dead_keys(heap) <= heap->capacity / 4) {
    int rc = resize(heap, heap->capacity == 0 ? SMALLEST : 2 * heap->capacity);
    if (rc == 0 || dead_keys(heap) == 0) return rc;
  }
  prune(heap);
  return 0;
}

/* Moves a key's timer below `limit` if it is not there; slots before *from are in use. */
static void move_down(struct eddy__heap *heap, key *k, size_t limit, size_t *from)
{
  size_t slot = slot_of(*k);
  if (slot < limit) return;
  while (!is_free(heap, *from)) {
    ++*from;
  }
  heap->slots[*from] = heap->slots[slot];
  heap->slots[*from].timer->place.index = *from;
  k->tag -= slot - *from; /* what is below the number of the booking */
}

/* Halves the memory; no more than a quarter of it is in use. */
EDDY__COLD static void halve(struct eddy__heap *heap)
{
  size_t limit = heap->capacity / 2;
  prune(heap);
  for (; heap->fresh < limit; heap->fresh++) {
    heap->slots[heap->fresh].next = 1;
  }
  size_t from = 0;
  for (size_t i = 0; i < heap->count; i++) {
    move_down(heap, &heap->keys[i], limit, &from);
  }
  for (size_t i = 0; i < heap->in_front; i++) {
    move_down(heap, &heap->front[i], limit, &from);
  }
  heap->free = 0;
  heap->fresh = limit;
  for (size_t slot = limit; slot-- > 0;) {
    if (is_free(heap, slot)) free_slot(heap, slot);
  }
  /* Without memory the large blocks simply stay. */
  (void)resize(heap, limit);
  heap->capacity = limit;
}

/*
 * One timer less. After a burst the memory goes back by halves, each after as many
 * removals as it has room for during which three quarters of it stayed unused: programs
 * that fill the heap again and again do not pay for fresh pages each time.
 */
static inline void forget_one(struct eddy__heap *heap)
{
  if (--heap->live == 0) reset(heap);
  if (heap->live > heap->capacity / 4) {
    heap->roomy = 0;
  } else if (++heap->roomy > heap->capacity && heap->capacity > SMALLEST) {
    heap->roomy = 0;
    halve(heap);
  }
}

void eddy__heap_fini(struct eddy__heap *heap)
{
  (void)eddy__array_resize(heap->slots, heap->slots_size, 0);
  (void)eddy__array_resize(heap->keys, heap->keys_size, 0);
  memset(heap, 0, sizeof(*heap));
}

/* ---- numbers of bookings ---- */

/* Puts keys[root] where it belongs in a heap whose first key is the latest. */
static void sift_down(key *keys, size_t root, size_t count)
{
  for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
    if (child + 1 < count && is_before(keys[child], keys[child + 1])) child++;
    if (!is_before(keys[root], keys[child])) return;
    key swap = keys[root];
    keys[root] = keys[child];
    keys[child] = swap;
    root = child;
  }
}

/* The numbers are used up, once in sixty thousand million bookings: those booked are
 * counted from 0 again, in their order. */
EDDY__COLD static void renumber(struct eddy__heap *heap)
{
  prune(heap);
  memcpy(heap->keys + heap->count, heap->front, heap->in_front * sizeof(key));
  heap->count += heap->in_front;
  heap->in_front = 0;
  heap->depth = 0;
  heap->front_bound = lowest;
  for (size_t root = heap->count / 2; root-- > 0;) {
    sift_down(heap->keys, root, heap->count);
  }
  for (size_t last = heap->count; last-- > 0;) {
    key latest = heap->keys[0];
    heap->keys[0] = heap->keys[last];
    heap->keys[last] = latest;
    sift_down(heap->keys, 0, last);
  }
  for (size_t i = 0; i < heap->count; i++) {
    heap->keys[i].tag = (uint64_t)i << SLOT_BITS | slot_of(heap->keys[i]);
  }
  heap->booking = heap->count;
}

/* ---- the order ---- */

/* A full front: its later half goes to the last segment. */
static void spill(struct eddy__heap *heap)
{
  size_t half = EDDY__HEAP_FRONT / 2;
  memcpy(heap->keys + heap->count, heap->front, half * sizeof(key));
  heap->count += half;
  heap->in_front -= half;
  heap->front_bound = heap->front[half - 1];
  memmove(heap->front, heap->front + half, heap->in_front * sizeof(key));
}

static inline void add_to_front(struct eddy__heap *heap, key k)
{
  size_t hole = heap->in_front++;
  for (; hole > 0 && is_before(heap->front[hole - 1], k); hole--) {
    put(&heap->front[hole], heap->front[hole - 1]);
  }
  put(&heap->front[hole], k);
}

static inline void add_to_segments(struct eddy__heap *heap, key k)
{
  size_t hole = heap->count++;
  for (size_t i = heap->depth; i > 0; i--) {
    struct eddy__heap_segment *segment = &heap->segments[i];
    if (is_before(k, segment->bound)) break;
    heap->keys[hole] = heap->keys[segment->start];
    hole = segment->start++;
  }
  heap->keys[hole] = k;
}

static inline key median(key a, key b, key c)
{
  if (is_before(b, a)) {
    key swap = a;
    a = b;
    b = swap;
  }
  return is_before(c, a) ? a : is_before(c, b) ? c : b;
}

/* The median of three of the keys, one from each third. */
static key sample(struct eddy__heap *heap, const key *keys, size_t count)
{
  size_t third = count / 3;
  heap->mix = heap->mix * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  size_t at = (size_t)(heap->mix >> 33) % third;
  return median(keys[at], keys[third + at], keys[2 * third + at]);
}

/* A key that has others before it, and probably about half of them. */
static key choose_pivot(struct eddy__heap *heap, const key *keys, size_t count)
{
  if (count < 256) return sample(heap, keys, count);
  size_t third = count / 3;
  return median(sample(heap, keys, third), sample(heap, keys + third, third),
      sample(heap, keys + 2 * third, third));
}

/* Splits what is behind `start` in two segments; returns where the second one begins. */
static size_t split(struct eddy__heap *heap, size_t start)
{
  key *keys = heap->keys;
  key pivot = choose_pivot(heap, keys + start, heap->count - start);
  size_t later = start;
  for (size_t i = start; i < heap->count; i++) {
    key k = keys[i];
    put(&keys[i], keys[later]);
    put(&keys[later], k);
    later += !is_before(k, pivot);
  }
  if (heap->depth + 1 == EDDY__HEAP_SEGMENTS) {
    /* The first two become one. */
    memmove(&heap->segments[1], &heap->segments[2],
        (heap->depth - 1) * sizeof(heap->segments[0]));
    heap->depth--;
  }
  heap->segments[++heap->depth] = (struct eddy__heap_segment){later, pivot};
  return later;
}

/* Makes a front of the end of the last segment; there is a key. */
static void refill(struct eddy__heap *heap)
{
  size_t start = heap->depth == 0 ? 0 : heap->segments[heap->depth].start;
  while (heap->count - start > SORTED) {
    start = split(heap, start);
  }
  size_t count = prune_keys(heap, heap->front, heap->keys + start, heap->count - start);
  for (size_t i = 0; i < count; i++) {
    EDDY__PREFETCH(heap->slots[slot_of(heap->front[i])].timer);
  }
  while (heap->in_front < count) {
    add_to_front(heap, heap->front[heap->in_front]);
  }
  heap->count = start;
  heap->front_bound = heap->depth == 0 ? highest : heap->segments[heap->depth].bound;
  if (heap->depth > 0) heap->depth--;
}

/* The first key, at the end of the front; NULL if the heap is empty. */
static inline const key *first(struct eddy__heap *heap)
{
  if (heap->live == 0) return NULL;
  for (;;) {
    while (heap->in_front > 0) {
      const key *last = &heap->front[heap->in_front - 1];
      if (heap->slots[slot_of(*last)].timer != NULL) return last;
      free_slot(heap, slot_of(*last));
      heap->in_front--;
    }
    refill(heap);
  }
}

/* ---- timers ---- */

int eddy__heap_add(struct eddy__heap *heap, eddy_timer *timer)
{
  if (heap->free == 0 && heap->fresh == heap->capacity) {
    int rc = make_room(heap);
    if (rc < 0) return rc;
  }
  if (heap->booking == MOST_BOOKINGS) renumber(heap);
  size_t slot = take_slot(heap);
  heap->slots[slot].timer = timer;
  timer->place.index = slot;
  heap->live++;
  key k = {timer->deadline, heap->booking++ << SLOT_BITS | slot};
  if (is_before(k, heap->front_bound) && heap->in_front == EDDY__HEAP_FRONT) spill(heap);
  if (is_before(k, heap->front_bound)) {
    add_to_front(heap, k);
  } else {
    add_to_segments(heap, k);
  }
  return 0;
}

void eddy__heap_remove(struct eddy__heap *heap, eddy_timer *timer)
{
  heap->slots[timer->place.index].timer = NULL;
  forget_one(heap);
  size_t dead = dead_keys(heap);
  if (dead > TOLERATED && dead > heap->live) prune(heap);
}

eddy_time eddy__heap_next(struct eddy__heap *heap)
{
  const key *k = first(heap);
  return k == NULL ? EDDY_NEVER : k->deadline;
}

eddy_timer *eddy__heap_take(struct eddy__heap *heap, eddy_time now)
{
  const key *k = first(heap);
  if (k == NULL || k->deadline > now) return NULL;
  size_t slot = slot_of(*k);
  eddy_timer *timer = heap->slots[slot].timer;
  free_slot(heap, slot);
  heap->in_front--;
  forget_one(heap);
  return timer;
}
