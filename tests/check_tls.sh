#!/bin/sh
# check_tls.sh DIRECTORY BACKEND OPENSSL [PYTHON]: eddy-tls against the openssl program and
# Python's asyncio, as a server (the example echo_server) and as a client (tls_client).
set -u
. "$(dirname "$0")/service.sh"
directory=$1
backend=$2
openssl=$3
python=${4:-}
services=$(dirname "$0")/services

# ---- certificates, made now ----------------------------------------------------------------

keys=$scratch/keys
mkdir "$keys"

sign() { # NAME SUBJECT EXTENSION DAYS [AUTHORITY]: $keys/NAME.pem and .key
  "$openssl" req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$keys/$1.key" \
    -subj "/CN=$2" -out "$keys/$1.csr" 2>"$keys/$1.log" || fail "no request for $1"
  printf '%s\n' "$3" >"$keys/$1.ext"
  if [ $# -gt 4 ]; then
    set -- "$1" "$3" "$4" -CA "$keys/$5.pem" -CAkey "$keys/$5.key" -CAcreateserial
  else
    set -- "$1" "$3" "$4" -signkey "$keys/$1.key"
  fi
  name=$1 days=$3
  shift 3
  "$openssl" x509 -req -in "$keys/$name.csr" -days "$days" -extfile "$keys/$name.ext" "$@" \
    -out "$keys/$name.pem" 2>>"$keys/$name.log" || fail "no certificate for $name"
}
sign authority 'eddy test authority' 'basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign' 2
sign server localhost 'subjectAltName=DNS:localhost,IP:127.0.0.1' 2 authority
sign elsewhere elsewhere 'subjectAltName=DNS:elsewhere' 2 authority

# ---- eddy serves ---------------------------------------------------------------------------

# s_client ARGUMENTS ... <input >output: ends by itself, at the latest after 20 seconds.
s_client() {
  timeout 20 "$openssl" s_client -connect "127.0.0.1:$port" -CAfile "$keys/authority.pem" \
    -verify_hostname localhost -verify_return_error -servername localhost "$@" 2>&1
}

# Speaks a line, waits for it to come back, and ends.
speak() { # ARGUMENTS ...
  { echo 'round and round'; await_text spoken 'round and round' $$; } |
    s_client -quiet -no_ign_eof "$@" >"$scratch/spoken"
}

for api in tasks streams protocols; do
  start echo "$directory/echo_server" --port 0 --backend "$backend" --api "$api" \
    --tls "$keys/server.pem" "$keys/server.key"
  server=$started
  listening echo
  for version in -tls1_2 -tls1_3; do
    : >"$scratch/spoken"
    speak $version
    grep -q 'round and round' "$scratch/spoken" || fail "$api: no echo with $version"
  done
  : | s_client -tls1_3 >"$scratch/seen"
  grep -q 'Verification: OK' "$scratch/seen" || fail "$api: s_client does not trust it"
  grep -q 'Compression: NONE' "$scratch/seen" || fail "$api: there is compression"
  if : | s_client -tls1_1 -cipher 'DEFAULT@SECLEVEL=0' >"$scratch/seen"; then
    fail "$api: TLS 1.1 is spoken"
  fi

  # A session is resumed.
  : | s_client -tls1_2 -sess_out "$keys/session" >"$scratch/seen"
  : | s_client -tls1_2 -sess_in "$keys/session" >"$scratch/seen"
  grep -q '^Reused, TLSv1.2' "$scratch/seen" || fail "$api: the session is not resumed"

  # A renegotiation is refused, and nothing else happens to the server.
  : >"$scratch/seen"
  { echo R; await_text seen 'no renegotiation' $$; } | s_client -tls1_2 >"$scratch/seen"
  grep -q 'no renegotiation' "$scratch/seen" || fail "$api: it renegotiates"

  # Many at once, small and large.
  if [ -n "$python" ]; then
    "$python" "$services/tls_peer.py" client "$port" "$keys/authority.pem" >"$scratch/seen" 2>&1 ||
      fail "$api: asyncio's client is not content"
  fi
  : >"$scratch/spoken"
  speak
  grep -q 'round and round' "$scratch/spoken" || fail "$api: no echo at the end"
  stop $server 0
  [ ! -s "$scratch/echo.err" ] || fail "$api: the server complains"
done

# Several loops in as many threads, behind one port: one context, so that whichever has the next
# connection resumes the session that another one has given.
start echo "$directory/echo_server" --port 0 --backend "$backend" --api streams --workers 3 \
  --tls "$keys/server.pem" "$keys/server.key"
server=$started
listening echo
for version in -tls1_2 -tls1_3; do
  : >"$scratch/spoken"
  speak $version -sess_out "$keys/session"
  for client in 1 2 3 4 5 6; do
    : | s_client $version -sess_in "$keys/session" >"$scratch/seen"
    grep -q '^Reused, TLSv1' "$scratch/seen" || fail "workers, $version: $client is not resumed"
  done
done
: >"$scratch/spoken"
speak
grep -q 'round and round' "$scratch/spoken" || fail "workers: no echo"
if [ -n "$python" ]; then
  "$python" "$services/tls_peer.py" client "$port" "$keys/authority.pem" >"$scratch/seen" 2>&1 ||
    fail "workers: asyncio's client is not content"
fi
stop $server 0
[ ! -s "$scratch/echo.err" ] || fail "workers: the server complains"
refuse 1 'nowhere.pem' "$directory/echo_server" --workers 2 --tls "$keys/nowhere.pem" \
  "$keys/server.key"

refuse 1 'nowhere.pem' "$directory/echo_server" --tls "$keys/nowhere.pem" "$keys/server.key"
refuse 1 'echo_server: ' "$directory/echo_server" --tls "$keys/server.pem" \
  "$keys/elsewhere.key"

# ---- eddy asks -----------------------------------------------------------------------------

export EDDY_BACKEND="$backend"
client() { # the input is a pipe
  timeout 20 "$directory/tls_client" "$@"
}

start_s_server() { # NAME ARGUMENTS ...: leaves its port in $port
  name=$1
  shift
  start "s_server" "$openssl" s_server -accept 127.0.0.1:0 -cert "$keys/$name.pem" \
    -key "$keys/$name.key" "$@"
  asked=$started
  await_text s_server '^ACCEPT .*:[0-9]'
  port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "$scratch/s_server" | head -n 1)
}

for version in -tls1_2 -tls1_3; do
  start_s_server server -rev $version
  : >"$scratch/said"
  { echo 'stressed desserts!'; await_text said '!stressed' $$; echo CLOSE; } |
    client localhost "$port" "$keys/authority.pem" >"$scratch/said" 2>"$scratch/said.err"
  grep -q '^!stressed desserts' "$scratch/said" || fail "s_server $version does not answer"
  # Nobody whom the system trusts has signed it.
  : | client localhost "$port" >"$scratch/said" 2>"$scratch/said.err" && fail "it trusts anyone"
  grep -q 'unable to get local issuer certificate' "$scratch/said.err" || fail "trust: no reason"
  kill "$asked" && await_end "$asked"
done
start_s_server elsewhere -rev
: | client localhost "$port" "$keys/authority.pem" >"$scratch/said" 2>"$scratch/said.err" &&
  fail "it takes any name"
grep -qi 'hostname mismatch' "$scratch/said.err" || fail "name: no reason"
kill "$asked" && await_end "$asked"

if [ -n "$python" ]; then
  start python "$python" "$services/tls_peer.py" server "$keys/server.pem" "$keys/server.key"
  asked=$started
  listening python
  printf 'hello\nbye\n' | client 127.0.0.1 "$port" "$keys/authority.pem" >"$scratch/said" \
    2>"$scratch/said.err" || fail "asyncio's server: exit code $?"
  [ "$(cat "$scratch/said")" = "$(printf 'HELLO\nBYE')" ] || fail "asyncio's server: wrong answer"
  kill "$asked" && await_end "$asked"
fi

echo "tls: ok on $backend"
