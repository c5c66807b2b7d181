#include "eddy_test.h"

#include <stdio.h>

EDDY_UNIT_TEST(version, library_and_headers_agree)
{
  CHECK_STR(eddy_version(), EDDY_VERSION);
  return 0;
}

EDDY_UNIT_TEST(version, text_is_made_of_the_three_numbers)
{
  char text[64];
  snprintf(text, sizeof text, "%d.%d.%d", EDDY_VERSION_MAJOR, EDDY_VERSION_MINOR,
      EDDY_VERSION_PATCH);
  CHECK_STR(EDDY_VERSION, text);
  return 0;
}
