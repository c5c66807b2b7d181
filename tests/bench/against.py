#!/usr/bin/env python3
"""What moved between two runs.

    against.py OLD.json NEW.json

A row moved if the ratios of all rounds of the one run lie on one side of all of the other's, and
the medians differ by 2 % at least. (Rows of one round have no spread of their own: there 2 % is
all that is asked.)
"""

import sys

import result as results

LEAST = 0.02


def ratios_of(result):
    """(row, label, what it is held against, backend) -> its ratios."""
    found = {}
    for row in result["rows"]:
        for line in row["lines"]:
            for backend, part in line["ratios"].items():
                found[row["row"], line["label"], line["reference"], backend] = part
    return found


def is_apart(old, new):
    if abs(new["median"] - old["median"]) < LEAST * old["median"]:
        return False
    return (min(new["rounds"]) > max(old["rounds"]) or max(new["rounds"]) < min(old["rounds"]))


def compare(old, new):
    """(moved, same, left out): the first a list of (name, old ratio, new ratio)."""
    before, after = ratios_of(old), ratios_of(new)
    moved = []
    same = 0
    for key in after:
        if key not in before:
            continue
        if is_apart(before[key], after[key]):
            moved.append((key, before[key], after[key]))
        else:
            same += 1
    return moved, same, len(set(before) ^ set(after))


def print_comparison(old, new, name):
    moved, same, unmatched = compare(old, new)
    print(f"\nAgainst {name} ({old['eddy']}, {old['machine']['date']}):")
    if old["machine"]["processor"] != new["machine"]["processor"]:
        print("another processor: " + old["machine"]["processor"])
    if old["quick"] != new["quick"]:
        print("one of the two was --quick, so the counts differ")
    for (row, label, reference, backend), a, b in sorted(
            moved, key=lambda entry: entry[2]["median"] / entry[1]["median"]):
        change = b["median"] / a["median"] - 1
        what = f"{row} {label}".strip() + (f" / {reference}" if reference else "")
        print(f"  {what:<52}{backend:<14}{a['median']:>9.4g} ±{results.spread(a):<4.0%} -> "
              f"{b['median']:>9.4g} ±{results.spread(b):<4.0%} {change:+7.1%}  "
              f"{'better' if change < 0 else 'WORSE'}")
    print(f"{len(moved)} ratios moved by more than their spread, {same} did not"
          + (f", {unmatched} are in one run only" if unmatched else "") + ".")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print_comparison(results.load(sys.argv[1]), results.load(sys.argv[2]), sys.argv[1])
