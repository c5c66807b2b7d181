"""proxy_client.py CASE PORT [PID]: a client of the proxy, before upstream.py."""

import hashlib
import socket
import sys
import time

from peer import PATIENCE, check, connect, descriptors, memory, read_all, reset, until

case, port = sys.argv[1], int(sys.argv[2])
pid = int(sys.argv[3]) if len(sys.argv) > 3 else 0


def ask(command):
    s = connect(port)
    s.sendall(command + b"\n")
    return s


def turns():
    """The upstreams take turns."""
    names = [read_all(ask(b"who")) for _ in range(6)]
    check(names in ([b"one", b"two"] * 3, [b"two", b"one"] * 3), f"the turns were {names}")


def half_close():
    """The end of either direction is passed on, and the other one goes on."""
    data = bytes(i * i % 251 for i in range(1_000_003))
    s = ask(b"digest")
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    check(read_all(s) == hashlib.sha256(data).hexdigest().encode(), "the data arrived otherwise")
    s = ask(b"early")
    check(read_all(s) == b"that is all\n", "the upstream's end was not passed on")
    s.sendall(b"x" * 300_000)
    s.close()


def bytewise():
    """A byte at a time is passed on as it comes."""
    s = ask(b"echo")
    for i in range(200):
        s.sendall(bytes([i]))
        check(s.recv(1) == bytes([i]), "a byte came back otherwise")
    s.close()


def resets():
    """A reset is passed on as one, both ways."""
    s = ask(b"reset")
    try:
        got = read_all(s)
        sys.exit(f"the upstream's reset came as an end, after {got}")
    except ConnectionResetError:
        pass
    s = ask(b"watch")
    check(s.recv(100) == b"ready\n", "no upstream")
    reset(s)


def stalled_readers():
    """Clients that do not read, and upstreams that do not: memory stays bounded."""
    before = memory(pid)
    slow = []
    for _ in range(20):
        s = connect(port, small=True)
        s.sendall(b"flood\n")
        slow.append(s)
    # Nobody reads: what is under way comes to a stop, in the buffers.
    last = [before]

    def settled():
        time.sleep(0.3)
        last.append(memory(pid))
        return last[-1] - last[-2] < 64

    until(settled, "memory does not settle")
    check(last[-1] - before < 40 * 1024, f"{last[-1] - before} KiB for 20 stalled readers")
    piece = bytes(range(256)) * 256
    data = read_all(slow[0])
    check(data == piece * 256, f"{len(data)} bytes came late, or other ones")
    for s in slow:
        s.close()


def stalled_upstream():
    """Writes to an upstream that does not read, until they do not go on."""
    before = memory(pid)
    s = ask(b"deaf")
    check(s.recv(100) == b"deaf\n", "no upstream")
    s.settimeout(1)
    sent = hashlib.sha256()
    size = 0
    try:
        while size < 64 << 20:
            n = s.send(bytes([size % 251]) * 65536)
            sent.update(bytes([size % 251]) * n)
            size += n
        sys.exit("64 MiB were taken from a client whose upstream reads nothing")
    except TimeoutError:
        pass
    check(memory(pid) - before < 4096, "memory grew with what the client sent")
    s.settimeout(PATIENCE)
    for _ in range(2):  # one of the two upstreams is the deaf one
        read_all(ask(b"wake"))
    s.shutdown(socket.SHUT_WR)
    check(read_all(s) == sent.hexdigest().encode(), "not all that was sent arrived")


def nothing_left():
    """When no connection is left, no descriptor is."""
    idle = descriptors(pid)
    many = [ask(b"echo") for _ in range(100)]
    for s in many:
        s.sendall(b"x")
        check(s.recv(1) == b"x", "no echo")
    check(descriptors(pid) >= idle + 200, "the proxy has no descriptors?")
    for s in many[::2]:
        s.close()
    for s in many[1::2]:
        reset(s)
    until(lambda: descriptors(pid) <= idle, "descriptors are left")


def answered():
    check(read_all(ask(b"who")) == b"two", "the upstream that is there was not found")


def closed():
    """No upstream: an end of the connection."""
    s = connect(port)
    check(read_all(s) == b"", "what is that?")


def busy():
    """Has a connection when the proxy is told to stop; it may end in its own time."""
    s = ask(b"echo")
    s.sendall(b"1")
    check(s.recv(1) == b"1", "no echo")
    print("busy", flush=True)

    def refused():
        try:
            connect(port).close()
            return False
        except ConnectionRefusedError:
            return True

    until(refused, "the proxy takes connections after SIGTERM")
    s.sendall(b"2")
    check(s.recv(1) == b"2", "no echo after SIGTERM")
    s.shutdown(socket.SHUT_WR)
    check(read_all(s) == b"", "what is that?")


def stubborn():
    """Has a connection, and does not end it."""
    s = ask(b"echo")
    s.sendall(b"1")
    check(s.recv(1) == b"1", "no echo")
    print("busy", flush=True)
    try:
        check(s.recv(1) == b"", "what is that?")
    except ConnectionResetError:
        pass


globals()[case]()
