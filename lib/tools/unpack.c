#include "tools/unpack.h"

#include <string.h>

#define HEADER 12

static uint32_t number_at(const unsigned char *at)
{
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
         (uint32_t)at[3] << 24;
}

static bool begin_block(struct unpack *from)
{
  if (from->end - from->at < HEADER) return false;
  from->bad = memcmp(from->at, "eddy", 4) != 0;
  if (from->bad) return false;
  size_t size = number_at(from->at + 4);
  from->loop = number_at(from->at + 8);
  from->at += HEADER;
  size_t left = (size_t)(from->end - from->at);
  from->block_end = from->at + (size < left ? size : left);
  from->time = 0;
  memset(from->values, 0, sizeof(from->values));
  return true;
}

/* Seven bits a byte, the lowest first; the last has no high bit. */
static uint64_t take(struct unpack *from)
{
  uint64_t value = 0;
  for (unsigned shift = 0; from->at < from->block_end && shift < 64; shift += 7) {
    unsigned char byte = *from->at++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  from->at = from->end; /* cut here */
  return value;
}

/* A difference: 0, -1, 1, -2, ... */
static uint64_t take_change(struct unpack *from)
{
  uint64_t value = take(from);
  return value >> 1 ^ (0 - (value & 1));
}

bool unpack_next(struct unpack *from, eddy_trace_event *event, const char **text)
{
  while (from->block_end == NULL || from->at == from->block_end) {
    if (from->at == from->end || !begin_block(from)) return false;
  }
  if (from->block_end - from->at < 2) return false;
  unsigned kind = from->at[0], detail = from->at[1];
  from->at += 2;
  *event = (eddy_trace_event){.loop = from->loop};
  event->kind = kind & 0x1f;
  event->detail = detail & 0x7f;
  if (detail & 0x80) from->time += (eddy_time)take_change(from);
  event->time = from->time;
  if (kind & 0x20) event->task = (uint32_t)take(from);
  if (kind & 0x40) event->other = (uint32_t)take(from);
  if (kind & 0x80) from->values[event->kind] += take_change(from);
  event->value = from->values[event->kind];
  *text = NULL;
  if (event->kind == EDDY_TRACE_TEXT) {
    if (event->value > (uint64_t)(from->block_end - from->at)) return false;
    *text = (const char *)from->at;
    from->at += event->value;
  }
  return from->at <= from->block_end;
}
