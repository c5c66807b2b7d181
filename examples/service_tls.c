#include "service_tls.h"

#include <eddy/tls.h>

int service_tls(const char *certificate, const char *key, eddy_layer **layer)
{
  static eddy_tls_context *context; /* keeps the layer, to the end of the program */
  int rc = eddy_tls_context_new_server(&context);
  if (rc == 0) rc = eddy_tls_context_load_cert_chain(context, certificate, key);
  if (rc == 0) *layer = eddy_tls_layer(context);
  return rc;
}

int service_tls_client(const char *authorities, eddy_layer **layer)
{
  static eddy_tls_context *context;
  int rc = eddy_tls_context_new_client(&context);
  if (rc == 0) rc = eddy_tls_context_load_verify_locations(context, authorities, NULL);
  if (rc == 0) *layer = eddy_tls_layer(context);
  return rc;
}
