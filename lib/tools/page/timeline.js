"use strict";
/* Panel 2, and the axis that it shares with panel 3. */

const RIGHT = 8,
  LANE = 24;
let WIDTH = 1180,
  LEFT = 175; /* in pixels, as wide as the window allows */
const ARROWS = 120; /* more than that are not to be told apart */
const view = { w: null, axis: "step", from: 0, to: 1, cursor: -1, open: new Map(), arrows: true, rows: [] };

/* ---- the axis: steps or time ---- */

const axisEnd = () =>
  view.axis === "step" ? Math.max(1, view.w.list.length) : Math.max(1, ...view.w.lines.map(s => s.end));
const x = at => LEFT + ((at - view.from) / (view.to - view.from)) * (WIDTH - LEFT - RIGHT);
const visible = (from, to) => to >= view.from && from <= view.to;
const least = () => (view.axis === "step" ? 8 : 1000);

/* Where a line is queued, begins and is over. */
function spot(k, i) {
  const s = view.w.lines[k];
  if (view.axis === "time") {
    const begin = s.begun[i];
    return { ready: begin - Math.max(0, s.ready[i]), begin, over: begin + s.ran[i] };
  }
  const begin = s.row[i];
  let ready = begin;
  if (s.from[i]) ready = s.row[i - s.from[i]] + 1;
  else if (s.cause[i] > 1 && s.turn[i] !== undefined) ready = Math.max(0, s.row[s.turns[s.turn[i]].first]);
  return { ready: Math.min(ready, begin), begin, over: begin + 1 };
}
const rowSpot = row => {
  if (view.axis === "step") return row;
  const r = view.w.list[row],
    k = r && r.lines ? (r.lines[0] >= 0 ? 0 : 1) : -1;
  return k < 0 ? 0 : view.w.lines[k].begun[r.lines[k]];
};

function zoom(from, to) {
  const end = axisEnd(),
    wide = Math.min(end, Math.max(least(), to - from));
  view.from = Math.max(0, Math.min(end - wide, from));
  view.to = view.from + wide;
  timeline();
  anatomy();
}
function zoomBy(factor, at = (view.from + view.to) / 2) {
  zoom(at - (at - view.from) * factor, at + (view.to - at) * factor);
}

/* ---- drawing: a path for each colour, and no two marks on one pixel ---- */

function painter() {
  const paths = {},
    last = {};
  return {
    box(kind, y, height, from, to, least = 0) {
      const left = Math.max(LEFT, x(from)),
        right = Math.min(WIDTH - RIGHT, Math.max(x(to), x(from) + least));
      const key = kind + y;
      if (right <= LEFT || left >= WIDTH - RIGHT || right - (last[key] ?? -9) < 0.6) return;
      last[key] = right;
      paths[kind] =
        (paths[kind] || "") +
        `M${left.toFixed(1)} ${y}h${Math.max(0.4, right - left).toFixed(1)}v${height}h-${Math.max(0.4, right - left).toFixed(1)}z`;
    },
    drawn: () =>
      Object.entries(paths)
        .map(([kind, d]) => `<path d="${d}" ${fillOf(kind)}/>`)
        .join(""),
  };
}

/* One side of a lane: what it waited for, since when it was ready, when it ran. */
function paintLane(paint, k, lines, y, whole) {
  const s = view.w.lines[k];
  let before = null;
  for (const i of lines) {
    const at = spot(k, i);
    if (whole && before && visible(before.over, at.ready) && before.kind)
      paint.box(before.kind, y + 1, 8, before.over, at.ready);
    if (whole && s.task[i] && at.ready < at.begin && visible(at.ready, at.begin))
      paint.box("ready", y + 2, 6, at.ready, at.begin);
    if (visible(at.begin, at.over))
      paint.box(
        !whole ? "group" : s.task[i] || s.cause[i] < 4 ? "run" : s.cause[i] === 4 ? "of_io" : "of_timer",
        y,
        10,
        at.begin,
        at.over,
        1.6,
      );
    before = { over: at.over, kind: view.w.kinds[s.text[i]] };
  }
  if (whole && before && before.kind && visible(before.over, axisEnd()))
    paint.box(before.kind, y + 1, 8, before.over, axisEnd());
}

function bands(height) {
  const paint = [];
  let last = -9;
  view.w.list.forEach((r, row) => {
    const at = rowSpot(row);
    if ((!r.differs && r.left === undefined) || !visible(at, at + 1)) return;
    const from = Math.max(LEFT, x(at)),
      to = view.axis === "step" ? x(at + 1) : x(at) + 1;
    if (to - last < 0.6) return;
    last = to;
    if (r.left === undefined)
      paint.push(
        `<path d="M${from.toFixed(1)} 4h${Math.max(0.8, to - from).toFixed(1)}v${height}H${from.toFixed(1)}z" ` +
          `fill="var(--differs)"/>`,
      );
    else if (view.axis === "step")
      paint.push(
        `<path d="M${from} 4h${Math.max(2, to - from)}v${height}H${from}z" fill="var(--line)">` +
          `<title>${count(r.left)} steps are left out, ${count(r.differences)} of which differ</title></path>`,
      );
  });
  return paint.join("");
}

function labels(rows) {
  return rows
    .map((r, n) => {
      const y = 4 + n * LANE,
        indent = 6 + Math.min(6, r.depth) * 8,
        room = Math.floor((LEFT - indent - 8) / 6.6);
      const cut = t => esc(t.length > room ? t.slice(0, room - 1) + "\u2026" : t);
      const line = `<path d="M0 ${y + LANE - 0.5}H${WIDTH}" stroke="var(--line)" stroke-width=".6"/>`;
      if (r.lane)
        return (
          line +
          `<text x="${indent}" y="${y + 15}">` +
          `<title>${esc(r.lane.key)}${r.lane.site ? ", made at " + esc(r.lane.site) : ""}` +
          `</title>${cut(r.lane.key)}</text>`
        );
      const group = r.group || r.more,
        left = group.lanes.length - r.open;
      const words = r.group
        ? `${r.open ? "\u25be" : "\u25b8"} ${count(group.lanes.length)} \u00d7 ${siteName(group.site)}`
        : `\u25b8 ${count(left)} more`;
      return (
        line +
        `<text class="fold" data-fold="${n}" tabindex="0" role="button" aria-expanded="${Boolean(r.group && r.open)}" x="${indent}" y="${y + 15}">` +
        `<title>${count(group.lanes.length)} tasks made at ${esc(group.site)}: click ` +
        `to ${r.group ? "fold or unfold" : "show more"}</title>${cut(words)}</text>`
      );
    })
    .join("");
}
const siteName = site => (site.split("/").pop() || "some place").split(" ")[0];

function axisLabels(y) {
  let out = "";
  const many = Math.max(2, Math.floor((WIDTH - LEFT) / 150));
  for (let n = 0; n <= many; n++) {
    const at = view.from + ((view.to - view.from) * n) / many,
      row = view.w.list[Math.min(view.w.list.length - 1, Math.round(at))];
    const words = view.axis === "time" ? time(at) : row ? "step " + count(row.step) : "";
    out +=
      `<text class="soft" x="${x(at)}" y="${y}" ` +
      `text-anchor="${n === many ? "end" : n ? "middle" : "start"}">${words}</text>`;
  }
  return out;
}

/* ---- arrows: who woke, made or cancelled whom ---- */

function arrowPath(from, fromY, to, toY, kind) {
  const a = Math.max(LEFT, x(from)),
    b = Math.max(LEFT, x(to)),
    bend = Math.max(10, (b - a) / 2);
  const style = {
    wake: 'stroke="var(--ink)" stroke-opacity=".6" marker-end="url(#m-ink)"',
    create: 'stroke="var(--ink)" stroke-opacity=".6" stroke-dasharray="3 3" marker-end="url(#m-ink)"',
    cancel: 'stroke="var(--ready)" stroke-width="1.6" marker-end="url(#m-ready)"',
  }[kind];
  return (
    `<path class="arrow ${kind}" ` +
    `d="M${a.toFixed(1)} ${fromY}C${(a + bend).toFixed(1)} ${fromY} ${(b - bend).toFixed(1)} ${toY} ${b.toFixed(1)} ${toY}" ` +
    `fill="none" ${style}/>`
  );
}

function arrowsOf(k, places) {
  const s = view.w.lines[k],
    out = [],
    y = (task, to) => {
      const n = places[k].get(task);
      return n === undefined ? -1 : 4 + n * LANE + 6 + k * 11 + (to ? 0 : 2);
    };
  const add = (from, to, kind, at) => {
    const a = y(s.task[from]),
      b = y(at, true);
    if (a >= 0 && b >= 0 && a !== b)
      out.push({
        rows: [s.row[from], to < 0 ? -1 : s.row[to]],
        path: arrowPath(spot(k, from).over, a, to < 0 ? spot(k, from).over : spot(k, to).begin, b, kind),
      });
  };
  for (let i = 0; i < s.count; i++) {
    const here = spot(k, i),
      from = s.from[i] ? i - s.from[i] : -1;
    if (from < 0 || !visible(spot(k, from).over, here.begin)) continue;
    const t = s.tasks.get(s.task[i]);
    add(
      from,
      i,
      t && t.made === from && view.w.laneOf[k].get(t.number).lines[k][0] === i ? "create" : "wake",
      s.task[i],
    );
  }
  for (let n = 0; n < s.cancels.length; n += 3) {
    const from = s.cancels[n];
    if (from >= 0 && visible(spot(k, from).begin, spot(k, from).over))
      add(from, -1, "cancel", s.cancels[n + 1]);
  }
  return out;
}

/* Says what it leaves out. */
function arrows(rows) {
  if (!view.arrows) return ["", ""];
  const places = [new Map(), new Map()];
  rows.forEach(
    (r, n) => r.lane && [0, 1].forEach(k => r.lane.lines[k].length && places[k].set(r.lane.tasks[k], n)),
  );
  const all = [0, 1].flatMap(k => arrowsOf(k, places));
  if (all.length <= ARROWS) return [all.map(a => a.path).join(""), ""];
  const near = all.filter(a => a.rows.includes(view.cursor)).slice(0, ARROWS);
  return [
    near.map(a => a.path).join(""),
    ` Of ${count(all.length)} arrows ${near.length ? "those at the cursor are" : "none is"} drawn: zoom in for all.`,
  ];
}

/* ---- the whole ---- */

function timeline() {
  const w = view.w,
    rows = (view.rows = layout(w)),
    paint = painter(),
    height = rows.length * LANE;
  rows.forEach((r, n) =>
    [0, 1].forEach(k => paintLane(paint, k, r.lines[k], 5 + n * LANE + k * 11, Boolean(r.lane))),
  );
  const [arrowPaths, leftOut] = arrows(rows);
  const at = rowSpot(view.cursor),
    cursor =
      view.cursor >= 0 && visible(at, at + 1)
        ? `<path id="cursorLine" d="M${x(at).toFixed(1)} 0V${height + 8}" stroke="var(--ready)" stroke-width="2"/>`
        : "";
  el("timeline").innerHTML =
    svg(
      WIDTH,
      height + 26,
      "Twin timeline",
      patterns() +
        bands(height) +
        labels(rows) +
        paint.drawn() +
        arrowPaths +
        cursor +
        axisLabels(height + 20),
    ) + `<div id="tip" hidden></div>`;
  const lanes = lanesOf(w).size,
    open = rows.filter(r => r.lane).length,
    thin = w.kept < w.rowsTotal;
  el("cursor").textContent = view.cursor >= 0 ? rowWords(view.cursor) : "";
  el("drawn").textContent =
    `${count(w.kept)} of ${count(w.rowsTotal)} steps and ${count(open)} of ${plural(lanes, "lane")}.` +
    (thin
      ? ` The traces have ${count(w.events)} events; those steps are kept that are first, ` +
        `last or near a difference, and samples of the others; grey bands stand for what is left out. ` +
        `All other figures are of the whole traces.`
      : "") +
    leftOut;
  tableIn("timelineTable", timelineTable);
}

function rowWords(row) {
  const w = view.w,
    r = w.list[row];
  if (r.left !== undefined)
    return `${count(r.left)} steps are left out here, ${count(r.differences)} of which differ.`;
  const [a, b] = r.lines.map((i, k) =>
    i < 0
      ? "nothing"
      : `${lineText(w, k, i)} (${causeText(w, k, i)}, ready ${time(Math.max(0, w.lines[k].ready[i]))}, ` +
        `ran ${time(w.lines[k].ran[i])})`,
  );
  return (
    `Step ${count(r.step)}. A: ${a}. B: ${b}.` + (r.differs ? ` They differ: ${w.reasons[r.group]}.` : "")
  );
}

function timelineTable() {
  const w = view.w,
    rows = w.list.map((r, n) => [r, n]).filter(([r, n]) => r.lines && visible(rowSpot(n), rowSpot(n) + 1));
  const side = (r, k) => {
    const i = r.lines[k],
      s = w.lines[k];
    return i < 0
      ? ["", "", "", ""]
      : [lineText(w, k, i), causeText(w, k, i), time(Math.max(0, s.ready[i])), time(s.ran[i])];
  };
  return (
    (rows.length > 500
      ? `<p>The first 500 of ${count(rows.length)} steps in view; zoom in for others.</p>`
      : "") +
    table(
      ["step", "*A", "*why", "ready", "ran", "*B", "*why", "ready", "ran", "*differs"],
      rows
        .slice(0, 500)
        .map(([r]) => [count(r.step), ...side(r, 0), ...side(r, 1), r.differs ? w.reasons[r.group] : ""]),
    )
  );
}

/* ---- the mouse ---- */

function under(event) {
  const box = el("timeline").firstElementChild.getBoundingClientRect(),
    scale = WIDTH / box.width;
  const px = (event.clientX - box.left) * scale,
    py = (event.clientY - box.top) * scale;
  const n = Math.floor((py - 4) / LANE),
    k = (py - 4) % LANE < LANE / 2 ? 0 : 1;
  return {
    at: view.from + ((px - LEFT) / (WIDTH - LEFT - RIGHT)) * (view.to - view.from),
    row: view.rows[n],
    k,
    inside: px >= LEFT,
    left: event.clientX - box.left,
    top: event.clientY - box.top,
  };
}

/* What a task does at a place of the axis, in words. */
function stateAt(lane, k, at) {
  const w = view.w,
    s = w.lines[k];
  let last = -1;
  for (const i of lane.lines[k]) {
    const here = spot(k, i);
    if (here.ready > at) break;
    if (at < here.begin)
      return `is ready (${time(Math.max(0, s.ready[i]))} until step ${count(s.number[i])}), ${causeText(w, k, i)}`;
    last = i;
    if (at <= here.over)
      return (
        `step ${count(s.number[i])}, ` +
        `iteration ${count((s.turns[s.turn[i]] || { number: 0 }).number)}: ${lineText(w, k, i)}; ` +
        `ran ${time(s.ran[i])}, ready ${time(Math.max(0, s.ready[i]))}, ${causeText(w, k, i)}`
      );
  }
  return last < 0 ? "" : w.texts[s.text[last]] || "";
}

function tip(event) {
  const at = under(event),
    box = el("tip"),
    words = at.inside && at.row && at.row.lane ? stateAt(at.row.lane, at.k, at.at) : "";
  box.hidden = !words;
  if (!words) return;
  const lane = at.row.lane;
  box.innerHTML =
    `<b class="${AB[at.k]} key">${esc(report.backends[at.k])}</b> ${esc(lane.key)}${lane.site ? ` <small>made at ${esc(lane.site)}</small>` : ""}` +
    `<br>${esc(words)}`;
  box.style.left =
    Math.max(0, Math.min(at.left + 14, el("timeline").clientWidth - box.offsetWidth - 4)) + "px";
  box.style.top = at.top + 16 + "px";
}

function fold(n) {
  const row = view.rows[n],
    group = row.group || row.more;
  view.open.set(
    group.id,
    row.more ? row.open + STEP_OPEN : row.open ? 0 : Math.min(group.lanes.length, STEP_OPEN),
  );
  timeline();
  const again = el("timeline").querySelector(`[data-fold="${Math.min(n, view.rows.length - 1)}"]`);
  if (again) again.focus();
}

/* The row that is drawn at a place of the axis. */
function rowAt(at) {
  if (view.axis === "step") return Math.max(0, Math.min(view.w.list.length - 1, Math.floor(at)));
  let best = 0;
  view.w.list.forEach((r, n) => {
    if (r.lines && rowSpot(n) <= at) best = n;
  });
  return best;
}
