/* Servers from the inside. */
#ifndef EDDY_IO_SERVER_H
#define EDDY_IO_SERVER_H

#include "base/list.h"

#include <eddy/loop.h>

struct eddy_server {
  struct eddy__link link;    /* on the loop's list of servers */
  struct eddy__link clients; /* connections, by their own link */
};

void eddy__server_attach(struct eddy_server *server, struct eddy__link *client);
void eddy__server_detach(struct eddy_server *server, struct eddy__link *client);
void eddy__server_discard(struct eddy_server *server);

#endif
