#!/usr/bin/env python3
"""What run.py makes of figures, checked on figures made up here.

    check_report.py DIRECTORY        a place for its files
"""

import contextlib
import copy
import io
import os
import sys
import xml.dom.minidom

import against
import picture
import result as results

SHAPES = {"native/epoll": "circle", "native/uv": "polygon", "uv/uv": "polygon"}
ROUNDS_DRAWN = {"native/epoll": 8 + 2, "native/uv": 6, "uv/uv": 0}  # two of them in the legend


def expect(right, what):
    if not right:
        sys.exit("wrong: " + what)


def rounds(*values):
    return dict(enumerate(values))


def made_up():
    line = {"label": "", "factor": 0.5, "reference": "peer", "judged": ("native/epoll", "native/uv"),
            "programs": {backend: backend for backend in results.BACKENDS}}
    base = rounds(10, 20, 10)
    rows = [
        {"section": "scheduler", "row": "a <row> & \"more\"", "unit": "ns",
         "figures": {"native/epoll": rounds(5, 10, 4), "native/uv": rounds(9, 18, 9),
                     "uv/uv": rounds(900, 900, 900), "peer": base, "slow": rounds(90)},
         "lines": [dict(line, base=base), dict(line, factor=0.1, base=base)]},
        {"section": "scheduler", "row": "nothing to hold it against", "unit": "ns",
         "figures": {"native/epoll": rounds(5)}, "lines": [dict(line, base=None)]},
        {"section": "network", "row": "c64", "unit": "us",
         "figures": {"tasks native/epoll": rounds(1, 1.1), "floor": rounds(1, 1), "Go": rounds(2)},
         "lines": [dict(line, label="tasks", factor=1.01, reference="floor", base=rounds(1, 1),
                        judged=("native/epoll",),
                        programs={"native/epoll": "tasks native/epoll"})]},
        {"section": "scheduler", "row": "bytes", "unit": "bytes",
         "figures": {"native/epoll": rounds(4000), "native/uv": rounds(4301)},
         "lines": [dict(line, factor=4300, reference="", base={})]},
    ]
    return {"format": results.FORMAT, "eddy": "made up", "quick": False, "skipped": ["a peer"],
            "notes": ["a note"], "rounds": [{}] * 3,
            "machine": {"system": "none", "processor": "none", "processors": 1,
                        "date": "2000-01-01T00:00:00", "versions": {}},
            "rows": results.finish(rows)}


def check_ratios(result):
    first, second = result["rows"][0]["lines"]
    expect(first["ratios"]["native/epoll"] == {"rounds": [0.5, 0.5, 0.4], "median": 0.5},
           "ratios are taken within a round")
    expect(abs(results.spread(first["ratios"]["native/epoll"]) - 0.1) < 1e-9, "the spread")
    expect(first["states"] == {"native/epoll": results.MET, "native/uv": results.NEAR},
           "met, and within 2x")
    expect(second["states"]["native/epoll"] == results.OVER, "over")
    expect(first["peers"] == {"peer": 1, "slow": 9}, "a round that the base does not lack")
    expect(result["rows"][1]["lines"][0]["states"]["native/epoll"] == results.NONE,
           "a goal without its peer has no figure")
    bytes_ = result["rows"][3]["lines"][0]
    expect(bytes_["states"] == {"native/epoll": results.MET, "native/uv": results.NEAR},
           "a goal that is a number")
    expect(results.counts(result) == {results.MET: 2, results.NEAR: 3, results.OVER: 2,
                                      results.NONE: 2}, "the count")


def check_table(result):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        results.print_table(result)
        results.warn(result)
    for words in ("<= 0.5 x peer", "0.500 ±10%  met", "OVER 5.0x", "no figure", "<= 4,300 bytes",
                  "Goals: 2 met, 3 within 2x, 2 over, 2 without a figure", "a note", "a peer"):
        expect(words in said.getvalue(), f"'{words}' in the table:\n{said.getvalue()}")


def check_picture(result, path):
    picture.write(result, path)
    with open(path, "rb") as file:
        drawn = file.read()
    tree = xml.dom.minidom.parseString(drawn)
    expect(not tree.getElementsByTagName("script") and b"href" not in drawn,
           "nothing runs and nothing is fetched")
    for backend, shape in SHAPES.items():
        name = backend.replace("/", "-")
        of_it = [node for node in tree.getElementsByTagName(shape)
                 if node.getAttribute("class") == name + " round"]
        # uv/uv lies beyond the axis, and is an arrow with a number
        expect(len(of_it) == ROUNDS_DRAWN[backend], f"each round of {backend} is a {shape}")
    words = [node.firstChild.data for node in tree.getElementsByTagName("text")
             if node.firstChild]
    for word in ('a <row> & "more"', "met", "within 2×", "over", "no figure", "≤ 0.5 × peer"):
        expect(word in words, f"'{word}' in the picture")
    for node in tree.getElementsByTagName("text"):
        x = float(node.getAttribute("x"))
        expect(0 <= x <= picture.WIDTH, "words within the picture")


def check_against(result, path):
    results.save(result, path)
    same = results.load(path)
    moved, kept, _ = against.compare(same, result)
    expect(not moved and kept == 6, "nothing moves between a run and itself")
    slower = copy.deepcopy(result)
    parts = [line["ratios"]["native/epoll"] for line in slower["rows"][0]["lines"]]
    for part in parts:
        part.update(rounds=[0.51, 0.9, 0.9], median=0.9)
    moved, _, _ = against.compare(same, slower)
    expect([key[3] for key, _, _ in moved] == ["native/epoll"], "what moved by more than its spread")
    for part in parts:
        part.update(rounds=[0.5, 0.9, 0.9])
    moved, _, _ = against.compare(same, slower)
    expect(not moved, "rounds that overlap have not moved")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    result = made_up()
    check_ratios(result)
    check_table(result)
    check_picture(result, os.path.join(sys.argv[1], "check_report.svg"))
    check_against(result, os.path.join(sys.argv[1], "check_report.json"))


main()
