"use strict";
/* Panels 1 and 7: the verdict, and what every round cost. */

const measured = () => report.workloads.filter(w => !w.lesson);
const orderText = w => (w.differences ? `first difference at step ${count(w.first + 1)}` : "same order: yes");

function spreadCell(values, unit) {
  const s = spread(values);
  if (!s) return "<td>-</td>";
  const range = s.count > 1 ? ` <small>${inUnit(s.least, unit)} to ${inUnit(s.most, unit)}</small>` : "";
  return `<td>${inUnit(s.median, unit)}${range}</td>`;
}

/* A ratio counts if even the rounds that are nearest to each other agree. */
function ratioCell(a, b) {
  const x = spread(a),
    y = spread(b);
  if (!x || !y || !x.median || !y.median) return "<td></td>";
  const apart = x.count > 1 && (x.most < y.least || y.most < x.least);
  return `<td${apart ? ' class="clear"' : ""}>${num(x.median / y.median)}${apart || x.count < 2 ? "" : " <small>~</small>"}</td>`;
}

function head() {
  const traces = report.traces.length > 0;
  [el("nameA").textContent, el("nameB").textContent] = report.backends;
  el("about").textContent =
    `eddy ${report.version}; ${report.machine}. ` +
    (traces
      ? `The traces ${report.traces.join(" and ")}.`
      : `${plural(report.rounds, "round")}, A and B in turns. No seed: nothing in the workloads is random.`);
  el("command").textContent = report.command;
  el("costWords").textContent = traces
    ? "Two traces: what each one's steps took, and whether the order is the same."
    : "Processor time an operation: the median of the rounds, the least and the most. " +
      "A ratio below 1 says that A costs less; ~ says that the rounds overlap, so that it may be chance. " +
      "Order is that of the traced runs, step by step.";
  document.title = `${report.backends[0]} and ${report.backends[1]}: eddy compare`;
  el("costPanel").hidden = traces;
}

function verdict() {
  const rows = report.workloads.map((w, k) =>
    w.lesson
      ? ""
      : `<tr data-k="${k}"${w === view.w ? ' class="chosen"' : ""}><td title="${esc(w.purpose)}">${esc(w.name)} <small>${esc(w.purpose)}; a ${esc(w.operation)}</small></td>
    ${w.sides.map(s => spreadCell(s.numbers[0], "ns")).join("")}${ratioCell(w.sides[0].numbers[0], w.sides[1].numbers[0])}
    <td class="words">${orderText(w)}</td></tr>`,
  );
  el("verdict").innerHTML =
    `<thead><tr><th>workload</th>${report.backends.map((b, k) => `<th class="${AB[k]} key">${esc(b)}</th>`).join("")}` +
    `<th>A / B</th><th class="words">order</th></tr></thead><tbody>${rows.join("")}</tbody>`;
}

/* The chosen workload's six numbers, and its verdict in a sentence. */
function numbers() {
  const w = view.w;
  el("said").innerHTML =
    `<b>${esc(w.name)}</b> (${esc(w.purpose)}): ` +
    (w.differences
      ? `<b>${orderText(w)}</b>: ${esc(w.reason)}`
      : `<b>same order: yes</b>, ${count(w.rowsTotal)} steps and callbacks`);
  el("numbers").innerHTML = w.lesson
    ? ""
    : `<thead><tr><th>${esc("a " + w.operation)}</th>${report.backends.map((b, k) => `<th class="${AB[k]} key">${esc(b)}</th>`).join("")}` +
      `<th>A / B</th></tr></thead><tbody>` +
      report.labels
        .map(
          ([name, unit], n) =>
            `<tr><td>${esc(name)}</td>${w.sides.map(s => spreadCell(s.numbers[n], unit)).join("")}${ratioCell(w.sides[0].numbers[n], w.sides[1].numbers[n])}</tr>`,
        )
        .join("") +
      "</tbody>";
}

/* What is drawn as a row of marks: [label, unit, rounds of A, rounds of B]. */
function costRows() {
  const rows = measured().map(w => [w.name, "ns", w.sides[0].numbers[0], w.sides[1].numbers[0]]);
  const sleep = measured().find(w => w.name === "sleep");
  if (sleep) rows.push(["memory a task", "B", sleep.sides[0].grown, sleep.sides[1].grown]);
  return rows.filter(r => spread(r[2]) && spread(r[2]).median > 0);
}

function cost() {
  const rows = costRows(),
    left = 120,
    width = wide("cost"),
    row = 40,
    bottom = row * rows.length + 14;
  if (report.traces.length || !rows.length) return;
  const of = r => spread(r[2]).median;
  const all = rows.flatMap(r => [...r[2], ...r[3]].filter(c => c > 0).map(c => c / of(r)));
  const low = Math.min(0.5, ...all) * 0.95,
    high = Math.max(2, ...all) * 1.05;
  const x = v => left + (Math.log(v / low) / Math.log(high / low)) * (width - left - 30);
  let out = "";
  for (const tick of [0.01, 0.1, 0.2, 0.5, 1, 2, 4, 8, 16, 32].filter(t => t >= low && t <= high))
    out +=
      `<path d="M${x(tick)} 10V${bottom}" stroke="var(--${tick === 1 ? "soft" : "line"})"/>` +
      `<text class="soft" x="${x(tick)}" y="${bottom + 16}" text-anchor="middle">${tick}x</text>`;
  rows.forEach((r, i) => {
    const y = 28 + i * row;
    out += `<text x="12" y="${y + 6}">${esc(r[0])}</text>`;
    [r[2], r[3]].forEach((list, k) =>
      list.forEach((c, n) => {
        if (c > 0)
          out +=
            `<g><title>${esc(report.backends[k])}, ` +
            `round ${n + 1}: ${inUnit(c, r[1])}</title>${mark(k, x(c / of(r)).toFixed(1), y - 6 + k * 14)}</g>`;
      }),
    );
  });
  el("cost").innerHTML =
    svg(width, bottom + 26, "Cost of every round", out) +
    `<details><summary>As a table</summary><div class="wide">${table(
      ["workload", "*backend", ...rows[0][2].map((_, n) => "round " + (n + 1))],
      rows.flatMap(r =>
        [r[2], r[3]].map((list, k) => [
          r[0],
          report.backends[k],
          ...list.map(c => (c === null ? "" : inUnit(c, r[1]))),
        ]),
      ),
    )}</div></details>`;
}
