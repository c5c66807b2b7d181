/* TLS for a service, if the build has eddy-tls (else the call says that it has not). */
#ifndef EXAMPLES_SERVICE_TLS_H
#define EXAMPLES_SERVICE_TLS_H

#include <eddy.h>

/* A layer for eddy_server_options.tls that shows this certificate, both in PEM. It is there until
 * the program ends. */
int service_tls(const char *certificate, const char *key, eddy_layer **layer);

/* A layer for eddy_connection_options.tls that trusts the authorities in this file, and those of
 * the system. As the other. */
int service_tls_client(const char *authorities, eddy_layer **layer);

#endif
