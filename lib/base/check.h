/* Checks of what only a mistake in the program can break, and that no code can report. */
#ifndef EDDY_BASE_CHECK_H
#define EDDY_BASE_CHECK_H

#include <eddy/api.h>

#include "base/attributes.h"

/* Ends the process with the message unless the condition holds. The message names the call,
 * the object and the remedy. */
#define EDDY_CHECK(condition, ...)                                                       \
  do {                                                                                   \
    if (!(condition)) eddy__check_failed(__FILE__, __LINE__, __VA_ARGS__);               \
  } while (0)

EDDY__NORETURN EDDY__COLD void eddy__check_failed(const char *file, int line, const char *format, ...) EDDY_PRINTF(3, 4);

#endif
