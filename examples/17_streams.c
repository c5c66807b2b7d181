/*
 * 17: the echo of 15 on streams: lines instead of what one recv happened to bring.
 *
 * eddy_start_server starts a task with the handler for each connection, and closes the
 * connection when that returns. A reader collects what comes in until a line is whole; the
 * line stands in its buffer and is valid until the next read. A write never waits, it sends
 * or queues; drain waits while too much is queued, so that a client which does not read
 * cannot fill the memory.
 *
 * `17_streams 100` sends a hundred clients at once.
 *
 * This is the end of the walk; eddy/loop.h and eddy/run.h are good to read now.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <eddy.h>

#define UNIT EDDY_MS(10)

enum { LIMIT = 100 };

static const char *const words[] = {"one\n", "two\n", "three\n"};
static bool aloud;
static int ticks;
static int port;

/* A plain callback, beside all the tasks. */
static int tick(void *unused)
{
  ticks++;
  return eddy_loop_call_later(eddy_get_running_loop(), UNIT, tick, unused, NULL);
}

/* ---- the server ---- */

static int connection(
    eddy_stream_reader *reader, eddy_stream_writer *writer, void *unused)
{
  const char *line;
  size_t size;
  int rc;
  (void)unused;
  while ((rc = eddy_stream_reader_readline(reader, &line, &size)) == 0 && size > 0) {
    const eddy_buffer answer[] = {{"Got:", 4}, {line, size}};
    rc = eddy_stream_writer_writelines(writer, answer, 2);
    if (rc == 0) rc = eddy_stream_writer_drain(writer);
    if (rc < 0) break;
  }
  return rc;
}

/* ---- the clients ---- */

static int talk(eddy_stream_reader *reader, eddy_stream_writer *writer)
{
  int rc = 0, correct = 0;
  for (int i = 0; rc == 0 && i < 3; i++) {
    const char *line;
    size_t size, length = strlen(words[i]);
    rc = eddy_stream_writer_write(writer, words[i], length);
    if (rc == 0) rc = eddy_stream_reader_readline(reader, &line, &size);
    if (rc < 0) break;
    if (aloud) printf("%.*s", (int)size, line);
    if (size == length + 4 && memcmp(line + 4, words[i], length) == 0) correct++;
    rc = eddy_sleep(2 * UNIT);
  }
  return rc == 0 ? eddy_return(eddy_int(correct == 3)) : rc;
}

static int client(void *unused)
{
  eddy_stream_reader *reader;
  eddy_stream_writer *writer;
  (void)unused;
  int rc = eddy_open_connection("127.0.0.1", port, NULL, &reader, &writer);
  if (rc < 0) return rc;
  rc = talk(reader, writer);
  eddy_stream_writer_unref(writer); /* closes the connection */
  eddy_stream_reader_unref(reader);
  return rc;
}

static int run_clients(int count)
{
  eddy_task *tasks[LIMIT] = {NULL};
  int answered = 0, rc = 0;
  for (int i = 0; rc == 0 && i < count; i++)
    rc = eddy_create_task(client, NULL, &tasks[i]);
  for (int i = 0; rc == 0 && i < count; i++) {
    eddy_value correct;
    rc = eddy_task_await(tasks[i], &correct);
    if (rc == 0) answered += (int)correct.i;
  }
  if (rc == 0 && !aloud) printf("answered correctly: %d of %d\n", answered, count);
  for (int i = 0; i < count; i++)
    eddy_task_unref(tasks[i]);
  return rc;
}

/* The system has chosen the port. */
static int find_port(const eddy_server *server)
{
  eddy_address address;
  int rc = eddy_sock_getsockname(eddy_server_sockets(server, NULL)[0], &address);
  if (rc == 0) port = eddy_address_port(&address);
  return rc;
}

static int program(void *clients)
{
  eddy_server *server;
  int rc = eddy_start_server(connection, NULL, "127.0.0.1", 0, NULL, &server);
  if (rc < 0) return rc;
  rc = find_port(server);
  if (rc == 0) rc = tick(NULL);
  if (rc == 0) rc = run_clients(*(int *)clients);
  eddy_server_close(server);
  if (rc == 0) rc = eddy_server_wait_closed(server); /* and every connection */
  eddy_server_unref(server);
  if (rc == 0 && aloud) puts("Connection closed");
  if (rc == 0 && aloud) printf("timers ran meanwhile: %s\n", ticks > 1 ? "yes" : "no");
  return rc;
}

int main(int argc, char **argv)
{
  int clients = argc > 1 ? atoi(argv[1]) : 1;
  aloud = argc == 1;
  if (clients < 1 || clients > LIMIT) {
    fprintf(stderr, "usage: 17_streams [1 to %d clients]\n", LIMIT);
    return 2;
  }
  int rc = eddy_run(program, &clients);
  if (rc < 0) fprintf(stderr, "17_streams: %s\n", eddy_message(rc));
  return rc < 0;
}
