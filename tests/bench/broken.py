#!/usr/bin/env python3
"""That a benchmark whose result is wrong fails and prints no figure.

    broken.py BUILD_DIRECTORY

Every workload of every program that is there is run with EDDY_BENCH_BREAK in the environment,
which takes something away from its result (the floor of the network rows spoils a byte, nginx
says something else): each has to fail, with nothing on its standard output.
"""

import os
import subprocess
import sys

import network
import scheduler
import web

COUNT = 1000


def fails_in_silence(command, backend):
    done = subprocess.run(command, env=scheduler.environment(backend), stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, timeout=120)
    return done.returncode > 0 and not done.stdout


def is_refused(measure, *arguments):
    try:
        measure(*arguments)
    except SystemExit:
        return True
    return False


def broken_processes(build, cpus):
    """(what, whether it failed) of every workload in one process."""
    programs = scheduler.Scheduler(build, "", cpus, network.Smoke, set())
    done = set()
    for row in programs.rows:
        for name, (command, backend) in programs.programs(row, COUNT).items():
            what = f"{' '.join(command)} ({backend or name})"
            if what not in done and os.path.exists(command[0]):
                done.add(what)
                yield what, fails_in_silence(command, backend)


def broken_services(build, cpus):
    echo = network.Network(build, "no row", cpus, network.Smoke, set())
    echo.milliseconds = 5
    floor = echo.path("bench_epoll_echo")
    for row in network.BROKEN if os.path.exists(floor) and len(cpus) > 1 else ():
        command = [floor] + ([row.kind] if row.kind else [])
        yield row.name, is_refused(echo.run, row, command, None)
    hello = web.Web(build, web.ROWS[0].name, cpus, network.Smoke, set())
    for row in hello.rows:
        yield row.name, is_refused(hello.run, row, hello.start_nginx)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    os.environ["EDDY_BENCH_BREAK"] = "1"
    build = os.path.abspath(sys.argv[1])
    cpus = sorted(os.sched_getaffinity(0))
    results = list(broken_processes(build, cpus)) + list(broken_services(build, cpus))
    wrong = [what for what, failed in results if not failed]
    for what in wrong:
        print("a wrong result is taken for right:", what)
    if wrong or not results:
        sys.exit(1)
    print(len(results), "wrong results, each of them found out")


main()
