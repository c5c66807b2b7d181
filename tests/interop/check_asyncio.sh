#!/bin/sh
# check_asyncio.sh DIRECTORY PEER PYTHON: eddy talks to Python's asyncio, in both directions.
#
# DIRECTORY has the examples, PEER is eddy_peer. It runs on the backend of EDDY_BACKEND.
set -u
. "$(dirname "$0")/../service.sh"
directory=$1
peer=$2
python=$3
here=$(dirname "$0")

asyncio() {
  timeout 60 "$python" "$here/asyncio_peer.py" "$@"
}

verified() { # COMMAND ...: it ends well, and has verified something
  "$@" >"$scratch/client" 2>"$scratch/client.err" || fail "$*: it failed"
  grep -q '^verified [1-9]' "$scratch/client" || fail "$*: it has verified nothing"
}

# ---- eddy serves ----------------------------------------------------------------------------

for api in tasks streams protocols; do
  start "$api" "$directory/echo_server" --port 0 --api "$api"
  server=$started
  listening "$api"
  verified asyncio load "$port" --connections 60 --bytes 100000
  verified asyncio load "$port" --connections 2 --bytes 3000000
  stop "$server" 0
done
start unix "$peer" serve "$scratch/socket"
server=$started
await_text unix '^listening'
verified asyncio load "$scratch/socket" --connections 30
stop "$server" 0
start datagrams "$peer" udp-serve
server=$started
listening datagrams
verified asyncio udp "$port"
stop "$server" 0

# ---- asyncio serves -------------------------------------------------------------------------

start asyncio "$python" "$here/asyncio_peer.py" serve 0
server=$started
listening asyncio
verified timeout 60 "$peer" load "$port" --connections 60 --bytes 100000
verified timeout 60 "$peer" load "$port" --connections 2 --bytes 3000000
"$directory/echo_load" --timeout 60 --port "$port" --connections 50 --requests 20 --size 1000 \
  >"$scratch/load" 2>&1 || fail "echo_load: wrong echo"
stop "$server" 0
start asyncio "$python" "$here/asyncio_peer.py" serve "$scratch/socket2"
server=$started
await_text asyncio '^listening'
verified timeout 60 "$peer" load "$scratch/socket2" --connections 30
stop "$server" 0
start asyncio "$python" "$here/asyncio_peer.py" udp-serve
server=$started
listening asyncio
verified timeout 60 "$peer" udp "$port"
stop "$server" 0

echo "asyncio: ok on ${EDDY_BACKEND:-the default}"
