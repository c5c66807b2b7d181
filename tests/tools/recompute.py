"""recompute.py REPORT A.trace B.trace ...: works every number of a report out again from the traces,
two for each workload in the order of the report. `recompute.py --rounds DIR REPORT TABLE` takes
those that `eddy compare -k DIR` kept, also of the rounds that are not shown, and what it printed.
"""
import bisect
import json
import os
import re
import statistics
import sys

from events import *



def load(name):
    with open(name, encoding="utf-8") as file:
        text = file.read()
    at = text.index("\nconst report = ") + len("\nconst report = ")
    return json.JSONDecoder().raw_decode(text, at)[0]


def times(events):
    """Lateness of timers, waits of ready steps, busy times; sorted."""
    late, waiting, busy, queued, free = [], [], [], {}, events[0].time
    for e in events:
        if e.kind == FIRED:
            late.append(e.time - e.value)
        elif e.kind == QUEUED and e.task:
            queued[e.task] = e.time
        elif e.kind == RUN and e.task in queued:
            waiting.append(e.time - queued.pop(e.task))
        elif e.kind == POLL:
            busy.append(e.time - free)
        elif e.kind == POLLED:
            free = e.time
    return sorted(late), sorted(waiting), sorted(busy)


def powers(values):
    out = [0] * 36
    for value in values:
        out[min(max(value, 1).bit_length() - 1, 35)] += 1
    return out


def check_times(side, events):
    for name, values in zip(("late", "waiting", "busy"), times(events)):
        told = side[name]
        assert told["count"] == len(values), name
        assert told["powers"] == powers(values), name
        for key, at in (("p50", .5), ("p99", .99), ("p999", .999), ("most", 1)):
            assert told[key] == rank(values, at), (name, key)
        assert all(p == rank(values, i / 200) for i, p in enumerate(told["points"])), name


class Line:
    def __init__(self, event, queued, by):
        self.event, self.queued, self.by, self.over = event, queued, by, event.time


def walk(events):
    """What ran, with who queued it; and the iterations: [number, begun, steps, io, timers, others,
    polling, idle, polls, reported, tried, first line]."""
    lines, turns, stack, tasks, calls = [], [], [], {}, []
    created, cancels = {}, []
    turn, named, asked = [None, events[0].time] + [0] * 10, False, None

    def close(now):
        nonlocal turn, named
        if named:
            turns.append(turn)
            turn = [None, now] + [0] * 10
        named = False

    for e in events:
        running = stack[-1] if stack else -1
        if e.kind == TURN:
            if named:
                close(e.time)
            turn[0], turn[11], named = e.value, len(lines), True
        elif e.kind == QUEUED and e.task:
            tasks[e.task] = (e, running)
        elif e.kind == QUEUED:
            calls.append((e, running))
        elif e.kind == RUN:
            if e.task:
                queued, by = tasks.get(e.task, (None, -1))
            else:
                found = [i for i, q in enumerate(calls) if q[0].value == e.value]
                queued, by = calls[found[0]] if found else (None, -1)
                calls = calls[found[0] + 1:] if found else calls
            stack.append(len(lines))
            lines.append(Line(e, queued, by))
        elif e.kind in (RAN, PARKED, ENDED) and stack and lines[running].event.task == e.task:
            stack.pop()
            line = lines[running]
            line.over = e.time
            cause = line.queued.detail if line.queued else 0
            if not stack:
                turn[2 if e.task else 3 if cause == 4 else 4 if cause == 5 else 5] += e.time - line.event.time
        elif e.kind == POLL:
            close(e.time)
            asked = e
            turn[8] += 1
        elif e.kind == POLLED:
            turn[7 if asked.value else 6] += e.time - asked.time
            turn[9] += e.other
        elif e.kind == TRIED:
            turn[10] += 1
        elif e.kind == TASK:
            created[e.task] = running
        elif e.kind == CANCEL:
            cancels.append((running, e.task, e.time))
    close(0)
    return lines, turns, created, cancels


def kept_lines(w, k):
    """The numbers of the lines that the report tells, from its rows."""
    at, out, pair, gap = 0, [], 0, 0
    rows = w["rows"]
    for first, many, kind, _ in zip(*[iter(rows)] * 4):
        if kind == 2:
            at = w["gaps"][2 * gap + k]
            gap += 1
            continue
        for _ in range(many):
            there = kind == 0 or int(w["pairs"][pair]) >> k & 1
            pair += kind == 1
            if there:
                out.append(at)
                at += 1
    return out


def check_lines(w, k, events):
    told = w["steps"][k]
    lines, turns, created, cancels = walk(events)
    kept = kept_lines(w, k)
    place = {line: i for i, line in enumerate(kept)}
    assert told["total"] == len(lines) and len(told["task"]) == len(kept)
    begun = events[0].time
    for i, number in enumerate(kept):
        line = lines[number]
        begun += told["begun"][i]
        here = (w["name"], k, number)
        assert begun == line.event.time and told["task"][i] == line.event.task, here
        assert told["ran"][i] == line.over - line.event.time, here
        assert told["cause"][i] == (line.queued.detail if line.queued else -1), here
        assert told["ready"][i] == (line.event.time - line.queued.time if line.queued else -1), here
        assert told["from"][i] == (i - place[line.by] if line.by in place else 0), here
    check_turns(told, turns, lines, kept, events)
    for number, task, time in zip(*[iter(told["cancels"])] * 3):
        assert any(task == c[1] and time == c[2] - events[0].time and number == place.get(c[0], -1)
                   for c in cancels)
    assert len(told["cancels"]) == 3 * min(300, len(cancels))
    number = 0
    for change, _, _, made in zip(*[iter(told["tasks"])] * 4):
        number += change
        assert made == place.get(created.get(number, -1), -1) + 1


def check_turns(told, turns, lines, kept, events):
    assert told["turnsTotal"] == len(turns)
    rows, at = list(zip(*[iter(told["turns"])] * 13)), 0
    for i, turn in enumerate(turns):
        end = turns[i + 1][11] if i + 1 < len(turns) else len(lines)
        here = bisect.bisect_left(kept, end) - bisect.bisect_left(kept, turn[11])
        if here == 0:
            continue
        expected = [turn[0], turn[1] - events[0].time] + turn[2:11] + [end - turn[11], here]
        assert list(rows[at]) == expected, (rows[at], expected)
        at += 1
    assert at == len(rows)


def check_fairness(told, events):
    ran, longest, begun, queued, steps = {}, {}, {}, {}, {}
    for e in events:
        if not e.task:
            continue
        if e.kind == QUEUED:
            queued[e.task] = e.time
        elif e.kind == RUN:
            steps[e.task] = steps.get(e.task, 0) + 1
            begun[e.task] = e.time
            if e.task in queued:
                longest[e.task] = max(longest.get(e.task, 0), e.time - queued.pop(e.task))
        elif e.kind in (PARKED, ENDED) and e.task in begun:
            ran[e.task] = ran.get(e.task, 0) + e.time - begun[e.task]
    rows = list(zip(*[iter(told["fair"])] * 5))
    assert told["fairTotal"] == len(steps) and len(rows) == min(300, len(steps))
    for task, number, took, ready, _ in rows:
        assert (number, took, ready) == (steps[task], ran.get(task, 0), longest.get(task, 0)), task
    least = min((r[2] for r in rows), default=0)
    assert all(t <= least for task, t in ran.items() if task not in {r[0] for r in rows})


def check_replay(told, events):
    kinds = {QUEUED: 0, RUN: 1, RAN: 2, PARKED: 2, ENDED: 2, BOOKED: 3, FIRED: 4, STOPPED: 5, POLL: 6}
    rows, lines, seen = list(zip(*[iter(told["replay"])] * 3)), 0, 0
    assert len(rows) <= 3000
    for kind, a, b in rows:
        while kinds.get(events[seen].kind) != kind:
            assert events[seen].kind not in kinds or events[seen].kind == QUEUED
            seen += 1
        if kind == 3:
            assert (a, b) == (events[seen].other, events[seen].value - events[0].time)
        lines += kind == 1
        seen += 1
    assert lines == min(400, told["total"]) or len(rows) == 3000


def check_workload(w, names):
    total = 0
    for k, name in enumerate(names):
        events = what_happens(name)
        side, told = w["sides"][k], w["steps"][k]
        total += len(events)
        check_times(side, events)
        check_lines(w, k, events)
        check_fairness(told, events)
        check_replay(told, events)
        for key, kind in (("polls", POLL), ("tried", TRIED), ("ended", ENDED), ("tasksMade", TASK)):
            assert side[key] == sum(e.kind == kind for e in events), key
        assert side["steps"] == sum(e.kind == RUN and e.task > 0 for e in events)
        assert side["callbacks"] == sum(e.kind == RUN and e.task == 0 for e in events)
    assert w["events"] == total
    rows = list(zip(*[iter(w["rows"])] * 4))
    assert [r[0] for r in rows] == [sum(r[1] for r in rows[:i]) for i in range(len(rows))]
    assert sum(r[1] for r in rows) == w["rowsTotal"]
    assert w["kept"] == sum(r[1] for r in rows if r[2] != 2)
    assert w["differences"] == sum(r[1] if r[2] == 1 else r[3] for r in rows)
    first = [r[0] for r in rows if r[2] == 1]
    assert not first or first[0] == w["first"]


def check_round(w, k, at, name):
    events = what_happens(name)
    late, waiting, _ = times(events)
    numbers = w["sides"][k]["numbers"]
    tried = sum(e.kind == TRIED for e in events) / w["traced"]
    assert abs(numbers[2][at] - tried) < .001
    assert numbers[4][at] == (None if not late else rank(late, .99))
    assert numbers[5][at] == (None if not waiting else rank(waiting, .99))


UNITS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "": 1}


def told_number(cell):
    """The median of a cell of the terminal's table: "1.5 us (1.4 us - 1.7 us)"."""
    found = re.match(r" *([0-9.e+-]+) ?([num]?s)?", cell)
    return float(found.group(1)) * UNITS[found.group(2) or ""]


def check_table(report, name):
    """The terminal's table says what the report says."""
    with open(name, encoding="utf-8") as file:
        blocks = re.split(r"^  (?=[a-z])", file.read(), flags=re.M)
    blocks = {block.split(" ")[0]: block.splitlines() for block in blocks}
    for w in report["workloads"]:
        if w["lesson"]:
            continue
        lines = blocks[w["name"]]
        if w["differences"]:
            assert lines[-1].strip() == "first difference at step %d: %s" % (w["first"] + 1, w["reason"])
        else:
            assert lines[-1].strip() == "same order: yes, %d steps and callbacks" % w["rowsTotal"]
        lags = [line for line in lines if line.startswith("    lag  ")][0]
        for cell, side in zip(re.split(" {2,}", lags.strip())[1:], w["sides"]):
            told = [int(n) for n in re.findall(r"(?:<\d+[um]s|more) (\d+)", cell)]
            assert told and sum(told) == side["busy"]["count"]
        for n, (label, _) in enumerate(report["labels"]):
            for k in range(2):
                rounds = [x for x in w["sides"][k]["numbers"][n] if x is not None]
                row = [line for line in lines if line.startswith("    " + label)]
                cell = row[0][23 + 30 * k:52 + 30 * k] if row else "-"
                if not rounds:
                    assert cell.strip() == "-"
                    continue
                median = statistics.median(rounds)
                assert abs(told_number(cell) - median) <= max(.051 if n == 0 else .0051, median * .06), (label, cell, median)


def main(report, rounds, traces):
    report = load(report)
    if rounds is not None:
        check_table(report, traces[0])
    for i, w in enumerate(report["workloads"]):
        if rounds is None:
            check_workload(w, traces[2 * i:2 * i + 2])
            continue
        names = [os.path.join(rounds, w["name"] + "-" + b.replace("/", "-")) for b in report["backends"]]
        check_workload(w, [name + ".trace" for name in names])
        for k, name in enumerate(names):
            if w["lesson"]:
                assert w["sides"][k]["numbers"] == [[]] * 6
                continue
            assert all(len(n) == report["rounds"] for n in w["sides"][k]["numbers"])
            assert min(w["sides"][k]["numbers"][0]) > 0
            for at in range(report["rounds"]):
                part = "" if at + 1 == report["rounds"] else ".%d" % (at + 1)
                check_round(w, k, at, name + part + ".trace")
    return report


if __name__ == "__main__":
    arguments = sys.argv[1:]
    kept = None
    if arguments[0] == "--rounds":
        kept = arguments[1]
        arguments = arguments[2:]
    main(arguments[0], kept, arguments[1:])
    print("all numbers are those of the traces")
