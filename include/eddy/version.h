/* Which eddy this is: at compile time and at run time. */
#ifndef EDDY_VERSION_H
#define EDDY_VERSION_H

#include <eddy/api.h>

#define EDDY_VERSION_MAJOR 0
#define EDDY_VERSION_MINOR 1
#define EDDY_VERSION_PATCH 0

/** The version of these headers as text. */
#define EDDY_VERSION                                                                     \
  EDDY_STRINGIFY(EDDY_VERSION_MAJOR)                                                     \
  "." EDDY_STRINGIFY(EDDY_VERSION_MINOR) "." EDDY_STRINGIFY(EDDY_VERSION_PATCH)

EDDY_BEGIN_DECLS

/**
 * The version of the library that is running, in the form of EDDY_VERSION.
 *
 * Context   any thread.
 * Returns   a static string; it differs from EDDY_VERSION when the program was compiled
 *           against another release.
 */
EDDY_API const char *eddy_version(void);

EDDY_END_DECLS

#endif
