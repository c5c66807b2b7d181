"""Runs scenarios on asyncio and prints their traces.

    python3.13 reference.py FILE ...

README.md says what the lines mean. Nothing here adds a suspension to those that the
scenario asks for: blocks are nested coroutines of one task.
"""

import asyncio
import sys

import language
from instructions import MESSAGES, NOW, WAITS, number_or_none
from outcomes import Skip, describe, is_group, matches, parts_of
from virtual_loop import TaskGroup, VirtualLoop

HORIZON = 1000      # when everything left is cancelled
REAP_EVERY = 50
REAP_ROUNDS = 10


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

    def callback(self, body):
        return Callback(self, body)

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


COMPOUND = {"repeat": Actor.repeat, "try": Actor.attempt, "timeout": Actor.timeout,
            "timeout_at": Actor.timeout, "group": Actor.group}


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
