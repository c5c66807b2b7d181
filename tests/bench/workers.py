"""Several loops in threads of their own, and the queue between them (bench.sh --only workers):

    workers.py BUILD_DIRECTORY [--rounds N] [--quick] [--realtime] [--json FILE]
    workers.py --smoke BUILD_DIRECTORY        each once, tiny: no figure is looked at

The service is asked by examples/echo_load, which compares every byte. It sleeps when it has
nothing to do, but needs a processor as the service does: where there are two for both, two
workers can only show that they cost no more for each message than one, and how far they get
where a message is work.
"""

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys

CONNECTIONS = 64
SIZE = 64
WORK = 20000  # steps for each message, some 30 us
SERVICES = [  # (how, workers)
    ("reuse_port", 1), ("reuse_port", 2), ("hand_over", 1), ("hand_over", 2)]
LOADS = [("echo", 0, 1500), ("echo with work", WORK, 250)]  # steps, messages a connection
ITEMS = [("one at a time", "1", 40000), ("with room for 1,024", "1024", 2000000)]
BACKENDS = ("native/epoll", "native/uv")


class Bench:
    def __init__(self, build, realtime):
        self.build = build
        self.realtime = ["chrt", "-f", "50"] if realtime else []
        self.figures = {}  # row -> program -> figure -> one of each round
        places = [os.path.join(build, "eddy", "examples"),
                  os.path.join(build, "..", "..", "examples")]
        self.load = next((path for path in (os.path.join(place, "echo_load")
                                            for place in places) if os.path.exists(path)), None)

    def note(self, row, program, **figures):
        kept = self.figures.setdefault(row, {}).setdefault(program, {})
        for name, value in figures.items():
            kept.setdefault(name, []).append(value)

    # ---- the service ----

    def serve(self, backend, how, workers, load, requests):
        """A service of so many workers under that load: its figures are noted."""
        row, work, _ = load
        server = subprocess.Popen(
            self.realtime + [os.path.join(self.build, "bench_eddy_workers"), how,
                             str(workers), str(work)],
            stdout=subprocess.PIPE, text=True, env=dict(os.environ, EDDY_BACKEND=backend))
        try:
            line = server.stdout.readline()
            port = re.search(r":(\d+) ", line)
            if port is None:
                sys.exit("%s with %d workers does not listen" % (how, workers))
            client = subprocess.run(
                self.realtime + [self.load, "--port", port.group(1), "--connections",
                                 str(CONNECTIONS), "--requests", str(requests), "--size",
                                 str(SIZE), "--timeout", "60"],
                stdout=subprocess.PIPE, text=True)
            if client.returncode != 0:
                sys.exit("%s with %d workers: wrong result" % (how, workers))
        finally:
            server.send_signal(signal.SIGTERM)
            _, status, usage = os.wait4(server.pid, 0)
            server.returncode = os.waitstatus_to_exitcode(status)
            server.stdout.close()
        if server.returncode != 0:
            sys.exit("%s with %d workers ended with %d" % (how, workers, server.returncode))
        said = dict(re.findall(r"(\w+)=([\d.]+)", client.stdout.splitlines()[0]))
        messages = float(said["requests"])
        self.note("%s, %s" % (row, backend), "%s, %d" % (how, workers),
                  rate=messages / float(said["seconds"]),
                  cpu_us=(usage.ru_utime + usage.ru_stime) * 1e6 / (messages + CONNECTIONS))

    # ---- the queue ----

    def run(self, row, name, command, **variables):
        environment = dict(os.environ, **variables)
        done = subprocess.run(self.realtime + command, stdout=subprocess.PIPE, text=True,
                              env=environment)
        if done.returncode != 0:
            sys.exit("%s: %s ended with %d" % (row, name, done.returncode))
        self.note("items, " + row, name,
                  **{key: float(value) for key, value in
                     (line.split() for line in done.stdout.splitlines())})

    def pass_items(self, row, suffix, count):
        eddy = os.path.join(self.build, "bench_eddy_workers")
        go = os.path.join(self.build, "bench_go")
        for backend in BACKENDS:
            self.run(row, "loops, " + backend, [eddy, "loops_" + suffix, str(count)],
                     EDDY_BACKEND=backend)
        self.run(row, "loops, native/epoll, busy", [eddy, "loops_" + suffix, str(count)],
                 EDDY_BACKEND="native/epoll", EDDY_POLL_US="50")
        self.run(row, "threads", [eddy, "threads_" + suffix, str(count)])
        if os.path.exists(go):
            self.run(row, "go, two processors", [go, "procs_" + suffix, str(count)])
            self.run(row, "go, two threads", [go, "threads_" + suffix, str(count)])

    def round(self, divisor):
        for load in LOADS:
            for backend in BACKENDS:
                for how, workers in SERVICES:
                    self.serve(backend, how, workers, load, max(load[2] // divisor, 1))
        for row, suffix, count in ITEMS:
            self.pass_items(row, suffix, max(count // divisor, 10))


# ---- the table ----

def median(values):
    return statistics.median(values)


def ratios(values, base):
    """Of the figures of the same rounds."""
    return median([value / other for value, other in zip(values, base)])


def print_service(row, programs):
    print("\n%-34s %12s %9s %12s %9s" % (row, "messages/s", "x one", "cpu us each", "x one"))
    for name, kept in programs.items():
        base = programs[name[:-1] + "1"]
        print("  %-32s %12.0f %9.2f %12.2f %9.2f" % (
            name.replace(", 1", ", 1 worker").replace(", 2", ", 2 workers"),
            median(kept["rate"]), ratios(kept["rate"], base["rate"]),
            median(kept["cpu_us"]), ratios(kept["cpu_us"], base["cpu_us"])))


def print_items(row, programs):
    print("\n%-34s %12s %9s %12s" % (row, "ns an item", "x go", "cpu ns each"))
    base = programs.get("go, two threads")
    for name, kept in programs.items():
        ratio = "%.2f" % ratios(kept["ns"], base["ns"]) if base else "-"
        cpu = "%.0f" % median(kept["cpu_ns"]) if "cpu_ns" in kept else "-"
        print("  %-32s %12.0f %9s %12s" % (name, median(kept["ns"]), ratio, cpu))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="short runs, three rounds")
    parser.add_argument("--realtime", action="store_true",
                        help="under a real-time priority (needs the right to it)")
    parser.add_argument("--json")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    bench = Bench(arguments.build, arguments.realtime)
    if bench.load is None:
        sys.exit("there is no echo_load")
    if arguments.smoke:
        bench.round(1000)
        print("ok")
        return
    cpus = sorted(os.sched_getaffinity(0))
    print("service and client share %d processors; %d connections, %d bytes" % (
        len(cpus), CONNECTIONS, SIZE))
    for _ in range(3 if arguments.quick else arguments.rounds):
        bench.round(4 if arguments.quick else 1)
    for row, programs in bench.figures.items():
        (print_items if row.startswith("items") else print_service)(row, programs)
    if arguments.json:
        with open(arguments.json, "w", encoding="ascii") as file:
            json.dump({"processors": len(cpus), "figures": bench.figures}, file, indent=1)


if __name__ == "__main__":
    main()
