/*
 * hiredis in an eddy program: commands that tasks wait for, any number at a time on one
 * connection. Copy eddy_redis.h and eddy_redis.c into your program.
 */
#ifndef EDDY_REDIS_H
#define EDDY_REDIS_H

#include <eddy.h>
#include <hiredis/async.h>

/* A connection. */
typedef struct eddy_redis eddy_redis;

/* Who watches hiredis's socket; the program sees no difference. */
typedef enum eddy_redis_way {
  EDDY_REDIS_WATCHERS, /* eddy's own watchers, on any backend with real sockets */
  EDDY_REDIS_LIBUV,    /* hiredis's adapter for libuv, on the loop's uv_loop_t */
} eddy_redis_way;

/*
 * Has an eddy loop watch a context of hiredis, as the adapters that come with hiredis do for
 * other loops. For programs that want nothing but callbacks; eddy_redis_connect calls it.
 * Returns 0; EDDY_EBUSY (the context is attached already); EDDY_ENOMEM; as eddy_loop_add_reader.
 */
int eddy_redis_attach(redisAsyncContext *context, eddy_loop *loop);

/*
 * Connects to a Unix socket (a path with a slash, port 0) or to a numeric address; suspends.
 * A cancelled call leaves nothing behind. `out` is owned: eddy_redis_free. (hiredis 0.14's adapter
 * for libuv passes over errors of the socket: with it a refused TCP connection is not heard of.)
 * Returns 0; EDDY_ECONNREFUSED, with hiredis's words; EDDY_ECANCELLED; EDDY_ENOTASK;
 * EDDY_ENOMEM; as eddy_redis_attach.
 */
int eddy_redis_connect(const char *host, int port, eddy_redis_way way, eddy_redis **out);

/* Closes the connection; commands that still wait fail. Not from a callback of hiredis. */
void eddy_redis_free(eddy_redis *redis);

/*
 * Sends a command and waits for its reply. Several tasks may do so at the same time: all is
 * sent at once, and the replies come in order (pipelining).
 *
 * A cancelled call cannot take the command back: the server may have done it. Its reply is
 * thrown away when it comes.
 *
 * reply   owned: freeReplyObject. NULL to ignore it.
 * format  as hiredis has it: "SET %s %b", key, data, (size_t)size.
 * Returns 0; EDDY_EPROTO (the server answered with an error: its words); EDDY_ECONNRESET (the
 *         connection was lost before the reply came); EDDY_ENOTCONN (before the command was
 *         sent); EDDY_EINVAL (format); EDDY_ECANCELLED; EDDY_ENOTASK; EDDY_ENOMEM.
 */
int eddy_redis_command(eddy_redis *redis, redisReply **reply, const char *format, ...);

/*
 * Subscribes to a channel; suspends until the server has confirmed it. From then on each message
 * is put into the queue, as the redisReply of its text (value.p; owned by who takes it out:
 * freeReplyObject). The queue is shut down when the connection has ended. Redis takes no other
 * commands on such a connection.
 * Returns as eddy_redis_command.
 */
int eddy_redis_subscribe(eddy_redis *redis, const char *channel, eddy_queue *messages);

#endif
