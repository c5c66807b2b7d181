"""Makes random scenarios.

    python3 generate.py COUNT SEED [PREFIX [KIND,KIND,...]]

Every scenario ends: loops are bounded, and at the horizon everything left is cancelled. No
task waits, not even through a gather, for itself or one that was declared before it: where tasks
wait for one another in a ring, CPython's cancel() recurses until it fails, and one that awaited
itself cannot be awaited by anyone after that.
"""

import random
import sys

ERRORS = ("A", "B", "C", "D")
KINDS = ("lock", "event", "condition", "semaphore", "barrier", "queue", "future", "gather",
         "wait", "shield", "as_completed", "timeout", "group", "callback")


class Maker:
    def __init__(self, rng, name, kinds, must):
        self.rng = rng
        self.lines = [f"scenario {name}"]
        self.depth = 1
        self.serial = 0
        self.slots = []      # (name, kind, rank) of what other instructions can name
        self.scopes = []     # TASK.NAME of timeouts
        self.groups = []     # TASK.NAME
        self.holding = []    # what the instructions under way have acquired
        self.focused = rng.random() < 0.6  # many tasks around few objects
        count = rng.randint(1, min(2 if self.focused else 4, len(kinds)))
        self.theme = rng.sample(kinds, count)
        if must is not None and must not in self.theme:
            self.theme[0] = must
        self.tasks = [f"t{i}" for i in range(rng.randint(3 if self.focused else 1, 5))]
        left_out = 0.7 if "group" in self.theme else 0.1 if self.focused else 0.3
        self.unspawned = [task for task in self.tasks if self.chance(left_out)]
        self.declare()

    def say(self, *words):
        self.lines.append("  " * self.depth + " ".join(str(word) for word in words))

    def fresh(self, letter):
        self.serial += 1
        return f"{letter}{self.serial}"

    def chance(self, probability):
        return self.rng.random() < probability

    def delay(self):
        return self.rng.choice((0, 0, 0, 1, 1, 2, 3, 5, 5, 8, 10, 20, -1))

    def limit(self):
        return self.rng.choice((0, 0, 1, 2, 3, 5, 5, 10, 20, "-"))

    def message(self):
        return (self.rng.choice(("m", "n", "o")),) if self.chance(0.3) else ()

    def declare(self):
        rng = self.rng
        self.futures = [f"f{i}" for i in range(rng.randint(1, 3))]
        self.say("future", *self.futures)
        self.objects = {kind: [] for kind in KINDS}
        if "lock" in self.theme:
            self.add("lock", rng.randint(1, 2))
        if "condition" in self.theme:
            if not self.objects["lock"] and self.chance(0.4):
                self.add("lock", 1)
            lock = self.objects["lock"] and self.chance(0.5)
            self.add("condition", 1, self.objects["lock"][0] if lock else None)
            self.say("var", "v", 0)
        if "event" in self.theme:
            self.add("event", rng.randint(1, 2))
        if "semaphore" in self.theme:
            name = "s0"
            self.say(rng.choice(("semaphore", "bounded")), name, rng.randint(0, 2))
            self.objects["semaphore"].append(name)
        if "barrier" in self.theme:
            self.say("barrier", "b0", rng.randint(1, 3))
            self.objects["barrier"].append("b0")
        if "queue" in self.theme:
            # Mostly getters, mostly putters, or both alike: who is too many has to wait.
            self.common = rng.choice(("get", "put", None)) if self.focused else None
            for i in range(1 if self.common else rng.randint(1, 2)):
                order = rng.choice(((), (), ("lifo",), ("priority",)))
                most = rng.randint(1, 2) if self.common == "put" else rng.randint(0, 3)
                self.say("queue", f"q{i}", *order, most)
                self.objects["queue"].append(f"q{i}")

    def add(self, kind, count, *more):
        for i in range(count):
            name = f"{kind[0]}{kind[1]}{i}"
            self.say(kind, name, *[word for word in more if word])
            self.objects[kind].append(name)

    def task(self, rank):
        """A task that one of this rank may wait for, or None."""
        later = self.tasks[rank:]
        return self.rng.choice(later) if later else None

    def any_task(self):
        return self.rng.choice(self.tasks + ["main"])

    def awaitable(self, rank):
        """Something that a task of this rank may wait for."""
        choices = list(self.futures) + self.tasks[rank:] * 2
        choices += [name for name, kind, least in self.slots
                    if kind == "future" and least >= rank] * 2
        return self.rng.choice(choices)

    def members(self, rank, least, most):
        return [self.awaitable(rank) for _ in range(self.rng.randint(least, most))]

    def rank_of(self, name):
        if name in self.tasks:
            return self.tasks.index(name)
        for slot, _, rank in self.slots:
            if slot == name:
                return rank
        return len(self.tasks) + 1

    def add_slot(self, name, kind, names):
        rank = min((self.rank_of(each) for each in names), default=len(self.tasks) + 1)
        self.slots.append((name, kind, rank))

    # ---- instructions that need no task ----

    def plain(self, context):
        """One instruction that does not wait; context: the rank, None in a callback."""
        choices = [self.cancel, self.cancel, self.look, self.complete, self.complete, self.spawn]
        if self.focused and any(kind in self.PLAIN for kind in self.theme):
            choices = [self.cancel]
        for kind in self.theme:
            choices += self.PLAIN.get(kind, []) * 3
        choice = self.rng.choice(choices)
        if isinstance(choice, str):
            choice = getattr(self, choice)
        choice(context)

    def cancel(self, context):
        if self.focused and self.chance(0.8):
            self.say("cancel", self.rng.choice(self.tasks), *self.message())
            return
        self.say("cancel", self.rng.choice((
            self.any_task(), self.any_task(), self.anything())), *self.message())

    def anything(self):
        names = self.futures + self.tasks
        return self.rng.choice(names + [n for n, kind, _ in self.slots if kind == "future"])

    def look(self, context):
        word = self.rng.choice(("done", "cancelled", "cancelling", "uncancel", "uncancel"))
        if word in ("cancelling", "uncancel"):
            self.say(word, self.any_task())
        else:
            self.say(word, self.anything())

    def complete(self, context):
        future = self.rng.choice(self.futures)
        if self.chance(0.7):
            self.guarded("set", future, self.rng.randint(1, 9))
        else:
            self.guarded("fail", future, self.rng.choice(ERRORS), *self.message())

    def guarded(self, *words):
        """An instruction that may well fail; mostly that does not matter."""
        self.say(*(("maybe",) if self.chance(0.8) else ()), *words)

    def spawn(self, context):
        if self.unspawned:
            self.say("spawn", self.rng.choice(self.unspawned))

    def plain_lock(self, context):
        self.guarded("release", self.rng.choice(self.objects["lock"]))

    def plain_locked(self, context):
        names = self.objects["lock"] + self.objects["semaphore"] + self.objects["condition"]
        self.say("locked", self.rng.choice(names))

    def plain_event(self, context):
        self.say(self.rng.choice(("set_event", "set_event", "clear", "is_set")),
                 self.rng.choice(self.objects["event"]))

    def plain_semaphore(self, context):
        self.guarded("release", self.rng.choice(self.objects["semaphore"]))

    def plain_condition(self, context):
        word = self.rng.choice((("notify", self.rng.randint(0, 3)), ("notify_all",),
                                ("release",), ("add",)))
        name = self.objects["condition"][0]
        if word[0] == "add":
            self.say("add", "v", self.rng.randint(1, 2))
        else:
            self.guarded(word[0], name, *word[1:])

    def plain_barrier(self, context):
        self.say(self.rng.choice(("n_waiting", "broken")), "b0")

    def plain_queue(self, context):
        queue = self.rng.choice(self.objects["queue"])
        word = self.rng.choice(("put_nowait", "put_nowait", "get_nowait", "get_nowait",
                                "task_done", "size", "shutdown"))
        if self.common and self.chance(0.5):
            word = "put_nowait" if self.common == "get" else "get_nowait"
        if word == "put_nowait":
            self.guarded(word, queue, self.rng.randint(1, 9))
        elif word in ("get_nowait", "task_done"):
            self.guarded(word, queue)
        elif word == "size":
            self.say(word, queue)
        elif self.chance(0.3):
            self.say(word, queue, *self.rng.choice(((), ("now",))))

    def plain_read(self, context):
        self.guarded(self.rng.choice(("result", "exception")), self.anything())

    def plain_gather(self, context):
        rank = 0 if context is None else context
        name = self.fresh("g")
        names = self.members(rank, 0, 4)
        self.say("gather", name, self.rng.choice(("raise", "collect")), *names)
        self.add_slot(name, "future", names)

    def plain_shield(self, context):
        rank = 0 if context is None else context
        name = self.fresh("h")
        inner = self.awaitable(rank)
        self.say("shield", name, inner)
        self.add_slot(name, "future", [inner])

    def plain_as_completed(self, context):
        rank = 0 if context is None else context
        name = self.fresh("k")
        names = list(dict.fromkeys(self.members(rank, 0, 4)))
        self.say("as_completed", name, self.limit(), *names)
        self.slots.append((name, "completions", rank))

    def plain_callback(self, context):
        word = self.rng.choice(("call_soon", "call_later", "call_at", "on_done", "off_done",
                                "unbook", "unbooked", "when", "on_done"))
        # One callback books only later ones, or they would go on for ever.
        first = 0 if self.inside_callback is None else self.inside_callback + 1
        if first == len(self.callbacks):
            return
        callback = self.rng.choice(self.callbacks[first:])
        handles = [name for name, kind, _ in self.slots if kind == "handle"]
        if word in ("on_done", "off_done"):
            self.say(word, self.anything(), callback)
        elif word in ("unbook", "unbooked", "when"):
            if handles:
                self.say(word, self.rng.choice(handles))
        else:
            name = self.fresh("c")
            time = () if word == "call_soon" else (self.delay(),)
            self.say(word, name, *time, callback)
            self.slots.append((name, "handle", 0))

    def plain_timeout(self, context):
        """Something with the scope of another task."""
        if self.scopes:
            scope = self.rng.choice(self.scopes)
            if self.chance(0.5):
                self.guarded("reschedule", scope, self.limit())
            else:
                self.say(self.rng.choice(("expired", "when")), scope)

    def plain_group(self, context):
        if self.groups:
            self.guarded("spawn_in", self.rng.choice(self.groups), self.rng.choice(self.tasks))

    PLAIN = {
        "timeout": ["plain_timeout"], "group": ["plain_group"],
        "lock": ["plain_lock", "plain_locked"], "event": ["plain_event", "plain_event"],
        "semaphore": ["plain_semaphore", "plain_locked"],
        "condition": ["plain_condition", "plain_condition"],
        "barrier": ["plain_barrier"], "queue": ["plain_queue", "plain_queue"],
        "future": ["plain_read"], "gather": ["plain_gather"], "shield": ["plain_shield"],
        "as_completed": ["plain_as_completed"], "callback": ["plain_callback"] * 2,
    }

    def waiting(self, rank):
        """One instruction that waits."""
        choices = ["wait_sleep"] * 3 + ["wait_await"] * 2
        if self.focused and any(kind in self.WAITING for kind in self.theme):
            choices = []
        for kind in self.theme:
            choices += self.WAITING.get(kind, []) * 3
        getattr(self, self.rng.choice(choices))(rank)

    def wait_sleep(self, _):
        self.say("sleep", self.delay())

    def wait_await(self, rank):
        self.say(*(("maybe",) if self.chance(0.4) else ()), "await", self.awaitable(rank))

    def wait_lock(self, rank):
        lock = self.free("lock")
        if lock is None:
            self.wait_sleep(rank)
            return
        self.say("acquire", lock)
        if self.chance(0.8):
            self.held(rank, lock)

    def free(self, kind):
        """One that the task does not have (mostly: to wait for oneself is for ever)."""
        names = [name for name in self.objects[kind]
                 if name not in self.holding or self.chance(0.05)]
        return self.rng.choice(names) if names else None

    def held(self, rank, name):
        """What runs while something is held that a finally gives back."""
        self.say("try")
        self.depth += 1
        self.holding.append(name)
        if self.focused and self.chance(0.7):
            self.say("sleep", self.rng.choice((0, 0, 1, 2)))
        else:
            self.some(rank, 1, 2)
        self.holding.pop()
        self.depth -= 1
        self.say("finally")
        self.depth += 1
        self.say("release", name)
        self.depth -= 1
        self.say("end")

    def wait_event(self, rank):
        self.say("wait", self.rng.choice(self.objects["event"]))

    def wait_semaphore(self, rank):
        name = self.free("semaphore")
        if name is None:
            self.wait_sleep(rank)
            return
        self.say("acquire", name)
        if self.chance(0.7):
            self.held(rank, name)

    def wait_condition(self, rank):
        name = self.free("condition")
        if name is None or self.chance(0.05):
            self.guarded("wait", self.objects["condition"][0])
            return
        self.say("acquire", name)
        self.say("try")
        self.depth += 1
        self.holding.append(name)
        what = self.rng.choice(("wait", "wait", "until", "notify", "some"))
        if what == "wait":
            self.say("wait", name)
        elif what == "until":
            self.say("wait_until", name, "v", self.rng.randint(1, 3))
        elif what == "notify":
            self.say("add", "v", 1)
            self.say("notify", name, self.rng.randint(1, 3))
        elif self.focused and self.chance(0.7):
            self.say("sleep", self.rng.choice((0, 0, 1, 2)))
        else:
            self.some(rank, 1, 2)
        self.holding.pop()
        self.depth -= 1
        self.say("finally")
        self.depth += 1
        self.say("release", name)
        self.depth -= 1
        self.say("end")

    def wait_barrier(self, rank):
        self.guarded(self.rng.choice(("wait",) * 6 + ("reset", "abort")), "b0")

    def wait_queue(self, rank):
        queue = self.rng.choice(self.objects["queue"])
        words = ("get", "get", "put", "put", "join")
        word = self.common if self.common and self.chance(0.8) else self.rng.choice(words)
        self.guarded(word, queue, *((self.rng.randint(1, 9),) if word == "put" else ()))

    def wait_composed(self, rank):
        self.plain_gather(rank) if "gather" in self.theme else self.plain_shield(rank)
        self.say("await", self.slots[-1][0])

    def wait_wait(self, rank):
        names = list(dict.fromkeys(self.members(rank, 1, 4)))
        mode = self.rng.choice(("all", "first", "exception"))
        self.guarded("wait_set", mode, self.limit(), *names)

    def wait_wait_for(self, rank):
        self.guarded("wait_for", self.awaitable(rank), self.limit())

    def wait_next(self, rank):
        names = [name for name, kind, least in self.slots
                 if kind == "completions"]
        if not names:
            self.plain_as_completed(rank)
            names = [self.slots[-1][0]]
        self.guarded("next", self.rng.choice(names))

    WAITING = {
        "lock": ["wait_lock"] * 2, "event": ["wait_event"], "semaphore": ["wait_semaphore"] * 2,
        "condition": ["wait_condition"] * 2, "barrier": ["wait_barrier"] * 2,
        "queue": ["wait_queue"] * 2, "gather": ["wait_composed"], "shield": ["wait_composed"],
        "future": ["wait_await", "wait_wait_for"], "wait": ["wait_wait", "wait_wait_for"],
        "as_completed": ["wait_next"] * 2,
    }

    def some(self, rank, least=1, most=4):
        for _ in range(self.rng.randint(least, most)):
            self.one(rank)

    def one(self, rank):
        roll = self.rng.random()
        if self.depth < 4 and roll < 0.16:
            self.block_try(rank)
        elif self.depth < 4 and roll < 0.26 and "timeout" in self.theme:
            self.block_timeout(rank)
        elif self.depth < 5 and roll < 0.40 and "group" in self.theme:
            self.block_group(rank)
        elif self.depth < 3 and roll < 0.44:
            self.say("repeat", self.rng.randint(2, 3))
            self.inside(rank, 1, 2)
            self.say("end")
        elif roll < 0.465:
            self.say("raise", self.rng.choice(ERRORS), *self.message())
        elif roll < 0.475:
            self.say("return", self.rng.randint(0, 9))
        elif roll < 0.78:
            self.waiting(rank)
        else:
            self.plain(rank)

    def inside(self, rank, least=1, most=2):
        self.depth += 1
        self.some(rank, least, most)
        self.depth -= 1

    def block_try(self, rank):
        self.say("try")
        self.inside(rank)
        handlers = self.rng.choice((("cancelled",), ("any",), ("all",), ("cancelled", "any"),
                                    ("timeout",), ("group", "cancelled"), ("A", "all"), ()))
        for kind in handlers:
            self.say("except", kind)
            if self.chance(0.4):
                self.inside(rank, 1, 1)
            if self.chance(0.25):
                self.depth += 1
                self.say("reraise")
                self.depth -= 1
        if not handlers or self.chance(0.2):
            self.say("finally")
            self.inside(rank, 1, 1)
        self.say("end")

    def block_timeout(self, rank):
        name = self.region("s", self.scopes)
        if name is None:
            return
        if self.chance(0.8):
            self.say("timeout", name, self.limit())
        else:
            self.say("timeout_at", name, self.rng.randint(0, 30))
        self.depth += 1
        self.some(rank, 1, 3)
        if self.chance(0.3):
            self.guarded("reschedule", name, self.limit())
        if self.chance(0.2):
            self.say(self.rng.choice(("expired", "when")), name)
        self.some(rank, 0, 1)
        self.depth -= 1
        self.say("end")

    def region(self, letter, known):
        if self.regions >= 8:
            return None
        self.regions += 1
        name = f"{letter}c{self.regions}"
        known.append(f"{self.owner}.{name}")
        return name

    def block_group(self, rank):
        later = self.tasks[rank:]
        name = self.region("g", self.groups) if later else None
        if name is None:
            return
        self.say("group", name)
        self.depth += 1
        for _ in range(self.rng.randint(0, 3)):
            self.guarded("spawn_in", name, self.rng.choice(later))
            if self.chance(0.4):
                self.one(rank)
        self.some(rank, 0, 2)
        self.depth -= 1
        self.say("end")

    def make(self):
        self.regions = 0
        self.callbacks = []
        if "callback" in self.theme:
            names = [f"cb{i}" for i in range(self.rng.randint(1, 3))]
            self.callbacks = names
            for self.inside_callback, name in enumerate(names):
                self.say("callback", name)
                self.depth += 1
                for _ in range(self.rng.randint(1, 3)):
                    self.plain(None)
                self.depth -= 1
                self.say("end")
        self.inside_callback = None
        # Bodies from the last task on, so that what they make can be named before them.
        for rank in reversed(range(len(self.tasks))):
            self.body(f"task {self.tasks[rank]}", rank + 1)
        self.main()
        return "\n".join(self.lines) + "\n"

    def round(self, rank):
        """What a task of a focused scenario does again and again."""
        careful = self.chance(0.3)
        if careful:
            self.say("try")
            self.depth += 1
        roll = self.rng.random()
        if roll < 0.6:
            self.waiting(rank)
        elif roll < 0.75:
            self.say("sleep", self.rng.choice((0, 0, 1, 2)))
        elif roll < 0.93:
            self.plain(rank)
        else:
            self.one(rank)
        if careful:
            self.depth -= 1
            self.say("except", "cancelled")
            self.say("end")

    def rounds(self, rank):
        self.depth += 1
        repeated = self.chance(0.4)
        if repeated:
            self.say("repeat", 2)
            self.depth += 1
        for _ in range(self.rng.randint(1, 3)):
            self.round(rank)
        if repeated:
            self.depth -= 1
            self.say("end")
        self.depth -= 1

    def body(self, head, rank):
        self.regions = 0
        self.owner = self.tasks[rank - 1]
        self.say(head)
        if self.focused:
            self.rounds(rank)
        else:
            self.inside(rank, 2, 4)
        if self.chance(0.4):
            self.depth += 1
            self.say("return", self.rng.randint(1, 9))
            self.depth -= 1
        self.say("end")

    def main(self):
        self.regions = 0
        self.owner = "main"
        self.say("main")
        self.depth += 1
        for task in self.tasks:
            if task not in self.unspawned:
                self.say("spawn", task)
            if self.chance(0.15 if self.focused else 0.3):
                self.say("sleep", self.rng.choice((0, 0, 1)))
        # What shakes the others: cancellations and completions at various moments.
        for _ in range(self.rng.randint(3, 10) if self.focused else self.rng.randint(1, 4)):
            if self.chance(0.4 if self.focused else 0.7):
                self.say("sleep", self.rng.choice((0, 0, 0, 1, 1, 2, 5)))
            if self.chance(0.35 if self.focused else 0.6):
                self.cancel(0)
            else:
                self.plain(0)
        if not self.focused:
            self.some(0, 0, 3)
        self.depth -= 1
        self.say("end")


def make(seed, name, kinds=KINDS, must=None):
    """The scenario of that seed; `must`: a kind of object that occurs in it."""
    return Maker(random.Random(seed), name, kinds, must).make()


def main():
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    prefix = sys.argv[3] if len(sys.argv) > 3 else "r"
    kinds = sys.argv[4].split(",") if len(sys.argv) > 4 else KINDS
    for i in range(seed, seed + count):
        sys.stdout.write(make(i, f"{prefix}{i}", kinds))


if __name__ == "__main__":
    main()
