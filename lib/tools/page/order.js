"use strict";
/* Panel 6: the two in columns. Only what is in sight is in the document. */

const ROW = 22;

function orderRow(r, n) {
  const w = view.w,
    cls = (r.differs ? "differs " : "") + (n === view.cursor ? "here" : "");
  if (r.left !== undefined)
    return (
      `<tr class="gap ${cls}" id="row${n}">` +
      `<td colspan="7">${count(r.left)} steps are left out, ${count(r.differences)} of which differ</td></tr>`
    );
  const side = k => {
    const i = r.lines[k],
      s = w.lines[k];
    if (i < 0) return `<td class="n"></td><td class="n"></td><td></td>`;
    const words = lineText(w, k, i),
      turn = s.turns[s.turn[i]];
    return (
      `<td class="n">${count(s.number[i])}</td><td class="n">${turn ? count(turn.number) : ""}</td>` +
      `<td title="${esc(words + "; " + causeText(w, k, i))}">${esc(words)}</td>`
    );
  };
  const why = r.opens ? w.reasons[r.group] : "";
  return `<tr class="${cls}" id="row${n}">${side(0)}${side(1)}<td title="${esc(why)}">${esc(why)}</td></tr>`;
}

function orderBody() {
  const box = el("order"),
    rows = view.w.list,
    from = Math.max(0, Math.floor(box.scrollTop / ROW) - 20),
    to = Math.min(rows.length, from + 80);
  const space = n =>
    n > 0 ? `<tr><td colspan="7" style="height:${n * ROW}px;padding:0;border:0"></td></tr>` : "";
  el("orderBody").innerHTML =
    space(from) +
    rows
      .slice(from, to)
      .map((r, i) => orderRow(r, from + i))
      .join("") +
    space(rows.length - to);
}

function order() {
  const w = view.w,
    first = w.list.findIndex(r => r.differs);
  el("reason").innerHTML = w.differences
    ? `First difference at step ${count(w.first + 1)}: ` +
      `<b>${esc(w.reason)}</b>. ${count(w.differences)} of ${count(w.rowsTotal)} lines differ. ` +
      `The keys n and p, or the buttons above the timeline, go from one to the next.`
    : `Same order: ${count(w.rowsTotal)} steps and callbacks.`;
  const names = report.backends
    .map(
      (b, k) =>
        `<th style="width:55px">step</th><th style="width:62px">iteration</th>` +
        `<th class="words ${AB[k]} key">${esc(b)}</th>`,
    )
    .join("");
  el("order").innerHTML =
    `<table><thead><tr>${names}<th class="words">what decided it</th></tr></thead>` +
    `<tbody id="orderBody"></tbody></table>`;
  el("order").onscroll = orderBody;
  orderBody(); /* or there is nothing to scroll */
  el("order").scrollTop = Math.max(0, (first - 3) * ROW);
  orderBody();
}

function orderTo(row) {
  const box = el("order"),
    at = row * ROW;
  if (at < box.scrollTop + ROW || at > box.scrollTop + box.clientHeight - 3 * ROW)
    box.scrollTop = Math.max(0, at - 5 * ROW);
  orderBody();
}
