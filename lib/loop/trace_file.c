/* Traces that are files. Loops of one process share the one that the environment names: the first
 * empties it, and each opens it to append whole blocks, so that none needs a lock. */
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

/* On some task's stack, whose errno is none of its business. */
static int write_events(void *arg, const eddy_trace_event *events, size_t count)
{
  int before = errno;
  int rc = fwrite(events, sizeof(*events), count, arg) == count ? 0 : code_of(errno);
  errno = before;
  return rc;
}

static void close_file(void *arg)
{
  (void)fclose(arg);
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
  FILE *file = NULL;
  int rc = made == NULL ? EDDY_ENOMEM : open_file(made, anew, &file);
  if (shared && anew) atomic_store(&begun, rc < 0 ? before : process);
  if (rc < 0 && made != NULL)
    (void)eddy_raise(rc, "trace %s: %s", made, eddy_strerror(rc));
  eddy__free(made);
  if (rc < 0) return rc;
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
