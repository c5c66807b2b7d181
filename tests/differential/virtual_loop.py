"""An event loop of asyncio whose time jumps, and asyncio with the freedoms decided.

The clock counts whole milliseconds, as integers: what asyncio adds and compares is exact.
"""

import asyncio
import asyncio.tasks
import heapq


class OrderedSet(dict):
    """As much of a set as asyncio needs, in the order of insertion."""

    def __init__(self, items=()):
        super().__init__((item, None) for item in items)

    def add(self, item):
        self[item] = None

    def discard(self, item):
        self.pop(item, None)

    def remove(self, item):
        del self[item]


class TimerHandle(asyncio.TimerHandle):
    """Equal deadlines in booking order: asyncio's heap leaves that open."""

    __slots__ = ("number",)

    def __lt__(self, other):
        return (self._when, self.number) < (other._when, other.number)


class Selector:
    """Nothing ever happens outside: waiting is letting time jump."""

    def __init__(self, loop):
        self.loop = loop

    def select(self, timeout):
        if timeout is None:
            raise RuntimeError("nothing can ever happen any more")
        self.loop.now += timeout
        return ()


class VirtualLoop(asyncio.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self.now = 0
        self.timers = 0
        self._clock_resolution = 0.5  # a deadline is due when it is not later than now
        self._selector = Selector(self)

    def time(self):
        return self.now

    def call_at(self, when, callback, *args, context=None):
        timer = TimerHandle(when, callback, args, self, context)
        self.timers += 1
        timer.number = self.timers
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer

    def _process_events(self, events):
        pass

    def _write_to_self(self):
        pass


class TaskGroup(asyncio.TaskGroup):
    """Cancels its children in creation order."""

    def __init__(self):
        super().__init__()
        self._tasks = OrderedSet()
        self.names = []  # of the tasks whose errors it has

    def _on_task_done(self, task):
        count = len(self._errors)
        super()._on_task_done(task)
        if len(self._errors) > count:
            self.names.append(task.get_name())


def as_completed_in_order(self, aws, timeout):
    """asyncio's, but members that are done already count in argument order."""
    self._done = asyncio.Queue()
    self._timeout_handle = None
    loop = asyncio.get_running_loop()
    todo = OrderedSet(aws)
    for future in todo:
        future.add_done_callback(self._handle_completion)
    if todo and timeout is not None:
        self._timeout_handle = loop.call_later(timeout, self._handle_timeout)
    self._todo = todo
    self._todo_left = len(todo)


asyncio.tasks._AsCompletedIterator.__init__ = as_completed_in_order
