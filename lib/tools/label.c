#include "tools/label.h"

#include <stdlib.h>

#include "tools/tool.h"

#define MOST_TIMERS (1u << 28)

static struct label_entry *find(struct label_set *set, uint64_t key)
{
  size_t at = (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & (set->capacity - 1);
  while (set->entries[at].number != 0 && set->entries[at].key != key) {
    at = (at + 1) & (set->capacity - 1);
  }
  return &set->entries[at];
}

static void grow(struct label_set *set)
{
  struct label_set larger = {.count = set->count};
  larger.capacity = set->capacity == 0 ? 64 : 2 * set->capacity;
  larger.entries = tool_memory(larger.capacity, sizeof(*larger.entries));
  for (size_t i = 0; i < set->capacity; i++) {
    if (set->entries[i].number != 0)
      *find(&larger, set->entries[i].key) = set->entries[i];
  }
  free(set->entries);
  *set = larger;
}

static size_t number_of(struct label_set *set, uint64_t key)
{
  if (2 * set->count >= set->capacity) grow(set);
  struct label_entry *entry = find(set, key);
  if (entry->number == 0) *entry = (struct label_entry){key, ++set->count};
  return entry->number;
}

void labels_begin(struct labels *labels, struct read_loop *loop)
{
  *labels = (struct labels){.loop = loop};
  uint32_t highest = 0;
  for (size_t i = 0; i < loop->count; i++) {
    const eddy_trace_event *event = &loop->events[i];
    bool booked = event->kind == EDDY_TRACE_BOOKED;
    if (booked && event->other > highest && event->other < MOST_TIMERS)
      highest = event->other;
  }
  labels->timers_count = (size_t)highest + 1;
  labels->timers = tool_memory(labels->timers_count, sizeof(*labels->timers));
}

void labels_end(struct labels *labels)
{
  free(labels->callbacks.entries);
  free(labels->objects.entries);
  free(labels->descriptors.entries);
  free(labels->timers);
  free(labels->queued);
}

void labels_see(struct labels *labels, const eddy_trace_event *event)
{
  if (event->kind == EDDY_TRACE_BOOKED && event->other < labels->timers_count)
    labels->timers[event->other] = event->task;
  if (event->kind != EDDY_TRACE_QUEUED || event->task != 0) return;
  labels->queued = tool_grow(labels->queued, labels->queued_count,
      &labels->queued_capacity, sizeof(*labels->queued));
  labels->queued[labels->queued_count++] = (struct label_queued){event->value, event};
}

/* The oldest entry of this function, whose turn it is; what was queued before it was dropped. */
static const eddy_trace_event *take_queued(struct labels *labels, uint64_t callback)
{
  for (size_t i = labels->queued_first; i < labels->queued_count; i++) {
    if (labels->queued[i].callback != callback) continue;
    const eddy_trace_event *found = labels->queued[i].event;
    labels->queued_first = i + 1;
    if (labels->queued_first == labels->queued_count)
      labels->queued_first = labels->queued_count = 0;
    return found;
  }
  return NULL;
}

static char *whose_timer(struct labels *labels, uint32_t number)
{
  uint32_t task = number < labels->timers_count ? labels->timers[number] : 0;
  if (task == 0) return tool_text("timer %u", number);
  return tool_text("timer of %s", read_task_name(labels->loop, task));
}

char *label_callback(
    struct labels *labels, const eddy_trace_event *run, const eddy_trace_event **queued)
{
  const eddy_trace_event *cause = take_queued(labels, run->value);
  if (queued != NULL) *queued = cause;
  if (cause != NULL && cause->detail == EDDY_TRACE_BY_TIMER && cause->other != 0)
    return whose_timer(labels, cause->other);
  if (cause != NULL && cause->detail == EDDY_TRACE_BY_IO && cause->other != 0) {
    return tool_text(
        "descriptor %zu is ready", number_of(&labels->descriptors, cause->other));
  }
  return tool_text("callback %zu", number_of(&labels->callbacks, run->value));
}

char *label_wait(struct labels *labels, const eddy_trace_event *parked)
{
  const char *what = read_text(labels->loop, parked->other);
  uint32_t task = (uint32_t)parked->value;
  switch (parked->detail) {
  case EDDY_TRACE_A_TASK:
    return tool_text("%s", read_task_name(labels->loop, task));
  case EDDY_TRACE_A_DESCRIPTOR:
    return tool_text("%s (descriptor %zu)", what,
        number_of(&labels->descriptors, (uint32_t)parked->value));
  case EDDY_TRACE_OBJECT:
    return tool_text("%s (object %zu)", what, number_of(&labels->objects, parked->value));
  default:
    return tool_text("%s", parked->other == 0 ? "its turn" : what);
  }
}

char *label_cause(struct labels *labels, const eddy_trace_event *queued)
{
  if (queued == NULL) return tool_text("something before the trace");
  switch (queued->detail) {
  case EDDY_TRACE_BY_TASK:
    return tool_text("%s", read_task_name(labels->loop, queued->other));
  case EDDY_TRACE_BY_CALLBACK:
    return tool_text("a callback");
  case EDDY_TRACE_BY_THREAD:
    return tool_text("another thread");
  case EDDY_TRACE_BY_IO:
    return tool_text("descriptor %zu", number_of(&labels->descriptors, queued->other));
  case EDDY_TRACE_BY_TIMER:
    return whose_timer(labels, queued->other);
  default:
    return tool_text("the outside");
  }
}
