"""ports.py SILENT: a few open ports, a few closed ones that stay closed, and some that do not
answer, until stdin ends. Prints them, a kind a line."""

import socket
import sys

keep = []


def bind():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    keep.append(s)
    return s, s.getsockname()[1]


def show(kind, ports):
    print(kind, *ports, flush=True)


def silent():
    """A listener whose queue is full does not answer."""
    listener, port = bind()
    listener.listen(0)
    for _ in range(3):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.1", port))
        keep.append(filler)
    return port


def opened():
    listener, port = bind()
    listener.listen(100)
    return port


show("open", [opened() for _ in range(5)])
show("closed", [bind()[1] for _ in range(5)])
show("silent", [silent() for _ in range(int(sys.argv[1]))])
show("ready", [])
sys.stdin.read()
