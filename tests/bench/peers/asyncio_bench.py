"""asyncio of CPython: the model that eddy follows, workload by workload.

    asyncio_bench.py asyncio|uvloop WORKLOAD COUNT
"""

import asyncio
import os
import random
import resource
import sys
import time


def check(right, what):
    if not right:
        sys.exit("wrong result: " + what)


# What a result lacks when it is to be wrong: see broken.py.
LOST = 1 if "EDDY_BENCH_BREAK" in os.environ else 0


def report(name, seconds, operations):
    print(f"{name} {seconds * 1e9 / operations:.3f}")


async def yield_often(turns):
    for _ in range(turns):
        await asyncio.sleep(0)
    return turns


async def run_yield(tasks, turns):
    all_tasks = [asyncio.create_task(yield_often(turns)) for _ in range(tasks)]
    begun = time.perf_counter()
    total = sum([await task for task in all_tasks])
    taken = time.perf_counter() - begun
    check(total - LOST == tasks * turns, "yields")
    report("ns", taken, total)


async def one():
    return 1


async def one_later():
    await asyncio.sleep(0)
    return 1


async def create(count):
    begun = time.perf_counter()
    total = 0
    for _ in range(count):
        total += await asyncio.create_task(one())
    taken = time.perf_counter() - begun
    check(total - LOST == count, "each task ran once")
    report("ns", taken, count)


async def many(count, body):
    warm = float("inf")
    for round_ in range(3):
        begun = time.perf_counter()
        tasks = [asyncio.create_task(body()) for _ in range(count)]
        total = sum([await task for task in tasks])
        taken = time.perf_counter() - begun
        check(total - LOST == count, "each task ran once")
        if round_ == 0:
            report("cold", taken, count)
        else:
            warm = min(warm, taken)
    report("warm", warm, count)


async def put_all(queue, items):
    for i in range(items):
        await queue.put(i)


async def run_queue(items, capacity):
    queue = asyncio.Queue(capacity)
    begun = time.perf_counter()
    producer = asyncio.create_task(put_all(queue, items))
    for i in range(items):
        check(await queue.get() - LOST == i, "items in order")
    taken = time.perf_counter() - begun
    await producer
    report("ns", taken, items)


def run_chains(chains, turns):
    loop = asyncio.new_event_loop()
    left = [turns] * chains
    ran = 0
    unfinished = chains

    def again(i):
        nonlocal ran, unfinished
        ran += 1
        left[i] -= 1
        if left[i]:
            loop.call_soon(again, i)
            return
        unfinished -= 1
        if not unfinished:
            loop.stop()

    for i in range(chains):
        loop.call_soon(again, i)
    begun = time.perf_counter()
    loop.run_forever()
    taken = time.perf_counter() - begun
    check(ran - LOST == chains * turns, "each callback ran")
    report("ns", taken, ran)


def run_timers(count, what):
    loop = asyncio.new_event_loop()
    ran = 0

    def fire():
        nonlocal ran
        ran += 1
        if ran == count:
            loop.stop()

    delays = [random.random() for _ in range(count)]
    base = loop.time() + (0 if what == "fire" else 3600)
    begun = time.perf_counter()
    handles = [loop.call_at(base + delay, fire) for delay in delays]
    taken = time.perf_counter() - begun
    if what == "fire":
        time.sleep(1.01)
    begun = time.perf_counter()
    if what == "fire":
        loop.run_forever()
    else:
        for handle in handles:
            handle.cancel()
    if what != "insert":
        taken += time.perf_counter() - begun
    cancelled = sum(handle.cancelled() for handle in handles)
    check(ran - LOST == (count if what == "fire" else 0), "timers fired")
    check(cancelled == (0 if what == "fire" else count), "timers cancelled")
    report("ns", taken, count)


async def sleep_long():
    await asyncio.sleep(3600)


def resident():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


async def parked(count):
    tasks = [None] * count
    before = resident()
    for i in range(count):
        tasks[i] = asyncio.create_task(sleep_long())
    await asyncio.sleep(0)
    taken = resident() - before
    asleep = sum(task.get_coro().cr_await is not None for task in tasks)
    check(asleep - LOST == count, "every task is parked")
    print(f"bytes {taken / count:.3f}", flush=True)
    os._exit(0)  # a million cancellations take a while


WORKLOADS = {
    "yield_2": lambda n: asyncio.run(run_yield(2, n // 2 + 1)),
    "yield_10k": lambda n: asyncio.run(run_yield(10000, n // 10000 + 1)),
    "create": lambda n: asyncio.run(create(n)),
    "many": lambda n: asyncio.run(many(n, one)),
    "many_block": lambda n: asyncio.run(many(n, one_later)),
    "queue_1": lambda n: asyncio.run(run_queue(n, 1)),
    "queue_64": lambda n: asyncio.run(run_queue(n, 64)),
    "chain_1": lambda n: run_chains(1, n),
    "chain_1000": lambda n: run_chains(1000, n // 1000 + 1),
    "timer_insert": lambda n: run_timers(n, "insert"),
    "timer_fire": lambda n: run_timers(n, "fire"),
    "timer_cancel": lambda n: run_timers(n, "cancel"),
    "parked": lambda n: asyncio.run(parked(n)),
}

if len(sys.argv) != 4 or sys.argv[2] not in WORKLOADS:
    sys.exit("usage: asyncio_bench.py asyncio|uvloop WORKLOAD COUNT; workloads: " +
             " ".join(WORKLOADS))
if sys.argv[1] == "uvloop":
    import uvloop
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
WORKLOADS[sys.argv[2]](int(sys.argv[3]))
