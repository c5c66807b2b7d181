#!/bin/sh
# check_http_server.sh HTTP_SERVER PYTHON CURL [WRK [OPENSSL]]: the HTTP server of the examples
# under real clients; with openssl, over TLS as well.
set -u
. "$(dirname "$0")/service.sh"
program=$1
python=$2
curl=$3
wrk=${4:-}
openssl=${5:-}
services=$(dirname "$0")/services

serve() { # NAME OPTION ...: leaves $port and $server
  name=$1
  shift
  start "$name" "$program" --port 0 "$@"
  server=$started
  listening "$name"
  url=http://127.0.0.1:$port
}

client() { # CASE ...: all have to succeed
  "$python" "$services/http_client.py" "$port" "$server" "$@" >"$scratch/case" ||
    fail "$(tail -n 1 "$scratch/case")"
}

get() { # CURL OPTION ...
  "$curl" -sS --noproxy '*' --max-time 30 --path-as-is "$@"
}

status_is() { # STATUS CURL OPTION ...
  expected=$1
  shift
  got=$(get -o "$scratch/got" -w '%{http_code}' "$@")
  [ "$got" = "$expected" ] || fail "$*: $got, not $expected"
}

www=$scratch/www
mkdir -p "$www/sub"
seq 500000 >"$www/numbers"
: >"$www/empty"
echo '<p>index</p>' >"$www/index.html"
echo below >"$www/sub/a b.txt"
echo secret >"$scratch/secret"
echo hidden >"$www/.hidden"
mkfifo "$www/pipe"

# ---- curl ----------------------------------------------------------------------------------

serve server --root "$www" --body-limit 1000000
main=$server
main_port=$port

connects=$(get -o "$scratch/1" "$url/hello" -o "$scratch/2" "$url/numbers" -o "$scratch/3" \
  "$url/nowhere" -o "$scratch/4" "$url/hello" -w '%{num_connects}%{http_code} ')
[ "$connects" = "1200 0200 0404 0200 " ] || fail "the connection was not kept: $connects"
[ "$(cat "$scratch/4")" = 'hello, world' ] || fail "not hello: $(cat "$scratch/4")"
cmp "$scratch/2" "$www/numbers" || fail "the large file arrived otherwise"

get "$url/empty" | cmp - "$www/empty" || fail "the empty file"
[ "$(get "$url/")" = '<p>index</p>' ] || fail "no index"
[ "$(get "$url/sub/a%20b.txt?query")" = below ] || fail "the file below"
get -I "$url/numbers" >"$scratch/head" || fail "HEAD"
grep -q "^Content-Length: $(($(wc -c <"$www/numbers")))" "$scratch/head" || fail "HEAD's length"
status_is 304 -z "$www/numbers" -H "If-Modified-Since: $(sed -n 's/\r//; s/^Last-Modified: //p' \
  "$scratch/head")" "$url/numbers"
status_is 200 -H 'If-Modified-Since: Mon, 01 Jan 2001 00:00:00 GMT' "$url/numbers"

for way in /../secret /sub/../../secret /%2e%2e/secret /..%2fsecret /.hidden /sub/../.hidden \
  //../secret /. /pipe /sub /nowhere/ /empty/; do
  status_is 404 "$url$way"
  ! grep -q 'secret\|hidden' "$scratch/got" || fail "$way leads out"
done

upload='61850 bytes, sum 2987790'
seq 12592 | head -c 61850 >"$scratch/upload"
upload="61850 bytes, sum $("$python" -c 'import sys; print(sum(sys.stdin.buffer.read()))' \
  <"$scratch/upload")"
[ "$(get --data-binary "@$scratch/upload" "$url/count")" = "$upload" ] || fail "the upload"
[ "$(get -T - -X POST "$url/count" <"$scratch/upload")" = "$upload" ] || fail "the upload in chunks"
status_is 413 --data-binary "@$www/numbers" "$url/count"
status_is 413 -H Expect: --data-binary "@$www/numbers" "$url/count"
status_is 413 -T - -X POST "$url/count" <"$www/numbers"
status_is 405 -X DELETE "$url/hello"
status_is 200 -0 "$url/hello"
status_is 200 --http2 "$url/hello"

# ---- nc, Python, wrk -----------------------------------------------------------------------

if command -v nc >/dev/null && nc -h 2>&1 | grep -q OpenBSD; then
  printf 'GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' |
    nc -w 20 127.0.0.1 "$port" | tail -n 1 | grep -q '^hello, world$' || fail "nc"
  head -c 100000 /dev/zero | tr '\0' x | nc -N -w 20 127.0.0.1 "$port" |
    grep -q '^HTTP/1.1 400 Bad Request' || fail "nc with rubbish"
fi

client keep_alive pieces pipelined versions expects bad gone

if [ -n "$wrk" ]; then
  for what in hello index.html; do
    "$wrk" -t 1 -c 50 -d 1 "$url/$what" >"$scratch/wrk" || fail "wrk"
    ! grep -q 'Socket errors\|Non-2xx' "$scratch/wrk" || fail "wrk saw errors: $(cat "$scratch/wrk")"
    requests=$(sed -n 's/^ *\([0-9]*\) requests in.*/\1/p' "$scratch/wrk")
    [ "${requests:-0}" -gt 100 ] || fail "wrk had $requests answers"
  done
fi

# ---- clients that waste time or room -------------------------------------------------------

serve short --root "$www" --idle 2 --patience 2
client impatience stalled
stop "$server" 0 INT
serve full --most 2
client full
stop "$server" 0

# ---- TLS -----------------------------------------------------------------------------------

if [ -n "$openssl" ]; then
  "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout "$scratch/key.pem" \
    -out "$scratch/certificate.pem" 2>"$scratch/req" || fail "no certificate could be made"
  serve tls --root "$www" --body-limit 1000000 --patience 5 \
    --tls "$scratch/certificate.pem" "$scratch/key.pem"
  url=https://localhost:$port
  secure() { # CURL OPTION ...
    get --cacert "$scratch/certificate.pem" -4 "$@"
  }
  connects=$(secure -o "$scratch/1" "$url/hello" -o "$scratch/2" "$url/numbers" \
    -w '%{num_connects}%{http_code} ')
  [ "$connects" = "1200 0200 " ] || fail "over TLS the connection was not kept: $connects"
  cmp "$scratch/2" "$www/numbers" || fail "over TLS the large file arrived otherwise"
  [ "$(secure --data-binary "@$scratch/upload" "$url/count")" = "$upload" ] || fail "TLS upload"
  got=$(secure -o "$scratch/got" -w '%{http_code}' --data-binary "@$www/numbers" "$url/count")
  [ "$got" = 413 ] || fail "over TLS a body too large: $got"
  ! get "https://localhost:$port/hello" 2>"$scratch/got" || fail "an unknown authority is trusted"
  ! get "http://localhost:$port/hello" 2>"$scratch/got" >&2 || fail "an answer without TLS"
  printf 'GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' |
    "$openssl" s_client -quiet -connect "localhost:$port" -CAfile "$scratch/certificate.pem" \
      -verify_return_error -ign_eof 2>"$scratch/s_client" | grep -q '^hello, world$' ||
    fail "openssl s_client"
  if [ -n "$wrk" ]; then
    "$wrk" -t 1 -c 20 -d 1 "$url/hello" >"$scratch/wrk" || fail "wrk over TLS"
    ! grep -q 'Socket errors\|Non-2xx' "$scratch/wrk" || fail "wrk over TLS saw errors"
  fi
  stop "$server" 0
  refuse 1 'no such file' "$program" --port 0 --tls "$scratch/nothing" "$scratch/key.pem"
fi
refuse 2 'its key is missing' "$program" --tls certificate

# ---- the end -------------------------------------------------------------------------------

serve ending --grace 20
client stop
await_end "$server"
[ $code -eq 0 ] || fail "it ended with $code"
serve stubborn --grace 1
client stubborn
await_end "$server"
[ $code -eq 0 ] || fail "it ended with $code"
port=$main_port
stop "$main" 0
for log in server short full ending stubborn; do
  [ ! -s "$scratch/$log.err" ] || fail "$log had something to complain about"
done

# ---- bad options ---------------------------------------------------------------------------

refuse 2 'not a number' "$program" --port 65536
refuse 2 'not a number' "$program" --idle 0
refuse 2 'unknown option' "$program" --colour red
refuse 2 'missing' "$program" --root
refuse 1 'http_server: ' "$program" --host 256.1.1.1

echo "http_server: ok on ${EDDY_BACKEND:-the default backend}"
