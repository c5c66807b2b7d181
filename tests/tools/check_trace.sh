#!/bin/sh
# check_trace.sh EDDY EXAMPLES PYTHON: `eddy trace` and `eddy diff` on the examples. PYTHON is ""
# where there is none: then JSON is looked at by its lines alone.
set -eu
eddy=$1 examples=$2 python=$3
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
  echo "$1"
  for file in *.txt; do
    echo "--- $file"
    cat "$file"
  done
  exit 1
}

# What runs in virtual time is known to the step.
"$eddy" trace -b native/virtual -o one "$examples/14_tasks" >one.txt 2>one.summary.txt ||
  fail "eddy trace has failed"
"$examples/14_tasks" >/dev/null || fail "the example does not run untraced"
grep -q '^  tasks  *7 made, 7 ended' one.summary.txt || fail "not 7 tasks"
grep -q '^  timers late by  *p50 0 ns, p99 0 ns, most 0 ns' one.summary.txt ||
  fail "virtual timers are late"
grep -q 'add up' one.summary.txt && fail "events and statistics differ"
steps=$(sed -n 's/^  steps  *\([0-9]*\),.*/\1/p' one.summary.txt)
events=$(sed -n 's/^eddy: one.json has \([0-9]*\) events$/\1/p' one.summary.txt)

# An event a line, each a whole object.
lines=$(grep -c '^{"ph":".".*}}*,*$' one.json) || fail "no events in the JSON file"
[ "$lines" = "$events" ] || fail "$lines lines, $events events"
slices=$(grep -c '"cat":"step"' one.json)
[ "$slices" = "$steps" ] || fail "$slices slices for $steps steps"
[ "$(tail -n 1 one.json)" = ']}' ] || fail "the JSON file has no end"
if [ -n "$python" ]; then
  "$python" "$here/trace_json.py" one.json one.trace "$events" >json.txt 2>&1 ||
    fail "the JSON file is not as it should be"
  for program in "04_ties" "15_echo" "17_streams"; do
    "$eddy" trace -b native/uv -o "$program" "$examples/$program" >other.txt 2>other.summary.txt ||
      fail "eddy trace $program has failed"
    events=$(sed -n "s/^eddy: $program.json has \([0-9]*\) events$/\1/p" other.summary.txt)
    "$python" "$here/trace_json.py" "$program.json" "$program.trace" "$events" >json.txt 2>&1 ||
      fail "the JSON file of $program is not as it should be"
  done
fi

# The same again, from the trace that is there; the same program is the same.
"$eddy" trace -q -r one.trace -o again 2>again.txt || fail "the trace cannot be read again"
cmp -s one.json again.json || fail "a trace read again gives another JSON file"
"$eddy" trace -q -b native/virtual -o two "$examples/14_tasks" >two.txt 2>&1 || fail "two"
"$eddy" diff one.trace two.trace >same.txt || fail "two runs in virtual time differ"
grep -q '^same order: ' same.txt || fail "no verdict"

# Another program differs, and so may another scheduler: it says where and why.
"$eddy" trace -q -b native/virtual -o other "$examples/06_producer_callbacks" >other.txt 2>&1 ||
  fail "other"
status=0
"$eddy" diff one.trace other.trace >differs.txt || status=$?
[ $status = 1 ] || fail "two programs are the same (exit status $status)"
grep -q '^first difference at step 1: ' differs.txt || fail "no first difference"
"$eddy" trace -q -b native/uv -o real "$examples/16_backends" native/uv >real.txt 2>&1 ||
  fail "a trace on native/uv"
status=0
"$eddy" diff one.trace real.trace >real.diff.txt || status=$?
case $status in
0) grep -q '^same order' real.diff.txt || fail "same, but no verdict" ;;
1) grep -Eq "tie|grain|timer" real.diff.txt || fail "a difference that is no timer's" ;;
*) fail "diff has failed" ;;
esac

# What is wrong is said, with exit status 2.
expect() { # WORDS COMMAND...
  words=$1
  shift
  status=0
  "$@" >error.txt 2>&1 || status=$?
  [ $status = 2 ] || fail "exit status $status of: $*"
  grep -q "$words" error.txt || fail "not said: $words"
}
expect 'cannot be run' "$eddy" trace "$work/nothing"
expect 'has made no loop' "$eddy" trace true
expect 'is no trace' "$eddy" diff one.json two.trace
expect 'cannot be opened' "$eddy" diff one.trace nothing.trace
expect 'has 1 loops' "$eddy" diff -l 7 one.trace two.trace
expect 'there is no command' "$eddy" dance
head -c 2000 one.trace >cut.trace
"$eddy" trace -r cut.trace 2>cut.txt || fail "a trace that was cut is not read"
grep -q 'ends in the middle' cut.txt || fail "it is not said that it was cut"
status=0
"$eddy" trace -q -o status sh -c "'$examples/14_tasks' >/dev/null; exit 7" 2>status.txt || status=$?
[ $status = 7 ] || fail "the program's exit status is lost: $status"
for command in "" trace diff; do
  # shellcheck disable=SC2086
  "$eddy" $command --help >help.txt || fail "no help about $command"
  grep -q "^  eddy " help.txt || fail "the help about $command shows no use"
done
