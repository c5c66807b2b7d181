"""Runs scenarios on asyncio and prints their traces.

    python3.13 reference.py FILE ...

README.md says what the lines mean. Nothing here adds a suspension to those that the
scenario asks for: blocks are nested coroutines of one task.
"""

import asyncio
import sys

import language
from virtual_loop import TaskGroup, VirtualLoop

HORIZON = 1000      # when everything left is cancelled
REAP_EVERY = 50
REAP_ROUNDS = 10

MODES = {"all": asyncio.ALL_COMPLETED, "first": asyncio.FIRST_COMPLETED,
         "exception": asyncio.FIRST_EXCEPTION}
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


def number_or_none(word):
    return None if word == "-" else int(word)


class World:
    """What one run of a scenario knows."""

    def __init__(self, scenario):
        self.scenario = scenario
        self.loop = VirtualLoop()
        self.lines = []
        self.objects = {}
        self.members = {}   # of an as_completed: [(name, future)]
        self.gathers = set()
        self.plain = set()
        self.lost = set()   # tasks whose group error may have lost its parts
        self.done_callbacks = {}
        self.actors = {}
        self.order = []     # names of tasks as they were created
        self.rounds = 0
        self.over = False
        self.ended = {}     # name: how its body ended
        self.loop.set_exception_handler(self.heard)

    def trace(self, who, where, text):
        if not self.over:
            self.lines.append(f"{self.loop.now} {who} {where} {text}")

    def heard(self, loop, context):
        if context["message"].startswith("Exception in callback"):
            error = context["exception"]
            self.trace("-", "heard", "!" + describe(
                error, not isinstance(error, asyncio.CancelledError)))

    def find(self, name):
        if name not in self.objects:
            raise Skip
        return self.objects[name]

    def find_all(self, names):
        return [self.find(name) for name in names]

    def region(self, who, name):
        """A timeout or group: S of the task itself, or T.S."""
        if "." in name:
            who, name = name.split(".")
        actor = self.actors.get(who)
        if actor is None or name not in actor.regions:
            raise Skip
        return actor.regions[name]

    def declare(self, what, words):
        name, rest = words[0], words[1:]
        if what == "future":
            for each in words:
                self.objects[each] = self.loop.create_future()
                self.plain.add(each)
        elif what == "queue":
            kinds = {"lifo": asyncio.LifoQueue, "priority": asyncio.PriorityQueue}
            kind = asyncio.Queue
            if rest and rest[0] in kinds:
                kind = kinds[rest.pop(0)]
            self.objects[name] = kind(int(rest[0]) if rest else 0)
        elif what == "lock":
            self.objects[name] = asyncio.Lock()
        elif what == "condition":
            self.objects[name] = asyncio.Condition(self.find(rest[0]) if rest else None)
        elif what == "semaphore":
            self.objects[name] = asyncio.Semaphore(int(rest[0]))
        elif what == "bounded":
            self.objects[name] = asyncio.BoundedSemaphore(int(rest[0]))
        elif what == "barrier":
            self.objects[name] = asyncio.Barrier(int(rest[0]))
        elif what == "event":
            self.objects[name] = asyncio.Event()
        else:
            self.objects[name] = int(rest[0])

    def body_of(self, name):
        """The coroutine of a task; refused when there is such a task already."""
        if name in self.objects:
            raise Skip
        return Actor(self, name).run()

    def done_callback(self, body):
        """The same object each time, for it is found again by being equal."""
        return self.done_callbacks.setdefault(body, Callback(self, body))

    def born(self, name, task):
        self.objects[name] = task
        self.order.append(name)

    def reap(self):
        left = [name for name in self.order if not self.objects[name].done()]
        if not left or self.rounds == REAP_ROUNDS:
            self.trace("-", "over", " ".join(left) if left else "-")
            self.over = True
            self.loop.stop()
            return
        self.rounds += 1
        self.trace("-", "reap", " ".join(left))
        for name in left:
            self.objects[name].cancel()
        self.loop.call_later(REAP_EVERY, self.reap)

    def run(self):
        self.loop.call_at(HORIZON, self.reap)
        for what, words in self.scenario.declarations:
            self.declare(what, words)
        self.born("main", self.loop.create_task(self.body_of("main")))
        self.loop.run_forever()
        self.summarize()
        self.loop.close()
        return self.lines

    def parts(self, name, error):
        """What is known of the error of a future of this name."""
        known = is_group(error) and name in self.scenario.tasks and name not in self.lost
        return parts_of(error, self.lost) if known else ""

    def state(self, name):
        thing = self.objects[name]
        if not thing.done():
            return "pending"
        if thing.cancelled():
            return "!cancelled"
        error = thing.exception()
        if error is None:
            return f"={thing.result()}"
        return "!" + describe(error, False) + self.parts(name, error)

    def summarize(self):
        for name in self.scenario.tasks:
            if name in self.objects:
                task = self.objects[name]
                self.lines.append(f"{name} {self.state(name)} {task.cancelling()}")
            else:
                self.lines.append(f"{name} unborn")
        for what, words in self.scenario.declarations:
            thing = self.objects[words[0]]
            if what == "future":
                for each in words:
                    self.lines.append(f"{each} {self.state(each)}")
                continue
            if what == "queue":
                text = f"{thing.qsize()}"
            elif what == "event":
                text = "true" if thing.is_set() else "false"
            elif what == "barrier":
                text = f"{thing.n_waiting}" + (" broken" if thing.broken else "")
            elif what == "var":
                text = f"{thing}"
            else:
                text = "locked" if thing.locked() else "free"
            self.lines.append(f"{words[0]} {text}")


class Runner:
    """What a task and a callback have in common: instructions that do not wait."""

    def __init__(self, world, name):
        self.world = world
        self.name = name
        self.regions = {}
        self.caught = None
        # As eddy keeps the parts of a group's error only until the task's next error, traces
        # show them only as long: the error under way as (its parts, its number).
        self.form = ("", 0)
        self.serial = 0
        self.latest = 0  # the number of the latest error, if it was a group's

    def trace(self, where, text):
        self.world.trace(self.name, where, text)

    def say(self, instruction, result):
        if result is None:
            result = "ok"
        elif result is True or result is False:
            result = "=true" if result else "=false"
        elif type(result) is int:
            result = f"={result}"
        self.trace(instruction.line, result)

    def take(self, error, parts="", told=True):
        """An error has come up. told: by the call that failed."""
        self.latest = 0
        self.form = ("", 0)
        if is_group(error):
            self.serial += 1
            self.form = (parts, self.serial)
            if told:
                self.latest = self.serial

    def check_parts(self, error):
        """An error leaves a block or the body."""
        if is_group(error) and (self.form[1] != self.latest or not self.form[0]):
            self.world.lost.add(self.name)

    def fail(self, instruction, error):
        if instruction.op == "reraise":
            error, self.form = self.caught
        else:
            name = instruction.args[0] if instruction.args else None
            self.take(error, self.world.parts(name, error), instruction.op != "result")
        messages = instruction.op in MESSAGES or not isinstance(error, asyncio.CancelledError)
        if instruction.op in ("await", "result") and instruction.args[0] in self.world.plain:
            messages = True
        self.trace(instruction.line, "!" + describe(error, messages) + self.form[0])

    @staticmethod
    def fatal(instruction, error):
        return not instruction.maybe or isinstance(error, asyncio.CancelledError)

    def outcome(self, name, value):
        """A future's value: a gather's is a list, in which a list counts as 0."""
        if not isinstance(value, list):
            return value or 0
        if name not in self.world.gathers:
            return 0
        return "=[" + ",".join(self.item(each) for each in value) + "]"

    def item(self, value):
        if isinstance(value, BaseException):
            return "!" + describe(value, False)
        return "0" if isinstance(value, list) or value is None else str(value)

    def step(self, instruction):
        """Runs an instruction that does not wait."""
        try:
            result = NOW[instruction.op](self, *instruction.args)
        except Skip:
            result = "skip"
        except (Exception, asyncio.CancelledError) as error:
            self.fail(instruction, error)
            if self.fatal(instruction, error):
                raise
            return
        self.say(instruction, result)


class Callback(Runner):
    def __call__(self, *future):
        for instruction in self.world.scenario.callbacks[self.name]:
            if self.world.over:
                return
            self.step(instruction)


class Actor(Runner):
    """The body of a task."""

    def __init__(self, world, name):
        super().__init__(world, name)
        self.body = world.scenario.tasks[name]

    async def run(self):
        self.world.actors[self.name] = self
        try:
            signal = await self.block(self.body)
        except BaseException as error:
            if not isinstance(error, GeneratorExit):
                self.trace("end", "!" + describe(error, not isinstance(
                    error, asyncio.CancelledError)) + self.form[0])
                self.check_parts(error)
            raise
        value = signal[0] if signal else 0
        self.trace("end", f"={value}")
        return value

    async def block(self, body):
        """Runs instructions; gives [value] when `return` ended them."""
        for instruction in body:
            op = instruction.op
            if op in NOW:
                self.step(instruction)
            elif op in WAITS:
                try:
                    result = await WAITS[op](self, *instruction.args)
                except Skip:
                    result = "skip"
                except GeneratorExit:
                    raise
                except BaseException as error:
                    self.fail(instruction, error)
                    if self.fatal(instruction, error):
                        raise
                    continue
                self.say(instruction, result)
            elif op == "return":
                return [int(instruction.args[0])]
            else:
                signal = await COMPOUND[op](self, instruction)
                if signal is not None:
                    return signal
        return None

    async def repeat(self, instruction):
        for _ in range(int(instruction.args[0])):
            signal = await self.block(instruction.body)
            if signal is not None:
                return signal
        return None

    async def attempt(self, instruction):
        signal = None
        try:
            try:
                signal = await self.block(instruction.body)
            except BaseException as error:
                if isinstance(error, GeneratorExit):
                    raise
                for kind, body in instruction.handlers:
                    if matches(kind, error):
                        break
                else:
                    raise
                outer, self.caught = self.caught, (error, self.form)
                try:
                    signal = await self.block(body)
                finally:
                    self.caught = outer
        finally:
            if instruction.final is not None and not self.world.over:
                form = self.form
                last = await self.block(instruction.final)
                if last is not None:
                    return last
                self.form = form
        return signal

    async def region(self, instruction, scope, expired):
        self.regions[instruction.args[0]] = scope
        signal = None
        try:
            async with scope:
                try:
                    signal = await self.block(instruction.body)
                except BaseExceptionGroup as error:
                    self.check_parts(error)
                    raise
        except BaseException as error:
            if not isinstance(error, GeneratorExit):
                parts = ""
                if is_group(error) and instruction.op == "group":
                    error.names = scope.names + [self.name]
                    parts = parts_of(error, self.world.lost)
                self.take(error, parts)
                self.trace(instruction.line, f"left{expired()} !" + describe(
                    error, not isinstance(error, asyncio.CancelledError)) + parts)
            raise
        self.latest = 0
        self.trace(instruction.line, "left" + expired())
        return signal

    async def timeout(self, instruction):
        time = number_or_none(instruction.args[1])
        make = asyncio.timeout if instruction.op == "timeout" else asyncio.timeout_at
        scope = make(time)
        return await self.region(
            instruction, scope, lambda: " expired" if scope.expired() else "")

    async def group(self, instruction):
        return await self.region(instruction, TaskGroup(), lambda: "")


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


def callback(self, name):
    return Callback(self.world, name)


def call_soon(self, name, body):
    self.world.objects[name] = self.world.loop.call_soon(callback(self, body))


def call_later(self, name, delay, body):
    self.world.objects[name] = self.world.loop.call_later(int(delay), callback(self, body))


def call_at(self, name, when, body):
    self.world.objects[name] = self.world.loop.call_at(int(when), callback(self, body))


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

COMPOUND = {"repeat": Actor.repeat, "try": Actor.attempt, "timeout": Actor.timeout,
            "timeout_at": Actor.timeout, "group": Actor.group}

# Where the message of a cancellation is printed: where the waiting itself was cancelled.
# Of a task that ended cancelled asyncio tells its message only to who asks first.
MESSAGES = {"sleep", "get", "put", "join", "acquire", "wait", "wait_until", "reset", "abort",
            "wait_set", "next"}


def run(scenario):
    return World(scenario).run()


def print_traces(scenarios, out):
    for scenario in scenarios:
        out.write(f"trace {scenario.name}\n")
        for line in run(scenario):
            out.write(line + "\n")


def main():
    # What is left at the very end is thrown away half done.
    sys.unraisablehook = lambda *_: None
    for name in sys.argv[1:]:
        with open(name) as file:
            print_traces(language.parse(file.read()), sys.stdout)


if __name__ == "__main__":
    main()
