/* The program `eddy`: one function a command, and what they share. */
#ifndef EDDY_TOOLS_TOOL_H
#define EDDY_TOOLS_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses. */
enum { TOOL_SAME = 0, TOOL_DIFFERENT = 1, TOOL_TROUBLE = 2 };

int tool_trace(int argc, char **argv);
int tool_diff(int argc, char **argv);
int tool_compare(int argc, char **argv);
int tool_workload(int argc, char **argv); /* what `eddy compare` starts */

/* How this program was called, to call it again. */
extern char *tool_program;

/* Says on stderr what went wrong, in words; returns TOOL_TROUBLE. */
int tool_trouble(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Zeroed memory; a text made as printf does. They end the program when there is no memory. */
void *tool_memory(size_t count, size_t size);
char *tool_text(const char *format, ...)
    __attribute__((format(printf, 1, 2), nonnull(1)));

/* Room for one more in a row that grows: returns the row. */
void *tool_grow(void *row, size_t count, size_t *capacity, size_t size);

/* A duration in words: "12.3 us". In static memory, of the last few calls. */
const char *tool_time(double nanoseconds);

int tool_compare_numbers(const void *a, const void *b); /* int64_t, for qsort */
int64_t tool_rank(const int64_t *sorted, size_t count, double rank); /* 0.5: the median */

#endif
