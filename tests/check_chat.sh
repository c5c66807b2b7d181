#!/bin/sh
# check_chat.sh CHAT PYTHON: the chat of the examples, and people of all kinds.
set -u
. "$(dirname "$0")/service.sh"
program=$1
python=$2
services=$(dirname "$0")/services

client() { # CASE: has to succeed
  "$python" "$services/chat_client.py" "$1" "$port" "$chat" || fail "$1"
}

serve() { # OPTION ...
  start chat "$program" --port 0 "$@"
  chat=$started
  listening chat
}

serve
client talk
client names
client lines

# ---- with nc -------------------------------------------------------------------------------

if command -v nc >/dev/null; then
  for name in nina nora; do
    mkfifo "$scratch/$name.in"
    start $name sh -c "exec nc 127.0.0.1 $port <'$scratch/$name.in'"
    eval "$name=$started"
  done
  exec 3>"$scratch/nina.in" 4>"$scratch/nora.in"
  echo nina >&3
  echo /who >&3
  await_text nina 'nina is here' $nina
  echo nora >&4
  await_text nina 'nora joins' $nina
  echo 'hello nora' >&3
  await_text nora '^nina: hello nora$' $nora
  echo 'hello nina' >&4
  await_text nina '^nora: hello nina$' $nina
  echo /quit >&3
  await_text nora 'nina leaves' $nora
  exec 3>&- 4>&-
  kill $nina $nora 2>/dev/null
  await_end $nina
  await_end $nora
fi

start client "$python" "$services/chat_client.py" stay "$port" "$chat"
client=$started
await_text client there
stop "$chat" 0
await_end "$client"
[ $code -eq 0 ] || fail "the clients did not see the end of the chat"
[ ! -s "$scratch/chat.err" ] || fail "the chat had something to complain about"

# ---- who does not say a name ---------------------------------------------------------------

serve --patience 1
client silent
stop "$chat" 0
[ ! -s "$scratch/chat.err" ] || fail "the chat had something to complain about"

# ---- who does not read ---------------------------------------------------------------------

serve --slow disconnect --bound 20000
client disconnect
grep -q 'deaf reads too slowly' "$scratch/chat.err" || fail "the disconnection was not told"
stop "$chat" 0 INT
serve --slow drop --bound 20000
client drop
stop "$chat" 0

# ---- bad options ---------------------------------------------------------------------------

refuse 2 'not a value' "$program" --port 65536
refuse 2 'not a value' "$program" --slow down
refuse 2 'missing' "$program" --bound
refuse 2 'unknown option' "$program" --colour red
refuse 1 'chat: ' "$program" --host 256.1.1.1

echo "chat: ok on ${EDDY_BACKEND:-the default backend}"
