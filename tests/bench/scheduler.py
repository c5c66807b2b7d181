"""The scheduler's rows of run.py: tasks, queues, callbacks, timers, memory, in one process each."""

import dataclasses
import os
import resource
import shutil
import subprocess
from typing import ClassVar, Optional

import machine

HERE = os.path.dirname(os.path.abspath(__file__))
BACKENDS = ("native/epoll", "native/uv", "uv/uv")
JUDGED = ("native/epoll", "native/uv")

# Peers that no distribution packages are stood in for by a fixed multiple of the bare switch
# of Boost.Context, as both were measured on one machine.
STAND_INS = {
    "libdill yield": 3.9,
    "libdill create": 10.3,
    "libdill many": 6.3,
    "tokio many": 44.5,  # used only where tokio is not there
}
SWITCH = ("raw switch", "boost_context")  # what they are multiples of

# How many times fewer operations a program makes that takes so many times longer.
FEWER = {"asyncio": 50, "uvloop": 50, "pth": 50, "swapcontext": 20}


@dataclasses.dataclass
class Row:
    """One workload: which programs run it, and what eddy is held against.

    `goals` holds (factor, reference): eddy's figure has to be at most factor times the
    reference's, which is a peer, a stand-in, or None for an absolute bound. A reference
    "PEER or STAND-IN" is the peer where it is there.
    """

    section: ClassVar = "scheduler"
    name: str
    eddy: str
    workload: str
    count: int
    peers: tuple = ()
    goals: list = dataclasses.field(default_factory=list)
    figure: str = "ns"
    rounds: Optional[int] = None  # None: all
    once: tuple = ()  # peers that take so long that one round has to do


M = 1000000
COROUTINES = ("st", "boost_fiber", "pth", "go", "tokio", "asyncio", "uvloop")
CROWD = ("st", "boost_fiber", "go", "tokio", "asyncio", "uvloop")
LOOPS = ("libev", "libevent", "libuv", "asio", "asyncio", "uvloop")

ROWS = [
    Row("raw switch", "eddy_switch", "switch", 20 * M, ("boost_context", "swapcontext"),
        [(0.75, "boost_context")]),
    Row("guarded stack, cold", "eddy_switch", "stack_cold", 20000, ("mmap",),
        [(0.5, "mmap")]),
    Row("yield, 2 tasks", "eddy_tasks", "yield_2", 10 * M, COROUTINES,
        [(0.35, "libdill yield"), (0.1, "go"), (0.005, "asyncio")]),
    Row("yield, 10,000 tasks", "eddy_tasks", "yield_10k", 5 * M, CROWD,
        [(0.4, "boost_fiber")]),
    Row("yield, 2 stackless tasks", "eddy_stackless", "yield_2", 10 * M, ("tokio",)),
    Row("create + await", "eddy_tasks", "create", 2 * M, COROUTINES,
        [(0.5, "libdill create")]),
    Row("100,000, none blocks: cold", "eddy_tasks", "many", 100000, CROWD,
        [(0.35, "tokio or tokio many")], "cold", once=("boost_fiber", "asyncio", "uvloop")),
    Row("100,000, none blocks: warm", "eddy_tasks", "many", 100000, CROWD,
        [(0.8, "libdill many")], "warm", once=("boost_fiber", "asyncio", "uvloop")),
    Row("100,000, each blocks: cold", "eddy_tasks", "many_block", 100000, CROWD,
        [(0.75, "st")], "cold", once=("boost_fiber", "asyncio", "uvloop")),
    Row("100,000, each blocks: warm", "eddy_tasks", "many_block", 100000, CROWD,
        [(110, None)], "warm", once=("boost_fiber", "asyncio", "uvloop")),
    Row("queue of 1, an item", "eddy_tasks", "queue_1", 5 * M,
        ("st", "go", "tokio", "asyncio", "uvloop"), [(0.35, "st"), (0.12, "go")]),
    Row("queue of 64, an item", "eddy_tasks", "queue_64", 10 * M, CROWD,
        [(0.8, "st"), (0.12, "go")]),
    Row("callbacks, 1 chain", "eddy_loop", "chain_1", 5 * M, LOOPS, [(0.4, "asio")]),
    Row("callbacks, 1,000 chains", "eddy_loop", "chain_1000", 10 * M, LOOPS,
        [(0.75, "libev")]),
    Row("1M timers, insert", "eddy_loop", "timer_insert", M, LOOPS + ("tokio",),
        [(0.65, "libev")]),
    Row("1M timers, insert + fire", "eddy_loop", "timer_fire", M, LOOPS + ("tokio",),
        [(0.35, "libev"), (0.09, "libuv")], rounds=3),
    Row("1M timers, insert + cancel", "eddy_loop", "timer_cancel", M, LOOPS + ("tokio",),
        [(0.55, "libev")]),
    Row("bytes, parked, 1,000,000", "eddy_memory", "parked", M, ("st", "boost_fiber", "go"),
        [(4300, None)], "bytes", rounds=1),
    Row("the same, by mprotect", "eddy_memory", "parked_mprotect", M, (), [(4300, None)],
        "bytes", rounds=1),
    Row("the same, canaries", "eddy_memory", "parked_canary", M, (), [(4300, None)], "bytes",
        rounds=1),
    Row("bytes, left of 100,000", "eddy_memory", "burst", 100000, (), [(430, None)], "bytes",
        rounds=1),
    Row("bytes, stackless, 1,000,000", "eddy_stackless", "parked", M,
        ("tokio", "asio_coro", "node", "asyncio"), [(235, None)], "bytes", rounds=1),
    Row("bytes, stackless, 10,000,000", "eddy_stackless", "parked", 10 * M, (),
        [(235, None)], "bytes", rounds=1),
]

PEER_NAMES = {"st": "state-threads", "boost_fiber": "Boost.Fiber", "asio": "Asio",
               "boost_context": "Boost.Context", "asio_coro": "Asio", "node": "Node.js",
               "go": "Go", "pth": "Pth", "mmap": "mmap"}


class Scheduler:
    def __init__(self, build, only, cpus, arguments, skipped):
        self.build = build
        self.rows = [row for row in ROWS if only in row.name]
        if self.rows and self.rows[0].name != SWITCH[0]:
            self.rows.insert(0, ROWS[0])  # the stand-ins are multiples of it
        self.cpu = cpus[-1]
        self.divisor = 10 if arguments.quick else 1
        self.realtime = arguments.realtime
        self.skipped = skipped
        self.figures = {}  # row name -> program -> round -> figure
        self.known = {}  # (command, backend, round) -> figures printed
        self.pythons = machine.find_pythons() if self.rows else {}
        self.node = shutil.which("node")

    def program(self, name):
        return os.path.join(self.build, "bench_" + name)

    def command(self, row, peer, count=None):
        """None: the peer is not here."""
        fewer = 1 if row.figure == "bytes" else FEWER.get(peer, 1)
        count = str(count or max(row.count // self.divisor // fewer, 1))
        peers = os.path.join(HERE, "peers")
        if peer in ("asyncio", "uvloop"):
            if self.pythons[peer] is None:
                return None
            return [self.pythons[peer], os.path.join(peers, "asyncio_bench.py"), peer,
                    row.workload, count]
        if peer == "node":
            return self.node and [self.node, os.path.join(peers, "node_bench.js"),
                                  row.workload, count]
        if peer == "mmap":
            return [self.program("eddy_switch"), "stack_mmap", count]
        command = [self.program(peer), row.workload, count]
        return command if os.path.exists(command[0]) else None

    def programs(self, row, count=None):
        """name -> (command, backend)."""
        eddy = [self.program(row.eddy), row.workload, str(count or row.count // self.divisor)]
        result = {backend: (eddy, backend) for backend in BACKENDS}
        for peer in row.peers:
            command = self.command(row, peer, count)
            if command:
                result[peer] = (command, None)
            else:
                self.skipped.add(peer)
        return result

    def run(self, command, backend=None):
        done = subprocess.run(command, env=environment(backend), stdout=subprocess.PIPE,
                              text=True, preexec_fn=placed_on(self.cpu, self.realtime),
                              timeout=600)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)} ({backend or 'peer'}): exit code "
                             f"{done.returncode}; no table is made of such a run")
        return {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}

    def measure(self, round_number):
        """Runs the programs once, but for rows that share a run."""
        for row in self.rows:
            if row.rounds is not None and round_number >= row.rounds:
                continue
            figures = self.figures.setdefault(row.name, {})
            if not self.has_memory(row):
                continue
            for name, (command, backend) in self.programs(row).items():
                if name in row.once and round_number > 0:
                    continue
                key = (" ".join(command), backend, round_number)
                if key not in self.known:
                    self.known[key] = self.run(command, backend)
                figures.setdefault(name, {})[round_number] = self.known[key][row.figure]

    def has_memory(self, row):
        """Whether there is enough for ten million tasks, or a million stacks."""
        wanted = row.count // self.divisor * (500 if row.eddy == "eddy_stackless" else 5000)
        if row.figure != "bytes" or wanted < machine.available_memory():
            return True
        self.skipped.add(f"{row.name} (it needs {wanted >> 30} GiB)")
        return False

    # ---- what came out ----

    def reference(self, row, goal):
        """What a goal is held against: its name, and its figures by round (None: none)."""
        if goal is None:
            return "", {}
        peer, _, stand_in = goal.partition(" or ")
        if peer not in STAND_INS and peer in self.figures[row.name]:
            return PEER_NAMES.get(peer, peer), self.figures[row.name][peer]
        factor = STAND_INS.get(stand_in or peer)
        switches = self.figures.get(SWITCH[0], {}).get(SWITCH[1])
        if factor is None or switches is None:
            return PEER_NAMES.get(peer, peer), None
        name = (stand_in or peer).split()[0] + "*"
        return name, {number: value * factor for number, value in switches.items()}

    def results(self):
        rows = []
        for row in self.rows:
            figures = self.figures[row.name]
            if not figures:
                continue  # it was left out
            lines = []
            for factor, goal in row.goals or [(None, None)]:
                name, reference = self.reference(row, goal)
                lines.append({"label": "", "factor": factor, "reference": name,
                              "base": reference, "judged": JUDGED if factor else (),
                              "programs": {backend: backend for backend in BACKENDS}})
            rows.append({"section": row.section, "row": row.name,
                         "unit": "bytes" if row.figure == "bytes" else "ns",
                         "figures": {PEER_NAMES.get(name, name): values
                                     for name, values in figures.items()},
                         "lines": lines})
        return rows

    def notes(self):
        if not self.rows:
            return []
        used = {goal.split(" or ")[-1] for row in self.rows for _, goal in row.goals
                if goal and self.reference(row, goal)[0].endswith("*")}
        return [f"{name.split()[0]}* is not here: {STAND_INS[name]:g} x the bare switch of "
                f"Boost.Context stands in for it ({name})" for name in sorted(used)]


def environment(backend):
    result = dict(os.environ)
    if backend is not None:
        result["EDDY_BACKEND"] = backend
    return result


def placed_on(cpu, realtime):
    """What a child does first: onto its processor, with room for many descriptors. Real-time
    programs take turns, so that none starves another's threads."""
    def place():
        os.sched_setaffinity(0, {cpu})
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, most), most))
        if realtime:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(20))
    return place
