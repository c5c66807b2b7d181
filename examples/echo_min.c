/*
 * A whole TCP echo server. Each connection has a task of its own, which reads as if it
 * were alone in the world; an error ends that connection and nothing else. If the
 * listener itself fails, the program says why and exits with 1. Usage: echo_min [ADDRESS]
 */
#include <eddy.h>

static int echo(void *arg)
{
  int fd = (int)(intptr_t)arg;
  char data[4096];
  for (size_t n; eddy_sock_recv(fd, data, sizeof(data), &n) == 0 && n > 0;)
    if (eddy_sock_sendall(fd, data, n) < 0) break;
  return eddy_sock_close(fd);
}

static int serve(void *address)
{
  int fd, listener, rc = eddy_sock_listen(address, 7000, NULL, &listener);
  while (rc == 0 && (rc = eddy_sock_accept(listener, &fd, NULL)) == 0)
    if (eddy_create_task(echo, (void *)(intptr_t)fd, NULL) < 0) eddy_sock_close(fd);
  return fprintf(stderr, "echo_min: %s\n", eddy_message(rc)), rc;
}

int main(int argc, char **argv)
{
  return eddy_run(serve, argc > 1 ? argv[1] : "127.0.0.1") < 0;
}
