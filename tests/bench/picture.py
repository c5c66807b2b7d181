#!/usr/bin/env python3
"""The picture of a run: a line for each goal, a mark for each round.

    picture.py BENCH.json PICTURE.svg

Plain SVG without a script; light or dark as the reader has it. Backends differ in shape as well
as in colour, and how a goal stands is said by a sign and a word.
"""

import math
import sys
from xml.sax.saxutils import escape

import result as results

WIDTH = 1240
NAME, WAY, GOAL = 24, 198, 270  # where the columns begin
LEFT, RIGHT = 440, 940  # the plot
VERDICTS = {"native/epoll": 962, "native/uv": 1102, "native/uring": 1102}
LINE = 27  # the height of a line; a row with peers has their names below
NAME_LINE = 13
JUDGED = ("native/epoll", "native/uv")  # have a column each; others say their name in the goal
LANES = {"native/epoll": 7, "native/uv": 14, "uv/uv": 21, "native/uring": 14}
CHARACTER = 5.9  # about the width of one, in the small size

STYLE = """
svg { --paper: #ffffff; --ink: #1b1f24; --soft: #59636e; --rule: #e3e7eb; --band: #f5f7f9;
  --good: #eaf6ec; --goal: #1a7f37; --near: #9a6700; --over: #c8312b;
  --epoll: #0a66c2; --uv: #b8500c; --other: #7b6fa8; --uring: #a3195b; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #14171b; --ink: #e8ebef; --soft: #a3adb8; --rule: #2d333a; --band: #1a1e23;
    --good: #15291b; --goal: #57c271; --near: #e0ad3f; --over: #ff7b72;
    --epoll: #5db0ff; --uv: #ff9f4a; --other: #b6a9e8; --uring: #ff85b3; }
}
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
  font-size: 13px; fill: var(--ink); }
.title { font-size: 22px; font-weight: 650; }
.head { font-size: 15px; font-weight: 650; }
.name { font-weight: 600; }
.soft { fill: var(--soft); }
.small { font-size: 11px; fill: var(--soft); }
.number { font-variant-numeric: tabular-nums; }
.rule { stroke: var(--rule); stroke-width: 1; }
.goal { stroke: var(--goal); stroke-width: 2; }
.peer { stroke: var(--soft); stroke-width: 1.5; }
.leader { stroke: var(--soft); stroke-width: 0.6; }
.native-epoll { fill: var(--epoll); } .native-uv { fill: var(--uv); }
.uv-uv { fill: var(--other); } .native-uring { fill: var(--uring); }
.round { opacity: 0.5; }
.median { stroke: var(--paper); stroke-width: 1.2; }
.met { stroke: var(--goal); } .near { stroke: var(--near); } .over { stroke: var(--over); }
.sign { fill: none; stroke-width: 2.2; stroke-linecap: round; stroke-linejoin: round; }
"""


class Panel:
    """Lines on one axis. With `to_goal` the axis counts in goals, else in what the goals are
    factors of, and each line shows where its own goal is."""

    def __init__(self, title, holds, low, high, ticks, to_goal, one):
        self.title = title
        self.holds = holds  # which rows
        self.low = low
        self.high = high
        self.ticks = ticks
        self.to_goal = to_goal
        self.one = one  # what stands at 1

    def x(self, value):
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return LEFT + part * (RIGHT - LEFT)

    def unit(self, line):
        return line["factor"] if self.to_goal and line["factor"] else 1


def is_absolute(row):
    return row["unit"] == "bytes" or row["row"].startswith("p50")


DOUBLES = (0.25, 0.5, 1, 2, 4, 8, 16)
PANELS = (
    Panel("Tasks, callbacks, timers", lambda row: row["section"] == "scheduler" and
          not is_absolute(row), 0.22, 20, DOUBLES, True, "goal"),
    Panel("Network: the server's processor time for a message, to that of a bare epoll loop",
          lambda row: row["section"] == "network" and not is_absolute(row),
          0.85, 3.6, (0.9, 1, 1.1, 1.25, 1.5, 2, 3), False, "floor"),
    Panel("HTTP/1.1: the server's processor time for a request, to nginx's",
          lambda row: row["section"] == "http", 0.45, 8.5, (0.5, 0.75, 1, 1.5, 2, 3, 5, 8),
          False, "nginx"),
    Panel("Memory and latency", is_absolute, 0.22, 20, DOUBLES, True, "goal"),
)


def text(x, y, words, kind="", anchor="start"):
    anchor = "" if anchor == "start" else f' text-anchor="{anchor}"'
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind}{anchor}>{escape(words)}</text>'


def rule(x1, y1, x2, y2, kind="rule"):
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def mark(backend, x, y, size, kind):
    """A circle, a diamond, a triangle or a square, about as large as each other."""
    kind = f'class="{backend.replace("/", "-")} {kind}"'
    if backend == "native/epoll":
        return f'<circle {kind} cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}"/>'
    if backend == "native/uv":
        points = ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0))
    elif backend == "native/uring":
        points = ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9))
    else:
        points = ((0, -1.3), (1.25, 1), (-1.25, 1))
    points = " ".join(f"{x + size * a:.1f},{y + size * b:.1f}" for a, b in points)
    return f'<polygon {kind} points="{points}"/>'


def sign(state, x, y):
    """A tick, a wave or a cross."""
    if state == results.MET:
        return f'<path class="sign met" d="M{x} {y}l3.5 4l6 -9"/>'
    if state == results.NEAR:
        return f'<path class="sign near" d="M{x} {y + 1}q2.5 -6 5 -2t5 -2"/>'
    if state == results.OVER:
        return f'<path class="sign over" d="M{x + 1} {y - 4}l8 8m0 -8l-8 8"/>'
    return ""


def times(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def verdict(line, backend, y):
    state = line["states"].get(backend)
    if state is None:
        return []
    x = VERDICTS[backend]
    part = line["ratios"].get(backend)
    if part is None:
        return [text(x + 16, y, "no figure", "soft")]
    return [sign(state, x, y - 4), text(x + 16, y, state.replace("2x", "2×")),
            text(x + 122, y, times(part["median"] / line["factor"]), "number", "end")]


def beyond_axis(backend, value, right, y):
    """An arrow, and the value, since its place does not tell it; the lanes are too narrow for
    the values to stand below each other."""
    kind = backend.replace("/", "-")
    shift = list(LANES).index(backend) * 44
    middle = y - LANES[backend] + LANES["native/uv"]
    if right:
        return [f'<path class="{kind}" d="M{RIGHT - 7} {y - 4}l7 4l-7 4z"/>',
                mark(backend, RIGHT - 17 - shift, middle, 3, ""),
                text(RIGHT - 23 - shift, middle + 4, value, "small number", "end")]
    return [f'<path class="{kind}" d="M{LEFT + 7} {y - 4}l-7 4l7 4z"/>',
            mark(backend, LEFT + 17 + shift, middle, 3, ""),
            text(LEFT + 23 + shift, middle + 4, value, "small number")]


def marks(panel, line, top):
    """The rounds small, the median large; what lies beyond the axis as an arrow with its value."""
    parts = []
    for backend, lane in reversed(LANES.items()):
        if backend not in line["ratios"]:
            continue
        part = line["ratios"][backend]
        y = top + lane
        median = part["median"] / panel.unit(line)
        if not panel.low <= median <= panel.high:
            parts += beyond_axis(backend, times(median), median > panel.high, y)
            continue
        for value in part["rounds"]:
            value /= panel.unit(line)
            if panel.low <= value <= panel.high and len(part["rounds"]) > 1:
                parts.append(mark(backend, panel.x(value), y, 2.4, "round"))
        x = panel.x(median)
        title = escape(f"{backend}: {times(median)}, rounds " + ", ".join(
            times(value / panel.unit(line)) for value in part["rounds"]))
        parts.append(f"<g><title>{title}</title>{mark(backend, x, y, 4.6, 'median')}</g>")
    return parts


def together(places):
    """Names whose strokes all but touch become one: a list of (x of the first, names)."""
    groups = []
    for x, name in sorted(places):
        if groups and x - groups[-1][0] < 7:
            groups[-1][1].append(name)
        else:
            groups.append((x, [name]))
    return groups


def in_lanes(groups):
    """Each to the first lane with room for it: a list of (x, words, left end of the words, lane).
    From the right, so that no stroke crosses another's words."""
    starts, placed = [], []
    for x, names in reversed(groups):
        words = ", ".join(names)
        width = len(words) * CHARACTER
        begin = min(max(x - 3, LEFT), RIGHT - width)
        lane = 0
        while lane < len(starts) and begin + width + 6 > starts[lane]:
            lane += 1
        if lane == len(starts):
            starts.append(begin)
        starts[lane] = begin
        placed.append((x, words, begin, lane))
    return placed


def wrapped(pieces, most):
    lines = []
    for piece in pieces:
        if lines and (len(lines[-1]) + len(piece) + 2) * CHARACTER <= most:
            lines[-1] += ", " + piece
        else:
            lines.append(piece)
    return lines


def peers(panel, line, top):
    """A stroke for each, its name below; those beyond the axis at its end. And the height."""
    parts, places, beyond = [], [], []
    y = top + LINE - 5
    for name, ratio in sorted(line["peers"].items(), key=lambda item: item[1]):
        value = ratio / panel.unit(line)
        if name == "floor" and not panel.to_goal:
            continue
        if value > panel.high:
            beyond.append(f"{name} {times(value)}")
            continue
        x = panel.x(max(value, panel.low))
        parts.append(f"<g><title>{escape(name)} {times(value)}</title>"
                     + rule(x, y, x, y + 8, "peer") + "</g>")
        places.append((x, name))
    placed = in_lanes(together(places))
    for x, words, begin, lane in placed:
        if lane:
            parts.append(rule(x, y + 8, x, y + 10 + lane * NAME_LINE, "leader"))
        parts.append(text(begin, y + 19 + lane * NAME_LINE, words, "small"))
    more = wrapped(beyond, WIDTH - 16 - VERDICTS["native/epoll"])
    for i, words in enumerate(more):
        parts.append(text(RIGHT + 10, y + 19 + i * NAME_LINE, ("› " if i == 0 else "   ") + words,
                          "small"))
    lanes = max([lane + 1 for _, _, _, lane in placed] + [len(more)])
    return parts, 8 + lanes * NAME_LINE


def draw_line(panel, row, i, top):
    y = top + 18
    parts = []
    line = row["lines"][i]
    if i == 0:
        parts.append(text(NAME, y, row["row"], "name"))
    if i == 0 or line["label"] != row["lines"][i - 1]["label"]:
        parts.append(text(WAY, y, line["label"]))
    goal = line["goal"].replace("<=", "≤").replace(" x ", " × ") or "no goal"
    parts.append(text(GOAL, y, goal, "soft"))
    if line["factor"]:
        x = panel.x(line["factor"] / panel.unit(line))
        if not panel.to_goal:
            parts.append(f'<rect x="{LEFT}" y="{top + 2}" width="{x - LEFT:.1f}" '
                         f'height="{LINE - 4}" fill="var(--good)"/>')
        parts.append(rule(x, top + 2, x, top + LINE - 2, "goal"))
    parts += marks(panel, line, top)
    for backend in VERDICTS:
        parts += verdict(line, backend, y)
    return parts


def draw_panel(panel, rows, top):
    """Its parts, and where the next one begins."""
    parts = [text(NAME, top + 16, panel.title, "head")]
    axis = top + 40
    parts.append(text(GOAL, axis, "goal", "small"))
    for backend in JUDGED:
        parts.append(text(VERDICTS[backend], axis, backend + " ÷ goal", "small"))
    y = axis + 8
    body, bands = [], []
    for number, row in enumerate(rows):
        start = y
        for i, line in enumerate(row["lines"]):
            body += draw_line(panel, row, i, y)
            # On an axis of goals each goal moves the peers; elsewhere once is enough.
            last = i == len(row["lines"]) - 1
            if line["peers"] and (i == 0 if panel.to_goal else last):
                more, height = peers(panel, line, y)
                body += more
                y += height
            y += LINE
        if number % 2 == 0:
            bands.append(f'<rect x="12" y="{start}" width="{WIDTH - 24}" height="{y - start}" '
                         'fill="var(--band)"/>')
    grid = []
    if panel.to_goal:
        grid.append(f'<rect x="{LEFT}" y="{axis + 8}" width="{panel.x(1) - LEFT:.1f}" '
                    f'height="{y - axis - 8}" fill="var(--good)"/>')
    for tick in panel.ticks:
        x = panel.x(tick)
        grid.append(rule(x, axis + 4, x, y, "goal" if panel.to_goal and tick == 1 else "rule"))
        label = panel.one if tick == 1 else f"{tick:g}×"
        grid.append(text(x, axis, label, "small", "middle"))
    return parts + bands + grid + body, y + 26


def legend(result, y):
    parts = []
    x = NAME
    used = {backend for row in result["rows"] for line in row["lines"]
            for backend in line["ratios"]}
    for backend in LANES:
        if backend in used:
            parts += [mark(backend, x + 5, y - 4, 4.6, "median"), text(x + 15, y, backend)]
            x += 34 + 7.6 * len(backend)
    parts += [mark("native/epoll", x + 5, y - 4, 2.4, "round"),
              mark("native/epoll", x + 12, y - 4, 2.4, "round"),
              text(x + 20, y, "a round each; large: their median", "soft"),
              rule(x + 262, y - 13, x + 262, y + 4, "goal"), text(x + 270, y, "goal", "soft"),
              rule(x + 322, y - 9, x + 322, y, "peer"), text(x + 330, y, "a peer", "soft"),
              text(x + 400, y, "left is faster or smaller; the axes are logarithmic", "soft")]
    return parts


def draw(result):
    found = results.counts(result)
    machine = result["machine"]
    rounds = len(result["rounds"])
    parts = [text(NAME, 42, "eddy against its goals", "title")]
    x = NAME
    for state, words in ((results.MET, "met"), (results.NEAR, "within 2×"),
                         (results.OVER, "over twice the goal")):
        parts += [sign(state, x, 66), text(x + 16, 70, f"{found[state]} {words}")]
        x += 40 + 8 * len(f"{found[state]} {words}")
    parts.append(text(x, 70, "(a goal counts once for each backend that it holds on)", "soft"))
    about = f"eddy {result['eddy']} · {machine['processor']}, {machine['processors']} processors" \
            f" · {machine['system'].split('-with')[0]} · {machine['date'][:10]} · " \
            f"{rounds} round{'s' if rounds > 1 else ''}" + \
            (" · --quick: a tenth of every count" if result["quick"] else "")
    parts.append(text(NAME, 94, about, "small"))
    parts += legend(result, 122)
    y = 150
    for panel in PANELS:
        # Without a goal there is no place on an axis of goals.
        rows = [row for row in result["rows"] if panel.holds(row) and
                (row["lines"][0]["factor"] or not panel.to_goal)]
        if rows:
            more, y = draw_panel(panel, rows, y)
            parts += more
    for note in result["notes"]:
        parts.append(text(NAME, y, note, "small"))
        y += 17
    height = y + 8
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="eddy against its goals">\n'
            f"<style>{STYLE}</style>\n"
            f'<rect width="{WIDTH}" height="{height}" fill="var(--paper)"/>\n'
            + "\n".join(parts) + "\n</svg>\n")


def write(result, path):
    with open(path, "w", encoding="utf-8") as file:
        file.write(draw(result))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write(results.load(sys.argv[1]), sys.argv[2])
