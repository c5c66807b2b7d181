#include "base/self.h"

_Thread_local struct eddy__self eddy__self;
