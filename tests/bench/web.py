"""The rows "http" of run.py:

    web.py --smoke BUILD_DIRECTORY        eddy's own server once, on each backend

HTTP/1.1 that says hello, beside nginx's `return 200`, net/http of Go and http of Node.js.

wrk asks from the other core; what counts is the processor time of the server for each request,
taken from its own clock (/proc/PID/schedstat), as a ratio to nginx's in the same round. Every
answer has to be a 200, the bytes have to be as many as so many answers have, and the first one
is read. --realtime is not for these rows: wrk does not always end then.
"""

import dataclasses
import os
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from typing import ClassVar

import machine
import network
from scheduler import environment, placed_on

PREFIX = "http: "
BACKENDS = network.BACKENDS
BODY = b"hello, world\n"

# Its answer has the same body and the same fields as eddy's, and "Connection: keep-alive".
NGINX = """
daemon off;
master_process off;
pid {directory}/pid;
error_log {directory}/error.log;
worker_processes 1;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{
    listen 127.0.0.1:{port}{tls};
    location / {{ default_type text/plain; return 200 "hello, world\\n"; }}
  }}
}}
"""

SUMMARY = """
done = function(summary)
  local e = summary.errors
  print("requests", summary.requests)
  print("bytes", summary.bytes)
  print("errors", e.connect + e.read + e.write + e.status + e.timeout)
end
"""

PIPELINE = """
init = function()
  local one = wrk.format()
  all = string.rep(one, 16)
end
request = function() return all end
"""


@dataclasses.dataclass
class Row:
    section: ClassVar = "http"
    name: str
    connections: int
    goals: dict
    pipelined: bool = False
    tls: bool = False

    def __post_init__(self):
        self.name = PREFIX + self.name


GOALS = {"protocols": 1.0, "streams": 1.1}

ROWS = [
    Row("hello, c64", 64, GOALS),
    Row("hello, c1000", 1000, GOALS),
    Row("hello, 16 pipelined", 64, GOALS, pipelined=True),
    Row("hello over TLS", 64, {"streams": 1.1}, tls=True),
]


class Web:
    def __init__(self, build, only, cpus, arguments, skipped):
        self.rows = [row for row in ROWS if only in row.name]
        self.milliseconds = 300 if arguments.quick else 1000
        self.figures = {}  # row name -> program -> round -> microseconds
        self.server_cpu = cpus[-1]
        self.client_cpu = cpus[0]
        if not self.rows:
            return
        self.wrk = shutil.which("wrk")
        self.nginx = machine.find_nginx(build)
        self.programs = {"protocols": os.path.join(build, "bench_eddy_http"),
                         "streams": os.path.join(build, "eddy", "examples", "http_server")}
        self.peers = {}
        if os.path.exists(os.path.join(build, "bench_net_go")):
            self.peers["Go"] = [os.path.join(build, "bench_net_go"), "http"]
        node = shutil.which("node")
        if node:
            script = os.path.join(network.HERE, "peers", "net_node.js")
            self.peers["Node.js"] = [node, script, "http"]
        absent = {"wrk": self.wrk, "nginx": self.nginx, "openssl": shutil.which("openssl")}
        absent = {name for name, path in absent.items() if path is None}
        if not all(os.path.exists(program) for program in self.programs.values()):
            absent.add("llhttp")
        if len(cpus) < 2:
            absent.add("a second core")
        if absent:
            skipped.add(f"http rows (they need {', '.join(sorted(absent))})")
            self.rows = []

    # ---- the servers: each is started, and gives its process and port ----

    def start(self, command, backend=None):
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                                env=environment(backend),
                                preexec_fn=placed_on(self.server_cpu, False))

    def start_listener(self, command, backend=None):
        """One that says where it listens."""
        server = self.start(command, backend)
        words = server.stdout.readline().split()
        if len(words) < 3:
            server.kill()
            server.wait()
            raise SystemExit(f"{' '.join(command)}: does not listen")
        return server, int(words[2].rsplit(":", 1)[1])

    def start_eddy(self, row, directory, api, backend):
        options = ["--port", "0"] if api == "streams" else []
        if row.tls:
            options += ["--tls"] + certificate(directory)
        return self.start_listener([self.programs[api]] + options, backend)

    def start_peer(self, row, directory, name):
        return self.start_listener(self.peers[name])

    def start_nginx(self, row, directory):
        with socket.socket() as s:  # it cannot be told to choose a port
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        path = os.path.join(directory, "nginx.conf")
        with open(path, "w", encoding="utf-8") as file:
            tls = ""
            if row.tls:
                tls = " ssl; ssl_certificate {}; ssl_certificate_key {}".format(
                    *certificate(directory))
            text = NGINX
            if "EDDY_BENCH_BREAK" in os.environ:  # an answer that is wrong on purpose
                text = text.replace("hello, world", "hello, w0rld")
            file.write(text.format(directory=directory, port=port, tls=tls))
        server = self.start([self.nginx, "-e", directory + "/error.log", "-p", directory,
                             "-c", path])
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return server, port
            except ConnectionRefusedError:
                if server.poll() is not None or time.monotonic() > deadline:
                    server.kill()
                    server.wait()
                    raise SystemExit("nginx: does not listen") from None
                time.sleep(0.01)

    # ---- one run ----

    def first_answer(self, row, port):
        """The bytes of an answer, which has to be the right one."""
        with socket.create_connection(("127.0.0.1", port)) as s:
            if row.tls:
                context = ssl.create_default_context()
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                s = context.wrap_socket(s)
            s.sendall(b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            data = b""
            while not data.endswith(BODY):
                data += (more := s.recv(4096))
                if not more:
                    break
        if not data.startswith(b"HTTP/1.1 200 OK\r\n") or not data.endswith(b"\r\n\r\n" + BODY):
            raise SystemExit(f"not hello: {data}")
        return data

    def load(self, row, port, directory, milliseconds):
        script = os.path.join(directory, "summary.lua")
        with open(script, "w", encoding="utf-8") as file:
            file.write(SUMMARY + (PIPELINE if row.pipelined else ""))
        # wrk counts whole seconds, but ends well when it is interrupted.
        client = subprocess.Popen(
            [self.wrk, "-t", "1", "-c", str(row.connections), "-d", "60", "-s", script,
             f"http{'s' if row.tls else ''}://127.0.0.1:{port}/hello"],
            stdout=subprocess.PIPE, text=True,
            preexec_fn=placed_on(self.client_cpu, False))
        try:
            time.sleep(milliseconds / 1000)
            client.send_signal(signal.SIGINT)
            output, _ = client.communicate(timeout=60)
        finally:
            client.kill()
            client.wait()
        lines = [line.split() for line in output.splitlines()]
        return {words[0]: int(words[1]) for words in lines
                if len(words) == 2 and words[0] in ("requests", "bytes", "errors")}

    def run(self, row, start, *arguments):
        with tempfile.TemporaryDirectory() as directory:
            server, port = start(row, directory, *arguments)
            try:
                size = len(self.first_answer(row, port))
                self.load(row, port, directory, 100)
                for patience in (1, 4, 16):  # on a loaded machine no answer may come in time
                    before = processor_time(server.pid)
                    done = self.load(row, port, directory, patience * self.milliseconds)
                    used = processor_time(server.pid) - before
                    if done.get("requests") or done.get("errors"):
                        break
            finally:
                server.send_signal(signal.SIGTERM)
                try:
                    server.wait(timeout=30)
                finally:
                    server.kill()
                    server.wait()
                    server.stdout.close()
        requests = done.get("requests", 0)
        # What is under way when wrk ends may be counted in one of the two and not the other.
        off = abs(done.get("bytes", 0) - requests * size)
        if not requests or done["errors"] or off > row.connections * 16 * size:
            raise SystemExit(f"{row.name}, {start.__name__} {arguments}: {done}, {size} bytes "
                             "each; no table is made of such a run")
        return used / requests / 1000

    def measure(self, round_number):
        for row in self.rows:
            figures = self.figures.setdefault(row.name, {})
            programs = {f"{api} {backend}": (self.start_eddy, api, backend)
                        for api in row.goals for backend in BACKENDS}
            if not row.tls and round_number < network.SLOW_ROUNDS:
                programs.update({name: (self.start_peer, name) for name in self.peers})
            order = network.turned(list(programs), round_number)
            floors = []
            for i, name in enumerate(order):
                if i in (0, len(order) // 2):
                    floors.append(self.run(row, self.start_nginx))
                figures.setdefault(name, {})[round_number] = self.run(row, *programs[name])
            floors.append(self.run(row, self.start_nginx))
            figures.setdefault("nginx", {})[round_number] = statistics.median(floors)

    # ---- what came out ----

    def results(self):
        rows = []
        for row in self.rows:
            figures = self.figures[row.name]
            lines = [{"label": api, "factor": factor, "reference": "nginx",
                      "base": figures["nginx"], "judged": network.JUDGED,
                      "programs": {backend: f"{api} {backend}" for backend in BACKENDS}}
                     for api, factor in row.goals.items()]
            rows.append({"section": row.section, "row": row.name[len(PREFIX):], "unit": "us",
                         "figures": figures, "lines": lines})
        return rows

    def notes(self):
        return ["nginx answers with `return 200`, with the same body and fields."] \
            if self.rows else []


def certificate(directory):
    """The files of a certificate and its key."""
    files = [os.path.join(directory, name) for name in ("certificate.pem", "key.pem")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-out", files[0], "-keyout", files[1]], stderr=subprocess.DEVNULL, check=True)
    return files


def processor_time(pid):
    """In nanoseconds, of all the process's threads."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total


def smoke(build):
    web = Web(build, "no row", sorted(os.sched_getaffinity(0)), network.Smoke, set())
    web.programs = {"protocols": os.path.join(build, "bench_eddy_http")}
    for backend in BACKENDS:
        server, port = web.start_eddy(ROWS[0], None, "protocols", backend)
        try:
            web.first_answer(ROWS[0], port)
            server.send_signal(signal.SIGTERM)
            if server.wait(timeout=30) != 0:
                raise SystemExit(f"exit code {server.returncode}")
        finally:
            server.kill()
            server.wait()
            server.stdout.close()


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "--smoke":
        sys.exit(__doc__)
    smoke(sys.argv[2])
