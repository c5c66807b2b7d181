"""socks5_client.py PORT TARGET_PORT PID CASE ...: a client of the SOCKS5 proxy, which reaches
upstream.py through it."""

import hashlib
import socket
import sys
import time

from peer import PATIENCE, check, connect, descriptors, read_all, reset, until

port, target, pid = (int(number) for number in sys.argv[1:4])

HELLO = b"\x05\x01\x00"
V4, DOMAIN, V6 = 1, 3, 4


def request(kind=V4, address=b"\x7f\0\0\1", to=target, command=1):
    return bytes([5, command, 0, kind]) + address + to.to_bytes(2, "big")


def domain(name, to=target):
    return request(DOMAIN, bytes([len(name)]) + name, to)


def take(s, size):
    data = b""
    while len(data) < size and (more := s.recv(size - len(data))):
        data += more
    return data


def reply(s):
    """The answer to a request: its status and address."""
    head = take(s, 4)
    check(len(head) == 4 and head[0] == 5 and head[2] == 0, f"an answer that is none: {head}")
    size = {1: 4, 4: 16}[head[3]]
    rest = take(s, size + 2)
    return head[1], rest[:size], int.from_bytes(rest[size:], "big")


def ask(what, greeting=HELLO):
    s = connect(port)
    s.sendall(greeting)
    check(take(s, 2) == b"\x05\x00", "not let in")
    s.sendall(what)
    return s


def status(what):
    s = ask(what)
    found = reply(s)[0]
    if found != 0:
        check(s.recv(1) == b"", "not closed after a refusal")
    s.close()
    return found


def who(s):
    s.sendall(b"who\n")
    return read_all(s)


def ways():
    """By IPv4 address, by name, by IPv6 address; refusals of each kind."""
    s = ask(request())
    found, address, own = reply(s)
    check(found == 0 and address == b"\x7f\0\0\1" and own > 0, f"answered {found}, {address}")
    check(who(s) == b"one", "another upstream")
    s = ask(domain(b"localhost"))
    check(reply(s)[0] == 0 and who(s) == b"one", "not by name")
    v6 = socket.socket(socket.AF_INET6)
    try:
        v6.bind(("::1", 0))
        v6.listen()
    except OSError:
        v6 = None
    if v6:
        s = ask(request(V6, b"\0" * 15 + b"\1", v6.getsockname()[1]))
        found, address, _ = reply(s)
        check(found == 0 and len(address) == 16, f"by IPv6: {found}, {address}")
        peer, where = v6.accept()
        check(where[1] == _, "the address told is not the proxy's")
        peer.close()
        s.close()
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))
    for expected, what in ((5, request(to=closed.getsockname()[1])),
                           (7, request(command=2)), (7, request(command=3)),
                           (8, request(kind=9)), (1, domain(b"")), (1, domain(b"local\0host")),
                           (4, domain(b"no..name"))):
        check(status(what) == expected, f"{what}: {status(what)}, not {expected}")


def password():
    """Only who has the name and the password gets in. They are "me:secret:1"."""
    for offered in (b"\x05\x01\x00", b"\x05\x00", b"\x05\x02\x01\x03"):
        s = connect(port)
        s.sendall(offered)
        check(read_all(s) == b"\x05\xff", "let in without a password")
    for name, word in ((b"me", b"secret:1"), (b"me", b"secret:"), (b"me", b"secret:12"),
                       (b"", b""), (b"you", b"secret:1"), (b"m" * 255, b"s" * 255)):
        s = connect(port)
        s.sendall(b"\x05\x02\x00\x02")
        check(take(s, 2) == b"\x05\x02", "no password wanted")
        s.sendall(bytes([1, len(name)]) + name + bytes([len(word)]) + word)
        right = (name, word) == (b"me", b"secret:1")
        check(take(s, 2) == (b"\x01\x00" if right else b"\x01\x01"), f"{name}, {word}")
        if right:
            s.sendall(request())
            check(reply(s)[0] == 0 and who(s) == b"one", "not connected")
        else:
            check(s.recv(1) == b"", "not closed")
        s.close()


def relayed():
    """What is sent early, byte by byte, in bulk, and past the end of the other direction."""
    s = connect(port)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in HELLO + request() + b"who\n":
        s.sendall(bytes([byte]))
    check(take(s, 2) == b"\x05\x00" and reply(s)[0] == 0, "byte by byte")
    check(read_all(s) == b"one", "what came early is lost")
    data = bytes(i * i % 251 for i in range(3_000_001))
    s = connect(port)
    s.sendall(HELLO + domain(b"localhost") + b"digest\n" + data)
    s.shutdown(socket.SHUT_WR)
    check(take(s, 2) == b"\x05\x00" and reply(s)[0] == 0, "all at once")
    check(read_all(s) == hashlib.sha256(data).hexdigest().encode(), "it arrived otherwise")
    s = ask(request())
    reply(s)
    s.sendall(b"early\n")
    check(read_all(s) == b"that is all\n", "the upstream's end was not passed on")
    s.sendall(b"x" * 300_000)
    s.close()


def rubbish():
    """Clients that talk something else, or stop anywhere: closed, and nothing is left."""
    idle = descriptors(pid)
    for what in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x04\x01\x00\x50\x7f\0\0\1\0",
                 b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x05\x01\x00\x04\x01\0\1"):
        s = connect(port)
        s.sendall(what)
        try:
            check(read_all(s) in (b"", b"\x05\x00"), f"an answer to {what}")
        except ConnectionResetError:
            pass
        s.close()
    whole = HELLO + domain(b"localhost")
    for size in range(len(whole)):
        for end in (socket.socket.close, reset):
            s = connect(port)
            s.sendall(whole[:size])
            end(s)
    until(lambda: descriptors(pid) <= idle, "descriptors are left")
    check(status(request()) == 0, "it does not go on")


def silence():
    """A client that does not go on is closed when patience ends (after two seconds), a
    connection when it is idle (after three), but not while one direction is in use."""
    silent = []
    for what in (b"", HELLO, HELLO + request()[:-1]):
        silent.append((connect(port), what))
        silent[-1][0].sendall(what)
    for s, what in silent:
        check(read_all(s) == (b"\x05\x00" if what else b""), f"{what} was answered")
        s.close()
    s = ask(request())
    reply(s)
    s.sendall(b"digest\n")
    for _ in range(45):
        s.sendall(b"x")
        time.sleep(0.1)
    try:
        check(read_all(s) == b"", "an idle connection was told something")
    except ConnectionResetError:
        pass
    s.close()


def busy():
    """Is in the middle of something when the proxy is stopped."""
    s = ask(request())
    reply(s)
    s.sendall(b"digest\nabc")
    print("under way", flush=True)
    time.sleep(1)
    s.shutdown(socket.SHUT_WR)
    check(read_all(s) == hashlib.sha256(b"abc").hexdigest().encode(), "cut off")


cases = {f.__name__: f for f in (ways, password, relayed, rubbish, silence, busy)}
for case in sys.argv[4:]:
    print(case, flush=True)
    cases[case]()
