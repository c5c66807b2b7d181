"""http_client.py PORT PID CASE ...: a client of the HTTP server, in good ways and bad ones."""

import http.client
import os
import signal
import socket
import sys
import threading
import time

from peer import check, connect, descriptors, memory, read_all, reset, until

port, pid = int(sys.argv[1]), int(sys.argv[2])

HELLO = b"hello, world\n"
GET = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"


def answers(data):
    """The answers in the bytes, each (status, head, body); all of them have a length."""
    found = []
    while data:
        head, end, data = data.partition(b"\r\n\r\n")
        check(end, f"an answer without an end: {head[:100]}")
        status = int(head.split(b" ", 2)[1])
        size = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b": ")
            if name.lower() == b"content-length":
                size = int(value)
        check(len(data) >= size, f"{len(data)} bytes of a body of {size}")
        found.append((status, head, data[:size]))
        data = data[size:]
    return found


def ask(*pieces):
    """Sends the pieces, and the end; gives the answers until the server's end."""
    s = connect(port)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in pieces:
        s.sendall(piece)
    s.shutdown(socket.SHUT_WR)
    found = answers(read_all(s))
    s.close()
    return found


def statuses(*pieces):
    return [answer[0] for answer in ask(*pieces)]


def keep_alive():
    """Python's own client: all kinds of requests on one connection."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    c.connect()
    own = c.sock
    for _ in range(3):
        c.request("GET", "/hello")
        answer = c.getresponse()
        check(answer.status == 200 and answer.read() == HELLO, "not hello")
        check(answer.getheader("Date"), "no date")
        c.request("HEAD", "/hello")
        answer = c.getresponse()
        check(answer.getheader("Content-Length") == str(len(HELLO)), "HEAD without the length")
        check(answer.read() == b"", "HEAD with a body")
        body = bytes(i * 7 % 256 for i in range(100_003))
        expected = f"{len(body)} bytes, sum {sum(body)}\n".encode()
        c.request("POST", "/count", body)
        check(c.getresponse().read() == expected, "a body was counted otherwise")
        pieces = [body[i:i + 977] for i in range(0, len(body), 977)]
        c.request("POST", "/count", iter(pieces), encode_chunked=True,
                  headers={"Transfer-Encoding": "chunked"})
        check(c.getresponse().read() == expected, "chunks were counted otherwise")
        c.request("POST", "/nowhere", body)  # its body is skipped
        answer = c.getresponse()
        check(answer.status == 405 and answer.getheader("Allow"), "not 405 with what is allowed")
        answer.read()
        check(c.sock is own, "the connection was not kept")
    c.close()


def pieces():
    """However a request is cut into pieces, it is the same one."""
    request = (b"POST /count HTTP/1.1\r\nhOsT: a\r\nTransfer-Encoding: chunked\r\n\r\n"
               b"3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nTrailer: of it\r\n\r\n") + GET
    expected = [(200, b"4 bytes, sum 394\n"), (200, HELLO)]
    for at in range(0, len(request), 5):
        got = [(a[0], a[2]) for a in ask(request[:at], request[at:])]
        check(got == expected, f"cut at {at}: {got}")
    got = [(a[0], a[2]) for a in ask(*(request[i:i + 1] for i in range(len(request))))]
    check(got == expected, f"byte by byte: {got}")


def pipelined():
    """A thousand requests at once: as many answers, in their order."""
    s = connect(port)
    targets = [f"/{i}" if i % 3 == 0 else "/hello" for i in range(1000)]
    requests = b"".join(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % t.encode() for t in targets)
    writer = threading.Thread(target=lambda: (s.sendall(requests), s.shutdown(socket.SHUT_WR)))
    writer.start()
    found = [a[0] for a in answers(read_all(s))]
    writer.join()
    check(found == [404 if t != "/hello" else 200 for t in targets], "other answers")
    s.close()


def versions():
    """HTTP/1.0 closes unless it is asked not to; "close" closes."""
    for head, kept in ((b"GET /hello HTTP/1.0\r\n", False),
                       (b"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n", True),
                       (b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", False),
                       (b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                        b"Upgrade: h2c\r\n", True)):
        found = ask(head + b"\r\n" + (GET if kept else b""))
        check([a[0] for a in found] == ([200, 200] if kept else [200]), f"{head}: {found}")
        closed = b"\r\nConnection: close" in found[0][1]
        check(closed != kept, f"{head}: {found[0][1]}")


def expects():
    """A client that wants to be told to go on is told so only where its body is wanted."""
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    s = connect(port)
    s.sendall(head % b"/count")
    check(s.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n", "not told to go on")
    s.sendall(b"abc")
    check(s.recv(1000).startswith(b"HTTP/1.1 200"), "not answered")
    s.sendall(head % b"/nowhere")
    check(answers(read_all(s))[0][0] == 405, "told to go on in vain")
    s.close()


def bad():
    """What is no proper request gets its status, and the connection is closed."""
    post = b"POST /count HTTP/1.1\r\nHost: a\r\n"
    chunked = post + b"Transfer-Encoding: chunked\r\n\r\n"
    long = b"x" * 20_000
    for status, request in (
            (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage"),
            (400, b"GARBAGE\r\n\r\n"),
            (400, b"GET /hello HTTP/1.1\r\n\r\n"),
            (400, b"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
            (400, b"GET /hello HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n"),
            (400, b"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
            (400, b"GET /he llo HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, b"GET /hello HTTP/7.9\r\nHost: a\r\n\r\n"),
            (505, b"GET /hello HTTP/2.0\r\nHost: a\r\n\r\n"),
            (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            (405, b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"),
            (405, b"DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, b"GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, b"GET hello HTTP/1.1\r\nHost: a\r\n\r\n"),
            (414, b"GET /" + long + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
            (431, b"GET /hello HTTP/1.1\r\nHost: a\r\nX: " + long + b"\r\n\r\n"),
            (431, b"GET /hello HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 4000 + b"\r\n"),
            (400, post + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            (400, post + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"),
            (400, post + b"Content-Length: -1\r\n\r\n"),
            (400, post + b"Content-Length: 99999999999999999999999\r\n\r\n"),
            (400, post + b"Transfer-Encoding: gzip\r\n\r\nabc"),
            (400, post + b"Content-Length: 5\r\n\r\nab"),
            (413, post + b"Content-Length: 100000001\r\n\r\n"),
            (413, post + b"Content-Length: 1000001\r\n\r\n" + long),
            (413, chunked + b"2710\r\n" + b"y" * 10_000 + b"\r\n" + b"f4240\r\n" + b"y" * 1_000_000),
            (400, chunked + b"zz\r\n"),
            (400, chunked + b"fffffffffffffffff\r\n"),
            (400, chunked + b"3\r\nabcdef\r\n"),
            (400, chunked + b"1;" + long + b"\r\na\r\n0\r\n\r\n"),
            (400, chunked + b"1\r\na\r\n0\r\n" + b"T: x\r\n" * 5000 + b"\r\n")):
        found = ask(request)
        check([a[0] for a in found] == [status], f"{request[:80]}: {found}")
        closed = b"\r\nConnection: close" in found[0][1]
        check(closed or status == 405 or b"%" in request, f"{request[:80]}: {found[0][1]}")
    check(statuses() == [], "an answer to nothing")
    check(statuses(b"\r\n\r\n" + GET) == [200], "empty lines before a request")


def impatience():
    """A head or a body that does not come on is answered with 408; silence between requests
    just ends. The server has two seconds of each."""
    cases = [(request, [408]) for request in (
        b"GET /hel", b"GET /hello HTTP/1.1\r\nHost: a\r\nX: ",
        b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")]
    cases += [(b"", []), (GET, [200])]
    clients = []
    for request, _ in cases:
        clients.append(connect(port))
        clients[-1].sendall(request)
    for s, (request, expected) in zip(clients, cases):
        found = answers(read_all(s))
        check([a[0] for a in found] == expected, f"{request}: {found}")
        s.close()
    # A byte now and then does not help a head.
    s = connect(port)
    s.sendall(b"GET /")
    s.settimeout(0.1)
    got = b""
    for _ in range(300):
        try:
            s.sendall(b"x")
            got = s.recv(1000)
            break
        except TimeoutError:
            pass
    check(b" 408 " in got, f"a head byte by byte: {got}")
    s.close()


def stalled():
    """Clients that ask for much and do not read: bounded memory, and the end of patience."""
    before, idle = memory(pid), descriptors(pid)
    request = b"GET /numbers HTTP/1.1\r\nHost: a\r\n\r\n"
    slow = []
    for _ in range(20):
        s = connect(port, small=True)
        s.sendall(request * 50)
        slow.append(s)
    until(lambda: descriptors(pid) >= idle + 15, "not all were taken")
    until(lambda: descriptors(pid) <= idle, "a client that does not read is served for ever")
    check(memory(pid) - before < 20 * 512, f"{memory(pid) - before} KiB for 20 stalled readers")
    for s in slow:
        s.close()


def full():
    """Of three connections the server, which has room for two, turns one away."""
    held = [connect(port) for _ in range(2)]
    for s in held:
        s.sendall(GET)
        check(s.recv(1000).startswith(b"HTTP/1.1 200"), "not served")
    check(statuses() == [503], "a third one was served")
    held[0].close()
    until(lambda: statuses(GET) == [200], "room was not given back")
    held[1].close()


def gone():
    """Clients that go in the middle of something leave nothing behind."""
    idle = descriptors(pid)
    for request in (b"", b"GET /hel", GET, b"GET /numbers HTTP/1.1\r\nHost: a\r\n\r\n",
                    b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nab"):
        for end in (socket.socket.close, reset):
            for _ in range(10):
                s = connect(port)
                s.sendall(request)
                end(s)
    until(lambda: descriptors(pid) <= idle, "descriptors are left")
    check(statuses(GET) == [200], "it does not go on")


def stop():
    """SIGTERM: idle connections end, a request under way is answered, nobody else gets in."""
    idle = [connect(port) for _ in range(5)]
    for s in idle[1:]:
        s.sendall(GET)
        check(s.recv(1000).endswith(HELLO), "not served")
    slow = connect(port)
    slow.sendall(b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
                 b"Expect: 100-continue\r\n\r\n")
    check(b" 100 " in slow.recv(100), "the slow one is not under way")
    slow.sendall(b"ab")
    os.kill(pid, signal.SIGTERM)
    for s in idle:
        check(read_all(s) == b"", "an idle connection was told something")
        s.close()

    def refused():
        try:
            connect(port).close()
        except OSError:
            return True
        return False

    until(refused, "it still takes connections")
    time.sleep(0.2)
    slow.sendall(b"cd" + GET)
    found = answers(read_all(slow))
    check([a[0] for a in found] == [200] and found[0][2] == b"4 bytes, sum 394\n",
          f"the slow one got {found}")
    check(b"Connection: close" in found[0][1], "it was not told that this is the end")
    slow.close()


def stubborn():
    """SIGTERM with a request that never ends: its time is up when the grace is."""
    s = connect(port)
    s.sendall(b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
              b"Expect: 100-continue\r\n\r\n")
    check(b" 100 " in s.recv(100), "not under way")
    os.kill(pid, signal.SIGTERM)
    try:
        check(read_all(s) == b"", "an answer to half a request")
    except ConnectionResetError:
        pass
    s.close()


cases = {f.__name__: f for f in (keep_alive, pieces, pipelined, versions, expects, bad,
                                 impatience, stalled, full, gone, stop, stubborn)}
for case in sys.argv[3:]:
    print(case, flush=True)
    cases[case]()
