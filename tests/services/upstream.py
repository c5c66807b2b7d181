"""upstream.py NAME: a server for the proxy to stand before. The first line of a connection says
what it shall do; what it saw it prints."""

import hashlib
import socket
import sys
import threading

from peer import read_all, reset

name = sys.argv[1]
awake = threading.Event()


def say(text):
    sys.stdout.write(text + "\n")  # one write: the threads' lines stay whole
    sys.stdout.flush()


def digest(s):
    """Answers when the client has ended its direction: with what came until then."""
    s.sendall(hashlib.sha256(read_all(s)).hexdigest().encode())


def early(s):
    """Ends its own direction first."""
    s.sendall(b"that is all\n")
    s.shutdown(socket.SHUT_WR)
    say(f"early: {len(read_all(s))} bytes after the end")


def flood(s):
    """Sends a lot, to a client that may not read."""
    piece = bytes(range(256)) * 256
    for _ in range(16 * 16):  # 16 MiB
        s.sendall(piece)


def deaf(s):
    """Reads nothing before another connection wakes it."""
    awake.clear()
    s.sendall(b"deaf\n")
    awake.wait()
    digest(s)


def wake(s):
    awake.set()


def watch(s):
    """Tells how the connection ends."""
    s.sendall(b"ready\n")
    try:
        read_all(s)
        say("watch: end")
    except ConnectionResetError:
        say("watch: reset")


def who(s):
    s.sendall(name.encode())


def echo(s):
    while data := s.recv(65536):
        s.sendall(data)


commands = {f.__name__: f for f in (digest, early, flood, deaf, wake, watch, who, echo)}
commands["reset"] = reset


def serve(s):
    line = b""
    while not line.endswith(b"\n"):
        byte = s.recv(1)
        if not byte:
            s.close()
            return
        line += byte
    try:
        commands[line.decode().strip()](s)
    except (BrokenPipeError, ConnectionResetError):
        pass
    s.close()


listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
listener.bind(("127.0.0.1", 0))
listener.listen(100)
say(f"listening on 127.0.0.1:{listener.getsockname()[1]}")
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
