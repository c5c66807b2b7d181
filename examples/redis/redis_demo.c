/*
 * Talks to a Redis server through hiredis, from tasks:
 *
 *     redis_demo [--libuv] PATH           a Unix socket
 *     redis_demo [--libuv] ADDRESS PORT
 *
 * A hundred tasks count up together on one connection: nobody waits for another one's reply
 * before it sends. Then one task publishes, and another one prints what it is told on a second
 * connection. --libuv has hiredis's own adapter for libuv do the watching, on the uv_loop_t of
 * the eddy loop.
 *
 * What is between hiredis and eddy is in eddy_redis.c.
 */
#include "eddy_redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTERS 100
#define MESSAGES 3

static struct {
  const char *host;
  int port;
  eddy_redis_way way;
} server;

static int count(void *redis)
{
  return eddy_redis_command(redis, NULL, "INCR eddy:visits");
}

static int count_together(eddy_redis *redis)
{
  redisReply *reply;
  eddy_task_group group = {0};
  int rc = eddy_redis_command(redis, NULL, "DEL eddy:visits");
  if (rc == 0) rc = eddy_task_group_enter(&group);
  if (rc < 0) return rc;
  for (int i = 0; i < COUNTERS && rc == 0; i++) {
    rc = eddy_task_group_create_task(&group, count, redis, NULL);
  }
  rc = eddy_task_group_exit(&group, rc);
  if (rc == 0) rc = eddy_redis_command(redis, &reply, "GET eddy:visits");
  if (rc < 0) return rc;
  printf("visits: %s\n", reply->str);
  freeReplyObject(reply);
  return 0;
}

/* Prints what comes. */
static int listen_to(void *messages)
{
  int rc = 0;
  for (int i = 0; i < MESSAGES && rc == 0; i++) {
    eddy_value message;
    rc = eddy_queue_get(messages, &message);
    if (rc < 0) break;
    const redisReply *text = message.p;
    printf("heard: %s\n", text->str);
    freeReplyObject(message.p);
  }
  return rc;
}

static int publish(eddy_redis *redis)
{
  int rc = 0;
  for (int i = 1; i <= MESSAGES && rc == 0; i++) {
    rc = eddy_redis_command(redis, NULL, "PUBLISH eddy:news number-%d", i);
  }
  return rc;
}

static int tell_each_other(eddy_redis *redis)
{
  eddy_queue *messages;
  eddy_redis *second = NULL;
  eddy_task *listener = NULL;
  int rc = eddy_queue_new(NULL, &messages);
  if (rc < 0) return rc;
  rc = eddy_redis_connect(server.host, server.port, server.way, &second);
  if (rc == 0) rc = eddy_redis_subscribe(second, "eddy:news", messages);
  if (rc == 0) rc = eddy_create_task(listen_to, messages, &listener);
  if (rc == 0) rc = publish(redis);
  if (rc == 0) rc = eddy_task_await(listener, NULL);
  eddy_redis_free(
      second); /* which ends the subscription, the queue and, if need be, the task */
  eddy_task_unref(listener);
  eddy_queue_unref(messages);
  return rc;
}

static int run(void *unused)
{
  eddy_redis *redis;
  (void)unused;
  int rc = eddy_redis_connect(server.host, server.port, server.way, &redis);
  if (rc < 0) return rc;
  rc = count_together(redis);
  if (rc == 0) rc = tell_each_other(redis);
  eddy_redis_free(redis);
  return rc;
}

int main(int argc, char **argv)
{
  int at = 1;
  if (at < argc && strcmp(argv[at], "--libuv") == 0) {
    server.way = EDDY_REDIS_LIBUV;
    at++;
  }
  if (argc - at < 1 || argc - at > 2 || argv[at][0] == '-') {
    fprintf(stderr, "usage: redis_demo [--libuv] PATH | ADDRESS PORT\n");
    return 2;
  }
  server.host = argv[at];
  if (argc - at == 2) server.port = atoi(argv[at + 1]);
  int rc = eddy_run(run, NULL);
  if (rc < 0) fprintf(stderr, "redis_demo: %s\n", eddy_message(rc));
  return rc < 0;
}
