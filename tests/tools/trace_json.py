"""trace_json.py JSON TRACE EVENTS: whether the JSON file is one that Perfetto and Chrome open (the
trace-event format), and tells all that happens in the trace, no more and no less; EVENTS is how
many `eddy trace` said that there are."""
import collections
import json
import sys

from events import *

BY_OUTSIDE = 0


def expected(trace):
    """How many events of each phase and category there should be."""
    kinds = collections.Counter(e.kind for e in trace)
    tasks = {e.task for e in trace if e.kind == TASK}
    return {
        "M": 1,
        "X step": sum(e.kind == RUN and e.task > 0 for e in trace),
        "X callback": sum(e.kind == RUN and e.task == 0 for e in trace),
        "X poll": kinds[POLLED],
        "s wake": sum(e.kind == QUEUED and e.task > 0 and e.detail != BY_OUTSIDE for e in trace),
        "C": kinds[QUEUED] + kinds[RUN],
        "i": kinds[CANCEL] + kinds[FIRED] + kinds[TRIED],
        "life": len(tasks),
    }


def told(events):
    count = collections.Counter(e["ph"] + " " + e["cat"] if "cat" in e else e["ph"] for e in events)
    names = collections.Counter((e["ph"], e["id"], e["name"]) for e in events if e["ph"] in "be")
    assert all(names["e", *key[1:]] == n for key, n in names.items() if key[0] == "b")
    return count, len({e["id"] for e in events if e["ph"] == "b"})


def check_fields(events):
    for e in events:
        assert e["ph"] in ("M", "X", "b", "e", "i", "s", "f", "C"), e
        assert isinstance(e["pid"], int) and isinstance(e["tid"], int), e
        assert e["ts"] >= 0 and e["name"], e
        assert e["ph"] != "X" or e["dur"] >= 0, e
        assert e["ph"] not in "besf" or e["id"] and e["cat"], e
        assert e["ph"] != "i" or e["s"] == "t", e
    starts = {e["id"]: e["ts"] for e in events if e["ph"] == "s"}
    assert all(starts[e["id"]] <= e["ts"] for e in events if e["ph"] == "f")


def main(name, trace, said):
    with open(name, encoding="utf-8") as file:
        events = json.load(file)["traceEvents"]
    assert len(events) == int(said)
    check_fields(events)
    count, lives = told(events)
    for key, number in expected(what_happens(trace)).items():
        found = lives if key == "life" else count[key]
        assert found == number, (key, found, number)
    assert count["b task"] == count["e task"]
    assert count["f wake"] <= count["s wake"]


main(*sys.argv[1:])
