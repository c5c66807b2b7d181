"use strict";
const el = id => document.getElementById(id);
const esc = text => String(text).replace(/[&<>"]/g, c => "&#" + c.charCodeAt(0) + ";");
const AB = ["a", "b"];

/* Numbers in words. */
const time = ns => {
  const size = Math.abs(ns);
  if (size < 100) return +ns.toFixed(1) + " ns";
  if (size < 1e3) return ns.toFixed(0) + " ns";
  if (size < 1e6) return (ns / 1e3).toPrecision(3) + " us";
  if (size < 1e9) return (ns / 1e6).toPrecision(3) + " ms";
  return (ns / 1e9).toFixed(2) + " s";
};
const num = x =>
  x >= 100
    ? x.toFixed(0)
    : x >= 10
      ? x.toFixed(1)
      : x >= 1
        ? x.toFixed(2)
        : x >= 0.001
          ? String(+x.toPrecision(2))
          : x
            ? x.toExponential(1)
            : "0";
const count = n => n.toLocaleString("en");
const inUnit = (value, unit) => (unit === "ns" ? time(value) : num(value) + (unit ? " " + unit : ""));
const plural = (n, what) => `${count(n)} ${what}${n === 1 ? "" : "s"}`;

/* The least, the median and the most of the numbers among values; null: there are none. */
function spread(values) {
  const list = values.filter(v => v !== null).sort((x, y) => x - y),
    half = list.length >> 1;
  if (!list.length) return null;
  const median = list.length % 2 ? list[half] : (list[half - 1] + list[half]) / 2;
  return { least: list[0], median, most: list[list.length - 1], count: list.length };
}

/* A's marks are round, B's have corners: they differ without colour, too. */
function mark(side, x, y, more = "") {
  return side
    ? `<path d="M${x} ${y - 5.5}l5.5 5.5l-5.5 5.5l-5.5-5.5z" fill="var(--b)" fill-opacity=".8" ${more}/>`
    : `<circle cx="${x}" cy="${y}" r="4.5" fill="var(--a)" fill-opacity=".8" ${more}/>`;
}

/* As many units as there are pixels, so that texts keep their size. */
const wide = id => Math.max(340, el(id).clientWidth);
const svg = (width, height, label, content) =>
  `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${esc(label)}">${content}</svg>`;
const table = (
  head,
  rows,
) => `<table><thead><tr>${head.map(h => `<th${h[0] === "*" ? ' class="words"' : ""}>${esc(h.replace("*", ""))}</th>`).join("")}</tr></thead>
  <tbody>${rows.map(r => `<tr>${r.map((c, i) => `<td${head[i][0] === "*" ? ' class="words"' : ""}>${esc(c)}</td>`).join("")}</tr>`).join("")}</tbody></table>`;

/* A table is made when somebody opens it. */
function tableIn(id, make) {
  const details = el(id),
    fill = () => {
      details.lastElementChild.innerHTML = details.open ? make() : "";
    };
  details.ontoggle = fill;
  fill();
}

/* What a task waits for, by the words of its wait; what makes each kind be told apart. */
const kinds = {
  run: { words: "runs" },
  ready: { words: "ready" },
  timer: { words: "waits for a timer", pattern: "M-1 5L5 -1M3 9L9 3" },
  socket: { words: "a socket", pattern: "M2 2h1.5v1.5h-1.5zM6 6h1.5v1.5h-1.5z" },
  queue: { words: "a queue", pattern: "M2 0V8M6 0V8" },
  lock: { words: "a lock, event, ...", pattern: "M0 0L8 8M8 0L0 8" },
  task: { words: "a task or future", pattern: "M0 4H8" },
  turn: { words: "its turn" },
};
/* Other things that run: callbacks, and the steps of a folded group. */
const solid = { of_io: "socket", of_timer: "timer", group: "soft" };
function kindOf(text) {
  if (!text.startsWith("waits for ")) return "";
  const what = text.slice(10);
  if (what === "its turn") return "turn";
  if (/^(timer|sleep)/.test(what)) return "timer";
  if (/descriptor|^(socket|sock|stream|connect|accept|server|recv|send|read|write)/.test(what))
    return "socket";
  if (/^queue/.test(what)) return "queue";
  return /^(lock|event|condition|semaphore|barrier)/.test(what) ? "lock" : "task";
}
const patterns = () =>
  "<defs>" +
  Object.entries(kinds)
    .map(([name, k]) =>
      k.pattern
        ? `<pattern id="p-${name}" width="8" height="8" patternUnits="userSpaceOnUse">` +
          `<rect width="8" height="8" fill="var(--${name})" fill-opacity=".35"/>` +
          `<path d="${k.pattern}" stroke="var(--${name})" stroke-width="1.3"/></pattern>`
        : "",
    )
    .join("") +
  ["ink", "ready"]
    .map(
      c =>
        `<marker id="m-${c}" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="6" markerHeight="6" orient="auto">` +
        `<path d="M0 0L6 3L0 6z" fill="var(--${c})"/></marker>`,
    )
    .join("") +
  "</defs>";
const fillOf = kind =>
  solid[kind]
    ? `fill="var(--${solid[kind]})"`
    : kinds[kind].pattern
      ? `fill="url(#p-${kind})"`
      : kind === "ready"
        ? 'fill="none" stroke="var(--ready)" stroke-width="1"'
        : `fill="var(--${kind})"`;
