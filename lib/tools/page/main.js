"use strict";
/* What is chosen, and the keys. */

function choose(k) {
  play0();
  view.w = unfold(report.workloads[k]);
  Object.assign(view, {
    cursor: view.w.list.findIndex(r => r.differs),
    open: new Map(),
    from: 0,
    to: axisEnd(),
  });
  lesson.step = Math.min(4, lessonEnd()); /* something is in hand by then */
  navigation(k);
  verdict();
  numbers();
  timeline();
  anatomy();
  lateness();
  fairness();
  order();
  drawLesson();
  tools();
}
function play0() {
  clearInterval(lesson.playing);
  lesson.playing = 0;
}

function navigation(chosen) {
  const button = (w, k) =>
    `<button aria-pressed="${k === chosen}" data-k="${k}" ` +
    `title="${esc(w.purpose)}">${esc(w.name)}${w.differences ? " \u2260" : ""}</button>`;
  const all = report.workloads.map((w, k) => [w, k]);
  const of = lesson =>
    all
      .filter(([w]) => w.lesson === lesson)
      .map(([w, k]) => button(w, k))
      .join("");
  el("choice").innerHTML =
    of(false) + (all.some(([w]) => w.lesson) ? `<span>from the walk:</span>${of(true)}` : "");
}

function tools() {
  const differs = view.w.differences > 0,
    press = (on, name, words) => `<button data-do="${name}" aria-pressed="${on}">${words}</button>`;
  const act = (name, words, off) => `<button data-do="${name}"${off ? " disabled" : ""}>${words}</button>`;
  el("tools").innerHTML =
    `<span>axis:</span>${press(view.axis === "step", "step", "steps")}${press(view.axis === "time", "time", view.w.virtual ? "virtual time" : "time")}
    <span>zoom:</span>${act("in", "+")}${act("out", "\u2212")}${act("all", "all")}
    <span>difference:</span>${act("previous", "previous (p)", !differs)}${act("next", "next (n)", !differs)}${press(view.arrows, "arrows", "arrows")}`;
  const swatch = kind =>
    `<span><svg viewBox="0 0 18 11">` +
    `<rect x=".5" y=".5" width="17" height="10" ${fillOf(kind)}/></svg>${kinds[kind].words}</span>`;
  const line = (words, style, marker) =>
    `<span><svg viewBox="0 0 18 11"><path d="M0 5.5H16" ${style} marker-end="url(#m-${marker})"/></svg>${words}</span>`;
  el("legend").innerHTML =
    Object.keys(kinds).map(swatch).join("") +
    `<span><svg viewBox="0 0 18 11"><rect width="18" height="11" fill="var(--differs)"/></svg>differs</span>` +
    line("wakes", 'stroke="var(--ink)"', "ink") +
    line("makes", 'stroke="var(--ink)" stroke-dasharray="3 3"', "ink") +
    line("cancels", 'stroke="var(--ready)"', "ready");
}

/* Moves the cursor to a row, and the window with it. */
function moveTo(row) {
  if (row === undefined || row < 0 || row >= view.w.list.length) return;
  view.cursor = row;
  const at = rowSpot(row),
    wide = view.to - view.from;
  if (wide > 4 * LANES * least() || !visible(at, at))
    zoom(at - Math.min(wide, (60 * least()) / 8) / 2, at + Math.min(wide, (60 * least()) / 8) / 2);
  else timeline();
  orderTo(row);
}

function nextDifference(way) {
  const rows = view.w.list;
  let row = view.cursor + way;
  if (view.cursor < 0 && way < 0) row = rows.length - 1;
  while (
    row >= 0 &&
    row < rows.length &&
    !(rows[row].differs && (rows[row].opens || (way < 0 && !(rows[row - 1] || {}).differs)))
  )
    row += way;
  moveTo(row);
}

const actions = {
  step: () => {
    view.axis = "step";
    zoom(0, axisEnd());
    tools();
  },
  time: () => {
    view.axis = "time";
    zoom(0, axisEnd());
    tools();
  },
  in: () => zoomBy(0.5, view.cursor >= 0 ? rowSpot(view.cursor) : undefined),
  out: () => zoomBy(2, view.cursor >= 0 ? rowSpot(view.cursor) : undefined),
  all: () => zoom(0, axisEnd()),
  next: () => nextDifference(1),
  previous: () => nextDifference(-1),
  arrows: () => {
    view.arrows = !view.arrows;
    timeline();
    tools();
  },
  left: () => moveTo(Math.max(0, view.cursor - 1)),
  right: () => moveTo(view.cursor + 1),
  first: () => moveTo(0),
  last: () => moveTo(view.w.list.length - 1),
};
const keys = { n: "next", p: "previous", "+": "in", "=": "in", "-": "out", 0: "all" };
const inTimeline = { ArrowLeft: "left", ArrowRight: "right", Home: "first", End: "last" };

document.addEventListener("keydown", e => {
  if (e.ctrlKey || e.altKey || e.metaKey || /^(INPUT|SELECT)$/.test(e.target.tagName)) return;
  const folds = e.target.dataset && e.target.dataset.fold;
  if (folds && (e.key === "Enter" || e.key === " ")) {
    fold(+folds);
    e.preventDefault();
    return;
  }
  const name = keys[e.key] || (document.activeElement === el("timeline") && inTimeline[e.key]);
  if (!name) return;
  actions[name]();
  e.preventDefault();
});

function listen() {
  el("choice").onclick = el("verdict").onclick = e => {
    const b = e.target.closest("[data-k]");
    if (!b) return;
    choose(+b.dataset.k);
    if (b.tagName === "BUTTON") el("choice").querySelector("[aria-pressed=true]").focus();
  };
  el("tools").onclick = e => {
    const b = e.target.closest("[data-do]");
    if (!b) return;
    actions[b.dataset.do]();
    const again = el("tools").querySelector(`[data-do="${b.dataset.do}"]`);
    if (again) again.focus();
  };
  el("fairness").onclick = el("longest").onclick = e => {
    const b = e.target.closest("[data-line]");
    if (b) jump(+b.dataset.k, +b.dataset.line);
  };
  el("lessonTools").onclick = lessonClick;
  el("lessonTools").oninput = e => {
    if (e.target.id === "lessonAt") {
      lesson.step = +e.target.value;
      play0();
      drawLesson();
      el("lessonAt").focus();
    }
  };
  mouse();
}

/* Dragging over the timeline zooms to what was dragged over; a click moves the cursor. */
function mouse() {
  const box = el("timeline");
  let from = null;
  box.onpointermove = tip;
  box.onpointerleave = () => {
    el("tip").hidden = true;
  };
  box.onpointerdown = e => {
    from = under(e);
  };
  box.onpointerup = e => {
    const folds = e.target.closest("[data-fold]"),
      to = under(e);
    if (folds) fold(+folds.dataset.fold);
    else if (from && from.inside && Math.abs(to.left - from.left) > 8)
      zoom(Math.min(from.at, to.at), Math.max(from.at, to.at));
    else if (to.inside) moveTo(rowAt(to.at));
    from = null;
  };
  box.addEventListener(
    "wheel",
    e => {
      if (!e.ctrlKey) return;
      e.preventDefault();
      zoomBy(e.deltaY > 0 ? 1.25 : 0.8, under(e).at);
    },
    { passive: false },
  );
}

function fit() {
  WIDTH = wide("timeline");
  LEFT = WIDTH < 700 ? 100 : 175;
}
window.addEventListener("resize", () => {
  if (wide("timeline") === WIDTH) return;
  fit();
  cost();
  timeline();
  anatomy();
});

head();
listen();
fit();
cost();
const wished = report.workloads.findIndex(w => "#" + w.name === location.hash);
const differing = report.workloads.findIndex(w => w.differences && !w.lesson);
choose(wished >= 0 ? wished : Math.max(0, differing));
