/*
 * Traces that are files. Loops of one process share the one that the environment names: the first
 * empties it, and each opens it to append whole blocks, so that none needs a lock.
 *
 * A block is the letters "eddy", two numbers of four bytes, the lowest first (how many bytes
 * follow; which loop's they are), and the events, packed to about a third of their size:
 *
 *     kind, and bits that say which of task (32), other (64) and value (128) follow
 *     detail, and a bit (128) that says that the time does
 *     the time, less the one before     task     other     the value, less that of the last event
 *     of this kind                      of a text: its bytes
 *
 * Numbers have seven bits a byte, the lowest first, and the high bit in all but the last; those
 * that may be negative are 2n, or -2n - 1. Every block begins with zeroes to compare with.
 */
#include "loop/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* Whose file of the environment's name is empty and to be appended to: a process's number, or
 * less than 0 while that process empties it. */
static atomic_long begun;

/* eddy's code for errno's value. */
static int code_of(int error)
{
  switch (error) {
#define EDDY__CODE(name, number, text)                                                   \
  case name:                                                                             \
    return EDDY_##name;
    EDDY_SYSTEM_ERROR_MAP(EDDY__CODE)
#undef EDDY__CODE
  default:
    return EDDY_EIO;
  }
}

#define HEADER 12

/* A file, and room for a whole block: no event is larger packed. */
struct file {
  FILE *file;
  unsigned char block[];
};

static unsigned char *put(unsigned char *at, uint64_t number)
{
  for (; number >= 0x80; number >>= 7) {
    *at++ = (unsigned char)(number | 0x80);
  }
  *at++ = (unsigned char)number;
  return at;
}

static unsigned char *put_change(unsigned char *at, uint64_t change)
{
  return put(at, change << 1 ^ (0 - (change >> 63)));
}

static void put_fixed(unsigned char *at, uint32_t number)
{
  for (int i = 0; i < 4; i++)
    at[i] = (unsigned char)(number >> 8 * i);
}

static unsigned char *pack_event(
    unsigned char *at, const eddy_trace_event *event, eddy_time *time, uint64_t *values)
{
  uint64_t later = (uint64_t)(event->time - *time);
  uint64_t change = event->value - values[event->kind];
  at[0] = (unsigned char)(event->kind | (event->task != 0) << 5 |
                          (event->other != 0) << 6 | (change != 0) << 7);
  at[1] = (unsigned char)(event->detail | (later != 0) << 7);
  at += 2;
  if (later != 0) at = put_change(at, later);
  if (event->task != 0) at = put(at, event->task);
  if (event->other != 0) at = put(at, event->other);
  if (change != 0) at = put_change(at, change);
  *time = event->time;
  values[event->kind] = event->value;
  return at;
}

/* Returns how many bytes the block has. */
static size_t pack(unsigned char *block, const eddy_trace_event *events, size_t count)
{
  unsigned char *at = block + HEADER;
  eddy_time time = 0;
  uint64_t values[32] = {0};
  for (size_t i = 0; i < count; i++) {
    const eddy_trace_event *event = &events[i];
    at = pack_event(at, event, &time, values);
    if (event->kind != EDDY_TRACE_TEXT) continue;
    memcpy(at, event + 1, (size_t)event->value);
    at += event->value;
    i += ((size_t)event->value + sizeof(*event) - 1) / sizeof(*event);
  }
  memcpy(block, "eddy", 4);
  put_fixed(block + 4, (uint32_t)(at - block - HEADER));
  put_fixed(block + 8, events[0].loop);
  return (size_t)(at - block);
}

/* On some task's stack, whose errno is none of its business. */
static int write_events(void *arg, const eddy_trace_event *events, size_t count)
{
  struct file *file = arg;
  int before = errno;
  size_t size = pack(file->block, events, count);
  int rc = fwrite(file->block, 1, size, file->file) == size ? 0 : code_of(errno);
  errno = before;
  return rc;
}

static void close_file(void *arg)
{
  struct file *file = arg;
  (void)fclose(file->file);
  eddy__free(file);
}

/* The name with the process's number for %p; behind it, if it must differ and has none. */
static char *file_name(const char *name, long process, bool differs)
{
  size_t size = strlen(name) + 48;
  const char *place = strstr(name, "%p");
  char *made = eddy__alloc(size);
  if (made == NULL) return NULL;
  if (place != NULL) {
    snprintf(made, size, "%.*s%ld%s", (int)(place - name), name, process, place + 2);
  } else if (differs) {
    snprintf(made, size, "%s.%ld", name, process);
  } else {
    snprintf(made, size, "%s", name);
  }
  return made;
}

/* Opens a file that begins anew, if `anew`, for blocks that are written at once. */
static int open_file(const char *name, bool anew, FILE **out)
{
  if (anew) {
    FILE *emptied = fopen(name, "wbe");
    if (emptied == NULL) return code_of(errno);
    (void)fclose(emptied);
  }
  FILE *file = fopen(name, "abe");
  if (file == NULL) return code_of(errno);
  (void)setvbuf(file, NULL, _IONBF, 0);
  *out = file;
  return 0;
}

/* Whether this thread is the one to empty the process's file; then `begun` is to be set. */
static bool claim(long process, long *before)
{
  for (;;) {
    *before = atomic_load(&begun);
    if (*before == process) return false;
    if (*before == -process) continue; /* another thread is at it */
    if (atomic_compare_exchange_strong(&begun, before, -process)) return true;
  }
}

int eddy__trace_open(struct eddy__trace *trace, const char *name, bool shared)
{
  long process = eddy__process_id();
  static atomic_long apart; /* the process whose file has its number behind the name */
  long before = 0;
  bool anew = !shared || claim(process, &before);
  /* A child after fork leaves its parent's file alone. */
  if (shared && anew && before != 0) atomic_store(&apart, process);
  bool differs = shared && atomic_load(&apart) == process;
  char *made = file_name(name, process, differs);
  size_t room = HEADER + trace->capacity * sizeof(eddy_trace_event);
  struct file *file = eddy__alloc(sizeof(*file) + room);
  int rc = made == NULL || file == NULL ? EDDY_ENOMEM
                                        : open_file(made, anew, &file->file);
  if (shared && anew) atomic_store(&begun, rc < 0 ? before : process);
  if (rc < 0 && made != NULL)
    (void)eddy_raise(rc, "trace %s: %s", made, eddy_strerror(rc));
  eddy__free(made);
  if (rc < 0) {
    eddy__free(file);
    return rc;
  }
  trace->sink = write_events;
  trace->arg = file;
  trace->close = close_file;
  return 0;
}

void eddy__trace_by_environment(eddy_loop *loop)
{
  const char *name = getenv("EDDY_TRACE");
  if (name == NULL || name[0] == '\0') return;
  const eddy_trace_options options = {.file = name};
  int rc = eddy__trace_begin(loop, &options, true);
  if (rc < 0) fprintf(stderr, "eddy: EDDY_TRACE=%s: %s\n", name, eddy_strerror(rc));
}
