/* The glue between hiredis and eddy, against a real redis-server started by each case. */
#include "../eddy_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "eddy_redis.h"

/* ---- a server ---- */

struct redis_server {
  char directory[64];
  char path[96]; /* of its Unix socket */
  eddy_process *process;
};

static struct redis_server *server; /* the case's */

static void end_server(void *arg)
{
  struct redis_server *ending = arg;
  if (ending->process != NULL) {
    int rc = eddy_process_terminate(ending->process);
    if (rc == 0) rc = eddy_process_wait(ending->process, NULL);
    if (rc < 0 && rc != EDDY_ESRCH) (void)eddy_process_kill(ending->process);
    eddy_process_unref(ending->process);
    ending->process = NULL;
  }
  unlink(ending->path);
  rmdir(ending->directory);
}

/* It listens on a Unix socket alone, keeps nothing, and would end by itself after a while. */
static int start_server(void)
{
  const eddy_subprocess_options quiet = {
      .in = EDDY_SUBPROCESS_DEVNULL, .out = EDDY_SUBPROCESS_DEVNULL};
  server = test_new(sizeof *server);
  snprintf(server->directory, sizeof server->directory, "/tmp/eddy-redis-XXXXXX");
  CHECK(mkdtemp(server->directory) != NULL);
  snprintf(server->path, sizeof server->path, "%s/socket", server->directory);
  test_defer(end_server, server);
  const char *argv[] = {"timeout", "120", REDIS_SERVER, "--port", "0", "--unixsocket",
      server->path, "--save", "", "--appendonly", "no", "--daemonize", "no", "--dir",
      server->directory, NULL};
  CHECK_OK(eddy_create_subprocess_exec(argv, &quiet, &server->process));
  return 0;
}

/* ---- connections ---- */

static eddy_redis_way way; /* the case's */

static void end_connection(void *redis)
{
  eddy_redis_free(redis);
}

/* As soon as the server is up. */
static int connect_now(eddy_redis **out)
{
  int rc = EDDY_ECONNREFUSED;
  for (int i = 0; i < 2000 && rc == EDDY_ECONNREFUSED; i++) {
    rc = eddy_redis_connect(server->path, 0, way, out);
    if (rc == EDDY_ECONNREFUSED) CHECK_OK(eddy_sleep(EDDY_MS(10)));
  }
  CHECK_OK(rc);
  test_defer(end_connection, *out);
  return 0;
}

static eddy_redis *redis; /* the case's */

static int begin(eddy_redis_way of_case)
{
  way = of_case;
  CHECK_OK(start_server());
  return connect_now(&redis);
}

/* ---- commands in tasks of their own ---- */

struct command {
  const char *text;
  redisReply *reply;
  int rc;
  eddy_task *task;
};

static void free_reply(void *arg)
{
  freeReplyObject(((struct command *)arg)->reply);
}

static int run_command(void *arg)
{
  struct command *command = arg;
  command->rc = eddy_redis_command(redis, &command->reply, command->text);
  return command->rc == EDDY_ECANCELLED ? command->rc : 0;
}

static int start_command(const char *text, struct command **out)
{
  *out = test_new(sizeof **out);
  (*out)->text = text;
  (*out)->rc = EDDY_PENDING;
  test_defer_late(free_reply, *out);
  return test_task(run_command, *out, &(*out)->task);
}

static int check_text(const redisReply *reply, const char *text)
{
  CHECK(reply != NULL);
  CHECK_STR(reply->str, text);
  return 0;
}

/* ---- what the cases do, on either way ---- */

static int give_replies(void)
{
  char data[] = "a\0b\r\nc";
  redisReply *reply;
  CHECK_OK(eddy_redis_command(redis, NULL, "SET key %b", data, sizeof data));
  CHECK_OK(eddy_redis_command(redis, &reply, "GET key"));
  bool same = reply->len == sizeof data && memcmp(reply->str, data, sizeof data) == 0;
  freeReplyObject(reply);
  CHECK(same);
  CHECK_OK(eddy_redis_command(redis, &reply, "GET missing"));
  int type = reply->type;
  freeReplyObject(reply);
  CHECK_EQ(type, REDIS_REPLY_NIL);
  CHECK_OK(eddy_redis_command(redis, NULL, "RPUSH list one two three"));
  CHECK_OK(eddy_redis_command(redis, &reply, "LRANGE list 0 -1"));
  int rc = reply->elements == 3 ? check_text(reply->element[2], "three") : EDDY_ERUNTIME;
  freeReplyObject(reply);
  CHECK_OK(rc);
  CHECK_CODE(eddy_redis_command(redis, NULL, "LPUSH key x"), EDDY_EPROTO);
  CHECK_CONTAINS(eddy_message(EDDY_EPROTO), "WRONGTYPE");
  return 0;
}

static int move_much(void)
{
  enum { SIZE = 4 * 1024 * 1024 };
  redisReply *reply;
  char *data = test_new(SIZE);
  for (size_t i = 0; i < SIZE; i++)
    data[i] = (char)(i * 31 + i / 4096);
  CHECK_OK(eddy_redis_command(redis, NULL, "SET big %b", data, (size_t)SIZE));
  CHECK_OK(eddy_redis_command(redis, &reply, "GET big"));
  bool same = reply->len == SIZE && memcmp(reply->str, data, SIZE) == 0;
  freeReplyObject(reply);
  CHECK(same);
  return 0;
}

/* The commands of all the tasks are on their way before the first reply is there. */
static int pipeline(void)
{
  enum { COUNT = 200 };
  struct command *commands[COUNT];
  for (int i = 0; i < COUNT; i++)
    CHECK_OK(start_command("INCR counter", &commands[i]));
  for (int i = 0; i < COUNT; i++) {
    CHECK_OK(eddy_task_await(commands[i]->task, NULL));
    CHECK_OK(commands[i]->rc);
    CHECK_EQ(commands[i]->reply->integer, i + 1);
  }
  return 0;
}

static int cancel_one(void)
{
  struct command *blocked, *next;
  eddy_redis *other;
  CHECK_OK(connect_now(&other));
  CHECK_OK(start_command("BLPOP jobs 0", &blocked));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(start_command("ECHO after", &next));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(blocked->task, NULL));
  CHECK_CODE(eddy_task_await(blocked->task, NULL), EDDY_ECANCELLED);
  /* The server is still at it; its reply goes nowhere, and the next one to who asked. */
  CHECK_OK(eddy_redis_command(other, NULL, "RPUSH jobs one"));
  CHECK_OK(eddy_task_await(next->task, NULL));
  CHECK_OK(next->rc);
  CHECK_PTR(blocked->reply, NULL);
  return check_text(next->reply, "after");
}

static int time_out(void)
{
  eddy_timeout scope;
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_MS(20)));
  int rc = eddy_redis_command(redis, NULL, "BLPOP jobs 0");
  CHECK_CODE(eddy_timeout_exit(&scope, rc), EDDY_ETIMEDOUT);
  return 0; /* the connection is closed while the command is still out */
}

/* The server's own process: `timeout` is its parent. */
static int kill_server(void)
{
  redisReply *reply;
  long pid = 0;
  CHECK_OK(eddy_redis_command(redis, &reply, "INFO server"));
  const char *line = strstr(reply->str, "process_id:");
  if (line != NULL) pid = strtol(line + strlen("process_id:"), NULL, 10);
  freeReplyObject(reply);
  CHECK(pid > 1);
  return kill((pid_t)pid, SIGKILL) == 0 ? 0 : EDDY_ESRCH;
}

/* The connections of a killed process may end a moment before its listening socket does. */
static int expect_refusal(void)
{
  eddy_redis *other;
  int rc = 0;
  for (int i = 0; i < 2000 && rc == 0; i++) {
    rc = eddy_redis_connect(server->path, 0, way, &other);
    if (rc < 0) break;
    eddy_redis_free(other);
    CHECK_OK(eddy_sleep(EDDY_MS(10)));
  }
  CHECK_CODE(rc, EDDY_ECONNREFUSED);
  CHECK_CONTAINS(eddy_message(rc), "refused");
  return 0;
}

static int lose_server(void)
{
  struct command *first, *second;
  eddy_redis *other;
  CHECK_OK(connect_now(&other));
  eddy_redis *blocked = redis;
  CHECK_OK(start_command("BLPOP jobs 0", &first));
  CHECK_OK(start_command("BLPOP jobs 0", &second));
  CHECK_OK(eddy_sleep(0));
  redis = other;
  CHECK_OK(kill_server());
  redis = blocked;
  CHECK_OK(eddy_task_await(first->task, NULL));
  CHECK_OK(eddy_task_await(second->task, NULL));
  CHECK_CODE(first->rc, EDDY_ECONNRESET);
  CHECK_CODE(second->rc, EDDY_ECONNRESET);
  CHECK_CODE(eddy_redis_command(redis, NULL, "PING"), EDDY_ENOTCONN);
  return expect_refusal();
}

static void unref_queue(void *queue)
{
  eddy_queue_unref(queue);
}

static int next_message(eddy_queue *messages, const char *text)
{
  eddy_value message;
  CHECK_OK(eddy_queue_get(messages, &message));
  int rc = check_text(message.p, text);
  freeReplyObject(message.p);
  return rc;
}

static int hear_messages(void)
{
  eddy_queue *messages;
  eddy_redis *subscriber;
  eddy_value nothing;
  CHECK_OK(connect_now(&subscriber));
  CHECK_OK(eddy_queue_new(NULL, &messages));
  test_defer_late(unref_queue, messages);
  CHECK_OK(eddy_redis_subscribe(subscriber, "news", messages));
  CHECK_OK(eddy_redis_command(redis, NULL, "PUBLISH news first"));
  CHECK_OK(eddy_redis_command(redis, NULL, "PUBLISH other nobody"));
  CHECK_OK(eddy_redis_command(redis, NULL, "PUBLISH news second"));
  CHECK_OK(next_message(messages, "first"));
  CHECK_OK(next_message(messages, "second"));
  CHECK_OK(kill_server());
  CHECK_CODE(eddy_queue_get(messages, &nothing), EDDY_EQUEUESHUTDOWN);
  return 0;
}

/* ---- on eddy's watchers ---- */

EDDY_TASK_TEST_KERNEL(redis, command_gives_its_reply)
{
  CHECK_OK(begin(EDDY_REDIS_WATCHERS));
  return give_replies();
}

EDDY_TASK_TEST_KERNEL(redis, large_values_come_whole)
{
  CHECK_OK(begin(EDDY_REDIS_WATCHERS));
  return move_much();
}

EDDY_TASK_TEST_KERNEL(redis, commands_of_many_tasks_are_answered_in_order)
{
  CHECK_OK(begin(EDDY_REDIS_WATCHERS));
  return pipeline();
}

EDDY_TASK_TEST_KERNEL(redis, reply_to_a_cancelled_task_is_thrown_away)
{
  CHECK_OK(begin(EDDY_REDIS_WATCHERS));
  return cancel_one();
}

EDDY_TASK_TEST_KERNEL(redis, command_that_takes_too_long_can_be_left)
{
  CHECK_OK(begin(EDDY_REDIS_WATCHERS));
  return time_out();
}

EDDY_TASK_TEST_KERNEL(redis, server_that_dies_fails_whoever_waits)
{
  CHECK_OK(begin(EDDY_REDIS_WATCHERS));
  return lose_server();
}

EDDY_TASK_TEST_KERNEL(redis, messages_of_a_channel_come_through_a_queue)
{
  CHECK_OK(begin(EDDY_REDIS_WATCHERS));
  return hear_messages();
}

EDDY_TASK_TEST_KERNEL(redis, command_with_a_bad_format_is_refused)
{
  CHECK_OK(begin(EDDY_REDIS_WATCHERS));
  CHECK_CODE(eddy_redis_command(redis, NULL, "SET key %Z", "x"), EDDY_EINVAL);
  CHECK_OK(eddy_redis_command(redis, NULL, "PING"));
  return 0;
}

EDDY_TASK_TEST_KERNEL(redis, nothing_is_watched_when_the_connection_is_closed)
{
  eddy_loop_stats before, after;
  eddy_redis *other;
  CHECK_OK(begin(EDDY_REDIS_WATCHERS));
  eddy_loop_get_stats(eddy_get_running_loop(), &before);
  CHECK_OK(eddy_redis_connect(server->path, 0, way, &other));
  int rc = eddy_redis_command(other, NULL, "PING");
  eddy_redis_free(other);
  CHECK_OK(rc);
  eddy_loop_get_stats(eddy_get_running_loop(), &after);
  CHECK_EQ(after.operations, before.operations);
  return 0;
}

/* ---- on hiredis's own adapter for libuv ---- */

EDDY_TASK_TEST_KERNEL(redis_libuv, command_gives_its_reply)
{
  CHECK_OK(begin(EDDY_REDIS_LIBUV));
  return give_replies();
}

EDDY_TASK_TEST_KERNEL(redis_libuv, large_values_come_whole)
{
  CHECK_OK(begin(EDDY_REDIS_LIBUV));
  return move_much();
}

EDDY_TASK_TEST_KERNEL(redis_libuv, commands_of_many_tasks_are_answered_in_order)
{
  CHECK_OK(begin(EDDY_REDIS_LIBUV));
  return pipeline();
}

EDDY_TASK_TEST_KERNEL(redis_libuv, reply_to_a_cancelled_task_is_thrown_away)
{
  CHECK_OK(begin(EDDY_REDIS_LIBUV));
  return cancel_one();
}

EDDY_TASK_TEST_KERNEL(redis_libuv, command_that_takes_too_long_can_be_left)
{
  CHECK_OK(begin(EDDY_REDIS_LIBUV));
  return time_out();
}

EDDY_TASK_TEST_KERNEL(redis_libuv, server_that_dies_fails_whoever_waits)
{
  CHECK_OK(begin(EDDY_REDIS_LIBUV));
  return lose_server();
}

EDDY_TASK_TEST_KERNEL(redis_libuv, messages_of_a_channel_come_through_a_queue)
{
  CHECK_OK(begin(EDDY_REDIS_LIBUV));
  return hear_messages();
}
