/* Servers whose connections are peers that record what they are told. */
#ifndef EDDY_TEST_SERVICES_H
#define EDDY_TEST_SERVICES_H

#include "transports.h"

struct service {
  struct peer *peers[64];
  int count;
  int fail; /* the factory fails with this */
  bool echo;
  eddy_server *server;
};

static inline int echo_data(struct peer *peer, const void *data, size_t size)
{
  return eddy_transport_write(peer->transport, data, size);
}

static inline int service_factory(void *arg, const eddy_protocol **protocol, void **self)
{
  struct service *service = arg;
  if (service->fail < 0) return eddy_raise(service->fail, "no more");
  struct peer *peer = new_peer("s");
  if (service->echo) peer->on_data = echo_data;
  if (service->count < 64) service->peers[service->count] = peer;
  service->count++;
  *self = peer;
  *protocol = &peer_protocol;
  return 0;
}

static inline void end_service(void *arg)
{
  struct service *service = arg;
  eddy_server_close(service->server);
  eddy_server_unref(service->server);
}

/* For one that is perhaps still being made when the body is left. */
static inline void unref_service(void *arg)
{
  struct service *service = arg;
  eddy_server_unref(service->server);
}

static inline int serve(
    struct service **out, const char *host, const eddy_server_options *options)
{
  struct service *service = test_new(sizeof *service);
  *out = service;
  CHECK_OK(eddy_loop_create_server(
      NULL, service_factory, service, host, 0, options, &service->server));
  test_defer(end_service, service);
  return 0;
}

/* Its (first) address. */
static inline int address_of(const struct service *service, eddy_address *address)
{
  size_t count;
  const int *fds = eddy_server_sockets(service->server, &count);
  CHECK(count > 0);
  return eddy_sock_getsockname(fds[0], address);
}

/* A plain socket connected to it. */
static inline int call_service(const struct service *service, int *fd)
{
  eddy_address address;
  *fd = -1;
  CHECK_OK(address_of(service, &address));
  CHECK_OK(open_socket(&address, fd));
  return eddy_sock_connect(*fd, &address);
}

static inline int wait_for_peers(const struct service *service, int count)
{
  for (int i = 0; i < test_patience() && service->count < count; i++) {
    CHECK_OK(eddy_sleep(i < 100 ? 0 : EDDY_MS(1)));
  }
  CHECK_EQ(service->count, count);
  CHECK_OK(wait_until(&service->peers[count - 1]->made));
  return 0;
}

#endif
