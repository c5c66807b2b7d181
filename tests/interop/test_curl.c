/* The glue between libcurl and eddy, against a small server in the same loop. */
#include "../eddy_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "eddy_curl.h"

/* ---- a server: the path says how it answers ---- */

struct site {
  eddy_server *server;
  eddy_event *gate; /* what /gate waits for */
  int port;
  int connections;
  int requests;
  int waiting; /* requests that were not answered yet */
  int gone;    /* connections that the client has closed */
};

static struct site *site; /* the case's */

static char letter(size_t i)
{
  return (char)('a' + (i * 7 + i / 1000) % 26);
}

static int say(eddy_stream_writer *writer, const char *text)
{
  int rc = eddy_stream_writer_write(writer, text, strlen(text));
  return rc < 0 ? rc : eddy_stream_writer_drain(writer);
}

/* /bytes/N: that many, known beforehand. */
static int answer_bytes(eddy_stream_writer *writer, size_t size)
{
  char text[4096];
  snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
  int rc = say(writer, text);
  for (size_t at = 0; at < size && rc == 0;) {
    size_t piece = size - at < sizeof text ? size - at : sizeof text;
    for (size_t i = 0; i < piece; i++)
      text[i] = letter(at + i);
    rc = eddy_stream_writer_write(writer, text, piece);
    if (rc == 0) rc = eddy_stream_writer_drain(writer);
    at += piece;
  }
  return rc;
}

/* /dribble: in chunks, a byte at a time. */
static int answer_dribble(eddy_stream_writer *writer)
{
  int rc = say(writer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (size_t i = 0; i < 50 && rc == 0; i++) {
    char chunk[16];
    snprintf(chunk, sizeof chunk, "1\r\n%c\r\n", letter(i));
    rc = say(writer, chunk);
    if (rc == 0) rc = eddy_sleep(0);
  }
  return rc < 0 ? rc : say(writer, "0\r\n\r\n");
}

static int answer(eddy_stream_writer *writer, const char *path)
{
  unsigned long size;
  site->requests++;
  if (sscanf(path, "/bytes/%lu", &size) == 1) return answer_bytes(writer, size);
  if (strcmp(path, "/dribble") == 0) return answer_dribble(writer);
  if (strcmp(path, "/gate") == 0) {
    site->waiting++;
    int rc = eddy_event_wait(site->gate);
    return rc < 0 ? rc : answer_bytes(writer, 10);
  }
  if (strcmp(path, "/cut") == 0) {
    int rc = say(writer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    eddy_stream_writer_close(writer);
    return rc;
  }
  if (strcmp(path, "/silent") == 0) {
    site->waiting++;
    return say(writer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
  }
  return say(writer, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

static int handle(eddy_stream_reader *reader, eddy_stream_writer *writer, void *unused)
{
  const char *head;
  size_t size;
  int rc;
  (void)unused;
  site->connections++;
  while ((rc = eddy_stream_reader_readuntil(reader, "\r\n\r\n", 4, &head, &size)) == 0) {
    char path[64];
    CHECK_EQ(sscanf(head, "GET %63s HTTP/1.1", path), 1);
    rc = answer(writer, path);
    if (rc < 0) break;
  }
  site->gone++;
  return rc == EDDY_EINCOMPLETEREAD || rc == EDDY_ECONNRESET || rc == EDDY_EPIPE ? 0 : rc;
}

static void end_site(void *arg)
{
  struct site *ending = arg;
  if (ending->server != NULL) {
    eddy_server_close(ending->server);
    eddy_server_abort_clients(ending->server);
    eddy_server_unref(ending->server);
  }
}

static void unref_gate(void *arg)
{
  struct site *ending = arg;
  eddy_event_unref(ending->gate);
}

static eddy_curl *curl; /* the case's */

static void end_curl(void *arg)
{
  eddy_curl_free(*(eddy_curl **)arg);
  *(eddy_curl **)arg = NULL;
}

static int begin(void)
{
  eddy_address address;
  site = test_new(sizeof *site);
  CHECK_EQ(setenv("no_proxy", "*", 1), 0);
  CHECK_EQ(curl_global_init(CURL_GLOBAL_DEFAULT), 0);
  CHECK_OK(eddy_event_new(&site->gate));
  test_defer_late(unref_gate, site);
  test_defer(end_site, site);
  CHECK_OK(eddy_start_server(handle, NULL, "127.0.0.1", 0, NULL, &site->server));
  CHECK_OK(eddy_sock_getsockname(eddy_server_sockets(site->server, NULL)[0], &address));
  site->port = eddy_address_port(&address);
  CHECK_OK(eddy_curl_new(&curl));
  test_defer(end_curl, &curl);
  return 0;
}

/* Until a counter of the site has this value. */
static int wait_for(const int *counter, int value)
{
  for (int i = 0; i < 20000 && *counter < value; i++)
    CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_EQ(*counter, value);
  return 0;
}

/* ---- fetching, in a task of its own ---- */

struct get {
  char url[128];
  struct eddy_curl_page page;
  int rc;
  char message[200];
  eddy_task *task;
};

static void free_page(void *arg)
{
  struct get *get = arg;
  free(get->page.data);
}

static int fetch(void *arg)
{
  struct get *get = arg;
  get->rc = eddy_curl_fetch(curl, get->url, &get->page);
  snprintf(
      get->message, sizeof get->message, "%s", get->rc < 0 ? eddy_message(get->rc) : "");
  return get->rc == EDDY_ECANCELLED ? get->rc : 0;
}

static struct get *new_get(const char *path)
{
  struct get *get = test_new(sizeof *get);
  snprintf(get->url, sizeof get->url, "http://127.0.0.1:%d%s", site->port, path);
  get->rc = EDDY_PENDING;
  test_defer_late(free_page, get);
  return get;
}

static int start_get(const char *path, struct get **out)
{
  *out = new_get(path);
  return test_task(fetch, *out, &(*out)->task);
}

/* In the task of the case. */
static int get_now(const char *path, struct get **out)
{
  *out = new_get(path);
  int rc = fetch(*out);
  return rc < 0 ? rc : (*out)->rc;
}

static int check_bytes(const struct get *get, size_t size)
{
  CHECK_OK(get->rc);
  CHECK_EQ(get->page.status, 200);
  CHECK_EQ(get->page.size, size);
  for (size_t i = 0; i < size; i++) {
    if (get->page.data[i] != letter(i)) CHECK_EQ(i, size);
  }
  CHECK_EQ(get->page.data[size], '\0');
  return 0;
}

/* ---- the cases ---- */

EDDY_TASK_TEST_KERNEL(curl, fetch_gives_the_contents)
{
  static const struct {
    const char *path;
    size_t size;
  } pages[] = {{"/bytes/0", 0}, {"/bytes/1", 1}, {"/bytes/5000", 5000},
      {"/bytes/3000000", 3000000}, {"/dribble", 50}};
  CHECK_OK(begin());
  for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
    struct get *get;
    CHECK_OK(get_now(pages[i].path, &get));
    CHECK_OK(check_bytes(get, pages[i].size));
  }
  return 0;
}

EDDY_TASK_TEST_KERNEL(curl, connection_is_used_again)
{
  struct get *get;
  CHECK_OK(begin());
  for (int i = 0; i < 5; i++)
    CHECK_OK(get_now("/bytes/100", &get));
  CHECK_EQ(site->requests, 5);
  CHECK_EQ(site->connections, 1);
  end_curl(&curl);
  return wait_for(&site->gone, 1);
}

EDDY_TASK_TEST_KERNEL(curl, transfers_run_at_the_same_time)
{
  enum { COUNT = 30 };
  struct get *gets[COUNT];
  CHECK_OK(begin());
  for (int i = 0; i < COUNT; i++)
    CHECK_OK(start_get("/gate", &gets[i]));
  CHECK_OK(wait_for(&site->waiting, COUNT)); /* none is answered, all have been sent */
  eddy_event_set(site->gate);
  for (int i = 0; i < COUNT; i++) {
    CHECK_OK(eddy_task_await(gets[i]->task, NULL));
    CHECK_OK(check_bytes(gets[i], 10));
  }
  return 0;
}

EDDY_TASK_TEST_KERNEL(curl, transfer_lets_other_tasks_run)
{
  struct get *get;
  CHECK_OK(begin());
  CHECK_OK(start_get("/gate", &get));
  CHECK_OK(wait_for(&site->waiting, 1));
  CHECK_EQ(get->rc, EDDY_PENDING);
  eddy_event_set(site->gate);
  CHECK_OK(eddy_task_await(get->task, NULL));
  return check_bytes(get, 10);
}

EDDY_TASK_TEST_KERNEL(curl, status_is_no_error)
{
  struct get *get;
  CHECK_OK(begin());
  CHECK_OK(get_now("/nowhere", &get));
  CHECK_EQ(get->page.status, 404);
  CHECK_EQ(get->page.size, 0);
  return 0;
}

EDDY_TASK_TEST_KERNEL(curl, refused_connection_is_told_in_words)
{
  struct get *get;
  CHECK_OK(begin());
  eddy_server_close(site->server);
  CHECK_CODE(get_now("/bytes/1", &get), EDDY_ECONNREFUSED);
  CHECK_CONTAINS(get->message, "connect");
  return 0;
}

EDDY_TASK_TEST_KERNEL(curl, answer_cut_short_is_an_error)
{
  struct get *get;
  CHECK_OK(begin());
  CHECK_CODE(get_now("/cut", &get), EDDY_EPROTO);
  CHECK_CONTAINS(get->message, "bytes remaining");
  return 0;
}

EDDY_TASK_TEST_KERNEL(curl, what_is_no_url_is_an_error)
{
  struct eddy_curl_page page = {0};
  CHECK_OK(begin());
  CHECK_CODE(eddy_curl_fetch(curl, "http://", &page), EDDY_EINVAL);
  CHECK_CODE(eddy_curl_fetch(curl, "file:///etc/passwd", &page), EDDY_EINVAL);
  CHECK_PTR(page.data, NULL);
  return 0;
}

EDDY_TASK_TEST_KERNEL(curl, timeout_of_libcurls_own_ends_a_transfer)
{
  char url[64];
  CHECK_OK(begin());
  CURL *easy = curl_easy_init();
  snprintf(url, sizeof url, "http://127.0.0.1:%d/silent", site->port);
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 50L);
  int rc = eddy_curl_perform(curl, easy);
  curl_easy_cleanup(easy);
  CHECK_CODE(rc, EDDY_ETIMEDOUT);
  return wait_for(&site->gone, site->connections);
}

EDDY_TASK_TEST_KERNEL(curl, timeout_scope_takes_the_transfer_away)
{
  eddy_timeout scope;
  struct get *get;
  CHECK_OK(begin());
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_MS(20)));
  int rc = get_now("/silent", &get);
  CHECK_CODE(eddy_timeout_exit(&scope, rc), EDDY_ETIMEDOUT);
  CHECK_OK(wait_for(&site->gone, site->connections));
  CHECK_OK(get_now("/bytes/7", &get));
  return check_bytes(get, 7);
}

EDDY_TASK_TEST_KERNEL(curl, cancelled_task_takes_its_transfer_away_and_no_other)
{
  struct get *left, *cancelled;
  CHECK_OK(begin());
  CHECK_OK(start_get("/gate", &left));
  CHECK_OK(wait_for(&site->waiting, 1));
  CHECK_OK(start_get("/silent", &cancelled));
  CHECK_OK(wait_for(&site->waiting, 2));
  CHECK(eddy_task_cancel(cancelled->task, NULL));
  CHECK_CODE(eddy_task_await(cancelled->task, NULL), EDDY_ECANCELLED);
  CHECK_OK(wait_for(&site->gone, 1));
  eddy_event_set(site->gate);
  CHECK_OK(eddy_task_await(left->task, NULL));
  return check_bytes(left, 10);
}

EDDY_TASK_TEST_KERNEL(curl, task_cancelled_before_anything_was_sent_leaves_nothing)
{
  struct get *get;
  CHECK_OK(begin());
  CHECK_OK(start_get("/silent", &get));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(get->task, NULL));
  CHECK_CODE(eddy_task_await(get->task, NULL), EDDY_ECANCELLED);
  CHECK_OK(get_now("/bytes/3", &get));
  return check_bytes(get, 3);
}

EDDY_TASK_TEST_KERNEL(curl, nothing_is_watched_when_all_is_over)
{
  eddy_loop_stats before, after;
  struct get *get;
  CHECK_OK(begin());
  eddy_loop_get_stats(eddy_get_running_loop(), &before);
  CHECK_OK(get_now("/bytes/10", &get));
  end_curl(&curl);
  CHECK_OK(wait_for(&site->gone, 1));
  eddy_loop_get_stats(eddy_get_running_loop(), &after);
  CHECK_EQ(after.operations, before.operations);
  CHECK_EQ(after.timers, before.timers);
  return 0;
}
