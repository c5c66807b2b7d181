/* Parts of the report: JSON for its page. */
#ifndef EDDY_TOOLS_REPORT_H
#define EDDY_TOOLS_REPORT_H

#include <stdio.h>

#include "tools/figures.h"

/* A text as JSON, and fit to stand inside a script element. */
void report_text(FILE *file, const char *words);

/* Members of a comparison: its rows, of which at most so many are told one by one, and for each
 * side the steps, iterations and tasks behind them. */
void report_trace(FILE *file, struct comparison *one, size_t most);

#endif
