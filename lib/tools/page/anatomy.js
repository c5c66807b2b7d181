"use strict";
/* Panel 3: iterations, on the axis of the timeline. */

const parts = [
  ["steps", "steps", "run"],
  ["others", "callbacks", "task"],
  ["io", "I/O callbacks", "socket"],
  ["timers", "timer callbacks", "timer"],
  ["polling", "poll", "queue"],
  ["idle", "idle", "turn"],
];
let withIdle = false;

function turnSpot(k, t) {
  const s = view.w.lines[k];
  if (view.axis === "step") return [s.row[t.first], s.row[t.last] + 1];
  return [withIdle ? t.begun : s.begun[t.first], s.begun[t.last] + s.ran[t.last]];
}

/* The iterations in view; where several share a pixel, the highest stands for them. */
function columns(k, height) {
  const out = [];
  let last = null;
  for (const t of view.w.lines[k].turns) {
    const [from, to] = turnSpot(k, t);
    if (!visible(from, to)) continue;
    const left = Math.max(LEFT, x(from)),
      right = Math.min(WIDTH - RIGHT, Math.max(x(to), x(from) + 1));
    const c = { t, left, wide: Math.max(0.8, right - left - (right - left > 4 ? 1 : 0)), high: height(t) };
    if (last && left < last.left + 1) {
      if (c.high > last.high) out[out.length - 1] = last = Object.assign(c, { left: last.left });
    } else out.push((last = c));
  }
  return out;
}

/* A chart with A's bars upward and B's downward. Heights are square roots: what is small counts. */
function chart(top, half, title, unit, stack) {
  const middle = top + half,
    height = t => stack(t).reduce((n, p) => n + p[0], 0);
  const both = [0, 1].map(k => columns(k, height)),
    most = Math.max(0, ...both.flat().map(c => c.high));
  let out = `<text x="8" y="${top + 12}">${title}</text><text class="soft" x="8" y="${top + 27}">${unit(most)}</text>
    <text x="${LEFT - 6}" y="${middle - 4}" text-anchor="end" fill="var(--a)">A</text><text x="${LEFT - 6}" y="${middle + 13}" text-anchor="end" fill="var(--b)">B</text>`;
  both.forEach((list, k) =>
    list.forEach(c => {
      let y = middle,
        d = "";
      const scale = (Math.sqrt(c.high / most) * (half - 4)) / c.high;
      for (const [value, kind] of stack(c.t)) {
        const h = value * scale;
        if (!(h > 0)) continue;
        if (!k) y -= h;
        d +=
          `<rect x="${c.left.toFixed(1)}" y="${y.toFixed(1)}" width="${c.wide.toFixed(1)}" ` +
          `height="${h.toFixed(1)}" fill="var(--${kind})"/>`;
        if (k) y += h;
      }
      out += `<g><title>${esc(turnWords(k, c.t))}</title>${d}</g>`;
    }),
  );
  return out + `<path d="M${LEFT} ${middle}H${WIDTH}" stroke="var(--soft)" stroke-width=".7"/>`;
}

function turnWords(k, t) {
  const took = parts
    .filter(p => t[p[0]] > 0)
    .map(p => `${p[1]} ${time(t[p[0]])}`)
    .join(", ");
  return (
    `${report.backends[k]}, iteration ${count(t.number)}: ${plural(t.lines, "step")} and callbacks; ${took || "no time"}; ${plural(t.polls, "poll")}, ` +
    `which brought ${plural(t.events, "event")}; ${plural(t.tried, "call")} on descriptors`
  );
}

function anatomy() {
  const shown = parts.filter(p => p[0] !== "idle" || withIdle);
  const out =
    chart(6, 74, "time", time, t => shown.map(p => [t[p[0]], p[2]])) +
    chart(166, 34, "system calls", count, t => [
      [t.polls, "queue"],
      [t.tried, "socket"],
    ]) +
    chart(244, 28, "events a poll", num, t => [[t.polls ? t.events / t.polls : 0, "socket"]]);
  el("anatomy").innerHTML = svg(WIDTH, 326, "Iterations", patterns() + out + axisLabels(318));
  el("anatomyLegend").innerHTML =
    shown
      .map(
        p =>
          `<span><svg viewBox="0 0 18 11"><rect width="18" height="11" fill="var(--${p[2]})"/></svg>${p[1]}</span>`,
      )
      .join("") +
    `<span>system calls: polls, and calls on descriptors</span><label>` +
    `<input type="checkbox" id="withIdle"${withIdle ? " checked" : ""}> with idle time</label>`;
  el("withIdle").onchange = e => {
    withIdle = e.target.checked;
    anatomy();
  };
  tableIn("anatomyTable", anatomyTable);
}

function anatomyTable() {
  const rows = [0, 1].flatMap(k =>
    view.w.lines[k].turns
      .filter(t => visible(...turnSpot(k, t)))
      .slice(0, 300)
      .map(t => [
        report.backends[k],
        count(t.number),
        t.lines,
        ...parts.map(p => time(t[p[0]])),
        t.polls,
        t.events,
        t.tried,
      ]),
  );
  return table(["*backend", "iteration", "ran", ...parts.map(p => p[1]), "polls", "events", "calls"], rows);
}
