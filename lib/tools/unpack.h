/* The events of a trace file, one after another. lib/loop/trace_file.c says how they are packed. */
#ifndef EDDY_TOOLS_UNPACK_H
#define EDDY_TOOLS_UNPACK_H

#include <eddy/trace.h>

struct unpack {
  const unsigned char *at; /* set to the file's bytes, and `end` behind them */
  const unsigned char *end;
  const unsigned char
      *block_end; /* of the block under way, or NULL; the rest is zero at first */
  uint32_t loop;
  eddy_time time;
  uint64_t values[32];
  bool bad; /* what is there is no trace */
};

/* The next event, and a text's bytes (not terminated). False at the end, also where the file was
 * cut, or where it is no trace. */
bool unpack_next(struct unpack *from, eddy_trace_event *event, const char **text);

#endif
