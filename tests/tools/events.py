"""The events of a trace file, read without anything of the tools': lib/loop/trace_file.c says
how they are packed."""
import collections
import struct

(BEGIN, TEXT, LOOP, TASK, NAME, TURN, QUEUED, RUN, RAN, PARKED, ENDED, CANCEL, BOOKED, FIRED,
 STOPPED, POLL, POLLED, SIGNALLED, TRIED, COUNTED) = range(1, 21)
NOT_AN_EVENT = (BEGIN, TEXT, LOOP, NAME, COUNTED)

Event = collections.namedtuple("Event", "kind detail time task other value")


def signed(number):
    return number >> 1 if number % 2 == 0 else -(number + 1 >> 1)


def read(name):
    """Every event of the first loop, texts and all."""
    with open(name, "rb") as file:
        data = file.read()
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        magic, size, loop = struct.unpack_from("<4sII", data, at)
        assert magic == b"eddy" and loop == 1
        at += 12
        end, time, values = at + size, 0, [0] * 32
        while at < end:
            bits, detail = data[at], data[at + 1]
            at += 2
            kind = bits & 31
            time += signed(number()) if detail & 128 else 0
            task = number() if bits & 32 else 0
            other = number() if bits & 64 else 0
            if bits & 128:
                values[kind] = (values[kind] + signed(number())) % 2**64
            if kind == TEXT:
                at += values[kind]
            yield Event(kind, detail & 127, time, task, other, values[kind])
        assert at == end


def what_happens(name):
    return [e for e in read(name) if e.kind not in NOT_AN_EVENT]


def rank(values, at):
    return values[min(int(at * len(values)), len(values) - 1)] if values else 0
