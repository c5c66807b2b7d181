#include <eddy/error.h>

const char *eddy_strerror(int code)
{
  switch (code) {
  case 0:
    return "success";
  case EDDY_STOP:
    return "the coroutine has ended";
  case EDDY_PENDING:
    return "the coroutine waits";
#define EDDY_X(name, number, text)                                                       \
  case EDDY_##name:                                                                      \
    return text;
    EDDY_SYSTEM_ERROR_MAP(EDDY_X)
    EDDY_ERROR_MAP(EDDY_X)
#undef EDDY_X
  default:
    return "unknown error";
  }
}

const char *eddy_err_name(int code)
{
  switch (code) {
#define EDDY_X(name, number, text)                                                       \
  case EDDY_##name:                                                                      \
    return #name;
    EDDY_SYSTEM_ERROR_MAP(EDDY_X)
    EDDY_ERROR_MAP(EDDY_X)
#undef EDDY_X
  default:
    return "EUNKNOWN";
  }
}
