# service.sh: what the checks of services share. It is sourced, by a script with `set -u`:
#
#     . "$(dirname "$0")/service.sh"
#     start server "$directory/echo_server" --port 0     # its pid: $started
#     server=$started
#     listening server                                   # its port: $port
#     ...
#     stop $server 0                                     # SIGTERM; exit code 0 is expected
#
# What a program writes is in $scratch/NAME (stdout) and $scratch/NAME.err (stderr). However the
# check ends, every process that it has started is ended and $scratch removed.

# Where memory is measured, what AddressSanitizer keeps of freed memory must not count.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=1"

running=''
scratch=$(mktemp -d)

end_service() {
  trap - EXIT
  for pid in $running; do
    kill -KILL "$pid" 2>/dev/null
  done
  wait
  rm -rf "$scratch"
}
trap end_service EXIT
trap 'end_service; exit 1' HUP INT TERM

fail() { # TEXT ...: ends the check, and shows what the programs said
  echo "$(basename "$0" .sh): $*" >&2
  for log in "$scratch"/*; do
    [ ! -f "$log" ] || [ ! -s "$log" ] || { echo "-- $(basename "$log")"; tail -n 50 "$log"; } >&2
  done
  exit 1
}

start() { # NAME COMMAND ...: in the background; leaves its pid in $started
  log=$scratch/$1
  shift
  : >"$log"
  "$@" >"$log" 2>"$log.err" &
  started=$!
  running="$running $started"
}

forget() { # PID: it has ended
  left=''
  for pid in $running; do
    [ "$pid" = "$1" ] || left="$left $pid"
  done
  running=$left
}

await_text() { # NAME PATTERN [PID]: until a line of its stdout matches; it must not end before
  tries=0
  until grep -q "$2" "$scratch/$1"; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || fail "$1 does not say '$2'"
    kill -0 "${3:-$started}" 2>/dev/null || grep -q "$2" "$scratch/$1" || fail "$1 ended too early"
    sleep 0.1
  done
}

listening() { # NAME: until it prints its line; leaves the port in $port
  await_text "$1" '^listening on'
  port=$(sed -n 's/^listening on .*:\([0-9]*\)\( .*\)*$/\1/p' "$scratch/$1" | head -n 1)
  [ -n "$port" ] || fail "$1 does not tell its port"
}

# Until it begins its program a child is still this shell, with this shell's handler.
handles_term() { # PID
  [ "$(readlink "/proc/$1/exe")" != "$(readlink "/proc/$$/exe")" ] &&
    grep -q '^SigCgt:.*[4-7c-f][0-9a-f]\{3\}$' "/proc/$1/status" # SIGTERM is bit 14
}

await_handler() { # PID: until SIGTERM does not end it as it is; where that is not told, for a while
  if [ ! -r "/proc/$1/status" ]; then
    sleep 3
    return
  fi
  tries=0
  until handles_term "$1"; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || fail "process $1 does not handle SIGTERM"
    sleep 0.1
  done
}

await_end() { # PID: until it has ended, for at most 20 seconds; leaves its exit code in $code
  tries=0
  while kill -0 "$1" 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || fail "process $1 does not end"
    sleep 0.1
  done
  wait "$1"
  code=$?
  forget "$1"
}

stop() { # PID CODE [SIGNAL]: sends SIGTERM, or another one, and expects this exit code
  kill -"${3:-TERM}" "$1" || fail "process $1 has ended before it was told to"
  await_end "$1"
  [ $code -eq "$2" ] || fail "process $1 ended with $code, not $2, on SIG${3:-TERM}"
}

refuse() { # CODE TEXT COMMAND ...: it ends with the code, and says the text
  expected=$1
  text=$2
  shift 2
  "$@" >"$scratch/refused" 2>&1
  code=$?
  [ $code -eq "$expected" ] || fail "$*: exit code $code, not $expected"
  grep -q "$text" "$scratch/refused" || fail "$*: does not say '$text'"
}
