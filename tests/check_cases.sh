#!/bin/sh
# check_cases.sh PROGRAM LIST: every case that the program registers was found by the build,
# under the same backends, and the other way round. Lines of both: name, tab, where.
set -eu
program=$1 list=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$program" --list | cut -f 1,2 | sort >"$work/registered"
sort "$list" >"$work/found"
if ! diff "$work/found" "$work/registered" >"$work/diff"; then
  echo "Cases found in the sources (<) and registered in the program (>) differ:"
  cat "$work/diff"
  exit 1
fi
duplicates=$(cut -f 1 "$work/found" | uniq -d)
if [ -n "$duplicates" ]; then
  echo "Cases with the same name: $duplicates"
  exit 1
fi
