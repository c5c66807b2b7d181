"""Fresh random scenarios on asyncio and on eddy.

    python3.13 fresh.py PROGRAM COUNT SEED [JOBS [KIND,KIND,...]]

PROGRAM is eddy_differential; the kinds of objects are those of generate.py. Differences are shown with the scenario made as short as it gets
(the first few); the last line counts them.
"""

import concurrent.futures
import io
import os
import subprocess
import sys
import tempfile

import generate
import language
import reference
import shrink

BATCH = 500
SHOWN = 3
TIME = 300      # seconds that a batch may take


def compare(program, texts):
    """The names of the scenarios that differ, or None when the program broke down."""
    out = io.StringIO()
    reference.print_traces([language.parse(text)[0] for text in texts], out)
    with tempfile.TemporaryDirectory() as folder:
        scenarios = os.path.join(folder, "scenarios")
        traces = os.path.join(folder, "traces")
        with open(scenarios, "w") as file:
            file.write("".join(texts))
        with open(traces, "w") as file:
            file.write(out.getvalue())
        try:
            run = subprocess.run([program, "--expected", traces, scenarios],
                                 capture_output=True, text=True, timeout=TIME)
        except subprocess.TimeoutExpired:
            return None
    if run.returncode not in (0, 1):
        return None
    return sorted({line.split()[1].rstrip(":") for line in run.stdout.splitlines()
                   if line.startswith("--- ")})


def batch(program, first, count, kinds):
    """[(text, whether it broke the program)] of the scenarios that differ."""
    sys.unraisablehook = lambda *_: None
    texts = {f"r{seed}": generate.make(seed, f"r{seed}", kinds)
             for seed in range(first, first + count)}
    names = compare(program, list(texts.values()))
    if names is not None:
        return [(texts[name], False) for name in names]
    found = []
    for text in texts.values():
        names = compare(program, [text])
        if names is None or names:
            found.append((text, names is None))
    return found


def show(program, text, broke):
    lines = text.splitlines()
    if broke:
        print("--- eddy_differential breaks down with:")
        print(text)
        return
    lines = shrink.shrink(program, lines)
    with tempfile.TemporaryDirectory() as folder:
        scenarios = os.path.join(folder, "scenarios")
        traces = os.path.join(folder, "traces")
        with open(scenarios, "w") as file:
            file.write("\n".join(lines) + "\n")
        with open(traces, "w") as file:
            reference.print_traces([language.parse_one(lines)], file)
        subprocess.run([program, "--expected", traces, scenarios])


def main():
    program, count, seed = os.path.abspath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    jobs = int(sys.argv[4]) if len(sys.argv) > 4 else os.cpu_count()
    kinds = sys.argv[5].split(",") if len(sys.argv) > 5 else generate.KINDS
    found = []
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        batches = [pool.submit(batch, program, first, min(BATCH, seed + count - first), kinds)
                   for first in range(seed, seed + count, BATCH)]
        for each in batches:
            found += each.result()
    for text, broke in found[:SHOWN]:
        show(program, text, broke)
    print(f"differential: {count} scenarios, {len(found)} differences")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
