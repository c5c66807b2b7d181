#!/bin/sh
# check_curl.sh PROGRAM PYTHON: examples/curl against a server that is not ours.
#
# It runs on the backend of EDDY_BACKEND.
set -u
. "$(dirname "$0")/../service.sh"
program=$1
python=$2
export no_proxy='*'

mkdir "$scratch/files" "$scratch/got"
i=1
urls=''
while [ $i -le 12 ]; do
  head -c $((i * i * 5000)) /dev/urandom >"$scratch/files/$i"
  i=$((i + 1))
done
: >"$scratch/files/empty"
start server "$python" -u -m http.server --bind 127.0.0.1 --directory "$scratch/files" 0
server=$started
await_text server 'port [0-9]'
port=$(sed -n 's/.* port \([0-9]*\).*/\1/p' "$scratch/server")
base=http://127.0.0.1:$port
i=1
while [ $i -le 12 ]; do
  urls="$urls $base/$i"
  i=$((i + 1))
done

# shellcheck disable=SC2086
"$program" --timeout 60 --save "$scratch/got" $urls "$base/empty" >"$scratch/lines" 2>&1 ||
  fail "curl_fetch failed: $(cat "$scratch/lines")"
i=1
while [ $i -le 12 ]; do
  cmp -s "$scratch/files/$i" "$scratch/got/$i" || fail "the contents of $i are wrong"
  grep -q "^200 $((i * i * 5000)) $base/$i\$" "$scratch/lines" || fail "no line for $i"
  i=$((i + 1))
done
cmp -s "$scratch/files/empty" "$scratch/got/13" || fail "the empty file is wrong"

# Errors are told in words, and keep nobody else from coming.
refuse 1 '^404 ' "$program" "$base/missing" "http://127.0.0.1:1/"
refuse 1 "127.0.0.1:1/: curl: .*onnect" "$program" "http://127.0.0.1:1/"
refuse 1 "ftp://127.0.0.1/: curl: .*rotocol" "$program" "$base/1" "ftp://127.0.0.1/"
refuse 1 '^200 ' "$program" "$base/1" "ftp://127.0.0.1/"
refuse 2 usage "$program"
refuse 2 usage "$program" --timeout soon "$base/1"

# A server that has stopped answers nobody: the time limit ends it, and so does a signal.
kill -STOP "$server"
refuse 1 'timed out' "$program" --timeout 0.3 "$base/1" "$base/2"
start fetch "$program" "$base/1" "$base/2" "$base/3"
fetch=$started
await_handler "$fetch"
stop "$fetch" 1
[ ! -s "$scratch/fetch.err" ] || fail "curl_fetch complains when it is stopped"
kill -CONT "$server"

echo "curl: ok on ${EDDY_BACKEND:-the default}"
