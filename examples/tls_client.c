/*
 * A client for any service over TLS: what comes from its input it sends, what the server
 * answers it prints.
 *
 *     tls_client HOST PORT [CAFILE]
 *
 * The server has to show a certificate made out to HOST by an authority that the system trusts,
 * or that is in CAFILE; else the program says what is wrong with it. It ends when the server
 * does: with exit code 1 if that was not in the right way, since something may be missing then.
 */
#include <eddy.h>
#include <eddy/tls.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
  const char *host;
  int port;
  const char *cafile;
} options;

/* Sends what comes from the input. */
static int send_input(void *arg)
{
  eddy_stream_writer *writer = arg;
  eddy_stream_reader *input;
  char data[4096];
  size_t size = 0;
  int rc = eddy_stream_reader_new(EDDY_STREAM_LIMIT, &input);
  if (rc < 0) return rc;
  rc = eddy_loop_connect_read_pipe(NULL, eddy_stream_protocol, input, 0, NULL, NULL);
  while (rc == 0) {
    rc = eddy_stream_reader_read(input, data, sizeof(data), &size);
    if (rc < 0 || size == 0) break;
    rc = eddy_stream_writer_write(writer, data, size);
    if (rc == 0) rc = eddy_stream_writer_drain(writer);
  }
  eddy_stream_reader_unref(input);
  if (rc < 0 && rc != EDDY_ECANCELLED) {
    fprintf(stderr, "tls_client: input: %s\n", eddy_message(rc));
  }
  return rc;
}

/* Prints the answers until the server ends the connection. */
static int print_answers(eddy_stream_reader *reader)
{
  char data[4096];
  size_t size = 0;
  int rc;
  while ((rc = eddy_stream_reader_read(reader, data, sizeof(data), &size)) == 0 &&
         size > 0) {
    fwrite(data, 1, size, stdout);
    fflush(stdout);
  }
  return rc;
}

static void print_connection(const eddy_stream_writer *writer)
{
  fprintf(stderr, "connected: %s, %s\n",
      (const char *)eddy_stream_writer_get_extra_info(writer, "version"),
      (const char *)eddy_stream_writer_get_extra_info(writer, "cipher"));
}

static int talk(eddy_tls_context *context)
{
  eddy_connection_options connection = {.tls = eddy_tls_layer(context)};
  eddy_stream_options how = {.connection = &connection};
  eddy_stream_reader *reader;
  eddy_stream_writer *writer;
  eddy_task *sender;
  int rc = eddy_open_connection(options.host, options.port, &how, &reader, &writer);
  if (rc < 0) return rc;
  print_connection(writer);
  rc = eddy_create_task(send_input, writer, &sender);
  if (rc == 0) {
    rc = print_answers(reader);
    eddy_task_cancel(sender, "the server has ended");
    (void)eddy_task_await(sender, NULL);
    eddy_task_unref(sender);
  }
  eddy_stream_writer_unref(writer);
  eddy_stream_reader_unref(reader);
  return rc;
}

static int run(void *unused)
{
  eddy_tls_context *context;
  (void)unused;
  int rc = eddy_tls_context_new_client(&context);
  if (rc < 0) return rc;
  if (options.cafile != NULL) {
    rc = eddy_tls_context_load_verify_locations(context, options.cafile, NULL);
  }
  if (rc == 0) rc = talk(context);
  eddy_tls_context_unref(context);
  return rc;
}

int main(int argc, char **argv)
{
  if (argc < 3 || argc > 4 || atoi(argv[2]) <= 0 || atoi(argv[2]) > 65535) {
    fprintf(stderr, "usage: tls_client HOST PORT [CAFILE]\n");
    return 2;
  }
  options.host = argv[1];
  options.port = atoi(argv[2]);
  options.cafile = argv[3];
  int rc = eddy_run(run, NULL);
  if (rc < 0) fprintf(stderr, "tls_client: %s\n", eddy_message(rc));
  return rc < 0;
}
