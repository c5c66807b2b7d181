#!/bin/sh
# check_echo.sh DIRECTORY BACKEND: the echo servers of the examples under real connections.
#
# echo_min and echo_server have to answer every byte, say what is wrong with bad options and
# a port in use, and echo_server has to end with exit code 0 when SIGTERM finds it busy.
set -u
. "$(dirname "$0")/service.sh"
directory=$1
backend=$2

load() {
  "$directory/echo_load" --timeout 60 "$@"
}

# ---- echo_min: a fixed port, so each run takes a loopback address of its own --------------

address=127.0.0.1
if [ "$(uname)" = Linux ]; then
  address=127.7.$(($$ / 250 % 250 + 1)).$(($$ % 250 + 1))
fi
export EDDY_BACKEND="$backend"
start min "$directory/echo_min" $address
tries=0
until load --host $address --connections 1 --requests 1 >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || fail "echo_min does not answer"
  kill -0 "$started" 2>/dev/null || fail "echo_min ended too early"
  sleep 0.1
done
load --host $address --connections 50 --requests 20 --size 1000 || fail "echo_min: wrong echo"
refuse 1 'address already in use' "$directory/echo_min" $address
kill -TERM "$started"
await_end "$started"
unset EDDY_BACKEND

# ---- echo_server --------------------------------------------------------------------------

serve_and_stop() { # API WORKERS
  api=$1
  start server "$directory/echo_server" --port 0 --backend "$backend" --api "$api" --stats \
    --workers "$2"
  server=$started
  listening server
  grep -q "($backend)" "$scratch/server" || fail "echo_server does not name its backend"
  load --port "$port" --connections 100 --requests 50 || fail "echo_server, $api: wrong echo"
  load --port "$port" --connections 4 --requests 5 --size 300000 || fail "$api: large messages"
  refuse 1 'address already in use' "$directory/echo_server" --port "$port" --backend "$backend" \
    --api "$api"

  # A signal in the midst of the work: a clean end, and the client sees its connections close.
  start load "$directory/echo_load" --timeout 60 --port "$port" --connections 50 \
    --requests 1000000
  client=$started
  sleep 0.5
  kill -0 "$client" 2>/dev/null || fail "the load ended too early"
  stop "$server" 0
  await_end "$client"
  [ $code -eq 1 ] || fail "the client of a closed server ended with $code"
  grep -q "^stats backend=$backend connections=1[0-5][0-9] " "$scratch/server" ||
    fail "echo_server, $api: wrong statistics"
}
for api in tasks streams protocols; do
  serve_and_stop $api 1
  serve_and_stop $api 3
  grep -q 'with 3 workers$' "$scratch/server" || fail "echo_server does not name its workers"
done

# ---- bad options --------------------------------------------------------------------------

program=$directory/echo_server
refuse 2 'not a port' "$program" --port 65536
refuse 2 'not a port' "$program" --port 7x
refuse 2 'unknown option' "$program" --colour red
refuse 2 'not a number of workers' "$program" --workers 0
refuse 2 'not an api' "$program" --api smoke
refuse 2 'missing' "$program" --host
refuse 1 'nonsense' "$program" --backend nonsense
refuse 1 'nonsense' "$program" --backend nonsense --workers 2
refuse 1 'echo_server: ' "$program" --host 256.1.1.1
refuse 1 'echo_server: ' "$program" --host 256.1.1.1 --workers 2

echo "echo: ok on $backend"
