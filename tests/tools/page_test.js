"use strict";
/* Run in a report: uses it as somebody would, and writes down what is wrong. */
const wrong = [];
const expect = (good, words) => {
  if (!good) wrong.push(words);
};
const press = key => document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const click = selector => {
  const at = document.querySelector(selector);
  expect(at, "there is no " + selector);
  if (at) at.click();
};
const drawn = id => el(id).innerHTML;

function panels(w) {
  for (const id of [
    "said",
    "timeline",
    "anatomy",
    "lateness",
    "latenessTable",
    "fairness",
    "reason",
    "order",
    "lesson",
  ])
    expect(
      el(id).textContent.trim().length > 5 || el(id).querySelector("svg"),
      `${w.name}: nothing in ${id}`,
    );
  expect(
    !/NaN|undefined|Infinity/.test(document.body.innerHTML.replace(/<script[\s\S]*?<\/script>/g, "")),
    `${w.name}: a number is none`,
  );
  expect(el("timeline").querySelectorAll("path").length > 10, `${w.name}: nothing is drawn in the timeline`);
  expect(el("anatomy").querySelectorAll("rect").length > 0, `${w.name}: no iterations`);
  expect(
    el("said").textContent.includes(w.differences ? "first difference at step" : "same order: yes"),
    `${w.name}: no verdict`,
  );
}

/* Each line stands in the row that says so, and rows are complete. */
function rows(w) {
  const seen = [0, 0];
  w.list.forEach(
    (r, n) =>
      r.lines &&
      r.lines.forEach((i, k) => {
        if (i < 0) return;
        expect(w.lines[k].row[i] === n && i === seen[k]++, `${w.name}: line ${i} of ${k} is in a wrong row`);
        if (!r.differs && k)
          expect(lineText(w, 0, r.lines[0]) === lineText(w, 1, i), `${w.name}: row ${n} differs`);
      }),
  );
  expect(
    seen.every((n, k) => n === w.lines[k].count),
    `${w.name}: lines without a row`,
  );
  w.lines.forEach((s, k) =>
    expect(
      s.number.every((n, i) => (i ? n > s.number[i - 1] : n === 1)) &&
        (!s.count || s.number[s.count - 1] === s.total),
      `${w.name}: lines of ${k} are misnumbered`,
    ),
  );
  expect(w.list.reduce((n, r) => n + (r.left || 1), 0) === w.rowsTotal, `${w.name}: rows are missing`);
  expect(
    w.list.every(
      (r, n) => r.left === undefined || r.step === (n ? w.list[n - 1].step + (w.list[n - 1].left || 1) : 1),
    ),
    `${w.name}: steps are miscounted`,
  );
}

function tables(w) {
  document.querySelectorAll("details").forEach(d => {
    d.open = true;
    if (d.ontoggle) d.ontoggle();
  });
  for (const id of ["timelineTable", "anatomyTable"])
    expect(el(id).querySelectorAll("tbody tr").length > 0, `${w.name}: ${id} is empty`);
  expect(
    el("fairness").querySelectorAll("tbody tr").length ===
      w.lines[0].fair.length / 5 + w.lines[1].fair.length / 5,
    `${w.name}: fairness has other rows`,
  );
  document.querySelectorAll("details").forEach(d => {
    d.open = false;
    if (d.ontoggle) d.ontoggle();
  });
}

function keysWork(w) {
  const differing = w.list.filter(r => r.opens).length;
  view.cursor = -1;
  let found = 0;
  for (let last = -1; found <= differing && found < 50; found++) {
    press("n");
    if (view.cursor === last) break;
    expect(w.list[view.cursor].differs, `${w.name}: n finds what does not differ`);
    last = view.cursor;
  }
  expect(found === Math.min(50, differing), `${w.name}: n finds ${found} of ${differing} differences`);
  if (differing > 1 && differing < 50) {
    const last = view.cursor;
    press("p");
    expect(view.cursor < last && w.list[view.cursor].differs, `${w.name}: p does not go back`);
  }
  if (differing)
    expect(
      el("cursor").textContent.includes("They differ") && el("row" + view.cursor),
      `${w.name}: the cursor's row is not shown`,
    );
  press("0");
  expect(view.from === 0 && view.to === axisEnd(), `${w.name}: 0 does not show all`);
  const before = view.to - view.from;
  press("+");
  expect(view.to - view.from < before || before <= least(), `${w.name}: + does not zoom`);
  el("timeline").focus();
  const at = view.cursor;
  press("ArrowRight");
  expect(
    view.cursor === Math.min(at + 1, w.list.length - 1),
    `${w.name}: the arrow key does not move the cursor`,
  );
}

/* The two panels show the same part of the same axis. */
function axes(w) {
  for (const name of ["time", "step"]) {
    click(`[data-do=${name}]`);
    click("[data-do=in]");
    const texts = id =>
      [...el(id).querySelectorAll("svg > text.soft")]
        .map(t => t.textContent)
        .filter(t => /step|[mun]?s$/.test(t))
        .slice(-3)
        .join();
    expect(
      texts("timeline") === texts("anatomy"),
      `${w.name}: other axes: ${texts("timeline")}; ${texts("anatomy")}`,
    );
    expect(el("timeline").querySelectorAll("path").length > 5, `${w.name}: nothing is drawn by ${name}`);
  }
  click("[data-do=all]");
}

/* Queues as the trace has them: what runs was the first of those that were ready. */
function lessons(w) {
  const end = lessonEnd();
  expect(end > 0, `${w.name}: nothing to replay`);
  for (let step = 1; step <= Math.min(end, 120); step++)
    [0, 1].forEach(k => {
      const before = replay(w, k, step - 1),
        after = replay(w, k, step),
        s = w.lines[k];
      if (after.last === before.last || s.ready[after.last] < 0 || s.cause[after.last] < 0) return;
      expect(
        before.ready[0] === after.last || before.ready.every(l => l > after.last) || s.from[after.last] === 1,
        `${w.name}, ${k}: step ${step} was not the first in the queue`,
      );
    });
  const at = lesson.step;
  if (at < end) click("[data-step='1']");
  expect(
    lesson.step === Math.min(at + 1, end) && el("lesson").textContent.length > 40,
    `${w.name}: a step changes nothing`,
  );
}

function links(w) {
  const link = el("longest").querySelector("[data-line]");
  if (!link) return;
  link.click();
  expect(
    view.cursor >= 0 && w.lines[+link.dataset.k].row[+link.dataset.line] === view.cursor,
    `${w.name}: the longest wait is not where the link leads`,
  );
}

function folds(w) {
  const at = view.rows.findIndex(r => r.group);
  if (at < 0) return;
  const before = view.rows.length,
    open = view.rows[at].open;
  fold(at);
  expect(view.rows.length !== before, `${w.name}: a group does not fold`);
  const label = el("timeline").querySelector(`[data-fold="${at}"]`);
  expect(label && document.activeElement === label, `${w.name}: what folded has lost the focus`);
  label.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  expect(Boolean(view.rows[at].open) === Boolean(open), `${w.name}: a group does not unfold`);
}

function all() {
  report.workloads.forEach((w, k) => {
    choose(k);
    [panels, rows, tables, keysWork, axes, lessons, links, folds].forEach(check => check(w));
  });
  if (report.workloads.some(w => w.lesson)) {
    const cancel = report.workloads.findIndex(w => w.name === "cancel");
    choose(cancel);
    for (const kind of ["wake", "create", "cancel"])
      expect(document.querySelector(`path.arrow.${kind}`), `no arrow of the kind ${kind}`);
    expect(
      el("cost").querySelectorAll("svg g").length >= 2 * report.rounds * 7,
      "marks of rounds are missing",
    );
  }
  const long = report.workloads.find(w => w.kept < w.rowsTotal);
  if (long) expect(el("drawn").textContent.includes("left out"), "it is not said that the report is thinned");
  expect(
    report.workloads.reduce((n, w) => n + w.events, 0) > 2e5 === Boolean(long),
    "thinned, or not, against what is promised",
  );
}
try {
  all();
} catch (error) {
  wrong.push(error.stack || error);
}
el("order").onscroll = null; /* it goes, too */
document.body.innerHTML = `<p id="tested">${esc(wrong.slice(0, 12).join(" | ") || "all is as it should be")}</p>`;
