#!/usr/bin/env python3
"""Runs the benchmark programs in turns, prints the table, writes the figures and a picture.

    run.py BUILD_DIRECTORY [--rounds N] [--only WORD] [--quick] [--realtime]
                           [--json FILE] [--svg FILE] [--against OLD.json]

Every round runs every program once, so that a machine that changes its speed changes it for
all of them; what counts is the median over the rounds of the ratio to what the goal names. A
program that fails its own check of the result ends the run.
"""

import argparse
import os
import sys
import time

import against
import machine
import network
import picture
import result as results
import scheduler
import web


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--json", default="bench.json")
    parser.add_argument("--svg", help="default: beside the JSON")
    parser.add_argument("--against", metavar="OLD.json", help="an earlier run to compare with")
    parser.add_argument("--quick", action="store_true", help="a tenth of every count")
    parser.add_argument("--realtime", action="store_true",
                        help="before everything else on the machine (root)")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds is at least 1")
    return arguments


def look_at_machine(arguments):
    """Says so at once when others use it: there is time to stop them."""
    watch = machine.Watch()
    time.sleep(1)
    shares = watch.shares()
    if machine.is_busy(shares):
        print(f"This machine is busy ({machine.say_shares(shares)})"
              + ("." if arguments.realtime else ": --realtime helps, quiet helps more."),
              file=sys.stderr)


def run_rounds(arguments, parts):
    rounds = []
    for number in range(arguments.rounds):
        begun = time.monotonic()
        watch = machine.Watch()
        for part in parts:
            part.measure(number)
        shares = dict(watch.shares(), seconds=round(time.monotonic() - begun, 1))
        rounds.append(shares)
        print(f"round {number + 1} of {arguments.rounds}: {shares['seconds']:.0f} s"
              + (f"; the machine was busy, {machine.say_shares(shares)}"
                 if machine.is_busy(shares) else ""), file=sys.stderr)
    return rounds


def main():
    arguments = parse_arguments()
    old = results.load(arguments.against) if arguments.against else None
    build = os.path.abspath(arguments.build)
    cpus = sorted(os.sched_getaffinity(0))
    skipped = set()
    parts = [part(build, arguments.only, cpus, arguments, skipped)
             for part in (scheduler.Scheduler, network.Network, web.Web)]
    if not any(part.rows for part in parts):
        sys.exit(f"no row has '{arguments.only}' in its name"
                 + (f" (left out: {', '.join(sorted(skipped))})" if skipped else ""))
    look_at_machine(arguments)
    description = machine.describe(build)
    rounds = run_rounds(arguments, parts)
    result = {
        "format": results.FORMAT,
        "eddy": description["versions"].get("eddy", "unknown"),
        "machine": description,
        "quick": arguments.quick,
        "realtime": arguments.realtime,
        "rounds": rounds,
        "skipped": sorted(skipped),
        "notes": [note for part in parts for note in part.notes()],
        "rows": results.finish([row for part in parts for row in part.results()]),
    }
    results.print_table(result)
    results.warn(result)
    results.save(result, arguments.json)
    svg = arguments.svg or os.path.splitext(arguments.json)[0] + ".svg"
    picture.write(result, svg)
    if old:
        against.print_comparison(old, result, arguments.against)
    print("written:", arguments.json, svg)


main()
