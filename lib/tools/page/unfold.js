"use strict";
/* The report's rows of numbers (lib/tools/report_trace.c) as something to draw. */

function sum(changes) {
  let value = 0;
  return changes.map(c => (value += c));
}

/* Tasks by number: name, parent, creation site, the line that made it or -1. */
function tasksOf(w, s) {
  const tasks = new Map([[0, { number: 0, name: "callbacks", parent: -1, site: "", made: -1 }]]);
  for (let i = 0, number = 0; i < s.tasks.length; i += 4) {
    number += s.tasks[i];
    tasks.set(number, {
      number,
      name: s.names[number] || "Task-" + number,
      parent: s.tasks[i + 1],
      site: w.texts[s.tasks[i + 2]],
      made: s.tasks[i + 3] - 1,
    });
  }
  return tasks;
}

function turnsOf(s) {
  const turns = [];
  for (let i = 0, line = 0; i < s.turns.length; i += 13) {
    const [number, begun, steps, io, timers, others, polling, idle, polls, events, tried, lines, kept] =
      s.turns.slice(i, i + 13);
    turns.push({
      number,
      begun,
      steps,
      io,
      timers,
      others,
      polling,
      idle,
      polls,
      events,
      tried,
      lines,
      first: line,
      last: line + kept - 1,
    });
    line += kept;
  }
  return turns;
}

function sideOf(w, s, k) {
  const side = {
    k,
    begun: sum(s.begun),
    ran: s.ran,
    ready: s.ready,
    cause: s.cause,
    from: s.from,
    task: s.task,
    text: s.text,
    total: s.total,
    replay: s.replay,
    cancels: s.cancels,
    fair: s.fair,
    fairTotal: s.fairTotal,
    turnsTotal: s.turnsTotal,
    count: s.task.length,
    row: [],
    number: [],
    turn: [],
  };
  side.tasks = tasksOf(w, s);
  side.turns = turnsOf(s);
  side.turns.forEach((t, n) => {
    for (let i = t.first; i <= t.last; i++) side.turn[i] = n;
  });
  side.end = side.count ? side.begun[side.count - 1] + side.ran[side.count - 1] : 0;
  return side;
}

/* Rows to draw: { step, lines: [of A or -1, of B or -1], differs, group } or { step, left, differences }. */
function rowsOf(w, sides) {
  const rows = [],
    next = [0, 0],
    numbers = [0, 0];
  let pair = 0,
    group = -1,
    gap = 0;
  for (let i = 0; i < w.rows.length; i += 4) {
    const [first, many, kind, differences] = w.rows.slice(i, i + 4);
    if (kind === 2) {
      rows.push({ step: first + 1, left: many, differences });
      numbers[0] = w.gaps[gap++];
      numbers[1] = w.gaps[gap++];
      continue;
    }
    if (kind === 1) group++;
    for (let n = 0; n < many; n++) {
      const which = kind === 1 ? +w.pairs[pair++] : 3;
      const lines = sides.map((s, k) => ((which >> k) & 1 ? next[k]++ : -1));
      lines.forEach((line, k) => {
        if (line >= 0) {
          sides[k].row[line] = rows.length;
          sides[k].number[line] = ++numbers[k];
        }
      });
      rows.push({
        step: first + n + 1,
        lines,
        differs: kind === 1,
        group: kind === 1 ? group : -1,
        opens: kind === 1 && n === 0,
      });
    }
  }
  return rows;
}

function unfold(w) {
  if (w.unfolded) return w;
  w.unfolded = true;
  w.kinds = w.texts.map(kindOf);
  w.lines = w.steps.map((s, k) => sideOf(w, s, k));
  w.list = rowsOf(w, w.lines);
  return w;
}

/* A line in words. */
function lineText(w, k, i) {
  const s = w.lines[k],
    task = s.task[i],
    text = w.texts[s.text[i]];
  return task ? `${nameOf(w, k, task)} ${text === "" ? "runs" : "runs, " + text}` : text;
}
const nameOf = (w, k, task) => {
  const t = w.lines[k].tasks.get(task);
  return t ? t.name : "Task-" + task;
};
const causes = ["from outside the loop", "by", "by a callback", "by another thread", "by I/O", "by a timer"];
function causeText(w, k, i) {
  const s = w.lines[k],
    by = s.from[i] ? i - s.from[i] : -1;
  if (s.cause[i] < 0) return "queued before the trace began";
  if (s.cause[i] === 1) return "queued by " + (by >= 0 ? nameOf(w, k, s.task[by]) : "a task");
  return "queued " + causes[s.cause[i]];
}
