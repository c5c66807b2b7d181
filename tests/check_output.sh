#!/bin/sh
# check_output.sh MODE EXPECTED PROGRAM [ARGUMENT ...]: the program ends with 0 and prints the
# expected lines. MODE exact: these lines in this order. MODE by_word: lines with the same
# first word in this order, whatever stands between them.
set -eu
mode=$1 expected=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

status=0
"$@" >"$work/output" 2>"$work/errors" </dev/null || status=$?
cat "$work/errors" >&2
if [ "$status" != 0 ]; then
  cat "$work/output"
  echo "exit status $status: $*"
  exit 1
fi

by_word() { # numbers keep the order of lines with the same first word
  awk '{ printf "%s %08d %s\n", $1, NR, $0 }' "$1" | LC_ALL=C sort | cut -d " " -f 3-
}
case $mode in
exact)
  cp "$expected" "$work/want"
  cp "$work/output" "$work/got"
  ;;
by_word)
  by_word "$expected" >"$work/want"
  by_word "$work/output" >"$work/got"
  ;;
*)
  echo "unknown mode $mode"
  exit 2
  ;;
esac
if ! diff "$work/want" "$work/got" >"$work/diff"; then
  echo "Expected (<) and printed (>) lines differ ($mode):"
  cat "$work/diff"
  exit 1
fi
