#!/bin/sh
# check_echo.sh DIRECTORY BACKEND: the echo servers of the examples under real connections.
#
# echo_min and echo_server have to answer every byte, say what is wrong with bad options and
# a port in use, and echo_server has to end with exit code 0 when SIGTERM finds it busy.
set -u
directory=$1
backend=$2
server=''
client=''
scratch=$(mktemp -d)

end() {
  for pid in $server $client; do
    kill -KILL "$pid" 2>/dev/null
  done
  rm -rf "$scratch"
}
trap end EXIT

fail() {
  echo "check_echo: $*" >&2
  cat "$scratch"/* >&2
  exit 1
}

load() {
  "$directory/echo_load" --timeout 60 "$@"
}

# Waits until the server's own output has a line.
await_line() {
  tries=0
  until grep -q 'listening on' "$scratch/server"; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || fail "echo_server does not listen"
    kill -0 "$server" 2>/dev/null || fail "echo_server ended too early"
    sleep 0.1
  done
}

# ---- echo_min: a fixed port, so each run takes a loopback address of its own --------------

address=127.0.0.1
if [ "$(uname)" = Linux ]; then
  address=127.7.$(($$ / 250 % 250 + 1)).$(($$ % 250 + 1))
fi
EDDY_BACKEND=$backend "$directory/echo_min" $address 2>"$scratch/min" &
server=$!
tries=0
until load --host $address --connections 1 --requests 1 >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || fail "echo_min does not answer"
  kill -0 "$server" 2>/dev/null || fail "echo_min ended too early"
  sleep 0.1
done
load --host $address --connections 50 --requests 20 --size 1000 || fail "echo_min: wrong echo"
if EDDY_BACKEND=$backend "$directory/echo_min" $address 2>"$scratch/second"; then
  fail "a second echo_min took the same port"
fi
grep -q 'address already in use' "$scratch/second" || fail "echo_min did not say why"
kill -TERM "$server"
wait "$server" 2>/dev/null
server=''

# ---- echo_server --------------------------------------------------------------------------

for api in tasks streams protocols; do
  : >"$scratch/server"
  "$directory/echo_server" --port 0 --backend "$backend" --api "$api" --stats >"$scratch/server" &
  server=$!
  await_line
  grep -q "($backend)" "$scratch/server" || fail "echo_server does not name its backend"
  port=$(sed -n 's/^listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$scratch/server")
  load --port "$port" --connections 100 --requests 50 || fail "echo_server, $api: wrong echo"
  load --port "$port" --connections 4 --requests 5 --size 300000 || fail "$api: large messages"
  if "$directory/echo_server" --port "$port" --backend "$backend" --api "$api" 2>"$scratch/second"; then
    fail "a second echo_server took the same port"
  fi
  grep -q 'address already in use' "$scratch/second" || fail "echo_server did not say why"

  # A signal in the midst of the work: a clean end, and the client sees its connections close.
  load --port "$port" --connections 50 --requests 1000000 >"$scratch/load" 2>&1 &
  client=$!
  sleep 0.5
  kill -0 "$client" 2>/dev/null || fail "the load ended too early"
  kill -TERM "$server"
  wait "$server" 2>/dev/null
  code=$?
  server=''
  [ $code -eq 0 ] || fail "echo_server $api: ended with $code on SIGTERM"
  wait "$client"
  code=$?
  client=''
  [ $code -eq 1 ] || fail "the client of a closed server ended with $code"
  grep -q "^stats backend=$backend connections=154 " "$scratch/server" ||
    fail "echo_server, $api: wrong statistics"
done

# ---- bad options --------------------------------------------------------------------------

refuse() { # CODE TEXT OPTION ...: it ends with the code and says the text
  code=$1
  text=$2
  shift 2
  "$directory/echo_server" "$@" >"$scratch/refused" 2>&1
  [ $? -eq "$code" ] || fail "echo_server $*: not exit code $code"
  grep -q "$text" "$scratch/refused" || fail "echo_server $*: does not say '$text'"
}
refuse 2 'not a port' --port 65536
refuse 2 'not a port' --port 7x
refuse 2 'unknown option' --colour red
refuse 2 'not an api' --api smoke
refuse 2 'missing' --host
refuse 1 'nonsense' --backend nonsense
refuse 1 'echo_server: ' --host 256.1.1.1

echo "echo: ok on $backend"
