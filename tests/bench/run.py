#!/usr/bin/env python3
"""Runs the benchmark programs in turns on one core and prints the table.

    run.py BUILD_DIRECTORY [--rounds N] [--only WORD] [--json FILE] [--quick] [--realtime]

Every round runs every program once, so that a machine that changes its speed changes it for
all of them; what counts is the median over the rounds, and its ratio to the peer that the
goal names. A program that fails its own check of the result ends the run.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys

import network
import web

HERE = os.path.dirname(os.path.abspath(__file__))

# Peers that no distribution packages are stood in for by a fixed multiple of the bare switch
# of Boost.Context, as both were measured on one machine.
STAND_INS = {
    "libdill yield": 3.9,
    "libdill create": 10.3,
    "libdill many": 6.3,
    "tokio many": 44.5,
}

EDDY = ("native/uv", "uv/uv")


class Row:
    """One workload: which programs run it, and what eddy is held against.

    `goals` holds (factor, reference): eddy's figure has to be at most factor times the
    reference's, which is a peer, a stand-in, or None for an absolute bound.
    """

    def __init__(self, name, eddy, workload, count, peers=(), goals=(), figure="ns",
                 slow=None, rounds=None):
        self.name = name
        self.eddy = eddy
        self.workload = workload
        self.count = count
        self.peers = peers
        self.goals = goals
        self.figure = figure
        self.slow = slow or max(count // 50, 1)  # for asyncio
        self.rounds = rounds


M = 1000000
LOOPS = ("libev", "libevent", "libuv", "asio", "asyncio")

ROWS = [
    Row("raw switch", "eddy_switch", "switch", 20 * M, ("boost_context",),
        [(0.75, "boost_context")]),
    Row("guarded stack, cold", "eddy_switch", "stack_cold", 20000, ("mmap",),
        [(0.5, "mmap")]),
    Row("yield, 2 tasks", "eddy_tasks", "yield_2", 10 * M,
        ("st", "boost_fiber", "go", "asyncio"),
        [(0.35, "libdill yield"), (0.1, "go"), (0.005, "asyncio")]),
    Row("yield, 10,000 tasks", "eddy_tasks", "yield_10k", 5 * M,
        ("st", "boost_fiber", "go", "asyncio"), [(0.4, "boost_fiber")]),
    Row("yield, 2 stackless tasks", "eddy_stackless", "yield_2", 10 * M),
    Row("create + await", "eddy_tasks", "create", 2 * M,
        ("st", "boost_fiber", "go", "asyncio"), [(0.5, "libdill create")]),
    Row("100,000, none blocks: cold", "eddy_tasks", "many", 100000, ("st", "go"),
        [(0.35, "tokio many")], "cold"),
    Row("100,000, none blocks: warm", "eddy_tasks", "many", 100000, ("st", "go"),
        [(0.8, "libdill many")], "warm"),
    Row("100,000, each blocks: cold", "eddy_tasks", "many_block", 100000, ("st", "go"),
        [(0.75, "st")], "cold"),
    Row("100,000, each blocks: warm", "eddy_tasks", "many_block", 100000, ("st", "go"),
        [(110, None)], "warm"),
    Row("queue of 1, an item", "eddy_tasks", "queue_1", 5 * M, ("st", "go", "asyncio"),
        [(0.35, "st"), (0.12, "go")]),
    Row("queue of 64, an item", "eddy_tasks", "queue_64", 10 * M,
        ("st", "boost_fiber", "go", "asyncio"), [(0.8, "st"), (0.12, "go")]),
    Row("callbacks, 1 chain", "eddy_loop", "chain_1", 5 * M, LOOPS, [(0.4, "asio")]),
    Row("callbacks, 1,000 chains", "eddy_loop", "chain_1000", 10 * M, LOOPS,
        [(0.75, "libev")]),
    Row("1M timers, insert", "eddy_loop", "timer_insert", M, LOOPS, [(0.65, "libev")]),
    Row("1M timers, insert + fire", "eddy_loop", "timer_fire", M, LOOPS,
        [(0.35, "libev"), (0.09, "libuv")], rounds=3),
    Row("1M timers, insert + cancel", "eddy_loop", "timer_cancel", M, LOOPS,
        [(0.55, "libev")]),
    Row("bytes, parked, 100,000", "eddy_tasks", "parked", 100000, ("st",), (), "bytes",
        rounds=1),
    Row("bytes, parked, 1,000,000", "eddy_tasks", "parked", M, (), [(4300, None)], "bytes",
        rounds=1),
    Row("bytes, stackless, 1,000,000", "eddy_stackless", "parked", M, (), [(235, None)],
        "bytes", rounds=1),
]


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--json", default="bench.json")
    parser.add_argument("--quick", action="store_true", help="a tenth of every count")
    parser.add_argument("--realtime", action="store_true",
                        help="network rows before everything else on the machine (root)")
    return parser.parse_args()


class Bench:
    def __init__(self, arguments):
        self.build = os.path.abspath(arguments.build)
        self.rounds = arguments.rounds
        self.divisor = 10 if arguments.quick else 1
        self.figures = {}  # row name -> program -> list of figures
        self.skipped = set()
        self.known = {}  # (program, workload, backend, round) -> figures printed
        self.cpus = sorted(os.sched_getaffinity(0))

    def program(self, name):
        return os.path.join(self.build, "bench_" + name)

    def pin(self, cpu):
        return lambda: os.sched_setaffinity(0, {cpu})

    def run(self, command, backend=None):
        environment = dict(os.environ)
        if backend is not None:
            environment["EDDY_BACKEND"] = backend
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True,
                              preexec_fn=self.pin(self.cpus[-1]), timeout=600)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)} ({backend or 'peer'}): exit code "
                             f"{done.returncode}; no table is made of such a run")
        return {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}

    def command(self, row, peer):
        if peer == "asyncio":
            script = os.path.join(HERE, "peers", "asyncio_bench.py")
            return [sys.executable, script, row.workload, str(row.slow // self.divisor or 1)]
        count = str(row.count // self.divisor)
        if peer == "mmap":
            return [self.program("eddy_switch"), "stack_mmap", count]
        return [self.program(peer), row.workload, count]

    def measure(self, row, round_number):
        """Runs the row's programs once, unless a row of the same run has the figures."""
        candidates = [(backend, [self.program(row.eddy), row.workload,
                                 str(row.count // self.divisor)], backend)
                      for backend in EDDY]
        for peer in row.peers:
            command = self.command(row, peer)
            if os.path.exists(command[0]):
                candidates.append((peer, command, None))
            else:
                self.skipped.add(peer)
        for name, command, backend in candidates:
            key = (" ".join(command), backend, round_number)
            if key not in self.known:
                self.known[key] = self.run(command, backend)
            figures = self.figures.setdefault(row.name, {}).setdefault(name, [])
            figures.append(self.known[key][row.figure])

    def median(self, row, program):
        figures = self.figures.get(row, {}).get(program)
        return statistics.median(figures) if figures else None

    def reference(self, row, reference):
        if reference is None:
            return 1.0
        if reference in STAND_INS:
            switch = self.median("raw switch", "boost_context")
            return switch * STAND_INS[reference] if switch else None
        return self.median(row, reference)

    def judge(self, row, goals):
        """Where eddy on native/uv stands: a list of (goal, ratio, word)."""
        verdicts = []
        ours = self.median(row, "native/uv")
        for factor, reference in goals:
            base = self.reference(row, reference)
            goal = f"<= {factor:g}" + (f" x {reference}" if reference else "")
            if base is None:
                verdicts.append((goal, None, "no figure of the peer"))
                continue
            verdicts.append((goal, ours / base, network.verdict(ours / base, factor)))
        return verdicts


def print_table(bench, rows):
    print(f"\n{'workload':<30}{'native/uv':>11}{'uv/uv':>11}  {'goal':<26}{'ratio':>8}  ")
    result = []
    for name, goals in rows:
        verdicts = bench.judge(name, goals) or [("-", None, "")]
        figures = {program: bench.median(name, program) for program in bench.figures[name]}
        for i, (goal, ratio, word) in enumerate(verdicts):
            head = f"{name:<30}{figures['native/uv']:>11.2f}{figures['uv/uv']:>11.2f}"
            text = f"{ratio:>8.4g}" if ratio is not None else f"{'':>8}"
            print(f"{head if i == 0 else '':<52}  {goal:<26}{text}  {word}")
        peers = [f"{peer} {value:.1f}" for peer, value in figures.items() if peer not in EDDY]
        if peers:
            print(f"    {', '.join(peers)}")
        result.append({
            "row": name,
            "medians": figures,
            "all": bench.figures[name],
            "goals": [{"goal": g, "ratio": r, "state": w} for g, r, w in verdicts],
        })
    return result


def main():
    arguments = parse_arguments()
    bench = Bench(arguments)
    rows = [row for row in ROWS if arguments.only in row.name]
    if rows and rows[0].name != "raw switch":
        rows.insert(0, ROWS[0])  # the stand-ins are multiples of it
    net = network.Network(bench.build, arguments.only, bench.cpus, arguments.quick,
                          arguments.realtime, bench.skipped)
    http = web.Web(bench.build, arguments.only, bench.cpus, arguments.quick, bench.skipped)
    for round_number in range(bench.rounds):
        print(f"round {round_number + 1} of {bench.rounds}", file=sys.stderr)
        for row in rows:
            if row.rounds is None or round_number < row.rounds:
                bench.measure(row, round_number)
        net.measure(round_number)
        http.measure(round_number)
    table = print_table(bench, [(row.name, row.goals) for row in rows]) if rows else []
    table += net.print_table()
    table += http.print_table()
    print("\nFigures are nanoseconds an operation (bytes where it says so), medians.\n"
          "Goals are looked at on native/uv (network: native/epoll); uv/uv stands beside it.")
    if arguments.quick:
        print("--quick: a tenth of every count, the rows' names notwithstanding; for trying "
              "things, not for the record")
    for name, factor in STAND_INS.items() if rows else ():
        print(f"{name}: stood in for by {factor} x the switch of boost_context")
    if bench.skipped:
        print("not here, left out:", ", ".join(sorted(bench.skipped)))
    with open(arguments.json, "w", encoding="utf-8") as file:
        json.dump({"machine": platform.platform(), "processor": processor(),
                   "rounds": bench.rounds, "skipped": sorted(bench.skipped), "rows": table},
                  file, indent=1)
        file.write("\n")
    print("written:", arguments.json)


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        return "unknown"


main()
