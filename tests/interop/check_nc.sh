#!/bin/sh
# check_nc.sh DIRECTORY PEER NC: eddy talks to OpenBSD's nc, in both directions.
#
# DIRECTORY has the examples, PEER is eddy_peer. It runs on the backend of EDDY_BACKEND.
set -u
. "$(dirname "$0")/../service.sh"
directory=$1
peer=$2
nc=$3

head -c 1000000 /dev/urandom >"$scratch/sent"

# ---- nc is the client: it sends all, half-closes and reads to the end -----------------------

for api in tasks streams protocols; do
  start "$api" "$directory/echo_server" --port 0 --api "$api"
  server=$started
  listening "$api"
  timeout 60 "$nc" -N 127.0.0.1 "$port" <"$scratch/sent" >"$scratch/back" || fail "nc failed against $api"
  cmp -s "$scratch/sent" "$scratch/back" || fail "$api: nc gets something else back"
  stop "$server" 0
done
start unix "$peer" serve "$scratch/socket"
server=$started
await_text unix '^listening'
timeout 60 "$nc" -N -U "$scratch/socket" <"$scratch/sent" >"$scratch/back" || fail "nc failed on a Unix socket"
cmp -s "$scratch/sent" "$scratch/back" || fail "nc gets something else back on a Unix socket"
stop "$server" 0

# ---- nc is the server: both send at the same time, and end in either order ------------------

head -c 700000 /dev/urandom >"$scratch/answer"

talk() { # WHERE NC'S OPTIONS: nc's pid is in $started
  timeout 60 "$peer" cat "$1" <"$scratch/sent" >"$scratch/back" || fail "eddy_peer cat $1"
  await_end "$started"
  [ $code -eq 0 ] || fail "nc ended with $code"
  cmp -s "$scratch/answer" "$scratch/back" || fail "eddy gets something else from nc"
  cmp -s "$scratch/sent" "$scratch/nc" || fail "nc gets something else from eddy"
}

# Its port is in what it says on stderr, "Listening on localhost 37023".
start nc sh -c 'exec "$0" -N -n -l -v 127.0.0.1 0 <"$1"' "$nc" "$scratch/answer"
tries=0
until port=$(sed -n 's/^Listening on .* \([0-9][0-9]*\)$/\1/p' "$scratch/nc.err") && [ -n "$port" ]; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || fail "nc does not listen"
  sleep 0.1
done
talk "$port"

start nc sh -c 'exec "$0" -N -l -U "$2" <"$1"' "$nc" "$scratch/answer" "$scratch/nc.socket"
tries=0
until [ -S "$scratch/nc.socket" ]; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || fail "nc does not listen on its Unix socket"
  sleep 0.1
done
talk "$scratch/nc.socket"

echo "nc: ok on ${EDDY_BACKEND:-the default}"
