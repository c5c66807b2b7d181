#!/bin/sh
# check_socks5_proxy.sh SOCKS5_PROXY PYTHON [CURL HTTP_SERVER]: the SOCKS5 proxy of the examples
# between clients and servers.
set -u
. "$(dirname "$0")/service.sh"
program=$1
python=$2
curl=${3:-}
http_server=${4:-}
services=$(dirname "$0")/services

start one "$python" "$services/upstream.py" one
listening one
one=$port

serve() { # NAME OPTION ...: leaves $port and $proxy
  name=$1
  shift
  start "$name" "$program" --port 0 "$@"
  proxy=$started
  listening "$name"
}

client() { # CASE ...: all have to succeed
  "$python" "$services/socks5_client.py" "$port" "$one" "$proxy" "$@" >"$scratch/case" ||
    fail "$(tail -n 1 "$scratch/case")"
}

serve open
open=$proxy
open_port=$port
client ways relayed rubbish
serve closed --user me:secret:1
closed=$proxy
closed_port=$port
client password
serve short --patience 2 --idle 3
client silence
stop "$proxy" 0 INT

# ---- curl through it, to the HTTP server ---------------------------------------------------

get() { # PORT PATH [CURL OPTION ...]
  to=$1
  path=$2
  shift 2
  "$curl" -sS --noproxy '' --max-time 30 -o "$scratch/got" "$@" "http://localhost:$to$path"
}

if [ -n "$curl" ] && [ -n "$http_server" ]; then
  mkdir "$scratch/www"
  seq 300000 >"$scratch/www/numbers"
  start web "$http_server" --port 0 --root "$scratch/www"
  web=$started
  listening web
  for way in --socks5-hostname --socks5; do
    get "$port" /numbers -4 $way "127.0.0.1:$open_port" || fail "curl $way"
    cmp "$scratch/got" "$scratch/www/numbers" || fail "curl $way received something else"
  done
  get "$port" /hello --socks5-hostname "127.0.0.1:$closed_port" --proxy-user me:secret:1 ||
    fail "curl with the password"
  grep -q '^hello, world$' "$scratch/got" || fail "not hello: $(cat "$scratch/got")"
  for user in me:wrong you:secret:1; do
    ! get "$port" /hello --socks5-hostname "127.0.0.1:$closed_port" --proxy-user $user \
      2>"$scratch/curl.err" || fail "curl with $user"
  done
  ! get "$port" /hello --socks5-hostname "127.0.0.1:$closed_port" 2>"$scratch/curl.err" ||
    fail "curl without the password"
  stop "$web" 0
  ! get "$port" /hello --socks5-hostname "127.0.0.1:$open_port" 2>"$scratch/curl.err" ||
    fail "curl to nobody"
  grep -q "^socks5_proxy: localhost port $port: .*refused" "$scratch/open.err" ||
    fail "not said: refused"
fi

# ---- nc ------------------------------------------------------------------------------------

if command -v nc >/dev/null && nc -h 2>&1 | grep -q OpenBSD; then
  [ "$(echo who | nc -N -w 20 -X 5 -x "127.0.0.1:$open_port" 127.0.0.1 "$one")" = one ] || fail "nc"
  printf '\5\1' | nc -N -w 20 127.0.0.1 "$open_port" >"$scratch/got" || fail "nc, cut short"
  [ ! -s "$scratch/got" ] || fail "an answer to nothing"
fi

# ---- the end -------------------------------------------------------------------------------

stop "$closed" 0
port=$open_port
start client "$python" "$services/socks5_client.py" "$open_port" "$one" "$open" busy
await_text client '^under way'
stop "$open" 0
await_end "$started"
[ $code -eq 0 ] || fail "a connection could not end by itself after SIGTERM"
for log in closed short; do
  [ ! -s "$scratch/$log.err" ] || fail "$log had something to complain about"
done
! grep -v '^socks5_proxy: ' "$scratch/open.err" || fail "the proxy had something to complain about"

refuse 2 'not a port' "$program" --port 65536
refuse 2 'not a name and a password' "$program" --user me
refuse 2 'not a number of seconds' "$program" --idle 0
refuse 2 'unknown option' "$program" --colour red
refuse 2 'missing' "$program" --host
refuse 1 'socks5_proxy: ' "$program" --host 256.1.1.1

echo "socks5_proxy: ok on ${EDDY_BACKEND:-the default backend}"
