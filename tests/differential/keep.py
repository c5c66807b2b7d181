"""Makes the files in kept/ anew: the generated scenarios, and every trace.

    python3.13 keep.py

To be run when the language, the generator or a scenario written by hand has changed. The
traces are CPython 3.13's; an eddy that differs from them is wrong.
"""

import glob
import os
import sys

import generate
import language
import reference

EACH = 45           # scenarios of each kind
LONGEST = 60        # lines


def scenarios_of(kind):
    """Scenarios in which this kind of object occurs."""
    texts = []
    seed = 1000000 * (1 + generate.KINDS.index(kind))
    while len(texts) < EACH:
        seed += 1
        text = generate.make(seed, f"{kind}_{seed}", must=kind)
        if text.count("\n") <= LONGEST:
            texts.append(text)
    return "".join(texts)


def main():
    sys.unraisablehook = lambda *_: None
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kept")
    for kind in generate.KINDS:
        with open(os.path.join(folder, kind + ".scenarios"), "w") as file:
            file.write(scenarios_of(kind))
    for path in sorted(glob.glob(os.path.join(folder, "*.scenarios"))):
        with open(path) as file:
            scenarios = language.parse(file.read())
        with open(path.replace(".scenarios", ".traces"), "w") as file:
            reference.print_traces(scenarios, file)


if __name__ == "__main__":
    main()
