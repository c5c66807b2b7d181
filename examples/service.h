/* What the services here share: numbers as options, and a life that ends with a signal. */
#ifndef EXAMPLES_SERVICE_H
#define EXAMPLES_SERVICE_H

#include <eddy.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* Whether the text is a number from `least` to `most`, and which. */
static inline bool service_number(const char *text, long least, long most, long *out)
{
  char *end;
  long number = strtol(text, &end, 10);
  if (end == text || *end != '\0' || number < least || number > most) return false;
  *out = number;
  return true;
}

/* The line that tells people, and scripts, where the service is. */
static inline int service_print_listening(const eddy_server *server)
{
  eddy_loop_stats stats;
  eddy_address address;
  char text[EDDY_ADDRESS_TEXT];
  int rc = eddy_sock_getsockname(eddy_server_sockets(server, NULL)[0], &address);
  if (rc < 0) return rc;
  eddy_loop_get_stats(eddy_server_get_loop(server), &stats);
  printf("listening on %s (%s)\n", eddy_address_format(&address, text, sizeof(text)),
      stats.backend);
  fflush(stdout);
  return 0;
}

static inline int service_cancel_task(void *task)
{
  eddy_task_cancel(task, "stopped by a signal");
  return 0;
}

/* For programs that are no servers: SIGINT and SIGTERM cancel the running task, which is to be
 * the main one. */
static inline int service_cancel_on_signals(void)
{
  eddy_loop *loop = eddy_get_running_loop();
  eddy_task *task = eddy_current_task();
  int rc = eddy_loop_add_signal_handler(loop, SIGINT, service_cancel_task, task);
  if (rc < 0) return rc;
  return eddy_loop_add_signal_handler(loop, SIGTERM, service_cancel_task, task);
}

struct service {
  eddy_task *task;
  eddy_time grace;
  eddy_handle *deadline;
};

static inline int service_cancel(void *arg)
{
  return service_cancel_task(((struct service *)arg)->task);
}

static inline int service_stop(void *arg)
{
  struct service *service = arg;
  service_cancel(service);
  if (service->deadline != NULL) return 0; /* the second signal */
  return eddy_loop_call_later(eddy_get_running_loop(), service->grace, service_cancel,
      service, &service->deadline);
}

/* Serves until SIGINT or SIGTERM. Then it takes no more connections, and those that are there
 * have `grace` to end by themselves, or until a second signal. Their tasks are cancelled by
 * eddy_run, when the main task has returned. */
static inline int service_run(eddy_server *server, eddy_time grace)
{
  struct service service = {eddy_current_task(), grace, NULL};
  eddy_loop *loop = eddy_server_get_loop(server);
  int rc = eddy_loop_add_signal_handler(loop, SIGINT, service_stop, &service);
  if (rc == 0) rc = eddy_loop_add_signal_handler(loop, SIGTERM, service_stop, &service);
  if (rc == 0) rc = service_print_listening(server);
  if (rc == 0) rc = eddy_server_serve_forever(server);
  eddy_loop_remove_signal_handler(loop, SIGINT);
  eddy_loop_remove_signal_handler(loop, SIGTERM);
  eddy_handle_cancel(service.deadline);
  eddy_handle_unref(service.deadline);
  eddy_server_close(server);
  eddy_server_abort_clients(server);
  return rc == EDDY_ECANCELLED ? 0 : rc;
}

#endif
