"""chat_client.py CASE PORT PID: clients of the chat."""

import re
import socket
import sys

from peer import PATIENCE, check, connect, descriptors, memory, read_all, reset, until

case, port, pid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


class Client:
    def __init__(self, name=None, small=False):
        self.s = connect(port, small)
        self.input = self.s.makefile("rb")
        self.hears("* what is your name?")
        self.name = name
        if name:
            self.says(name)

    def says(self, text):
        self.s.sendall(text.encode() + b"\n")

    def line(self):
        return self.input.readline().decode().rstrip("\n")

    def hears(self, *texts):
        for text in texts:
            got = self.line()
            check(got == text, f"'{text}' was to come, not '{got}'")

    def ends(self):
        check(self.input.read() == b"", "the connection was to end")
        self.close()

    def close(self):
        self.input.close()
        self.s.close()

    def reset(self):
        self.input.close()
        reset(self.s)


def joined(*names):
    """Clients, each of which has heard of those that came later."""
    clients = []
    for name in names:
        client = Client(name)
        client.says("/who")
        for other in (name, *reversed([c.name for c in clients])):
            client.hears(f"* {other} is here")
        for other in clients:
            other.hears(f"* {name} joins")
        clients.append(client)
    return clients


def talk():
    """Everybody hears what the others say, all of it, in one order."""
    ann, bob, cy = joined("ann", "bob", "cy")
    ann.says("hello")
    for other in (bob, cy):
        other.hears("ann: hello")
    bob.s.sendall(b"one\r\ntwo\nthr")
    bob.s.sendall(b"ee\n\n")
    for other in (ann, cy):
        other.hears("bob: one", "bob: two", "bob: three", "bob: ")
    for byte in b"a byte at a time\n":
        cy.s.sendall(bytes([byte]))
    for other in (ann, bob):
        other.hears("cy: a byte at a time")
    cy.s.sendall(b"bad\x1b[2J\x07 things, gr\xc3\xbc\xc3\x9fe\n")
    for other in (ann, bob):
        other.hears("cy: bad?[2J? things, grüße")
    ann.says("/nick anna")
    for everybody in (ann, bob, cy):
        everybody.hears("* ann is now anna")
    ann.says("/dance")
    ann.hears("* there are /nick NAME, /who and /quit")
    ann.says("/quit")
    ann.ends()
    for other in (bob, cy):
        other.hears("* anna leaves")
    bob.s.sendall(b"no end of line")
    bob.s.shutdown(socket.SHUT_WR)
    cy.hears("bob: no end of line", "* bob leaves")
    bob.ends()
    cy.reset()


def names():
    """A name is asked for until it is a good one."""
    (ann,) = joined("ann")
    other = Client()
    for bad in ("", "x" * 21, "two words", "semi;colon", "/who", "nul\0nul"):
        other.says(bad)
        other.hears("* a name has 1 to 20 letters, digits, - and _")
    other.says("ann")
    other.hears("* ann is here already")
    other.says("x" * 20)
    ann.hears("* " + "x" * 20 + " joins")
    other.says("/nick ann")
    other.hears("* ann is here already")
    gone = Client()
    gone.reset()  # before it has a name: nobody hears of it
    other.reset()
    ann.hears("* " + "x" * 20 + " leaves")
    ann.close()


def lines():
    """A line has a limit, with and without an end."""
    ann, bob, cy = joined("ann", "bob", "cy")
    bob.says("y" * 1000)
    ann.hears("bob: " + "y" * 1000)
    bob.says("y" * 1001)
    bob.hears("* a line has at most 1000 bytes; goodbye")
    ann.hears("* bob leaves")
    before = memory(pid)
    try:
        for _ in range(1000):
            cy.s.sendall(b"garbage!" * 8192)
        sys.exit("64 MiB of a line were taken")
    except (BrokenPipeError, ConnectionResetError):
        pass
    ann.hears("* cy leaves")
    check(memory(pid) - before < 4096, "a line without end takes memory")
    for client in (ann, bob, cy):
        client.close()


def speak(talker, listener, count):
    """Says lines, a hundred at a time; the listener hears each."""
    for i in range(0, count, 100):
        for j in range(i, i + 100):
            talker.says(f"{j:08}" + "z" * 900)
        for j in range(i, i + 100):
            listener.hears(f"{talker.name}: {j:08}" + "z" * 900)


def disconnect():
    """Who never reads is disconnected; the others go on, and memory stays bounded."""
    ann, bob = joined("ann", "bob")
    before = memory(pid)
    deaf = Client("deaf", small=True)
    for other in (ann, bob):
        other.hears("* deaf joins")
    gone = False
    for _ in range(640):
        if gone:
            break
        for i in range(100):
            ann.says(f"{i:04}" + "z" * 900)
        heard = 0
        while heard < 100:
            text = bob.line()
            if text == "* deaf leaves":
                gone = True
            else:
                check(text == f"ann: {heard:04}" + "z" * 900, f"bob heard '{text[:40]}'")
                heard += 1
    check(gone, "nobody was disconnected")
    check(memory(pid) - before < 4096, "memory grew with what was not read")
    try:
        read_all(deaf.s)  # a connection that was aborted: an end or a reset
    except ConnectionResetError:
        pass
    for client in (ann, bob, deaf):
        client.close()


def drop():
    """Who does not read misses lines, and is told how many."""
    ann, bob = joined("ann", "bob")
    before = memory(pid)
    deaf = Client("deaf", small=True)
    for other in (ann, bob):
        other.hears("* deaf joins")
    count = 16000
    speak(ann, bob, count)
    check(memory(pid) - before < 4096, "memory grew with what was not read")
    # Now it reads, all there is; then one line more tells it what it has missed.
    heard = missed = 0
    deaf.s.settimeout(0.2)
    data = b""
    while heard < count:
        try:
            piece = deaf.s.recv(65536)
            check(piece, "deaf was disconnected")
            data += piece
            continue
        except TimeoutError:
            pass
        *texts, data = data.split(b"\n")
        for text in texts:
            if match := re.fullmatch(rb"ann: (\d{8})z{900}", text):
                check(int(match[1]) == heard, f"line {match[1]} came instead of {heard}")
                heard += 1
            elif match := re.fullmatch(rb"\* you missed (\d+) lines", text):
                missed += int(match[1])
                heard += int(match[1])
            else:
                sys.exit(f"deaf heard '{text[:40]}'")
        if heard < count:
            ann.says(f"{count:08}" + "z" * 900)
            bob.hears(f"ann: {count:08}" + "z" * 900)
            count += 1
    check(missed > 0, "nothing was missed")
    ann.says("bye")
    bob.hears("ann: bye")
    deaf.s.settimeout(PATIENCE)
    check(deaf.s.recv(100) == b"ann: bye\n", "something else came in the end")
    for client in (ann, bob, deaf):
        client.close()


def silent():
    """Clients that connect and say nothing are ended, and nothing is left of them."""
    idle = descriptors(pid)
    many = [connect(port) for _ in range(200)]
    for s in many:
        check(read_all(s) == b"* what is your name?\n", "it was to end")
        s.close()
    until(lambda: descriptors(pid) <= idle, "descriptors are left")


def stay():
    """Is there when the chat ends."""
    ann, bob = joined("ann", "bob")
    print("there", flush=True)
    for client in (ann, bob):
        try:
            for text in client.input:
                check(text.endswith(b" leaves\n"), f"{text} was heard")
        except ConnectionResetError:
            pass


globals()[case]()
