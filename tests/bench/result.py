"""From figures to ratios and words. What run.py writes as JSON is made and read here.

A row has the figures of every program in every round, and lines: one for each goal (and way of
writing it), with the ratio of each backend to what the goal names in each round, of these the
median, and a word. All of it is numbers, words and lists, as JSON has them.
"""

import json
import statistics

from machine import USUAL_MAPPINGS

FORMAT = 2
MET, NEAR, OVER, NONE = "met", "within 2x", "over", "no figure"


def ratios(figures, base):
    """Of a program in each round: to the base of the same round (its median where that round
    has none), or, with an empty base, the figure itself."""
    if not base:
        return [value for _, value in sorted(figures.items())]
    middle = statistics.median(base.values())
    return [value / base.get(number, middle) for number, value in sorted(figures.items())]


def summary(values):
    return {"rounds": [round(value, 6) for value in values],
            "median": round(statistics.median(values), 6)}


def spread(part):
    """Half of what lies between the rounds' extremes, as a part of the median."""
    values = part["rounds"]
    return (max(values) - min(values)) / 2 / part["median"] if part["median"] else 0


def verdict(ratio, factor):
    if ratio is None:
        return NONE
    if ratio <= factor:
        return MET
    return NEAR if ratio <= 2 * factor else OVER


def goal_text(line, unit):
    """Of a goal that holds on a single backend with that backend's name."""
    if line["factor"] is None:
        return ""
    if not line["reference"]:
        return f"<= {line['factor']:,.5g} {unit}"
    if line["reference"].endswith("(best peer)"):
        return "<= " + line["reference"]
    alone = f" ({line['judged'][0].split('/')[1]})" if len(line["programs"]) == 1 else ""
    return f"<= {line['factor']:g} x {line['reference']}{alone}"


def finish_line(line, ours, figures, unit):
    done = {"label": line["label"], "goal": goal_text(line, unit), "factor": line["factor"],
            "reference": line["reference"], "programs": line["programs"],
            "ratios": {}, "states": {}, "peers": {}}
    base = line["base"]
    if base is not None and (base or not line["reference"]):
        for backend, program in line["programs"].items():
            if program in figures:
                done["ratios"][backend] = summary(ratios(figures[program], base))
        for name, values in figures.items():
            if name not in ours:
                done["peers"][name] = round(statistics.median(ratios(values, base)), 6)
    for backend in line["judged"]:
        part = done["ratios"].get(backend)
        done["states"][backend] = verdict(part and part["median"], line["factor"])
    return done


def finish(rows):
    """Rows as the parts of run.py give them, with ratios and words."""
    result = []
    for row in rows:
        ours = {name for line in row["lines"] for name in line["programs"].values()}
        lines = [finish_line(line, ours, row["figures"], row["unit"]) for line in row["lines"]]
        result.append({
            "section": row["section"], "row": row["row"], "unit": row["unit"],
            "medians": {name: round(statistics.median(values.values()), 6)
                        for name, values in row["figures"].items()},
            "figures": {name: {str(number): round(value, 6)
                               for number, value in sorted(values.items())}
                        for name, values in row["figures"].items()},
            "lines": lines})
    return result


def counts(result):
    """How many goals are met, and so on; one that is judged on two backends counts twice."""
    found = {MET: 0, NEAR: 0, OVER: 0, NONE: 0}
    for row in result["rows"]:
        for line in row["lines"]:
            for state in line["states"].values():
                found[state] += 1
    return found


def save(result, path):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")


def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            result = json.load(file)
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path}: {error}") from None
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise SystemExit(f"{path}: not written by this version of the benchmarks")
    return result


# ---- the table ----

BACKENDS = ("native/epoll", "native/uv", "uv/uv")
HEADS = {"scheduler": "tasks, callbacks, timers",
         "network": "network: the server's processor time for a message, as a ratio to a bare epoll loop",
         "http": "HTTP/1.1 hello: the server's processor time for a request, as a ratio to nginx"}


def say_figure(value, unit):
    digits = 0 if value >= 1000 else 1 if value >= 100 else 2 if value >= 10 else 3
    return f"{value:,.{digits}f} {unit}"


def say_ratio(line, backend):
    part = line["ratios"].get(backend)
    if part is None:
        return f"{'-':>8} {NONE}" if backend in line["states"] else ""
    value = part["median"]
    text = f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value >= 10 else f"{value:.3f}"
    width = f"±{spread(part):.0%}" if len(part["rounds"]) > 1 else ""
    word = line["states"].get(backend, "")
    if word == OVER:
        word = f"OVER {value / line['factor']:.1f}x"
    return f"{text:>8} {width:<5} {word}"


def print_row(row):
    backends = [backend for backend in BACKENDS
                if any(backend in line["programs"] for line in row["lines"])]
    for i, line in enumerate(row["lines"]):
        name = row["row"] if i == 0 else ""
        program = line["programs"].get("native/epoll")
        figure = say_figure(row["medians"][program], row["unit"]) \
            if program in row["medians"] else ""
        columns = "".join(f"{say_ratio(line, backend):<24}" for backend in backends)
        columns += "".join(say_ratio(line, backend) for backend in line["programs"]
                           if backend not in BACKENDS)
        print(f"{name:<27}{line['label']:<10}{figure:>12}  {line['goal']:<30}{columns.rstrip()}")
    peers = row["lines"][0]["peers"]
    said = [f"{name} {say_figure(row['medians'][name], row['unit'])}"
            for name in sorted(peers, key=lambda name: row["medians"][name])]
    lines = [""]
    for piece in said:
        if lines[-1] and len(lines[-1]) + len(piece) > 110:
            lines.append("")
        lines[-1] += (", " if lines[-1] else "") + piece
    for text in lines if said else ():
        print("    " + text)


def print_table(result):
    section = None
    for row in result["rows"]:
        if row["section"] != section:
            section = row["section"]
            print(f"\n{HEADS[section]}")
            columns = "".join(f"{'   ' + backend:<24}" for backend in BACKENDS)
            print(f"{'':<37}{'native/epoll':>12}  {'goal':<30}{columns.rstrip()}")
        print_row(row)
    found = counts(result)
    print(f"\nGoals: {found[MET]} met, {found[NEAR]} within 2x, {found[OVER]} over"
          + (f", {found[NONE]} without a figure" if found[NONE] else "")
          + " (one for each backend that it holds on).")
    print("First column: the median of native/epoll. Under a backend: the ratio to what the goal "
          "names (or the figure,\nwhere it names a number), each round's taken and of these the "
          "median; ± is half of what lies between the\nrounds' extremes. uv/uv has no goal.")
    for note in result["notes"]:
        print(note)


def warn(result):
    """Of what makes the figures doubtful."""
    if result["quick"]:
        print("--quick: a tenth of every count, the rows' names notwithstanding; for trying "
              "things, not for the record")
    mappings = result["machine"].get("max_map_count")
    if mappings and mappings > USUAL_MAPPINGS:
        print(f"vm.max_map_count is {mappings} here, which is more than the kernel's default: the "
              "goals of memory hold for the default")
    shaky = sorted(((spread(line["ratios"][backend]), row["row"], line["label"], backend)
                    for row in result["rows"] for line in row["lines"]
                    for backend in line["states"] if backend in line["ratios"]), reverse=True)
    shaky = [entry for entry in shaky if entry[0] > 0.1]
    if shaky:
        said = dict.fromkeys(f"{' '.join((name, label)).strip()} ±{width:.0%}"
                             for width, name, label, _ in shaky)
        print(f"{len(shaky)} ratios vary by more than ±10 % between the rounds: "
              + "; ".join(list(said)[:4]) + ("; ..." if len(said) > 4 else ""))
    if result["skipped"]:
        print("not here, left out:", ", ".join(result["skipped"]))
