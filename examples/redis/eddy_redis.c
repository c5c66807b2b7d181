/*
 * hiredis's asynchronous interface calls hooks when it wants its socket watched, and wants to be
 * called when the socket is ready. Those hooks are the first half of this file. The second half
 * has tasks wait: each command gets a future, which hiredis's callback completes. That only
 * queues the task: it runs when hiredis's functions have returned, and may call them itself.
 */
#define _DEFAULT_SOURCE /* for the headers of libuv */

#include "eddy_redis.h"

#include <hiredis/adapters/libuv.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the hooks ---- */

struct hooks {
  redisAsyncContext *context;
  eddy_loop *loop;
  int fd;
  bool reading; /* hiredis asks again and again for what it has */
  bool writing;
};

static int on_readable(void *arg)
{
  struct hooks *hooks = arg;
  redisAsyncHandleRead(hooks->context); /* may have called `cleanup` */
  return 0;
}

static int on_writable(void *arg)
{
  struct hooks *hooks = arg;
  redisAsyncHandleWrite(hooks->context);
  return 0;
}

static void add_read(void *arg)
{
  struct hooks *hooks = arg;
  if (hooks->reading) return;
  hooks->reading = eddy_loop_add_reader(hooks->loop, hooks->fd, on_readable, hooks) == 0;
}

static void del_read(void *arg)
{
  struct hooks *hooks = arg;
  if (hooks->reading) eddy_loop_remove_reader(hooks->loop, hooks->fd);
  hooks->reading = false;
}

static void add_write(void *arg)
{
  struct hooks *hooks = arg;
  if (hooks->writing) return;
  hooks->writing = eddy_loop_add_writer(hooks->loop, hooks->fd, on_writable, hooks) == 0;
}

static void del_write(void *arg)
{
  struct hooks *hooks = arg;
  if (hooks->writing) eddy_loop_remove_writer(hooks->loop, hooks->fd);
  hooks->writing = false;
}

/* Comes before hiredis closes the socket. */
static void cleanup(void *arg)
{
  del_read(arg);
  del_write(arg);
  free(arg);
}

int eddy_redis_attach(redisAsyncContext *context, eddy_loop *loop)
{
  if (context->ev.data != NULL) return EDDY_EBUSY;
  struct hooks *hooks = calloc(1, sizeof(*hooks));
  if (hooks == NULL) return EDDY_ENOMEM;
  *hooks = (struct hooks){.context = context, .loop = loop, .fd = context->c.fd};
  /* The hooks cannot fail; what may be missing, memory, shows here, the first time. */
  int rc = eddy_loop_add_reader(loop, hooks->fd, on_readable, hooks);
  if (rc < 0) {
    free(hooks);
    return rc;
  }
  hooks->reading = true;
  context->ev.data = hooks;
  context->ev.addRead = add_read;
  context->ev.delRead = del_read;
  context->ev.addWrite = add_write;
  context->ev.delWrite = del_write;
  context->ev.cleanup = cleanup;
  return 0;
}

/* Any library that works on libuv works in an eddy program. */
static int attach(redisAsyncContext *context, eddy_loop *loop, eddy_redis_way way)
{
  if (way == EDDY_REDIS_WATCHERS) return eddy_redis_attach(context, loop);
  uv_loop_t *uv = eddy_loop_uv(loop);
  if (uv == NULL) return EDDY_ENOTSUP; /* native/virtual has none */
  return redisLibuvAttach(context, uv) == REDIS_OK ? 0 : EDDY_ENOMEM;
}

/* ---- a connection ---- */

struct eddy_redis {
  redisAsyncContext *context; /* NULL: hiredis has freed it, the connection is over */
  eddy_loop *loop;
  eddy_future *connected;
  char why[160]; /* it is over */
};

static void on_end(eddy_redis *redis, const redisAsyncContext *context)
{
  snprintf(redis->why, sizeof(redis->why), "%s",
      context->errstr != NULL && context->errstr[0] != '\0' ? context->errstr
                                                            : "connection closed");
  redis->context = NULL; /* freed when this callback has returned */
}

static void on_connect(const redisAsyncContext *context, int status)
{
  eddy_redis *redis = context->data;
  int rc;
  if (status == REDIS_OK) {
    rc = eddy_future_set_result(redis->connected, eddy_int(0));
  } else {
    on_end(redis, context);
    rc = eddy_future_set_exception(redis->connected, EDDY_ECONNREFUSED, redis->why);
  }
  (void)rc; /* it fails if who waited has been cancelled: eddy_redis_free follows */
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
  (void)status;
  on_end(context->data, context);
}

static redisAsyncContext *open_context(const char *host, int port)
{
  if (strchr(host, '/') != NULL) return redisAsyncConnectUnix(host);
  return redisAsyncConnect(host, port);
}

static int start_connecting(
    eddy_redis *redis, const char *host, int port, eddy_redis_way way)
{
  redisAsyncContext *context = open_context(host, port);
  if (context == NULL) return EDDY_ENOMEM;
  redis->context = context;
  context->data = redis;
  if (context->err != 0)
    return eddy_raise(EDDY_ECONNREFUSED, "redis %s: %s", host, context->errstr);
  int rc = attach(context, redis->loop, way);
  if (rc < 0) return rc;
  /* From here on it watches the socket. */
  redisAsyncSetConnectCallback(context, on_connect);
  redisAsyncSetDisconnectCallback(context, on_disconnect);
  rc = eddy_await(redis->connected, NULL);
  if (rc == EDDY_ECONNREFUSED) return eddy_raise(rc, "redis %s: %s", host, redis->why);
  return rc;
}

int eddy_redis_connect(const char *host, int port, eddy_redis_way way, eddy_redis **out)
{
  eddy_redis *redis = calloc(1, sizeof(*redis));
  if (redis == NULL) return EDDY_ENOMEM;
  redis->loop = eddy_get_running_loop();
  int rc = eddy_future_new(redis->loop, &redis->connected);
  if (rc == 0) rc = start_connecting(redis, host, port, way);
  if (rc < 0) {
    eddy_redis_free(redis);
    return rc;
  }
  *out = redis;
  return 0;
}

void eddy_redis_free(eddy_redis *redis)
{
  if (redis == NULL) return;
  if (redis->context != NULL) redisAsyncFree(redis->context);
  eddy_future_unref(redis->connected);
  free(redis);
}

/* ---- replies ---- */

/* hiredis frees a reply when its callback has returned; the task runs later. */
static redisReply *copy_reply(const redisReply *reply)
{
  redisReply *copy = malloc(sizeof(*copy));
  if (copy == NULL) return NULL;
  *copy = *reply;
  copy->str = NULL;
  copy->element = NULL;
  if (reply->str != NULL) {
    copy->str = malloc(reply->len + 1);
    if (copy->str == NULL) goto fail;
    memcpy(copy->str, reply->str, reply->len + 1);
  }
  if (reply->elements > 0) {
    copy->element = calloc(reply->elements, sizeof(copy->element[0]));
    if (copy->element == NULL) goto fail;
  }
  for (size_t i = 0; i < reply->elements; i++) {
    copy->element[i] = copy_reply(reply->element[i]);
    if (copy->element[i] == NULL) goto fail;
  }
  return copy;
fail:
  freeReplyObject(copy); /* passes over what is missing */
  return NULL;
}

static void on_reply(redisAsyncContext *context, void *reply, void *arg)
{
  eddy_future *done = arg;
  int rc = 0;
  if (eddy_future_done(done)) {
    /* Cancelled: nobody wants to know. */
  } else if (reply == NULL) {
    const char *why = context->err != 0 ? context->errstr : "connection closed";
    rc = eddy_future_set_exception(done, EDDY_ECONNRESET, why);
  } else {
    redisReply *copy = copy_reply(reply);
    rc = copy != NULL ? eddy_future_set_result(done, eddy_ptr(copy))
                      : eddy_future_set_exception(done, EDDY_ENOMEM, NULL);
  }
  (void)rc;
  eddy_future_unref(done);
}

/* Whether the last command has got hiredis to ask for its socket in vain. */
static int unwatched(const redisAsyncContext *context)
{
  if (context->ev.addWrite != add_write) return 0;
  const struct hooks *hooks = context->ev.data;
  return hooks->writing ? 0 : EDDY_ENOMEM;
}

static int wait_for_reply(eddy_redis *redis, eddy_future *done, redisReply **reply)
{
  eddy_value value = eddy_ptr(NULL);
  int rc = unwatched(redis->context);
  if (rc == 0) rc = eddy_await(done, &value);
  if (rc < 0) {
    /* The reply may have come in the moment in which the task was cancelled. */
    if (eddy_future_done(done) && eddy_future_result(done, &value) == 0)
      freeReplyObject(value.p);
    else
      eddy_future_cancel(done, NULL);
    return rc;
  }
  redisReply *got = value.p;
  if (got->type == REDIS_REPLY_ERROR) rc = eddy_raise(EDDY_EPROTO, "redis: %s", got->str);
  if (rc == 0 && reply != NULL) {
    *reply = got;
  } else {
    freeReplyObject(got);
  }
  return rc;
}

int eddy_redis_command(eddy_redis *redis, redisReply **reply, const char *format, ...)
{
  eddy_future *done;
  va_list arguments;
  if (redis->context == NULL) return eddy_raise(EDDY_ENOTCONN, "redis: %s", redis->why);
  int rc = eddy_future_new(redis->loop, &done);
  if (rc < 0) return rc;
  va_start(arguments, format);
  int sent = redisvAsyncCommand(
      redis->context, on_reply, eddy_future_ref(done), format, arguments);
  va_end(arguments);
  if (sent == REDIS_OK) {
    rc = wait_for_reply(redis, done, reply);
  } else {
    eddy_future_unref(done); /* the callback's */
    rc = eddy_raise(EDDY_EINVAL, "redis: '%s' cannot be sent", format);
  }
  eddy_future_unref(done);
  return rc;
}

/* ---- messages ---- */

struct subscription {
  eddy_queue *messages;
  eddy_future *confirmed;
};

static void end_subscription(struct subscription *subscription)
{
  eddy_queue_shutdown(subscription->messages, false);
  eddy_queue_unref(subscription->messages);
  if (!eddy_future_done(subscription->confirmed))
    eddy_future_cancel(subscription->confirmed, "the connection has ended");
  eddy_future_unref(subscription->confirmed);
  free(subscription);
}

/* Called again and again: {"subscribe", channel, 1}, {"message", channel, text} ...; and at
 * the end with NULL. */
static void on_message(redisAsyncContext *context, void *arg, void *of_command)
{
  struct subscription *subscription = of_command;
  const redisReply *reply = arg;
  (void)context;
  if (reply == NULL) {
    end_subscription(subscription);
    return;
  }
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3) return;
  if (strcmp(reply->element[0]->str, "message") != 0) {
    if (!eddy_future_done(subscription->confirmed)) {
      int rc = eddy_future_set_result(subscription->confirmed, eddy_int(0));
      (void)rc;
    }
    return;
  }
  redisReply *text = copy_reply(reply->element[2]);
  if (text != NULL && eddy_queue_put_nowait(subscription->messages, eddy_ptr(text)) == 0)
    return;
  freeReplyObject(text);
  eddy_queue_shutdown(subscription->messages, false); /* rather than a gap */
}

int eddy_redis_subscribe(eddy_redis *redis, const char *channel, eddy_queue *messages)
{
  if (redis->context == NULL) return eddy_raise(EDDY_ENOTCONN, "redis: %s", redis->why);
  struct subscription *subscription = calloc(1, sizeof(*subscription));
  if (subscription == NULL) return EDDY_ENOMEM;
  eddy_future *confirmed;
  int rc = eddy_future_new(redis->loop, &confirmed);
  if (rc < 0) {
    free(subscription);
    return rc;
  }
  subscription->confirmed = eddy_future_ref(confirmed);
  subscription->messages = eddy_queue_ref(messages);
  if (redisAsyncCommand(redis->context, on_message, subscription, "SUBSCRIBE %s",
          channel) == REDIS_OK) {
    rc = eddy_await(confirmed, NULL);
    if (rc == EDDY_ECANCELLED && redis->context == NULL)
      rc = eddy_raise(EDDY_ECONNRESET, "redis: %s", redis->why);
  } else {
    end_subscription(subscription);
    rc = eddy_raise(EDDY_ENOTCONN, "redis: the connection is being closed");
  }
  eddy_future_unref(confirmed);
  return rc;
}
