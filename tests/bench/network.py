"""The network rows of run.py:

    network.py --smoke BUILD_DIRECTORY        each of eddy's services once, for a moment
    network.py --smoke-tls BUILD_DIRECTORY    those with TLS, too

An echo service of eddy's in each of its ways of writing one,
its peers, and the floor, a bare epoll loop. Client and server have a core each.

What counts is the processor time of the server for each message, taken from its own clock, as
a ratio to the floor's in the same round; the table shows the medians of these ratios.
"""

import dataclasses
import os
import shutil
import signal
import statistics
import subprocess
import sys
from typing import ClassVar, Optional

import machine
from scheduler import environment, placed_on

HERE = os.path.dirname(os.path.abspath(__file__))
BACKENDS = ("native/epoll", "native/uv", "uv/uv")
JUDGED = ("native/epoll",)
PREFIX = "network: "
SLOW = ("asyncio", "uvloop", "Node.js")  # are run in the first rounds only
SLOW_ROUNDS = 2
QUICK_ROUNDS = 3
BEST_PEER = "best peer"


@dataclasses.dataclass
class Row:
    """A workload: what the client does, how the services are started, and the goals.

    `goals` maps a way of writing it to its factor: of the floor's figure, or, with `absolute`,
    of nothing; BEST_PEER: it is to be as good as the best peer; None: it is only measured.
    `more` maps (way, backend) to goals that hold on another backend. `settings` go into the
    environment of eddy's services; with them no peer is run.
    """

    section: ClassVar = "network"
    name: str
    load: list
    goals: dict
    buffer: Optional[int] = None
    kind: str = ""
    figure: str = "cpu_us"
    absolute: bool = False
    once: bool = False
    tls: bool = False
    more: dict = dataclasses.field(default_factory=dict)
    settings: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        self.name = PREFIX + self.name


def echo(connections, size=64, depth=1):
    return ["echo", "--connections", str(connections), "--size", str(size),
            "--depth", str(depth)]


def goals(protocols, tasks, streams):
    return {"protocols": protocols, "tasks": tasks, "streams": streams}


# Where a buffer is named it has room for more than a message: a read that is short says that
# there is no more.
ROWS = [
    Row("c64", echo(64), goals(1.01, 1.01, 1.08), more={("tasks", "native/uv"): 1.03}),
    Row("c1000", echo(1000), goals(1.02, 1.02, 1.15), more={("tasks", "native/uv"): 1.08}),
    Row("c8000", echo(8000), goals(1.04, 1.10, 1.25)),
    Row("4k64", echo(64, 4096), goals(1.02, 1.03, 1.10), buffer=8192),
    Row("64k16", echo(16, 65536), goals(1.03, 1.03, 1.10), buffer=131072),
    Row("one-shot", ["one_shot"], goals(1.01, 1.03, 1.10),
        more={("tasks", "native/uv"): 1.07, ("protocols", "native/uring"): 0.93}),
    Row("16 in flight", echo(16, depth=16), goals(1.02, 1.5, 1.5), buffer=64,
        kind="exactly"),
    Row("udp", ["udp", "--depth", "4"], {"protocols": 1.02, "tasks": 1.05}, kind="udp"),
    Row("tls, c64", echo(64), {"protocols": None, "streams": None}, tls=True, buffer=1024),
    Row("tls, 64k16", echo(16, 65536), {"protocols": None, "streams": None}, tls=True,
        buffer=65536),
    Row("tls, one-shot", ["one_shot"], {"protocols": None, "streams": None}, tls=True,
        buffer=1024),
    Row("p50, one connection", echo(1), goals(BEST_PEER, BEST_PEER, BEST_PEER),
        figure="p50_us"),
    Row("p50, busy polling", echo(1), goals(7.5, 7.5, 7.5), figure="p50_us", absolute=True,
        settings={"EDDY_POLL_US": "1000"}),
    Row("bytes, idle connection", ["idle", "--connections", "5000"],
        goals(256, 4.6 * 1024, 5 * 1024), figure="bytes", absolute=True, once=True),
]


def make_certificate(directory):
    """A certificate and its key in one file; None without an openssl to make them."""
    path = os.path.join(directory, "bench-certificate.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
               "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=localhost",
               "-keyout", path, "-out", path + ".crt"]
    try:
        subprocess.run(command, stderr=subprocess.DEVNULL, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    with open(path, "a", encoding="ascii") as both:
        with open(path + ".crt", encoding="ascii") as certificate:
            both.write(certificate.read())
    return path


def turned(names, round_number):
    """Another order in each round: who comes first may pay for what others find done."""
    first = round_number * 7 % len(names)
    return names[first:] + names[:first]


class Network:
    def __init__(self, build, only, cpus, arguments, skipped):
        self.build = build
        self.rows = [row for row in ROWS if only in row.name]
        self.server_cpu = cpus[-1]
        self.client_cpu = cpus[0]
        self.milliseconds = 80 if arguments.quick else 250
        self.rounds = QUICK_ROUNDS if arguments.quick else sys.maxsize
        self.realtime = arguments.realtime
        self.skipped = skipped
        self.figures = {}  # row name -> program -> round -> figure
        if len(cpus) < 2 and self.rows:
            skipped.add("network rows (they need a second core)")
            self.rows = []
        self.backends = {backend: True for backend in BACKENDS}
        self.pythons = {}
        self.certificate = None
        if any(row.tls for row in self.rows):
            self.certificate = make_certificate(build)
            if self.certificate is None or not self.has("bench_epoll_tls"):
                skipped.add("tls rows (they need OpenSSL's library and program)")
                self.rows = [row for row in self.rows if not row.tls]
        if self.rows:
            self.pythons = machine.find_pythons()
        self.node = shutil.which("node")

    # ---- the programs of a row: name -> (command, backend) ----

    def path(self, program):
        return os.path.join(self.build, program)

    def has(self, program):
        return os.path.exists(self.path(program))

    def service(self, row):
        """What eddy's services and those in Python have as their last arguments."""
        return ([str(row.buffer)] if row.buffer else []) + (
            [self.certificate] if row.tls else [])

    def eddy(self, row, api):
        command = self.path("bench_eddy_net")
        if row.kind == "udp":
            return [command, "udp_" + api]
        if row.kind == "exactly" and api != "protocols":
            api += "_exactly"
        return [command, api] + self.service(row)

    def is_here(self, backend):
        """Whether eddy runs on it here, or on another in its stead."""
        if backend not in self.backends:
            server = subprocess.Popen([self.path("bench_eddy_net"), "protocols"], text=True,
                                      stdout=subprocess.PIPE, env=environment(backend))
            self.backends[backend] = f"on {backend})" in server.stdout.readline()
            server.terminate()
            server.wait(timeout=60)
            server.stdout.close()
            if not self.backends[backend]:
                self.skipped.add(backend)
        return self.backends[backend]

    def python(self, row, loop, api):
        script = os.path.join(HERE, "peers", "net_asyncio.py")
        command = [self.pythons[loop], script, loop, api]
        if row.kind == "exactly" and api == "streams":
            command[-1] = "streams_exactly"
        if row.kind == "udp":
            command[-1] = "udp"
        return command + self.service(row)

    def native_peers(self, row):
        """name -> command, of those that need no interpreter; a name is what the table shows."""
        udp = ["udp"] if row.kind == "udp" else []
        exactly = row.kind == "exactly"
        api = ["udp" if udp else "tasks_exactly" if exactly else "tasks"]
        size = [str(row.buffer)] if row.buffer else []
        large = [] if exactly else size  # what comes is sent back, not message by message
        peers = {"libuv": ["net_libuv"] + udp, "Asio": ["net_asio"] + (udp or large),
                 "tokio": ["net_tokio"] + api + size, "Go": ["net_go"] + api + size}
        if not udp:
            peers.update({"libev": ["net_libev"], "libevent": ["net_libevent"],
                          "state-threads": ["net_st"] + size})
        return {name: [self.path("bench_" + words[0])] + words[1:]
                for name, words in peers.items()}

    def peers(self, row):
        if row.settings:
            return {}
        result = {}
        for name, command in ({} if row.tls else self.native_peers(row)).items():
            if os.path.exists(command[0]):
                result[name] = command
            else:
                self.skipped.add(name)
        if self.node and not row.tls:
            script = os.path.join(HERE, "peers", "net_node.js")
            result["Node.js"] = [self.node, script, row.kind if row.kind == "udp" else "echo"]
        for loop, interpreter in self.pythons.items():
            if interpreter is None:
                self.skipped.add(loop)
                continue
            for api in ("protocols",) if row.kind == "udp" else ("protocols", "streams"):
                result[f"{loop} {api}"] = self.python(row, loop, api)
        return result

    def programs(self, row):
        """name -> (command, backend)."""
        floor = [self.path("bench_epoll_echo")] + (["udp"] if row.kind == "udp" else [])
        if row.tls:
            floor = [self.path("bench_epoll_tls"), self.certificate]
        result = {"floor": (floor, None)}
        for api in row.goals:
            for backend in BACKENDS:
                result[f"{api} {backend}"] = (self.eddy(row, api), backend)
        for api, backend in row.more:
            if self.is_here(backend):
                result[f"{api} {backend}"] = (self.eddy(row, api), backend)
        result.update({name: (command, None) for name, command in self.peers(row).items()})
        return result

    # ---- one run ----

    def run(self, row, command, backend):
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                                  env=dict(environment(backend), **row.settings),
                                  preexec_fn=placed_on(self.server_cpu, self.realtime))
        try:
            words = server.stdout.readline().split()
            if len(words) < 3:
                raise SystemExit(f"{' '.join(command)}: does not listen")
            load = [self.path("bench_net_load"), row.load[0], "--port",
                    words[2].rsplit(":", 1)[1], "--pid", str(server.pid), "--milliseconds",
                    str(self.milliseconds)] + row.load[1:]
            if row.tls:
                load += ["--tls", self.certificate]
            done = subprocess.run(load, stdout=subprocess.PIPE, text=True, timeout=120,
                                  preexec_fn=placed_on(self.client_cpu, self.realtime))
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=60)
        finally:
            server.kill()
            server.wait()
            server.stdout.close()
        if done.returncode != 0 or server.returncode != 0:
            raise SystemExit(f"{' '.join(command)} ({backend or 'peer'}) with {row.name}: exit "
                             f"codes {server.returncode} (it), {done.returncode} (its client); "
                             "no table is made of such a run")
        figures = dict(line.split() for line in done.stdout.splitlines())
        return float(figures[row.figure])

    def measure(self, round_number):
        for row in self.rows:
            if round_number >= (1 if row.once else self.rounds):
                continue
            figures = self.figures.setdefault(row.name, {})
            programs = self.programs(row)
            floor = programs.pop("floor")
            order = turned([name for name in programs if not name.startswith(SLOW)
                            or round_number < SLOW_ROUNDS], round_number)
            floors = []
            for i, name in enumerate(order):
                # All are held against the floor, so it runs at the begin, within and at the end.
                if i in (0, len(order) // 2):
                    floors.append(self.run(row, *floor))
                figures.setdefault(name, {})[round_number] = self.run(row, *programs[name])
            floors.append(self.run(row, *floor))
            figures.setdefault("floor", {})[round_number] = statistics.median(floors)

    # ---- what came out ----

    def best_peer(self, row, figures):
        """What a goal is held against that names no number: its name and its figures."""
        peers = {name: values for name, values in figures.items()
                 if name != "floor" and not name.endswith(BACKENDS)}
        if not peers:
            return BEST_PEER, None
        best = min(peers, key=lambda name: statistics.median(peers[name].values()))
        return f"{best} ({BEST_PEER})", peers[best]

    def lines(self, row, figures):
        for api, factor in row.goals.items():
            name, base = ("", {}) if row.absolute else ("floor", figures["floor"])
            if factor == BEST_PEER:
                factor = 1
                name, base = self.best_peer(row, figures)
            line = {"label": api, "factor": factor, "reference": name, "base": base}
            yield dict(line, judged=JUDGED if factor else (),
                       programs={backend: f"{api} {backend}" for backend in BACKENDS})
            for (same_api, backend), factor in row.more.items():
                if same_api == api:
                    yield dict(line, factor=factor, judged=(backend,),
                               programs={backend: f"{api} {backend}"})

    def results(self):
        return [{"section": row.section, "row": row.name[len(PREFIX):],
                 "unit": "bytes" if row.figure == "bytes" else "us",
                 "figures": self.figures[row.name],
                 "lines": list(self.lines(row, self.figures[row.name]))} for row in self.rows]

    def notes(self):
        return ["Every byte of the network rows was compared; p50 is the time from sending to "
                "having it back."] if self.rows else []


SMOKE = [
    Row("echo", echo(8), goals(0, 0, 0)),
    Row("large", echo(2, 65536), goals(0, 0, 0), buffer=65536),
    Row("exactly", echo(2, depth=16), {"tasks": 0, "streams": 0}, buffer=64, kind="exactly"),
    Row("one-shot", ["one_shot"], goals(0, 0, 0)),
    Row("udp", ["udp", "--depth", "2"], {"protocols": 0, "tasks": 0}, kind="udp"),
    Row("tls", echo(4, 20000), {"protocols": 0, "streams": 0}, tls=True, buffer=1024),
]


# The floor spoils bytes when it is told to: its client has to find out (broken.py).
BROKEN = [Row("echo", echo(4), {}), Row("udp", ["udp", "--depth", "2"], {}, kind="udp")]


class Smoke:
    quick = True
    realtime = False


def smoke(build, tls):
    network = Network(build, "no row", sorted(os.sched_getaffinity(0)), Smoke, set())
    network.milliseconds = 5
    network.certificate = make_certificate(build) if tls else None
    for row in SMOKE:
        if row.tls and network.certificate is None:
            continue
        for api in row.goals:
            for backend in BACKENDS:
                network.run(row, network.eddy(row, api), backend)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("--smoke", "--smoke-tls"):
        sys.exit(__doc__)
    smoke(sys.argv[2], tls=sys.argv[1] == "--smoke-tls")
