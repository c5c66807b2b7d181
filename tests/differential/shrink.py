"""Makes a scenario that differs as short as it gets.

    python3.13 shrink.py PROGRAM FILE NAME

PROGRAM is eddy_differential. Lines and blocks are left out as long as a difference stays.
"""

import os
import subprocess
import sys
import tempfile

import language
import reference

OPENING = language.BLOCKS | {"task", "callback", "main"}


def chunks(lines):
    """What can be left out: (from, to) of each line or whole block."""
    found = []
    stack = []
    for number, line in enumerate(lines):
        words = line.split()
        if number == 0 or not words:
            continue
        if words[0] in OPENING:
            stack.append(number)
        elif words[0] == "end":
            found.append((stack.pop(), number + 1))
        else:
            found.append((number, number + 1))
    return found


def variants(lines):
    for begin, end in chunks(lines):
        yield lines[:begin] + lines[end:]
        words = lines[begin].split()
        if end - begin > 1 and words[0] in ("repeat", "timeout", "timeout_at", "group"):
            yield lines[:begin] + lines[begin + 1:end - 1] + lines[end:]


def trace_of(lines):
    try:
        return reference.run(language.parse_one(lines))
    except Exception:
        return None  # it no longer makes sense


def differing(program, candidates):
    """Those of the candidates (lists of lines) whose traces differ."""
    good = []
    with tempfile.TemporaryDirectory() as folder:
        scenarios = os.path.join(folder, "scenarios")
        traces = os.path.join(folder, "traces")
        with open(scenarios, "w") as text, open(traces, "w") as expected:
            for lines in candidates:
                trace = trace_of(lines)
                if trace is None:
                    continue
                name = f"v{len(good)}"
                text.write("\n".join([f"scenario {name}"] + lines[1:]) + "\n")
                expected.write("\n".join([f"trace {name}"] + trace) + "\n")
                good.append(lines)
        run = subprocess.run([program, "--expected", traces, scenarios],
                             capture_output=True, text=True)
    if run.returncode == 2 and len(good) > 1:  # one of them is no scenario any more
        half = len(good) // 2
        return differing(program, good[:half]) + differing(program, good[half:])
    names = {line.split()[1] for line in run.stdout.splitlines() if line.startswith("--- ")}
    return [lines for number, lines in enumerate(good) if f"v{number}" in names]


def shrink(program, lines):
    while True:
        shorter = differing(program, list(variants(lines)))
        if not shorter:
            return lines
        lines = min(shorter, key=len)


def main():
    program, path, name = sys.argv[1:4]
    sys.unraisablehook = lambda *_: None
    with open(path) as file:
        for lines in language.split(file.read()):
            if lines[0].split()[1] == name:
                print("\n".join(shrink(program, lines)))
                return
    sys.exit(f"{path} has no scenario {name}")


if __name__ == "__main__":
    main()
