#include "io/server.h"

void eddy__server_attach(struct eddy_server *server, struct eddy__link *client)
{
  eddy__list_append(&server->clients, client);
}

void eddy__server_detach(struct eddy_server *server, struct eddy__link *client)
{
  (void)server;
  eddy__list_remove(client);
}

void eddy__server_discard(struct eddy_server *server)
{
  eddy__list_remove(&server->link);
}
