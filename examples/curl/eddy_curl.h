/*
 * libcurl in an eddy program: transfers that tasks wait for, any number at a time, in one
 * thread. Copy eddy_curl.h and eddy_curl.c into your program.
 */
#ifndef EDDY_CURL_H
#define EDDY_CURL_H

#include <curl/curl.h>
#include <eddy.h>

/* The transfers of one loop. They share connections, name look-ups and cookies. */
typedef struct eddy_curl eddy_curl;

/* What a URL answered. */
struct eddy_curl_page {
  char *data; /* owned: free; ends with a NUL that `size` does not count */
  size_t size;
  long status; /* 200, 404 ... */
};

/* On the running loop. `out` is owned: eddy_curl_free. Returns 0; EDDY_ENOLOOP; EDDY_ENOMEM. */
int eddy_curl_new(eddy_curl **out);

/* Closes its connections. No transfer may be under way; the loop must not be closed yet. */
void eddy_curl_free(eddy_curl *curl);

/*
 * Runs a transfer that the caller has set up with curl_easy_setopt; suspends until it has ended.
 * It uses CURLOPT_PRIVATE and CURLOPT_ERRORBUFFER itself.
 *
 * A cancelled call (a timeout scope around it, eddy_task_cancel) has removed the transfer: its
 * connection is closed, and none of its callbacks is called any more.
 *
 * Returns 0; EDDY_ECONNREFUSED (could not connect), EDDY_ETIMEDOUT (CURLOPT_TIMEOUT),
 * EDDY_EAI_NONAME, EDDY_EINVAL (not a URL, or not of a protocol that is allowed), EDDY_ENOMEM,
 * EDDY_EPROTO (anything else), each with curl's own words in eddy_message; EDDY_ECANCELLED;
 * EDDY_ENOTASK.
 */
int eddy_curl_perform(eddy_curl *curl, CURL *easy);

/* Gets a http or https URL; suspends. An answer such as 404 is no error: see `status`.
 * `page` is untouched on failure. Returns as eddy_curl_perform. */
int eddy_curl_fetch(eddy_curl *curl, const char *url, struct eddy_curl_page *page);

#endif
