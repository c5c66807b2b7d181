"""What the figures were made on and with, and who else was using it."""

import datetime
import glob
import os
import platform
import re
import resource
import shutil
import subprocess
import sys

USUAL_MAPPINGS = 65530  # the kernel's default of vm.max_map_count
BUSY = 0.05  # of the machine used by others, or taken by the host: worth a warning

PACKAGES = ("libuv1", "libev4", "libevent-core-2.1-7", "libst1", "libpth20", "libasio-dev",
            "libboost-context1.74.0", "libboost-fiber1.74.0", "librust-tokio-dev",
            "python3-uvloop", "wrk", "libssl3")


def output_of(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=60)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def first_line(*command):
    return output_of(*command).split("\n")[0]


def python_with(module, candidates):
    """The first of these interpreters that has the module, or None."""
    for candidate in candidates:
        path = shutil.which(candidate)
        if path is None:
            continue
        found = subprocess.run([path, "-c", "import " + module], stderr=subprocess.DEVNULL)
        if found.returncode == 0:
            return path
    return None


def find_pythons():
    """The interpreters of asyncio and uvloop: the newest CPython there is for the one."""
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    newest = sorted(glob.glob(root + "/versions/3.13.*/bin/python"))
    return {"asyncio": python_with("asyncio", ["python3.13"] + newest + [sys.executable]),
            "uvloop": python_with("uvloop", [sys.executable, "/usr/bin/python3"])}


def find_nginx(build):
    path = os.environ.get("PATH", "") + ":/usr/sbin:" + os.path.join(build, "nginx/usr/sbin")
    return shutil.which("nginx", path=path)


def available_memory():
    """Bytes; 0 where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="utf-8") as file:
            return next(int(line.split()[1]) << 10 for line in file if "MemAvailable" in line)
    except (OSError, StopIteration):
        return 0


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def versions(build):
    """Of whatever was measured, as far as it can be asked."""
    here = os.path.dirname(os.path.abspath(__file__))
    result = {"eddy": first_line("git", "-C", here, "describe", "--always", "--dirty"),
              "cc": first_line("cc", "--version"),
              "go": first_line("go", "version"),
              "node": first_line("node", "--version"),
              "rustc": first_line("/usr/bin/rustc", "--version")}
    nginx = find_nginx(build)
    if nginx:
        result["nginx"] = first_line(nginx, "-v")
    for loop, interpreter in find_pythons().items():
        if interpreter:
            code = f"import sys, {loop} as l; print('CPython', sys.version.split()[0], " \
                   "getattr(l, '__version__', ''))"
            result[loop] = first_line(interpreter, "-c", code)
    for line in output_of("dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Abbrev}\n",
                          *PACKAGES).split("\n"):
        words = line.split()
        if len(words) == 3 and words[2].startswith("ii"):
            result[re.sub(r"^lib|(-dev)$", "", words[0])] = words[1]
    return {name: text for name, text in sorted(result.items()) if text}


def most_mappings():
    try:
        with open("/proc/sys/vm/max_map_count", encoding="ascii") as file:
            return int(file.read())
    except OSError:
        return None


def describe(build):
    return {"system": platform.platform(), "processor": processor(),
            "processors": len(os.sched_getaffinity(0)),
            "max_map_count": most_mappings(),
            "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "versions": versions(build)}


class Watch:
    """Who used the processors since it was made: we, others, the host (stolen time)."""

    def __init__(self):
        self.before = self.now()

    @staticmethod
    def now():
        with open("/proc/stat", encoding="ascii") as file:
            fields = [int(word) for word in file.readline().split()[1:9]]
        tick = os.sysconf("SC_CLK_TCK")
        user, nice, system, idle, wait, hard, soft, stolen = (value / tick for value in fields)
        ours = 0
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
            used = resource.getrusage(who)
            ours += used.ru_utime + used.ru_stime
        busy = user + nice + system + hard + soft
        return {"busy": busy, "all": busy + idle + wait + stolen, "stolen": stolen,
                "ours": ours}

    def shares(self):
        now = self.now()
        used = {name: now[name] - self.before[name] for name in now}
        whole = max(used["all"], 0.01)
        others = max(0, used["busy"] - used["ours"])
        return {"others": round(others / whole, 3), "stolen": round(used["stolen"] / whole, 3)}


def is_busy(shares):
    return shares["others"] > BUSY or shares["stolen"] > BUSY


def say_shares(shares):
    return f"others used {shares['others']:.0%} of it" + (
        f", the host took {shares['stolen']:.0%}" if shares["stolen"] >= 0.01 else "")
