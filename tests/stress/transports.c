/*
 * Transports under random peers: writes of every size, pauses, half-closes, closes and aborts at
 * any moment on both ends of many connections. Every byte that arrives is looked at, and every
 * protocol is told what it has to be told, once. A program of its own, for the sanitizers. The
 * backend is the environment's; the random numbers are the same in every run.
 */
#include <stdint.h>

#include "stress.h"

#define ROUNDS 3
#define PAIRS 50 /* at a time */
#define STEPS 80
#define LARGEST ((size_t)300000)
#define PATIENCE 60000 /* milliseconds */

struct pair;

struct end {
  struct pair *pair;
  struct end *other;
  eddy_transport *transport; /* referenced */
  uint64_t written;
  uint64_t received;
  unsigned salt; /* of the bytes that it writes */
  int made, ended, lost, released;
  bool paused; /* writing */
  bool wrote_eof;
  unsigned char *buffer; /* of a buffered protocol, while it is read into */
};

struct pair {
  struct end ends[2];
  unsigned random;
  /* Closed and aborted at any moment: what arrives is a beginning of what was sent. */
  bool rough;
};

static unsigned char pool[LARGEST + 1000];

static unsigned next_random(struct pair *pair, unsigned below)
{
  pair->random = pair->random * 1664525u + 1013904223u;
  return (pair->random >> 8) % below;
}

/* What the byte at this place of what an end writes is: in `pool`, the place's rest and salt. */
static unsigned char byte_of(const struct end *end, uint64_t place)
{
  return pool[(place + end->salt) % LARGEST];
}

/* ---- protocols ---- */

static int on_made(void *self, eddy_transport *transport)
{
  struct end *end = self;
  end->made++;
  end->transport = eddy_transport_ref(transport);
  return 0;
}

static void look_at(struct end *end, const unsigned char *data, size_t size)
{
  expect(size > 0 && end->made == 1 && end->lost == 0, "data comes in between");
  expect(end->ended == 0, "nothing comes behind the end of input");
  for (size_t i = 0; i < size; i++) {
    if (data[i] != byte_of(end->other, end->received + i)) expect(false, "the bytes");
  }
  end->received += size;
  expect(end->received <= end->other->written, "no more arrives than was sent");
}

static int on_data(void *self, const void *data, size_t size)
{
  struct end *end = self;
  look_at(end, data, size);
  if (next_random(end->pair, 40) == 0) eddy_transport_pause_reading(end->transport);
  return 0;
}

static int on_get_buffer(void *self, size_t hint, void **buffer, size_t *size)
{
  struct end *end = self;
  (void)hint;
  expect(end->buffer == NULL, "one buffer at a time");
  *size = 1 + next_random(end->pair, 5000);
  end->buffer = malloc(*size);
  expect(end->buffer != NULL, "memory");
  *buffer = end->buffer;
  return 0;
}

static void free_buffer(struct end *end)
{
  free(end->buffer);
  end->buffer = NULL;
}

static int on_updated(void *self, size_t size)
{
  struct end *end = self;
  look_at(end, end->buffer, size);
  free_buffer(end);
  return 0;
}

static int on_eof(void *self)
{
  struct end *end = self;
  free_buffer(end);
  expect(end->ended++ == 0, "one end of input");
  return !end->pair->rough;
}

static int on_pause(void *self)
{
  struct end *end = self;
  expect(!end->paused && end->lost == 0, "a pause");
  end->paused = true;
  return 0;
}

static int on_resume(void *self)
{
  struct end *end = self;
  expect(end->paused && end->lost == 0, "a resume after a pause");
  end->paused = false;
  return 0;
}

static int on_lost(void *self, int error)
{
  struct end *end = self;
  free_buffer(end);
  expect(end->pair->rough || error == 0, "nothing breaks by itself");
  expect(end->made == 1 && end->lost++ == 0, "one loss");
  return 0;
}

static void on_release(void *self)
{
  struct end *end = self;
  free_buffer(end);
  expect(end->lost == 1 && end->released++ == 0, "one release, after the loss");
}

static const eddy_protocol plain = {.connection_made = on_made,
    .connection_lost = on_lost,
    .pause_writing = on_pause,
    .resume_writing = on_resume,
    .release = on_release,
    .data_received = on_data,
    .eof_received = on_eof};

static const eddy_protocol buffered = {.connection_made = on_made,
    .connection_lost = on_lost,
    .pause_writing = on_pause,
    .resume_writing = on_resume,
    .release = on_release,
    .get_buffer = on_get_buffer,
    .buffer_updated = on_updated,
    .eof_received = on_eof};

static int factory(void *arg, const eddy_protocol **protocol, void **self)
{
  struct end *end = arg;
  *protocol = next_random(end->pair, 2) == 0 ? &plain : &buffered;
  *self = end;
  return 0;
}

/* ---- what happens to a connection ---- */

static void write_some(struct end *end)
{
  struct pair *pair = end->pair;
  size_t size = 1 + next_random(pair, next_random(pair, 8) == 0 ? LARGEST : 3000);
  if (end->wrote_eof || (end->paused && next_random(pair, 20) > 0)) return;
  size_t place = (size_t)((end->written + end->salt) % LARGEST);
  if (size > LARGEST - place) size = LARGEST - place; /* the pool ends there */
  if (next_random(pair, 3) == 0) {
    size_t part = size / 3;
    const eddy_buffer pieces[] = {
        {pool + place, part}, {NULL, 0}, {pool + place + part, size - part}};
    need(eddy_transport_writelines(end->transport, pieces, 3), "writelines");
  } else {
    need(eddy_transport_write(end->transport, pool + place, size), "write");
  }
  end->written += size;
}

static void end_writing(struct end *end)
{
  need(eddy_transport_write_eof(end->transport), "write_eof");
  end->wrote_eof = end->wrote_eof || !eddy_transport_is_closing(end->transport);
}

static void set_limits(struct end *end)
{
  static const size_t marks[] = {0, 1000, 65536, EDDY_LIMIT_DEFAULT};
  size_t high = marks[next_random(end->pair, 4)];
  need(eddy_transport_set_write_buffer_limits(end->transport, high, EDDY_LIMIT_DEFAULT),
      "limits");
}

static void do_something(struct end *end)
{
  switch (next_random(end->pair, 40)) {
  case 0:
    set_limits(end);
    break;
  case 1:
    need(eddy_transport_gather_writes(end->transport, next_random(end->pair, 2) == 0),
        "gather");
    break;
  case 2:
    if (end->pair->rough || next_random(end->pair, 4) == 0) end_writing(end);
    break;
  case 3:
    if (end->pair->rough) eddy_transport_close(end->transport);
    break;
  case 4:
    if (end->pair->rough) eddy_transport_abort(end->transport);
    break;
  case 5:
  case 6:
    eddy_transport_pause_reading(end->transport);
    break;
  case 7:
  case 8:
  case 9:
    need(eddy_transport_resume_reading(end->transport), "resume_reading");
    break;
  default:
    write_some(end);
  }
}

static void wait_for(const int *what, struct end *reader, const char *text)
{
  for (int i = 0; i < PATIENCE && *what == 0; i++) {
    /* What comes in may have paused it anew. */
    if (reader != NULL) need(eddy_transport_resume_reading(reader->transport), text);
    need(eddy_sleep(i < 1000 ? 0 : EDDY_MS(1)), "sleep");
  }
  expect(*what > 0, text);
}

static void finish(struct pair *pair)
{
  for (int i = 0; i < 2 && !pair->rough; i++)
    end_writing(&pair->ends[i]);
  for (int i = 0; i < 2 && !pair->rough; i++) {
    struct end *end = &pair->ends[i];
    for (int other = 0; other < 2; other++)
      need(eddy_transport_resume_reading(pair->ends[other].transport), "resume_reading");
    wait_for(&end->ended, end, "the end of input");
    expect(end->received == end->other->written, "all that was sent has arrived");
  }
  for (int i = 0; i < 2; i++) {
    struct end *end = &pair->ends[i];
    if (pair->rough && next_random(pair, 2) == 0) eddy_transport_abort(end->transport);
    eddy_transport_close(end->transport);
  }
  /* A peer that reads no more holds up what the other still has to send. */
  for (int i = 0; i < 100; i++)
    need(eddy_sleep(0), "sleep");
  for (int i = 0; i < 2; i++) {
    if (pair->rough) eddy_transport_abort(pair->ends[i].transport);
    wait_for(&pair->ends[i].released, NULL, "the end");
    eddy_transport_unref(pair->ends[i].transport);
  }
}

static int drive(void *arg)
{
  struct pair *pair = arg;
  int fds[2];
  need(eddy_sock_pair(fds), "pair");
  for (int i = 0; i < 2; i++) {
    struct end *end = &pair->ends[i];
    end->pair = pair;
    end->other = &pair->ends[1 - i];
    end->salt = next_random(pair, LARGEST);
    need(eddy_loop_connect_accepted_socket(NULL, factory, end, fds[i], NULL, NULL, NULL),
        "connect_accepted_socket");
  }
  for (int i = 0; i < STEPS; i++) {
    do_something(&pair->ends[next_random(pair, 2)]);
    if (next_random(pair, 3) == 0) need(eddy_sleep(0), "sleep");
    if (next_random(pair, 30) == 0) need(eddy_sleep(EDDY_MS(1)), "sleep");
  }
  finish(pair);
  return 0;
}

static int rounds(void *arg)
{
  uint64_t *moved = arg;
  eddy_loop_stats stats;
  eddy_loop_set_exception_handler(eddy_get_running_loop(), ignore, NULL);
  for (unsigned round = 0; round < ROUNDS; round++) {
    static struct pair pairs[PAIRS];
    eddy_task *tasks[PAIRS];
    for (unsigned i = 0; i < PAIRS; i++) {
      pairs[i] = (struct pair){.random = round * 1000 + i, .rough = i % 2 != 0};
      need(eddy_create_task(drive, &pairs[i], &tasks[i]), "task");
    }
    for (unsigned i = 0; i < PAIRS; i++) {
      need(eddy_task_await(tasks[i], NULL), "pair");
      eddy_task_unref(tasks[i]);
      *moved += pairs[i].ends[0].received + pairs[i].ends[1].received;
    }
  }
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  expect(stats.buffers == 0, "no buffer is left");
  return 0;
}

int main(void)
{
  uint64_t moved = 0;
  for (size_t i = 0; i < sizeof pool; i++)
    pool[i] = (unsigned char)((i % LARGEST) * 131 + (i % LARGEST) / 251);
  need(eddy_run(rounds, &moved), "the main task");
  expect(moved > 10000000, "much was sent");
  printf("ok: %llu MB in %d connections\n", (unsigned long long)(moved / 1000000),
      ROUNDS * PAIRS);
  return 0;
}
