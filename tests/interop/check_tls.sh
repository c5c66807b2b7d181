#!/bin/sh
# check_tls.sh DIRECTORY PEER PYTHON OPENSSL: TLS between eddy and Python's ssl, and OpenSSL's own
# client and server.
#
# DIRECTORY has the examples, PEER is eddy_peer. It runs on the backend of EDDY_BACKEND.
set -u
. "$(dirname "$0")/../service.sh"
directory=$(cd "$1" && pwd)
peer=$2
python=$3
openssl=$4
here=$(cd "$(dirname "$0")" && pwd)
mkdir "$scratch/tls" # out of the way of what is shown when a check fails
cd "$scratch/tls" || exit 1

# ---- certificates ---------------------------------------------------------------------------

new_key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"

authority() { # NAME
  # shellcheck disable=SC2086
  "$openssl" req -x509 $new_key -keyout "$1.key" -out "$1.pem" -days 30 -subj "/CN=$1" \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign' \
    >openssl.log 2>&1 || fail "no authority"
}

certificate() { # NAME DAYS NAMES: of the authority `trusted`
  # shellcheck disable=SC2086
  "$openssl" req $new_key -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" >openssl.log 2>&1 ||
    fail "no request for $1"
  echo "subjectAltName=$3" >"$1.names"
  "$openssl" x509 -req -in "$1.csr" -CA trusted.pem -CAkey trusted.key -CAcreateserial \
    -days "$2" -extfile "$1.names" -out "$1.pem" >openssl.log 2>&1 || fail "no certificate $1"
}

authority trusted
authority other
certificate good 30 'DNS:good.test,IP:127.0.0.1'
certificate expired -1 'DNS:good.test,IP:127.0.0.1'
certificate elsewhere 30 'DNS:elsewhere.test'

# ---- both directions ------------------------------------------------------------------------

asyncio() {
  timeout 60 "$python" "$here/asyncio_peer.py" "$@"
}

verified() { # COMMAND ...: it ends well, and has verified something
  "$@" >../client 2>../client.err || fail "$*: it failed"
  grep -q '^verified [1-9]' ../client || fail "$*: it has verified nothing"
}

# The right server is talked to, any other is left: SERVER CLIENT ERROR ERROR-OF-NAME
both() {
  server_program=$1
  client=$2
  start server $server_program serve 0 --tls good.pem good.key
  server=$started
  listening server
  verified $client load "$port" --ca trusted.pem --connections 40 --bytes 60000
  verified $client load "$port" --ca trusted.pem --name good.test --bytes 3000000
  refuse 1 "$3" $client load "$port" --ca other.pem
  refuse 1 "$4" $client load "$port" --ca trusted.pem --name bad.test
  verified $client load "$port" --ca trusted.pem # it serves on
  stop "$server" 0
  for name in expired elsewhere; do
    start server $server_program serve 0 --tls $name.pem $name.key
    server=$started
    listening server
    refuse 1 "$3" $client load "$port" --ca trusted.pem
    stop "$server" 0
  done
}

both "$peer" asyncio 'certificate verify failed' "certificate is not valid for 'bad.test'"
both "$python $here/asyncio_peer.py" "timeout 60 $peer" 'the certificate is refused' 'the certificate is refused: .*mismatch'

# Each way of serving of the echo server, as it is.
for api in tasks streams protocols; do
  start server "$directory/echo_server" --port 0 --api $api --tls good.pem good.key
  server=$started
  listening server
  verified asyncio load "$port" --ca trusted.pem --connections 20 --bytes 60000
  refuse 1 'certificate verify failed' asyncio load "$port" --ca other.pem
  stop "$server" 0
done

# ---- OpenSSL's own --------------------------------------------------------------------------

start server "$peer" serve 0 --tls good.pem good.key
server=$started
listening server
for version in -tls1_2 -tls1_3; do
  echo 'hello from s_client' | timeout 20 "$openssl" s_client -connect "127.0.0.1:$port" \
    -CAfile trusted.pem -verify_return_error $version >../client 2>../client.err || fail "s_client $version"
  grep -q 'Verify return code: 0 (ok)' ../client || fail "s_client $version does not trust eddy"
done
refuse 1 'alert' timeout 20 "$openssl" s_client -connect "127.0.0.1:$port" -cipher ALL@SECLEVEL=0 \
  -tls1_1
stop "$server" 0

# -rev: it answers each line, reversed.
start server "$openssl" s_server -accept 127.0.0.1:0 -cert good.pem -key good.key -rev
server=$started
tries=0
until port=$(sed -n 's/^ACCEPT .*:\([0-9][0-9]*\)$/\1/p' ../server) && [ -n "$port" ]; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || fail "s_server does not listen"
  sleep 0.1
done
echo 'hello' | timeout 60 "$peer" cat "$port" --ca trusted.pem --bytes 6 >../client 2>../client.err ||
  fail "eddy_peer cat failed against s_server"
grep -q '^olleh$' ../client || fail "s_server answers something else"
kill "$server"
await_end "$server"

echo "tls: ok on ${EDDY_BACKEND:-the default}"
