"""The instructions, and what each is in asyncio. `self` is a task or a callback."""

import asyncio

from outcomes import Failure, Skip, describe

MODES = {"all": asyncio.ALL_COMPLETED, "first": asyncio.FIRST_COMPLETED,
         "exception": asyncio.FIRST_EXCEPTION}

# Where the message of a cancellation is printed: where the waiting itself was cancelled.
# Of a task that ended cancelled asyncio tells its message only to who asks first.
MESSAGES = {"sleep", "get", "put", "join", "acquire", "wait", "wait_until", "reset", "abort",
            "wait_set", "next"}


def number_or_none(word):
    return None if word == "-" else int(word)


# ---- instructions that do not wait ----

def spawn(self, name):
    coroutine = self.world.body_of(name)
    self.world.born(name, self.world.loop.create_task(coroutine))


def spawn_in(self, group, name):
    scope = self.world.region(self.name, group)
    task = scope.create_task(self.world.body_of(name), name=name)
    self.world.born(name, task)


def fail(self, name, error, message=None):
    words = (error,) if message is None else (error, message)
    self.world.find(name).set_exception(Failure(*words))


def raise_(self, error, message=None):
    words = (error,) if message is None else (error, message)
    raise Failure(*words)


def reraise(self):
    raise self.caught[0]


def result(self, name):
    return self.outcome(name, self.world.find(name).result())


def exception(self, name):
    error = self.world.find(name).exception()
    return "=none" if error is None else "=" + describe(error) + self.world.parts(name, error)


def gather(self, name, mode, *names):
    futures = self.world.find_all(names)
    if not futures:
        self.world.objects[name] = asyncio.gather()
    else:
        self.world.objects[name] = asyncio.gather(
            *futures, return_exceptions=mode == "collect")
    self.world.gathers.add(name)


def shield(self, name, inner):
    self.world.objects[name] = asyncio.shield(self.world.find(inner))


def as_completed(self, name, time, *names):
    if name in self.world.objects:
        raise Skip
    futures = self.world.find_all(names)
    self.world.members[name] = list(zip(names, futures))
    self.world.objects[name] = asyncio.as_completed(futures, timeout=number_or_none(time))


def call_soon(self, name, body):
    self.world.objects[name] = self.world.loop.call_soon(self.world.callback(body))


def call_later(self, name, delay, body):
    self.world.objects[name] = self.world.loop.call_later(int(delay), self.world.callback(body))


def call_at(self, name, when, body):
    self.world.objects[name] = self.world.loop.call_at(int(when), self.world.callback(body))


def when(self, name):
    thing = self.world.objects.get(name) or self.world.region(self.name, name)
    if isinstance(thing, asyncio.Handle) and not isinstance(thing, asyncio.TimerHandle):
        return "=never"
    time = thing.when()
    return "=never" if time is None else f"={time}"


def on_done(self, name, body):
    thing = self.world.find(name)
    thing.add_done_callback(self.world.done_callback(body))


def off_done(self, name, body):
    return self.world.find(name).remove_done_callback(self.world.done_callback(body))


def task_done(self, name):
    try:
        self.world.find(name).task_done()
    except ValueError:
        raise asyncio.InvalidStateError from None  # eddy's code for it


def shutdown(self, name, immediate=None):
    self.world.find(name).shutdown(immediate == "now")


def add(self, name, number):
    self.world.objects[name] += int(number)
    return self.world.objects[name]


def reschedule(self, name, time):
    scope = self.world.region(self.name, name)
    time = number_or_none(time)
    scope.reschedule(None if time is None else self.world.loop.time() + time)


def call(method, convert=None):
    """An instruction that is a method of its first argument."""
    def instruction(self, name, *words):
        thing = self.world.find(name)
        return getattr(thing, method)(*map(convert, words) if convert else words)
    return instruction


NOW = {
    "spawn": spawn, "spawn_in": spawn_in,
    "cancel": lambda self, name, *message: self.world.find(
        self.name if name == "self" else name).cancel(*message),
    "uncancel": lambda self, name: self.world.find(
        self.name if name == "self" else name).uncancel(),
    "cancelling": lambda self, name: self.world.find(
        self.name if name == "self" else name).cancelling(),
    "done": call("done"), "cancelled": call("cancelled"),
    "result": result, "exception": exception, "set": call("set_result", int), "fail": fail,
    "gather": gather, "shield": shield, "as_completed": as_completed,
    "call_soon": call_soon, "call_later": call_later, "call_at": call_at,
    "unbook": call("cancel"), "unbooked": call("cancelled"), "when": when,
    "on_done": on_done, "off_done": off_done,
    "put_nowait": call("put_nowait", int), "get_nowait": call("get_nowait"),
    "task_done": task_done, "shutdown": shutdown, "size": call("qsize"),
    "release": call("release"), "locked": call("locked"),
    "set_event": call("set"), "clear": call("clear"), "is_set": call("is_set"),
    "notify": call("notify", int), "notify_all": call("notify_all"),
    "n_waiting": lambda self, name: self.world.find(name).n_waiting,
    "broken": lambda self, name: self.world.find(name).broken,
    "add": add, "reschedule": reschedule,
    "expired": lambda self, name: self.world.region(self.name, name).expired(),
    "note": lambda self, text: text, "raise": raise_, "reraise": reraise,
}


# ---- instructions that wait ----

async def await_(self, name):
    thing = self.world.find(self.name if name == "self" else name)
    return self.outcome(name, await thing)


async def acquire(self, name):
    await self.world.find(name).acquire()


async def wait(self, name):
    thing = self.world.find(name)
    result = await thing.wait()
    return result if isinstance(thing, asyncio.Barrier) else None


async def wait_until(self, name, variable, least):
    condition = self.world.find(name)
    await condition.wait_for(lambda: self.world.objects[variable] >= int(least))


async def wait_for(self, name, time):
    thing = self.world.find(name)
    return self.outcome(name, await asyncio.wait_for(thing, number_or_none(time)))


async def wait_set(self, mode, time, *names):
    futures = self.world.find_all(names)
    await asyncio.wait(futures, timeout=number_or_none(time), return_when=MODES[mode])
    return "=" + ",".join(n for n, f in zip(names, futures) if f.done())


async def next_(self, name):
    try:
        future = await anext(self.world.find(name))
    except StopAsyncIteration:
        return "stop"
    return "=" + next(n for n, f in self.world.members[name] if f is future)


WAITS = {
    "sleep": lambda self, time: asyncio.sleep(int(time)),
    "await": await_,
    "get": lambda self, name: self.world.find(name).get(),
    "put": lambda self, name, item: self.world.find(name).put(int(item)),
    "join": lambda self, name: self.world.find(name).join(),
    "acquire": acquire, "wait": wait, "wait_until": wait_until,
    "reset": lambda self, name: self.world.find(name).reset(),
    "abort": lambda self, name: self.world.find(name).abort(),
    "wait_for": wait_for, "wait_set": wait_set, "next": next_,
}
