#include "service_tls.h"

int service_tls(const char *certificate, const char *key, eddy_layer **layer)
{
  (void)certificate;
  (void)key;
  (void)layer;
  return eddy_raise(
      EDDY_ENOTSUP, "there is no TLS here: eddy was built without eddy-tls");
}
