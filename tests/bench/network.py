"""The network rows of run.py:

    network.py --smoke BUILD_DIRECTORY        each of eddy's services once, for a moment
    network.py --smoke-tls BUILD_DIRECTORY    those with TLS, too

An echo service of eddy's in each of its ways of writing one,
its peers, and the floor, a bare epoll loop. Client and server have a core each.

What counts is the processor time of the server for each message, taken from its own clock, as
a ratio to the floor's in the same round; the table shows the medians of these ratios.
"""

import glob
import os
import shutil
import signal
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BACKENDS = ("native/epoll", "native/uv", "uv/uv")
PREFIX = "network: "
SLOW = ("asyncio", "uvloop")  # are run in the first rounds only
SLOW_ROUNDS = 2
QUICK_ROUNDS = 3
BEST_PEER = "best peer"


class Row:
    """A workload: what the client does, how the services are started, and the goals.

    `goals` maps a way of writing it to its factor: of the floor's figure, or, with `absolute`,
    of nothing; BEST_PEER: it is to be as good as the best peer; None: it is only measured.
    """

    def __init__(self, name, load, goals, buffer=None, kind="", figure="cpu_us",
                 absolute=False, once=False, tls=False):
        self.name = PREFIX + name
        self.load = load
        self.goals = goals
        self.buffer = buffer
        self.kind = kind
        self.figure = figure
        self.absolute = absolute
        self.once = once
        self.tls = tls


def echo(connections, size=64, depth=1):
    return ["echo", "--connections", str(connections), "--size", str(size),
            "--depth", str(depth)]


def goals(protocols, tasks, streams):
    return {"protocols": protocols, "tasks": tasks, "streams": streams}


# Where a buffer is named it has room for more than a message: a read that is short says that
# there is no more.
ROWS = [
    Row("c64", echo(64), goals(1.01, 1.01, 1.08)),
    Row("c1000", echo(1000), goals(1.02, 1.02, 1.15)),
    Row("c8000", echo(8000), goals(1.04, 1.10, 1.25)),
    Row("4k64", echo(64, 4096), goals(1.02, 1.03, 1.10), buffer=8192),
    Row("64k16", echo(16, 65536), goals(1.03, 1.03, 1.10), buffer=131072),
    Row("one-shot", ["one_shot"], goals(1.01, 1.03, 1.10)),
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
    Row("bytes, idle connection", ["idle", "--connections", "5000"],
        goals(256, 4.6 * 1024, 5 * 1024), figure="bytes", absolute=True, once=True),
]


def python_with(module, candidates):
    """The first of these interpreters that has the module, or None."""
    for candidate in candidates:
        path = shutil.which(candidate)
        if path is None:
            continue
        found = subprocess.run([path, "-c", "import " + module], stderr=subprocess.DEVNULL)
        if found.returncode == 0:
            return path
    return None


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


class Network:
    def __init__(self, build, only, cpus, quick, realtime, skipped):
        self.build = build
        self.rows = [row for row in ROWS if only in row.name]
        self.server_cpu = cpus[-1]
        self.client_cpu = cpus[0]
        self.milliseconds = 80 if quick else 250
        self.rounds = QUICK_ROUNDS if quick else sys.maxsize
        self.realtime = realtime
        self.skipped = skipped
        self.figures = {}  # row name -> program -> round -> figure
        if len(cpus) < 2 and self.rows:
            skipped.add("network rows (they need a second core)")
            self.rows = []
        self.pythons = {}
        self.certificate = None
        if any(row.tls for row in self.rows):
            self.certificate = make_certificate(build)
            if self.certificate is None or not self.has("bench_epoll_tls"):
                skipped.add("tls rows (they need OpenSSL's library and program)")
                self.rows = [row for row in self.rows if not row.tls]
        if self.rows:
            root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
            newest = sorted(glob.glob(root + "/versions/3.13.*/bin/python"))
            self.pythons["asyncio"] = python_with(
                "asyncio", ["python3.13"] + newest + [sys.executable])
            self.pythons["uvloop"] = python_with("uvloop", [sys.executable, "/usr/bin/python3"])

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

    def python(self, row, loop, api):
        script = os.path.join(HERE, "peers", "net_asyncio.py")
        command = [self.pythons[loop], script, loop, api]
        if row.kind == "exactly" and api == "streams":
            command[-1] = "streams_exactly"
        if row.kind == "udp":
            command[-1] = "udp"
        return command + self.service(row)

    def programs(self, row):
        udp = ["udp"] if row.kind == "udp" else []
        floor = [self.path("bench_epoll_echo")] + udp
        if row.tls:
            floor = [self.path("bench_epoll_tls"), self.certificate]
        result = {"floor": (floor, None)}
        for api in row.goals:
            for backend in BACKENDS:
                result[f"{api} {backend}"] = (self.eddy(row, api), backend)
        peers = {} if row.tls else {"libuv": "bench_net_libuv", "libevent": "bench_net_libevent"}
        if row.kind == "udp":
            del peers["libevent"]
        for peer, program in peers.items():
            if self.has(program):
                result[peer] = ([self.path(program)] + udp, None)
            else:
                self.skipped.add(peer)
        for loop, interpreter in self.pythons.items():
            if interpreter is None:
                self.skipped.add(loop)
                continue
            for api in ("protocols",) if row.kind == "udp" else ("protocols", "streams"):
                result[f"{loop} {api}"] = (self.python(row, loop, api), None)
        return result

    # ---- one run ----

    def placed_on(self, cpu):
        def place():
            os.sched_setaffinity(0, {cpu})
            if self.realtime:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))
        return place

    def run(self, row, command, backend):
        environment = dict(os.environ)
        if backend is not None:
            environment["EDDY_BACKEND"] = backend
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment,
                                  preexec_fn=self.placed_on(self.server_cpu))
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
                                  preexec_fn=self.placed_on(self.client_cpu))
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
            for name, (command, backend) in self.programs(row).items():
                if name.startswith(SLOW) and round_number >= SLOW_ROUNDS:
                    continue
                figures.setdefault(name, {})[round_number] = self.run(row, command, backend)

    # ---- what came out ----

    def ratio(self, row, program):
        """The median over the rounds: of the ratio to the floor, or of the figure itself."""
        figures = self.figures[row.name]
        if program not in figures:
            return None
        if row.absolute:
            return statistics.median(figures[program].values())
        return statistics.median(value / figures["floor"][round_number]
                                 for round_number, value in figures[program].items())

    def print_row(self, row):
        width = ".0f" if row.absolute else ".3f"
        figures = self.figures[row.name]
        peers = {name: self.ratio(row, name) for name in figures
                 if name != "floor" and not name.endswith(BACKENDS)}
        verdicts = []
        for i, (api, factor) in enumerate(row.goals.items()):
            ratios = [self.ratio(row, f"{api} {backend}") for backend in BACKENDS]
            goal = "-"
            if factor == BEST_PEER:
                factor, goal = min(peers.values(), default=None), "<= best peer"
            elif factor is not None:
                goal = f"<= {factor:g}" + ("" if row.absolute else " x floor")
            word = verdict(ratios[0], factor)
            columns = "".join(f"{ratio:>13{width}}" for ratio in ratios)
            print(f"{row.name[len(PREFIX):] if i == 0 else '':<24}{api:<11}{columns}  "
                  f"{goal:<18}{word}")
            verdicts.append({"api": api, "goal": goal, "ratio": ratios[0], "state": word})
        floor = statistics.median(figures["floor"].values())
        unit = "bytes" if row.absolute else "us"
        print(f"    floor {floor:{width}} {unit}; " +
              ", ".join(f"{name} {ratio:{width}}" for name, ratio in peers.items()))
        return {
            "row": row.name,
            "medians": {name: statistics.median(all_.values())
                        for name, all_ in figures.items()},
            "ratios": {name: self.ratio(row, name) for name in figures},
            "all": {name: list(all_.values()) for name, all_ in figures.items()},
            "goals": verdicts,
        }

    def print_table(self):
        if not self.rows:
            return []
        heads = "".join(f"{backend:>13}" for backend in BACKENDS)
        print(f"\n{'network':<24}{'':<11}{heads}  goal (on {BACKENDS[0]})")
        result = [self.print_row(row) for row in self.rows]
        print("Ratios to the floor, a bare epoll loop (for tls with OpenSSL), medians over the "
              "rounds: processor\ntime of the server for each message; p50: time from sending to "
              "having it back. Every byte was compared.")
        for loop, interpreter in self.pythons.items():
            if interpreter is not None:
                code = f"import sys, {loop} as l; print(sys.version.split()[0], " \
                       "getattr(l, '__version__', ''))"
                found = subprocess.run([interpreter, "-c", code], stdout=subprocess.PIPE,
                                       text=True)
                print(f"{loop}: CPython {found.stdout.strip()}")
        return result


def verdict(ratio, factor):
    """In words: how a ratio stands to its goal."""
    if factor is None:
        return ""
    if ratio <= factor:
        return "met"
    return "within 2x" if ratio <= 2 * factor else f"SHORT ({ratio / factor:.1f}x)"


SMOKE = [
    Row("echo", echo(8), goals(0, 0, 0)),
    Row("large", echo(2, 65536), goals(0, 0, 0), buffer=65536),
    Row("exactly", echo(2, depth=16), {"tasks": 0, "streams": 0}, buffer=64, kind="exactly"),
    Row("one-shot", ["one_shot"], goals(0, 0, 0)),
    Row("udp", ["udp", "--depth", "2"], {"protocols": 0, "tasks": 0}, kind="udp"),
    Row("tls", echo(4, 20000), {"protocols": 0, "streams": 0}, tls=True, buffer=1024),
]


def smoke(build, tls):
    network = Network(build, "no row", sorted(os.sched_getaffinity(0)), True, False, set())
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
