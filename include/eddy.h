/*
 * eddy: asyncio for C. This header brings everything; each part can be included alone.
 *
 *     run.h       eddy_run: the entry of a program made of tasks
 *     runner.h    several runs on one loop
 *     workers.h   several loops in threads of their own
 *     task.h      tasks, eddy_sleep, cancellation          future.h   futures, eddy_await
 *     task_factory.h  who makes a loop's tasks; eager ones
 *     gather.h    many futures as one                      timeout.h  scopes with a deadline
 *     wait.h      waiting for some of many, with a limit   shield.h   from cancellation
 *     as_completed.h  futures in the order they end
 *     task_group.h  scopes that no task in them outlives
 *     queue.h     queues between tasks                     sock.h     sockets in tasks
 *     lock.h      locks                                    event.h    a flag to wait for
 *     condition.h  waiting, with a lock, for a change      semaphore.h  units to take
 *     barrier.h   tasks that wait for one another
 *     protocol.h  what a connection tells the program  transport.h  its sending side
 *     connection.h  connecting, for protocols          server.h   servers, for protocols
 *     connection.h  connecting, for protocols
 *     pipe.h      pipes, for protocols                 subprocess.h  child processes
 *     loop.h      the loop                                 handle.h   callbacks, timers
 *     watch.h     callbacks on descriptors and signals     coro.h     stackless coroutines
 *     gen.h       generators                               inspect.h  what tasks wait for
 *     callgraph.h who waits for whom                       executor.h work in other threads
 *     context.h   values that tasks hand on to what they start
 *     thread_future.h  tasks started from other threads; outcomes that threads wait for
 *     thread_queue.h  queues between tasks of different loops, and threads
 *     dns.h       names looked up                        datagram.h  datagrams for protocols
 *     file.h      files, without holding up the loop
 *     trace.h     a record of every decision of the scheduler
 *     error.h     codes and messages                       value.h, time.h, version.h
 *
 * eddy/backend.h, for those who write a backend, is not included here.
 */
#ifndef EDDY_H
#define EDDY_H

#include <eddy/as_completed.h>
#include <eddy/barrier.h>
#include <eddy/callgraph.h>
#include <eddy/condition.h>
#include <eddy/connection.h>
#include <eddy/context.h>
#include <eddy/coro.h>
#include <eddy/datagram.h>
#include <eddy/dns.h>
#include <eddy/error.h>
#include <eddy/event.h>
#include <eddy/executor.h>
#include <eddy/file.h>
#include <eddy/future.h>
#include <eddy/gather.h>
#include <eddy/gen.h>
#include <eddy/handle.h>
#include <eddy/inspect.h>
#include <eddy/layer.h>
#include <eddy/lock.h>
#include <eddy/loop.h>
#include <eddy/pipe.h>
#include <eddy/protocol.h>
#include <eddy/queue.h>
#include <eddy/run.h>
#include <eddy/runner.h>
#include <eddy/semaphore.h>
#include <eddy/server.h>
#include <eddy/shield.h>
#include <eddy/sock.h>
#include <eddy/stream.h>
#include <eddy/subprocess.h>
#include <eddy/task.h>
#include <eddy/task_factory.h>
#include <eddy/task_group.h>
#include <eddy/thread_future.h>
#include <eddy/thread_queue.h>
#include <eddy/time.h>
#include <eddy/timeout.h>
#include <eddy/trace.h>
#include <eddy/transport.h>
#include <eddy/value.h>
#include <eddy/version.h>
#include <eddy/wait.h>
#include <eddy/watch.h>
#include <eddy/workers.h>

#endif
