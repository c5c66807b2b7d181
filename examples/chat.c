/*
 * A chat: what one says in a line, all the others read.
 *
 *     chat [--host H] [--port P] [--slow drop|disconnect] [--bound BYTES] [--patience SECONDS]
 *
 * The first line of a client is its name; after that a line is said to all, or is one of
 * /nick NAME, /who and /quit.
 *
 * Who says something must not wait for the slowest who reads it. So a line is written to
 * everybody without waiting (write queues what the system does not take), and nobody's queue
 * may grow beyond a bound: whoever does not read for so long misses lines and is told how
 * many, or is disconnected. That, and the limit of a line, bounds the memory of a client.
 */
#define _DEFAULT_SOURCE

#include <eddy.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "raise_limit.h"
#include "service.h"

enum { NAME = 20, LINE = 1000, DESCRIPTORS = 65536 };

/* Somebody who is here: in the memory of the handler's task, and in the list. */
struct member {
  struct member *previous, *next;
  eddy_stream_reader *reader;
  eddy_stream_writer *writer;
  size_t missed; /* lines, since the last one that was queued */
  char name[NAME + 1];
};

static struct {
  const char *host;
  long port;
  long bound;
  long patience; /* for the name, in seconds */
  bool drop;
  struct member *members;
} chat = {.host = "127.0.0.1", .port = 7002, .bound = 64 * 1024, .patience = 30};

/* ---- saying ---- */

static bool has_room(const struct member *member)
{
  const eddy_transport *transport = eddy_stream_writer_transport(member->writer);
  return eddy_transport_get_write_buffer_size(transport) < (size_t)chat.bound;
}

/* Never waits. A failed write is a line missed; a broken connection its handler hears of. */
static void deliver(struct member *member, const char *text, size_t size)
{
  if (eddy_stream_writer_is_closing(member->writer)) return;
  if (!has_room(member)) {
    if (!chat.drop) {
      fprintf(stderr, "chat: %s reads too slowly\n", member->name);
      eddy_transport_abort(eddy_stream_writer_transport(member->writer));
    }
    member->missed++;
    return;
  }
  if (member->missed > 0) {
    char note[64];
    int length = snprintf(note, sizeof(note), "* you missed %zu lines\n", member->missed);
    if (eddy_stream_writer_write(member->writer, note, (size_t)length) < 0) return;
    member->missed = 0;
  }
  if (eddy_stream_writer_write(member->writer, text, size) < 0) member->missed++;
}

/* To one, or (NULL) to all but one. */
EDDY_PRINTF(3, 4)
static void say(struct member *to, const struct member *but, const char *format, ...)
{
  char text[NAME + LINE + 64];
  va_list list;
  va_start(list, format);
  int length = vsnprintf(text, sizeof(text), format, list);
  va_end(list);
  size_t size = (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1;
  if (to != NULL) {
    deliver(to, text, size);
    return;
  }
  for (struct member *member = chat.members; member != NULL; member = member->next) {
    if (member != but) deliver(member, text, size);
  }
}

/* ---- coming and going ---- */

static bool is_name(const char *text)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_-";
  size_t length = strlen(text);
  return length > 0 && length <= NAME && strspn(text, letters) == length;
}

static bool take_name(struct member *self, const char *name)
{
  if (!is_name(name)) {
    say(self, NULL, "* a name has 1 to %d letters, digits, - and _\n", NAME);
    return false;
  }
  for (struct member *member = chat.members; member != NULL; member = member->next) {
    if (strcmp(member->name, name) != 0) continue;
    say(self, NULL, "* %s is here already\n", name);
    return false;
  }
  strcpy(self->name, name);
  return true;
}

static void join(struct member *self)
{
  self->next = chat.members;
  if (self->next != NULL) self->next->previous = self;
  chat.members = self;
  say(NULL, self, "* %s joins\n", self->name);
}

static void leave(struct member *self)
{
  if (self->next != NULL) self->next->previous = self->previous;
  if (self->previous != NULL)
    self->previous->next = self->next;
  else
    chat.members = self->next;
  say(NULL, self, "* %s leaves\n", self->name);
}

/* ---- a client ---- */

/* A line without its end, and with nothing in it that could trouble a terminal.
 * *ended: there is none. */
static int read_line(struct member *self, char text[LINE + 1], bool *ended)
{
  const char *line;
  size_t size;
  int rc = eddy_stream_reader_readline(self->reader, &line, &size);
  if (rc == EDDY_ELIMITOVERRUN)
    say(self, NULL, "* a line has at most %d bytes; goodbye\n", LINE);
  if (rc < 0) return rc;
  *ended = size == 0;
  while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r'))
    size--;
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)line[i];
    text[i] = c < ' ' || c == 127 ? '?' : line[i];
  }
  text[size] = '\0';
  return 0;
}

static int ask_name(struct member *self, bool *ended)
{
  char text[LINE + 1];
  say(self, NULL, "* what is your name?\n");
  for (;;) {
    int rc = read_line(self, text, ended);
    if (rc < 0 || *ended || take_name(self, text)) return rc;
  }
}

/* One line of a member; false: it wants to go. */
static bool obey(struct member *self, const char *text)
{
  if (text[0] != '/') {
    say(NULL, self, "%s: %s\n", self->name, text);
  } else if (strcmp(text, "/quit") == 0) {
    return false;
  } else if (strcmp(text, "/who") == 0) {
    for (struct member *member = chat.members; member != NULL; member = member->next)
      say(self, NULL, "* %s is here\n", member->name);
  } else if (strncmp(text, "/nick ", 6) == 0) {
    char old[NAME + 1];
    strcpy(old, self->name);
    if (take_name(self, text + 6)) say(NULL, NULL, "* %s is now %s\n", old, self->name);
  } else {
    say(self, NULL, "* there are /nick NAME, /who and /quit\n");
  }
  return true;
}

static int talk(struct member *self)
{
  char text[LINE + 1];
  bool ended = false;
  int rc;
  while ((rc = read_line(self, text, &ended)) == 0 && !ended && obey(self, text)) {
    /* Who talks more than it reads waits for itself. */
    rc = eddy_stream_writer_drain(self->writer);
    if (rc < 0) break;
  }
  return rc;
}

static int connection(
    eddy_stream_reader *reader, eddy_stream_writer *writer, void *unused)
{
  struct member self = {.reader = reader, .writer = writer};
  eddy_timeout scope;
  bool ended = false;
  (void)unused;
  int rc = eddy_timeout_enter(&scope, EDDY_S(chat.patience));
  if (rc < 0) return rc;
  rc = eddy_timeout_exit(&scope, ask_name(&self, &ended));
  if (rc == 0 && !ended) {
    join(&self);
    rc = talk(&self);
    leave(&self);
  }
  /* However a client goes, it is no failure of the service. */
  return rc == EDDY_ENOMEM || rc == EDDY_ECANCELLED ? rc : 0;
}

/* ---- the program ---- */

static int serve(void *unused)
{
  const eddy_stream_options options = {.limit = LINE};
  eddy_server *server;
  (void)unused;
  int rc = eddy_start_server(
      connection, NULL, chat.host, (int)chat.port, &options, &server);
  if (rc < 0) return rc;
  rc = service_run(server, 0);
  eddy_server_unref(server);
  return rc;
}

static int usage(const char *problem, const char *what)
{
  fprintf(stderr,
      "chat: %s%s\n"
      "usage: chat [--host H] [--port P] [--slow drop|disconnect] [--bound BYTES]\n"
      "            [--patience SECONDS]\n",
      problem, what);
  return 2;
}

int main(int argc, char **argv)
{
  for (int i = 1; i < argc; i += 2) {
    const char *option = argv[i], *value = argv[i + 1];
    bool good = true;
    if (value == NULL) return usage("not an option, or its value is missing: ", option);
    if (strcmp(option, "--host") == 0) {
      chat.host = value;
    } else if (strcmp(option, "--port") == 0) {
      good = service_number(value, 0, 65535, &chat.port);
    } else if (strcmp(option, "--bound") == 0) {
      good = service_number(value, 1, 1L << 30, &chat.bound);
    } else if (strcmp(option, "--patience") == 0) {
      good = service_number(value, 1, 3600, &chat.patience);
    } else if (strcmp(option, "--slow") == 0) {
      chat.drop = strcmp(value, "drop") == 0;
      good = chat.drop || strcmp(value, "disconnect") == 0;
    } else {
      return usage("unknown option: ", option);
    }
    if (!good) return usage("not a value of its option: ", value);
  }
  raise_limit(DESCRIPTORS);
  int rc = eddy_run(serve, NULL);
  if (rc < 0) fprintf(stderr, "chat: %s\n", eddy_message(rc));
  return rc < 0;
}
