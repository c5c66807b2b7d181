"""What the clients of the example services share: sockets with a deadline, and a few looks at
the process of a service."""

import os
import socket
import ssl
import struct
import sys
import time

PATIENCE = 30  # seconds, for anything that has to happen at all


def fail(text):
    sys.exit(f"{os.path.basename(sys.argv[0])}: {text}")


def check(condition, text):
    if not condition:
        fail(text)


def connect(port, small=False):
    """A connection; small: with little room in the system's buffers on this side. With TLS if
    the environment names a certificate to trust."""
    s = socket.socket()
    if small:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    s.settimeout(PATIENCE)
    s.connect(("127.0.0.1", port))
    if certificate := os.environ.get("PROXY_CERTIFICATE"):
        context = ssl.create_default_context(cafile=certificate)
        s = context.wrap_socket(s, server_hostname="localhost")
    return s


def read_all(s):
    data = bytearray()
    while piece := s.recv(65536):
        data += piece
    return bytes(data)


def reset(s):
    """Closes so that the peer sees a reset."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def memory(pid):
    """The resident memory of a process, in KiB."""
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    fail(f"process {pid} has no memory")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return f.read().split()


def until(condition, text):
    """Waits for what must become true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            fail(text)
        time.sleep(0.02)
