#!/bin/sh
# check_proxy.sh PROXY PYTHON [OPENSSL]: the reverse proxy of the examples between clients and
# upstreams; with openssl, over TLS as well.
set -u
. "$(dirname "$0")/service.sh"
program=$1
python=$2
openssl=${3:-}
services=$(dirname "$0")/services

client() { # CASE: has to succeed
  "$python" "$services/proxy_client.py" "$1" "$port" "${proxy:-0}" || fail "$1"
}

for name in one two; do
  start $name "$python" "$services/upstream.py" $name
  listening $name
  eval "$name=$port"
done

# ---- what passes through it ----------------------------------------------------------------

start proxy "$program" --port 0 "127.0.0.1:$one" "localhost:$two"
proxy=$started
listening proxy
for case in turns half_close bytewise resets nothing_left stalled_readers stalled_upstream \
  nothing_left; do
  client $case
done
upstream_says() { # TEXT WORDS: one of them, in the end; else it fails with the words
  tries=0
  until cat "$scratch/one" "$scratch/two" | grep -q "$1"; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || fail "$2"
    sleep 0.1
  done
}
upstream_says 'early: 300000 bytes after the end' "the half-close ended both ways"
upstream_says 'watch: reset' "the client's reset was not passed on"

# ---- curl through it, to a web server ------------------------------------------------------

if command -v curl >/dev/null; then
  mkdir "$scratch/www"
  seq 200000 >"$scratch/www/numbers"
  start web "$python" -u -c 'import http.server as h, os, sys
os.chdir(sys.argv[1])
server = h.ThreadingHTTPServer(("127.0.0.1", 0), h.SimpleHTTPRequestHandler)
print("listening on 127.0.0.1:%d" % server.server_port, flush=True)
server.serve_forever()' "$scratch/www"
  listening web
  start web_proxy "$program" --port 0 "127.0.0.1:$port"
  web_proxy=$started
  listening web_proxy
  for _ in 1 2 3; do
    curl -sS --max-time 30 "http://127.0.0.1:$port/numbers" | cmp - "$scratch/www/numbers" ||
      fail "curl received something else"
  done
  stop "$web_proxy" 0
fi

# ---- TLS before the clients, and before the upstreams --------------------------------------

if [ -n "$openssl" ]; then
  "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout "$scratch/key.pem" \
    -out "$scratch/certificate.pem" 2>"$scratch/req" || fail "no certificate could be made"
  start outer "$program" --port 0 --tls "$scratch/certificate.pem" "$scratch/key.pem" \
    "127.0.0.1:$one" "127.0.0.1:$two"
  outer=$started
  listening outer
  outer_port=$port
  plain_proxy=$proxy
  proxy=$outer
  export PROXY_CERTIFICATE="$scratch/certificate.pem"
  for case in turns bytewise stalled_readers nothing_left; do
    client $case
  done
  unset PROXY_CERTIFICATE
  start inner "$program" --port 0 --upstream-tls "$scratch/certificate.pem" "localhost:$outer_port"
  proxy=$started
  listening inner
  for case in turns stalled_readers nothing_left; do
    client $case
  done
  stop "$proxy" 0
  start wrong "$program" --port 0 --upstream-tls "$scratch/certificate.pem" "127.0.0.1:$outer_port"
  proxy=$started
  listening wrong
  client closed
  stop "$proxy" 0
  grep -q "upstream 127.0.0.1:$outer_port: .*certificate" "$scratch/wrong.err" ||
    fail "not said: certificate"
  start wrong "$program" --port 0 --connect-timeout 1 --upstream-tls "$scratch/certificate.pem" \
    "127.0.0.1:$one"
  proxy=$started
  listening wrong
  client closed
  stop "$proxy" 0
  refuse 1 'no such file' "$program" --port 0 --tls "$scratch/nothing" "$scratch/key.pem" x:1
  proxy=$plain_proxy
  stop "$outer" 0
fi

# ---- upstreams that are down, or do not answer ---------------------------------------------

start full "$python" -u -c 'import socket, time
a, b = socket.socket(), socket.socket()
a.bind(("127.0.0.1", 0))
port = a.getsockname()[1]
b.bind(("127.0.0.1", 0))
b.listen(0)
full = b.getsockname()[1]
fillers = [socket.socket() for _ in range(3)]
for s in fillers:
    s.setblocking(False)
    s.connect_ex(("127.0.0.1", full))
print(f"down {port} full {full}", flush=True)
time.sleep(600)'
await_text full '^down'
down=$(sed -n 's/^down \([0-9]*\) .*/\1/p' "$scratch/full")
full=$(sed -n 's/.* full \([0-9]*\)$/\1/p' "$scratch/full")

start passing "$program" --port 0 --connect-timeout 1 "127.0.0.1:$full" "127.0.0.1:$down" \
  "127.0.0.1:$two"
passing=$started
listening passing
client answered
stop "$passing" 0
grep -q "upstream 127.0.0.1:$down: .*refused" "$scratch/passing.err" || fail "not said: refused"
grep -q "upstream 127.0.0.1:$full: .*timed out" "$scratch/passing.err" || fail "not said: timeout"

start alone "$program" --port 0 "127.0.0.1:$down"
alone=$started
listening alone
client closed
client closed
stop "$alone" 0 INT

# ---- the end -------------------------------------------------------------------------------

stop "$proxy" 0
start last "$program" --port 0 "127.0.0.1:$one"
last=$started
listening last
start client "$python" "$services/proxy_client.py" busy "$port"
await_text client busy
stop "$last" 0
await_end "$started"
[ $code -eq 0 ] || fail "a connection could not end by itself after SIGTERM"

start last "$program" --port 0 --grace 1 "127.0.0.1:$one"
last=$started
listening last
start client "$python" "$services/proxy_client.py" stubborn "$port"
await_text client busy
stop "$last" 0
await_end "$started"
[ $code -eq 0 ] || fail "a connection was not ended when its time was up"

for log in proxy last; do
  [ ! -s "$scratch/$log.err" ] || fail "$log had something to complain about"
done

# ---- bad options ---------------------------------------------------------------------------

refuse 2 'no upstream' "$program"
refuse 2 'not an upstream' "$program" 127.0.0.1
refuse 2 'not an upstream' "$program" 127.0.0.1:0
refuse 2 'not a number of seconds' "$program" --grace long 127.0.0.1:1
refuse 2 'its key is missing' "$program" 127.0.0.1:1 --tls certificate
refuse 2 'unknown option' "$program" --colour red 127.0.0.1:1
refuse 1 'proxy: ' "$program" --host 256.1.1.1 127.0.0.1:1

echo "proxy: ok on ${EDDY_BACKEND:-the default backend}"
