#!/bin/sh
# check_redis.sh PROGRAM SERVER: examples/redis against a real server, on both ways.
#
# It runs on the backend of EDDY_BACKEND.
set -u
. "$(dirname "$0")/../service.sh"
program=$1
redis=$2

start redis "$redis" --port 0 --unixsocket "$scratch/socket" --save '' --appendonly no \
  --daemonize no --dir "$scratch"
server=$started
await_text redis 'accept connections'
cat >"$scratch/expected" <<'END'
visits: 100
heard: number-1
heard: number-2
heard: number-3
END
for way in '' --libuv; do
  # shellcheck disable=SC2086
  "$program" $way "$scratch/socket" >"$scratch/lines" 2>"$scratch/lines.err" ||
    fail "redis_demo $way failed"
  cmp -s "$scratch/expected" "$scratch/lines" || fail "redis_demo $way prints something else"
done
stop "$server" 0
for way in '' --libuv; do
  # shellcheck disable=SC2086
  refuse 1 'redis_demo: redis .*: ' "$program" $way "$scratch/socket"
done
refuse 1 'redis_demo: redis .*refused' "$program" 127.0.0.1 1
refuse 2 usage "$program"

echo "redis: ok on ${EDDY_BACKEND:-the default}"
