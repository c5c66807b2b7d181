"use strict";
/* Panels 4 and 5: how late things were, and how evenly the loop was shared. */

const CHART = { width: 400, height: 230, left: 44, bottom: 200, top: 26, low: 1e2, high: 1e9 };
const logX = ns =>
  CHART.left +
  (Math.max(0, Math.log10(Math.max(Math.min(ns, CHART.high), CHART.low) / CHART.low)) / 7) *
    (CHART.width - CHART.left - 14);
const ticks = [
  [1e3, "1 us"],
  [1e4, "10"],
  [1e5, "100"],
  [1e6, "1 ms"],
  [1e7, "10"],
  [1e8, "100"],
  [1e9, "1 s"],
];
const percentiles = [
  ["p50", 0.5],
  ["p99", 0.99],
  ["p999", 0.999],
  ["most", 1],
];

function frame(title, label, levels) {
  const c = CHART;
  return (
    `<text x="${c.left}" y="16">${title}</text>` +
    ticks
      .map(
        ([v, t]) =>
          `<path d="M${logX(v)} ${c.top}V${c.bottom}" stroke="var(--line)"/>` +
          `<text class="soft" x="${logX(v)}" y="${c.bottom + 16}" ` +
          `text-anchor="${v === 1e9 ? "end" : "middle"}">${t}</text>`,
      )
      .join("") +
    levels
      .map(f => {
        const y = c.bottom - f * (c.bottom - c.top);
        return (
          `<path d="M${c.left} ${y}H${c.width - 14}" stroke="var(--line)"/>` +
          `<text class="soft" x="4" y="${y + 4}">${label(f)}</text>`
        );
      })
      .join("")
  );
}
const none = () =>
  `<text class="soft" x="${CHART.width / 2}" y="110" text-anchor="middle">none in this workload</text>`;

function curves(title, both) {
  const c = CHART,
    y = f => (c.bottom - f * (c.bottom - c.top)).toFixed(1);
  let out = frame(title, f => f * 100 + "%", [0, 0.5, 1]);
  both.forEach((all, k) => {
    if (!all.count) return;
    const points = all.points
      .map((v, i) => `${logX(v).toFixed(1)},${y(i / (all.points.length - 1))}`)
      .join(" ");
    out +=
      `<polyline points="${points}" fill="none" stroke="var(--${AB[k]})" ` +
      `stroke-width="2" ${k ? 'stroke-dasharray="7 4"' : ""}/>` +
      percentiles
        .map(
          ([name, f]) =>
            `<g><title>${esc(report.backends[k])}: ${name} ${time(all[name])}` +
            `</title>${mark(k, logX(all[name]).toFixed(1), y(f))}</g>`,
        )
        .join("");
  });
  return svg(c.width, c.height, title, out + (both.some(all => all.count) ? "" : none()));
}

/* From each power of two on to the next: A's bars solid, B's hollow. */
function histogram(title, both) {
  const c = CHART,
    most = Math.max(1, ...both.flatMap(all => all.powers)),
    high = n => Math.sqrt(n / most) * (c.bottom - c.top);
  let out = frame(title, f => count(Math.round(f * f * most)), [0, 0.5, 1]);
  both.forEach((all, k) =>
    all.powers.forEach((n, power) => {
      const from = Math.max(logX(2 ** power), c.left),
        to = logX(2 ** (power + 1)),
        half = (to - from) / 2;
      if (!n || half <= 0) return;
      const style = k ? 'fill="var(--b)" fill-opacity=".25" stroke="var(--b)"' : 'fill="var(--a)"';
      out +=
        `<rect x="${(from + k * half + 0.5).toFixed(1)}" y="${(c.bottom - high(n)).toFixed(1)}" width="${(half - 1).toFixed(1)}" height="${high(n).toFixed(1)}" ${style}>` +
        `<title>${esc(report.backends[k])}: ${count(n)} from ${time(2 ** power)} to ${time(2 ** (power + 1))}` +
        `</title></rect>`;
    }),
  );
  return svg(c.width, c.height, title, out + (both.some(all => all.count) ? "" : none()));
}

function lateness() {
  const of = name => view.w.sides.map(s => s[name]);
  el("lateness").innerHTML =
    curves("timers: from due to fired", of("late")) +
    curves("steps: from ready to run", of("waiting")) +
    histogram("loop lag: busy between two polls", of("busy"));
  const rows = [
    ["timers late by", "late"],
    ["from ready to run", "waiting"],
    ["loop lag", "busy"],
  ].flatMap(([words, name]) =>
    of(name).map(
      (all, k) =>
        `<tr><td>${words}</td><td class="${AB[k]} key words">${esc(report.backends[k])}</td>` +
        `<td>${count(all.count)}</td>${percentiles.map(([p]) => `<td>${all.count ? time(all[p]) : "-"}</td>`).join("")}</tr>`,
    ),
  );
  el("latenessTable").innerHTML =
    `<thead><tr><th></th><th class="words">backend</th><th>count</th><th>p50</th><th>p99</th><th>p99.9</th>` +
    `<th>most</th></tr></thead><tbody>${rows.join("")}</tbody>`;
}

/* ---- fairness ---- */

function fairOf(k) {
  const s = view.w.lines[k],
    out = [];
  for (let i = 0; i < s.fair.length; i += 5) {
    const task = s.tasks.get(s.fair[i]);
    out.push({
      k,
      task: task.number,
      name: task.name,
      site: task.site,
      steps: s.fair[i + 1],
      ran: s.fair[i + 2],
      longest: s.fair[i + 3],
      line: s.fair[i + 4] - 1,
    });
  }
  return out;
}

function dots(title, both, column) {
  const width = 500,
    height = 216,
    left = 62,
    bottom = 192,
    top = 34;
  const most = Math.max(1, ...both.flat().map(t => t[column])),
    many = Math.max(2, ...both.map(s => s.length));
  const total = both.map(s => s.reduce((n, t) => n + t.ran, 0) || 1);
  let out =
    `<text x="${left}" y="16">${title}</text>` +
    [0, 0.5, 1]
      .map(f => {
        const y = bottom - f * (bottom - top);
        return (
          `<path d="M${left} ${y}H${width - 10}" stroke="var(--line)"/>` +
          `<text class="soft" x="4" y="${y + 4}">${f ? time(f * most) : 0}</text>`
        );
      })
      .join("");
  both.forEach((tasks, k) =>
    [...tasks]
      .sort((p, q) => q[column] - p[column])
      .forEach((t, i) => {
        const words =
          `${report.backends[k]}: ${t.name}, ` +
          `made at ${t.site || "some place"}: ${plural(t.steps, "step")}, ` +
          `ran ${time(t.ran)} (${num((t.ran / total[k]) * 100)}% of all), ready at most ${time(t.longest)}`;
        const x = left + 8 + (i / (many - 1)) * (width - left - 30);
        const y = bottom - (t[column] / most) * (bottom - top);
        const link = t.line >= 0 ? `class="jump" data-k="${k}" data-line="${t.line}"` : "";
        out += `<g><title>${esc(words)}</title>${mark(k, x.toFixed(1), y.toFixed(1), link)}</g>`;
      }),
  );
  return svg(width, height, title, out);
}

function fairnessTable(both) {
  return `<details><summary>As a table</summary><div class="wide">${table(
    ["*backend", "*task", "*made at", "steps", "ran in all", "ready at most"],
    both.flatMap((tasks, k) =>
      tasks.map(t => [report.backends[k], t.name, t.site, count(t.steps), time(t.ran), time(t.longest)]),
    ),
  )}</div></details>`;
}

function fairness() {
  const both = [0, 1].map(fairOf),
    left = view.w.lines.reduce((n, s, k) => n + s.fairTotal - both[k].length, 0);
  const worst = both.map(tasks => tasks.reduce((p, t) => (!p || t.longest > p.longest ? t : p), null));
  el("longest").innerHTML =
    worst
      .map((t, k) =>
        t
          ? `Longest ready on <span class="${AB[k]} key">${esc(report.backends[k])}` +
            `</span>: ${esc(t.name)}, ${time(t.longest)}` +
            (t.line >= 0
              ? ` <button class="link" data-k="${k}" data-line="${t.line}">show it in the timeline</button>`
              : "")
          : "",
      )
      .filter(Boolean)
      .join("; ") + ".";
  el("fairness").innerHTML =
    `<div>${dots("ran in all", both, "ran")}</div><div>${dots("ready at most", both, "longest")}</div>` +
    `<div>${fairnessTable(both)}</div>` +
    (left ? `<p>${plural(left, "task")} that ran less are not drawn.</p>` : "");
}

/* Shows a line in the timeline. */
function jump(k, line) {
  const w = view.w;
  openLane(w, k, w.lines[k].task[line]);
  moveTo(w.lines[k].row[line]);
  el("timeline").scrollIntoView({ block: "center" });
  el("timeline").focus({ preventScroll: true });
}
