/*
 * libcurl's multi interface leaves waiting to the program: it says which sockets it wants
 * watched (CURLMOPT_SOCKETFUNCTION) and when it wants to be called at the latest
 * (CURLMOPT_TIMERFUNCTION), and is told what has happened with curl_multi_socket_action. So
 * there are two halves here: its wishes become eddy_loop_add_reader, _add_writer and _call_later,
 * and what the loop calls becomes curl_multi_socket_action.
 *
 * A task waits for the future of its transfer. Setting it only queues the task: it runs when
 * libcurl's functions have returned, and may call them itself.
 */
#include "eddy_curl.h"

#include <stdlib.h>
#include <string.h>

/* Lives on the stack of the task that waits for it. */
struct transfer {
  CURL *easy;
  eddy_future *done; /* its value: the CURLcode */
  struct transfer *next;
};

struct eddy_curl {
  CURLM *multi;
  eddy_loop *loop;
  eddy_handle *timer; /* libcurl has one at most */
  struct transfer *transfers;
};

/* A socket of libcurl's that the loop watches. */
struct watched {
  eddy_curl *curl;
  curl_socket_t fd;
};

/* ---- from the loop to libcurl ---- */

static void finish(struct transfer *transfer, CURLcode code)
{
  /* It fails if the task has been cancelled, but has not run yet: nobody wants to know then. */
  int rc = eddy_future_set_result(transfer->done, eddy_int((int)code));
  (void)rc;
}

static int act(eddy_curl *curl, curl_socket_t fd, int events)
{
  int running, left;
  CURLMcode code = curl_multi_socket_action(curl->multi, fd, events, &running);
  for (CURLMsg *message; (message = curl_multi_info_read(curl->multi, &left)) != NULL;) {
    struct transfer *transfer = NULL;
    if (message->msg != CURLMSG_DONE) continue;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
    finish(transfer, message->data.result);
  }
  if (code == CURLM_OK) return 0;
  /* One of our two callbacks below has failed, and with it all that is under way. */
  for (struct transfer *each = curl->transfers; each != NULL; each = each->next) {
    finish(each, CURLE_ABORTED_BY_CALLBACK);
  }
  return 0;
}

static int on_readable(void *arg)
{
  struct watched watched = *(struct watched *)arg; /* it may be freed inside */
  return act(watched.curl, watched.fd, CURL_CSELECT_IN);
}

static int on_writable(void *arg)
{
  struct watched watched = *(struct watched *)arg;
  return act(watched.curl, watched.fd, CURL_CSELECT_OUT);
}

static int on_time(void *arg)
{
  eddy_curl *curl = arg;
  eddy_handle_unref(curl->timer);
  curl->timer = NULL;
  return act(curl, CURL_SOCKET_TIMEOUT, 0);
}

/* ---- from libcurl to the loop; -1 makes the transfers fail ---- */

static int stop_watching(struct watched *watched)
{
  if (watched == NULL) return 0;
  eddy_curl *curl = watched->curl;
  eddy_loop_remove_reader(curl->loop, watched->fd);
  eddy_loop_remove_writer(curl->loop, watched->fd);
  curl_multi_assign(curl->multi, watched->fd, NULL);
  free(watched);
  return 0;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
  eddy_curl *curl = arg;
  struct watched *watched = of_socket;
  int rc = 0;
  (void)easy;
  /* This comes before libcurl closes the socket, as the loop needs it. */
  if (what == CURL_POLL_REMOVE) return stop_watching(watched);
  if (watched == NULL) {
    watched = calloc(1, sizeof(*watched));
    if (watched == NULL) return -1;
    *watched = (struct watched){.curl = curl, .fd = fd};
    curl_multi_assign(curl->multi, fd, watched);
  }
  if ((what & CURL_POLL_IN) != 0) {
    rc = eddy_loop_add_reader(curl->loop, fd, on_readable, watched);
  } else {
    eddy_loop_remove_reader(curl->loop, fd);
  }
  if (rc == 0 && (what & CURL_POLL_OUT) != 0) {
    rc = eddy_loop_add_writer(curl->loop, fd, on_writable, watched);
  } else {
    eddy_loop_remove_writer(curl->loop, fd);
  }
  return rc < 0 ? -1 : 0;
}

static int want_time(CURLM *multi, long milliseconds, void *arg)
{
  eddy_curl *curl = arg;
  (void)multi;
  eddy_handle_cancel(curl->timer);
  eddy_handle_unref(curl->timer);
  curl->timer = NULL;
  if (milliseconds < 0) return 0;
  /* Also for 0: libcurl must not be called from inside its own callback. */
  int rc = eddy_loop_call_later(
      curl->loop, EDDY_MS(milliseconds), on_time, curl, &curl->timer);
  return rc < 0 ? -1 : 0;
}

/* ---- life ---- */

int eddy_curl_new(eddy_curl **out)
{
  eddy_loop *loop = eddy_get_running_loop();
  if (loop == NULL) return EDDY_ENOLOOP;
  eddy_curl *curl = calloc(1, sizeof(*curl));
  if (curl == NULL) return EDDY_ENOMEM;
  curl->loop = loop;
  curl->multi = curl_multi_init();
  if (curl->multi == NULL) {
    free(curl);
    return EDDY_ENOMEM;
  }
  curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
  curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
  curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, want_time);
  curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
  *out = curl;
  return 0;
}

void eddy_curl_free(eddy_curl *curl)
{
  if (curl == NULL) return;
  curl_multi_cleanup(curl->multi); /* calls want_socket and want_time once more */
  eddy_handle_cancel(curl->timer);
  eddy_handle_unref(curl->timer);
  free(curl);
}

/* ---- in tasks ---- */

static int code_of(CURLcode code)
{
  switch (code) {
  case CURLE_COULDNT_CONNECT:
    return EDDY_ECONNREFUSED;
  case CURLE_OPERATION_TIMEDOUT:
    return EDDY_ETIMEDOUT;
  case CURLE_COULDNT_RESOLVE_HOST:
    return EDDY_EAI_NONAME;
  case CURLE_URL_MALFORMAT:
  case CURLE_UNSUPPORTED_PROTOCOL:
    return EDDY_EINVAL;
  case CURLE_OUT_OF_MEMORY:
    return EDDY_ENOMEM;
  default:
    return EDDY_EPROTO;
  }
}

static void unlink_transfer(eddy_curl *curl, struct transfer *transfer)
{
  struct transfer **place = &curl->transfers;
  while (*place != transfer) {
    place = &(*place)->next;
  }
  *place = transfer->next;
}

int eddy_curl_perform(eddy_curl *curl, CURL *easy)
{
  char words[CURL_ERROR_SIZE] = "";
  eddy_value result = eddy_int(CURLE_OK);
  struct transfer transfer = {.easy = easy, .next = curl->transfers};
  int rc = eddy_future_new(curl->loop, &transfer.done);
  if (rc < 0) return rc;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, words);
  curl->transfers = &transfer;
  CURLMcode added = curl_multi_add_handle(
      curl->multi, easy); /* asks for a call at once */
  if (added == CURLM_OK) {
    rc = eddy_await(transfer.done, &result);
    /* However that ended: here nobody is inside libcurl. */
    curl_multi_remove_handle(curl->multi, easy);
  } else {
    rc = eddy_raise(added == CURLM_OUT_OF_MEMORY ? EDDY_ENOMEM : EDDY_EPROTO, "curl: %s",
        curl_multi_strerror(added));
  }
  unlink_transfer(curl, &transfer);
  eddy_future_unref(transfer.done);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
  CURLcode code = (CURLcode)result.i;
  if (rc < 0 || code == CURLE_OK) return rc;
  return eddy_raise(
      code_of(code), "curl: %s", words[0] != '\0' ? words : curl_easy_strerror(code));
}

/* libcurl hands out the body piece by piece. */
static size_t add_piece(char *piece, size_t one, size_t size, void *arg)
{
  struct eddy_curl_page *page = arg;
  char *data = realloc(page->data, page->size + one * size + 1);
  if (data == NULL) return 0; /* the transfer fails */
  memcpy(data + page->size, piece, one * size);
  page->data = data;
  page->size += one * size;
  data[page->size] = '\0';
  return one * size;
}

int eddy_curl_fetch(eddy_curl *curl, const char *url, struct eddy_curl_page *page)
{
  struct eddy_curl_page got = {.data = calloc(1, 1)};
  CURL *easy = curl_easy_init();
  if (easy == NULL || got.data == NULL) goto no_memory;
  if (curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK) goto no_memory;
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, add_piece);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &got);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L); /* a library must not touch SIGALRM */
  int rc = eddy_curl_perform(curl, easy);
  if (rc == 0) {
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &got.status);
    *page = got;
  } else {
    free(got.data);
  }
  curl_easy_cleanup(easy);
  return rc;
no_memory:
  free(got.data);
  curl_easy_cleanup(easy);
  return EDDY_ENOMEM;
}
