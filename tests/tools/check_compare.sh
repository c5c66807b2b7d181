#!/bin/sh
# check_compare.sh EDDY PYTHON: `eddy compare`, its report, and the report's numbers worked out
# again from the traces (where there is a PYTHON).
set -eu
eddy=$1 python=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
  echo "$1"
  cat ./*.txt 2>/dev/null
  exit 1
}

mkdir kept
"$eddy" compare -b native/virtual,native/uv -r 3 -s 1 -k kept -o report.html >table.txt 2>&1 ||
  fail "eddy compare has failed"
for workload in call_soon timers sleep queue spawn echo; do
  grep -q "^  $workload (" table.txt || fail "no row for $workload"
  for backend in native-virtual native-uv; do
    [ -s "kept/$workload-$backend.trace" ] || fail "no trace of $workload on $backend"
  done
  "$eddy" workload $workload 10 >workload.txt 2>&1 || fail "the workload $workload fails"
  grep -q '^cost ' workload.txt || fail "the workload $workload has no figures"
done

size=$(wc -c <report.html)
[ "$size" -lt 2000000 ] || fail "the report has $size bytes"
grep -q EDDY_REPORT_DATA report.html && fail "the report has no figures in it"
grep -Eq '(src|href)=|https?://|@import|url\(' report.html && fail "the report asks for something from outside"

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

[ -n "$python" ] || exit 0
"$python" - <<'EOP' || fail "the report's numbers are not those of the traces"
import json, re, struct

html = open("report.html").read()
report = json.loads(re.search(r'^const report = (\{.*?\n\]\});$', html, re.S | re.M).group(1))
TEXT, TASK, QUEUED, RUN, PARKED, ENDED, FIRED, POLL, TRIED = 2, 4, 7, 8, 10, 11, 14, 16, 19


def events(name):
    data = open(name, "rb").read()
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def change():
        value = number()
        return value >> 1 if value % 2 == 0 else -(value + 1 >> 1)

    while at < len(data):
        magic, size, loop = struct.unpack_from("<4sII", data, at)
        assert magic == b"eddy" and loop == 1
        at += 12
        end, time, values = at + size, 0, [0] * 32
        while at < end:
            bits, detail = data[at], data[at + 1]
            at += 2
            kind = bits & 31
            time += change() if detail & 128 else 0
            task = number() if bits & 32 else 0
            other = number() if bits & 64 else 0
            values[kind] = (values[kind] + change() if bits & 128 else values[kind]) % 2**64
            if kind == TEXT:
                at += values[kind]
            yield time, task, other, values[kind], kind
        assert at == end


def rank(values, at):
    return values[min(int(at * len(values)), len(values) - 1)] if values else 0


for workload in report["workloads"]:
    for backend, side in zip(report["backends"], workload["sides"]):
        late, waiting, queued, steps, calls, polls, tried = [], [], {}, 0, 0, 0, 0
        begun, ran, longest = {}, {}, {}
        for time, task, other, value, kind in events(
                "kept/%s-%s.trace" % (workload["name"], backend.replace("/", "-"))):
            if kind == FIRED:
                late.append(time - value)
            elif kind == QUEUED and task:
                queued[task] = time
            elif kind == RUN and task:
                steps += 1
                begun[task] = time
                if task in queued:
                    longest[task] = max(longest.get(task, 0), time - queued[task])
                if task in queued:
                    waiting.append(time - queued.pop(task))
            elif kind == RUN:
                calls += 1
            elif kind in (PARKED, ENDED) and task in begun:
                ran[task] = ran.get(task, 0) + time - begun[task]
            polls += kind == POLL
            tried += kind == TRIED
        for name, values in (("late", late), ("waiting", waiting)):
            values.sort()
            told = side[name]
            assert told["count"] == len(values), (workload["name"], backend, name)
            for key, at in (("p50", .5), ("p99", .99), ("p999", .999), ("most", 1)):
                assert told[key] == rank(values, at), (workload["name"], backend, name, key)
        assert side["tasksTotal"] == len(ran)
        assert sorted(task[3] for task in side["tasks"]) == sorted(ran.values())
        assert max(task[4] for task in side["tasks"]) == max(longest.values())
        assert side["steps"] == steps and side["callbacks"] == calls
        assert side["tracedPolls"] == polls
        assert abs(side["tried"] - tried / workload["traced"]) < .001
        assert side["total"] == steps + calls
        assert len(side["cost"]) == report["rounds"] and min(side["cost"]) > 0
EOP
