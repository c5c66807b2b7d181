#!/bin/sh
# check_compare.sh EDDY PYTHON: `eddy compare`, its report, and the report's numbers worked out
# again from the traces (where there is a PYTHON).
set -eu
eddy=$1 python=$2
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
  echo "$1"
  cat ./*.txt 2>/dev/null
  exit 1
}

"$eddy" compare -b native/virtual,native/uv -r 3 -s 1 -k kept -o report.html >table.txt 2>&1 ||
  fail "eddy compare has failed"
for workload in call_soon yield timers sleep queue spawn echo; do
  grep -q "^  $workload (" table.txt || fail "no row for $workload"
  for backend in native-virtual native-uv; do
    [ -s "kept/$workload-$backend.trace" ] || fail "no trace of $workload on $backend"
    [ -s "kept/$workload-$backend.2.trace" ] || fail "no trace of the second round"
  done
  "$eddy" workload $workload 10 >workload.txt 2>&1 || fail "the workload $workload fails"
  grep -q '^cost ' workload.txt || fail "the workload $workload has no figures"
done

size=$(wc -c <report.html)
[ "$size" -lt 2000000 ] || fail "the report has $size bytes"
grep -q '"EDDY_REPORT_DATA"' report.html && fail "the report has no figures in it"
grep -E '(src|href)=|https?://|@import|url\(' report.html | grep -Fv 'url(#' && fail "the report asks for something from outside"

# The same program on the same scheduler in virtual time.
"$eddy" compare -b native/virtual,native/virtual -r 1 -s 1 -w queue,sleep >same.txt 2>&1 ||
  fail "one backend with itself"
[ "$(grep -c 'same order' same.txt)" = 2 ] || fail "a backend differs from itself"

status=0
"$eddy" compare -b native/uv,magic/wand -r 1 -s 1 -w queue >wrong.txt 2>&1 || status=$?
[ $status = 2 ] || fail "a backend that is none: exit status $status"
grep -q 'queue on magic/wand has failed' wrong.txt || fail "it is not said what failed"
grep -q ' ns ' wrong.txt && fail "figures after a failure"
status=0
"$eddy" compare -w dance >wrong.txt 2>&1 || status=$?
[ $status = 2 ] || fail "a workload that is none: exit status $status"

# A report of any program's traces; the steps of a long one are thinned, and it says so.
EDDY_BACKEND=native/virtual EDDY_TRACE=a.trace "$eddy" workload queue 12000 >/dev/null || fail "a trace"
EDDY_BACKEND=native/uv EDDY_TRACE=b.trace "$eddy" workload queue 12000 >/dev/null || fail "a trace"
"$eddy" diff -q -o long.html a.trace b.trace >long.txt || fail "the long traces differ"
size=$(wc -c <long.html)
[ "$size" -lt 2000000 ] || fail "the long report has $size bytes"
status=0
"$eddy" diff -q -o nowhere/at/all.html a.trace b.trace >wrong.txt 2>&1 || status=$?
[ $status = 2 ] || fail "a report that cannot be written: exit status $status"

[ -n "$python" ] || exit 0
"$python" "$here/recompute.py" --rounds kept report.html table.txt >numbers.txt 2>&1 ||
  fail "the report's numbers are not those of the traces"
"$python" "$here/recompute.py" long.html a.trace b.trace >numbers.txt 2>&1 ||
  fail "the long report's numbers are not those of the traces"
