#include "backend/native.h"

#include "backend/heap.h"

static int native_open(void *self, eddy_loop *loop)
{
  (void)self; /* zeroed: an empty heap */
  (void)loop;
  return 0;
}

static void native_close(void *self)
{
  eddy__heap_fini(self);
}

static int native_add(void *self, eddy_timer *timer)
{
  return eddy__heap_add(self, timer);
}

static void native_remove(void *self, eddy_timer *timer)
{
  eddy__heap_remove(self, timer);
}

static eddy_timer *native_take_due(void *self, eddy_time now)
{
  return eddy__heap_take(self, now);
}

static eddy_time native_next(void *self)
{
  return eddy__heap_next(self);
}

static size_t native_count(void *self)
{
  const struct eddy__heap *heap = self;
  return heap->live;
}

const eddy_scheduler eddy__scheduler_native = {
    .name = "native",
    .loop_size = sizeof(struct eddy__heap),
    .open = native_open,
    .close = native_close,
    .add = native_add,
    .remove = native_remove,
    .take_due = native_take_due,
    .next = native_next,
    .count = native_count,
};
