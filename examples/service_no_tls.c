#include "service_tls.h"

static int refuse(void)
{
  return eddy_raise(
      EDDY_ENOTSUP, "there is no TLS here: eddy was built without eddy-tls");
}

int service_tls(const char *certificate, const char *key, eddy_layer **layer)
{
  (void)certificate;
  (void)key;
  (void)layer;
  return refuse();
}

int service_tls_client(const char *authorities, eddy_layer **layer)
{
  (void)authorities;
  (void)layer;
  return refuse();
}
