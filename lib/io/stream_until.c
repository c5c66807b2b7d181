/* readuntil and readline. */
#include <string.h>

#include "io/stream.h"

#include "base/outcome.h"

/* What is looked for, and what was found. */
struct search {
  const eddy_buffer *separators;
  size_t count;
  size_t shortest;
  size_t longest;
  const char *call;
  size_t start; /* of the separator; of what may be one, if there is none */
  size_t end;   /* of the separator, or of everything */
};

/* The first place of a separator at or after `from`; SIZE_MAX: none. */
static size_t find(const char *data, size_t size, size_t from, const eddy_buffer *what)
{
  const char *first = what->data;
  while (size >= what->size && from <= size - what->size) {
    const char *found = memchr(data + from, *first, size - what->size + 1 - from);
    if (found == NULL) break;
    if (memcmp(found, first, what->size) == 0) return (size_t)(found - data);
    from = (size_t)(found - data) + 1;
  }
  return SIZE_MAX;
}

/* Whether a separator is buffered: the one that ends first, of these the shortest. */
static bool find_any(
    struct search *search, const struct eddy__buffer *buffer, size_t from)
{
  const char *data = buffer->block->bytes + buffer->start;
  size_t size = eddy__buffer_size(buffer);
  search->end = SIZE_MAX;
  for (size_t i = 0; i < search->count; i++) {
    size_t place = find(data, size, from, &search->separators[i]);
    if (place == SIZE_MAX) continue;
    size_t end = place + search->separators[i].size;
    if (end > search->end || (end == search->end && place <= search->start)) continue;
    search->start = place;
    search->end = end;
    size = end; /* later ones do not count */
  }
  return search->end != SIZE_MAX;
}

/* Where a place in the stream is now: another task may have read some of it meanwhile. */
static size_t offset_of(const eddy_stream_reader *reader, uint64_t place)
{
  return place > reader->position ? (size_t)(place - reader->position) : 0;
}

/* 0: a separator was found; EDDY_ELIMITOVERRUN, EDDY_EINCOMPLETEREAD, with search->start and
 * ->end; EDDY_PENDING; or the error of a wait. Nothing is taken out. */
static int search_until(
    eddy_stream_reader *reader, eddy_task *task, bool resumed, struct search *search)
{
  size_t offset = resumed ? offset_of(reader, task->wait.scratch.u) : 0;
  for (;;) {
    size_t size = eddy__buffer_size(&reader->buffer);
    if (size - offset >= search->shortest) {
      if (find_any(search, &reader->buffer, offset)) {
        return search->start > reader->limit ? EDDY_ELIMITOVERRUN : 0;
      }
      offset = size + 1 > search->longest ? size + 1 - search->longest : 0;
      search->start = offset;
      search->end = size;
      if (offset > reader->limit) return EDDY_ELIMITOVERRUN;
    }
    search->start = search->end = size;
    if (reader->eof) return EDDY_EINCOMPLETEREAD;
    uint64_t place = reader->position + offset;
    task->wait.scratch.u = place;
    int rc = eddy__stream_wait(reader, task, search->call);
    if (rc != 0) return rc;
    offset = offset_of(reader, place);
  }
}

static int measure(struct search *search)
{
  search->shortest = SIZE_MAX;
  for (size_t i = 0; i < search->count; i++) {
    const eddy_buffer *separator = &search->separators[i];
    if (separator->data == NULL || separator->size == 0) {
      return eddy_raise(EDDY_EINVAL, "%s: a separator must not be empty", search->call);
    }
    if (separator->size < search->shortest) search->shortest = separator->size;
    if (separator->size > search->longest) search->longest = separator->size;
  }
  if (search->count > 0) return 0;
  return eddy_raise(EDDY_EINVAL, "%s: there must be a separator", search->call);
}

/* The end of a readuntil: gives what was found, or what there is instead. */
static int give_until(eddy_stream_reader *reader, const struct search *search, int rc,
    const char **data, size_t *size)
{
  if (rc == 0) {
    eddy__stream_lend(reader, search->end, data, size);
    eddy__stream_resume(reader);
  } else if (rc == EDDY_EINCOMPLETEREAD) {
    eddy__stream_lend(reader, search->end, data, size);
    rc = eddy_raise(rc, "%s: the stream ended after %zu bytes without the separator",
        search->call, *size);
  } else if (rc == EDDY_ELIMITOVERRUN) {
    *data = eddy__buffer_lend(&reader->buffer);
    *size = search->start;
    rc = eddy_raise(rc, "%s: %zu bytes without a separator, more than the limit of %zu",
        search->call, search->start, reader->limit);
  }
  return rc;
}

int eddy_stream_reader_readuntil_any(eddy_stream_reader *reader,
    const eddy_buffer *separators, size_t count, const char **data, size_t *size)
{
  int rc;
  bool resumed;
  struct search search = {.separators = separators, .count = count, .call = "readuntil"};
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (reader == NULL || separators == NULL || data == NULL || size == NULL)
    return EDDY_EINVAL;
  int bad = measure(&search);
  if (bad < 0) return bad;
  rc = eddy__stream_begin(reader, resumed, rc);
  if (rc == 0) {
    rc = search_until(reader, task, resumed, &search);
    rc = give_until(reader, &search, rc, data, size);
  }
  return eddy__stream_end(reader, rc);
}

int eddy_stream_reader_readuntil(eddy_stream_reader *reader, const void *separator,
    size_t separator_size, const char **data, size_t *size)
{
  const eddy_buffer one = {separator, separator_size};
  return eddy_stream_reader_readuntil_any(reader, &one, 1, data, size);
}

/* A line that is too long goes; what comes after it stays. */
static int drop_line(eddy_stream_reader *reader, const struct search *search)
{
  const struct eddy__buffer *buffer = &reader->buffer;
  size_t size = eddy__buffer_size(buffer);
  bool whole = search->start < size &&
               buffer->block->bytes[buffer->start + search->start] == '\n';
  eddy__stream_drop(reader, whole ? search->start + 1 : size);
  eddy__stream_resume(reader);
  return eddy_raise(EDDY_ELIMITOVERRUN,
      "readline: %zu bytes without an end of line, more than the limit of %zu: dropped",
      search->start, reader->limit);
}

int eddy_stream_reader_readline(
    eddy_stream_reader *reader, const char **line, size_t *size)
{
  static const eddy_buffer newline = {"\n", 1};
  int rc;
  bool resumed;
  struct search search = {&newline, 1, 1, 1, "readline", 0, 0};
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (reader == NULL || line == NULL || size == NULL) return EDDY_EINVAL;
  rc = eddy__stream_begin(reader, resumed, rc);
  if (rc == 0) {
    rc = search_until(reader, task, resumed, &search);
    if (rc == EDDY_EINCOMPLETEREAD) rc = 0;
    if (rc == 0) rc = give_until(reader, &search, 0, line, size);
    if (rc == EDDY_ELIMITOVERRUN) rc = drop_line(reader, &search);
  }
  return eddy__stream_end(reader, rc);
}
