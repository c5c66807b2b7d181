#include "loop/loop.h"

#include "base/outcome.h"

int eddy__fd_refusal(const eddy_loop *loop, const char *call, int fd)
{
  if (!eddy__fd_is_claimed(loop, fd)) return 0;
  return eddy_raise(EDDY_EBUSY, "%s descriptor %d: a transport uses it", call, fd);
}
