/*
 * libuv as an echo service: uv_tcp with one shared buffer and uv_try_write, uv_udp with
 * recvmmsg and uv_udp_try_send.
 *
 *     bench_net_libuv [udp]
 */
#define _GNU_SOURCE

#include <uv.h>

#include "../../../examples/raise_limit.h"
#include "../bench.h"

static uv_loop_t *loop;
static char buffer[20 * 65536]; /* with udp: 20 datagrams at most in one call */

static void ignore(int rc)
{
  (void)rc;
}

static void on_signal(uv_signal_t *signal, int signum)
{
  (void)signum;
  uv_stop(signal->loop);
}

static void lend(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
  (void)handle;
  (void)suggested;
  *out = uv_buf_init(buffer, sizeof(buffer));
}

static void on_closed(uv_handle_t *handle)
{
  free(handle);
}

struct rest {
  uv_write_t request;
  char data[];
};

static void on_written(uv_write_t *request, int status)
{
  ignore(status);
  free(request);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *from)
{
  if (size == 0) return;
  if (size < 0) {
    uv_close((uv_handle_t *)stream, on_closed);
    return;
  }
  uv_buf_t piece = uv_buf_init(from->base, (unsigned)size);
  int sent = uv_try_write(stream, &piece, 1);
  if (sent == (int)size) return;
  if (sent < 0) sent = 0;
  struct rest *rest = malloc(sizeof(*rest) + (size_t)(size - sent));
  bench_check(rest != NULL, "memory");
  memcpy(rest->data, from->base + sent, (size_t)(size - sent));
  piece = uv_buf_init(rest->data, (unsigned)(size - sent));
  ignore(uv_write(&rest->request, stream, &piece, 1, on_written));
}

static void on_connection(uv_stream_t *listener, int status)
{
  if (status < 0) return;
  uv_tcp_t *tcp = malloc(sizeof(*tcp));
  bench_check(tcp != NULL && uv_tcp_init(loop, tcp) == 0, "uv_tcp_init");
  if (uv_accept(listener, (uv_stream_t *)tcp) < 0) {
    uv_close((uv_handle_t *)tcp, on_closed);
    return;
  }
  ignore(uv_tcp_nodelay(tcp, 1));
  ignore(uv_read_start((uv_stream_t *)tcp, lend, on_read));
}

static void on_datagram(uv_udp_t *udp, ssize_t size, const uv_buf_t *from,
    const struct sockaddr *address, unsigned flags)
{
  (void)flags;
  if (size < 0 || address == NULL) return;
  uv_buf_t piece = uv_buf_init(from->base, (unsigned)size);
  bench_check(uv_udp_try_send(udp, &piece, 1, address) == (int)size, "uv_udp_try_send");
}

static int serve_tcp(struct sockaddr_in *address, int *length)
{
  static uv_tcp_t listener;
  bench_check(uv_tcp_init(loop, &listener) == 0, "uv_tcp_init");
  int rc = uv_tcp_bind(&listener, (struct sockaddr *)address, 0);
  if (rc == 0) rc = uv_listen((uv_stream_t *)&listener, 1024, on_connection);
  return rc < 0 ? rc : uv_tcp_getsockname(&listener, (struct sockaddr *)address, length);
}

static int serve_udp(struct sockaddr_in *address, int *length)
{
  static uv_udp_t udp;
  bench_check(
      uv_udp_init_ex(loop, &udp, AF_UNSPEC | UV_UDP_RECVMMSG) == 0, "uv_udp_init");
  int rc = uv_udp_bind(&udp, (struct sockaddr *)address, 0);
  if (rc == 0) rc = uv_udp_recv_start(&udp, lend, on_datagram);
  return rc < 0 ? rc : uv_udp_getsockname(&udp, (struct sockaddr *)address, length);
}

int main(int argc, char **argv)
{
  struct sockaddr_in address;
  int length = sizeof(address);
  static uv_signal_t signal;
  int udp = argc > 1 && strcmp(argv[1], "udp") == 0;
  raise_limit(65536);
  loop = uv_default_loop();
  ignore(uv_ip4_addr("127.0.0.1", 0, &address));
  int rc = udp ? serve_udp(&address, &length) : serve_tcp(&address, &length);
  bench_check(rc == 0, "listen");
  ignore(uv_signal_init(loop, &signal));
  ignore(uv_signal_start(&signal, on_signal, SIGTERM));
  printf("listening on 127.0.0.1:%u (libuv)\n", ntohs(address.sin_port));
  fflush(stdout);
  ignore(uv_run(loop, UV_RUN_DEFAULT));
  return 0;
}
