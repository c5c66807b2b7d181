"""Errors as scenarios see them."""

import asyncio

NAMES = {asyncio.InvalidStateError: "state", asyncio.QueueEmpty: "empty",
         asyncio.QueueFull: "full", asyncio.QueueShutDown: "shutdown",
         asyncio.BrokenBarrierError: "broken", TimeoutError: "timeout",
         RuntimeError: "runtime", ValueError: "value"}


class Failure(Exception):
    """An error of the scenario's own: its name, perhaps a message."""


class Skip(Exception):
    """The instruction names something that is not there yet."""


def describe(error, messages=True):
    if isinstance(error, asyncio.CancelledError):
        message = error.args[0] if messages and error.args else None
        return "cancelled" + (f":{message}" if message else "")
    if isinstance(error, Failure):
        return ":".join(error.args if messages else error.args[:1])
    if is_group(error):
        return "group"
    return NAMES[type(error)]


def is_group(error):
    return isinstance(error, BaseExceptionGroup)


def parts_of(error, lost):
    """The errors of a group's error, as text; `lost` are the tasks whose are not known."""
    texts = []
    for name, part in zip(error.names, error.exceptions):
        inner = parts_of(part, lost) if is_group(part) and name not in lost else ""
        texts.append(describe(part, False) + inner)
    return "(" + ",".join(texts) + ")"


def matches(kind, error):
    if kind == "all":
        return True
    if kind == "any":
        return isinstance(error, Exception)
    return describe(error, False) == kind
