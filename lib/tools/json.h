/* Traces in the trace-event format, which Perfetto and chrome://tracing open. */
#ifndef EDDY_TOOLS_JSON_H
#define EDDY_TOOLS_JSON_H

#include "tools/read.h"

/* Writes the file: 0, or TOOL_TROUBLE with what was wrong said. `events` gets how many. */
int json_write(const char *name, struct read_file *file, size_t *events);

#endif
