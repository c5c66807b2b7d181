#!/bin/sh
# check_walk.sh DIRECTORY: each example of the walk uses what its stage has, and no more.
set -u
cd "$1" || exit 2
failed=0

# deny WHAT REGEX FILE ...: no line of the files matches.
deny() {
  what=$1 regex=$2
  shift 2
  for file in "$@"; do
    if grep -nE "$regex" "$file"; then
      echo "$file: $what"
      failed=1
    fi
  done
}

tasks='eddy_(run|run_with|create_task|loop_create_task[a-z_]*|sleep|await|current_task|task_[a-z_]+|queue_(get|put|join)|timeout_[a-z_]+|sock_[a-z_]+)\('
generators='eddy_(gen|frame)_[a-z]+\(|EDDY_(BEGIN|YIELD|AWAIT)'
callbacks='eddy_(loop_call_[a-z_]+|loop_add_[a-z_]+|queue_get_cb|future_add_done_callback)\('
loop='eddy_(loop|handle|queue|future)_[a-z_]+\('

deny 'it needs no eddy' 'eddy\.h|eddy_' 01_threads.c 02_own_loop.c 05_producer_threads.c
deny 'it is about callbacks alone' "$tasks|$generators" 02_callbacks.c 03_blocking.c \
  04_ties.c 06_producer_callbacks.c 07_callback_cost.c
deny 'one thread only' 'pthread|threads\.h' 0[2346789]_*.c 1*.c
deny 'it is about coroutines alone' "$callbacks" 08_steps_coroutine.c 11_coroutines.c \
  12_producer_coroutines.c
deny 'it has eddy_gen only' "$tasks|$callbacks|$loop" 09_generators.c 09_generators_macro.c \
  10_generator_scheduler.c 11_own_sleep.c 12_own_queue.c
deny 'its tasks are its own' "$tasks" 13_own_task.c
exit $failed
